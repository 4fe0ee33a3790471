"""The systems of chapter 13: when they came, who chooses their actions, what they took up."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from wmlib.book import plots

PLANS, FEATURES, PICTURES, PERSON = range(4)
COLUMNS = (
    "plans at\nevery step",
    "C dreams\nin features",
    "C dreams\nin pictures",
    "a person\nplays",
)
SYSTEMS = {
    "World Models": (2018, 1.25),  # both: its dream is of features, and can be drawn
    "PlaNet": (2019, PLANS),
    "MuZero": (2020, PLANS - 0.35),
    "Dreamer": (2020, FEATURES),
    "SimPLe": (2020, PICTURES),
    "DreamerV2": (2021, FEATURES),
    "DreamerV3": (2023, FEATURES),
    "IRIS": (2023, PICTURES),
    "TD-MPC2": (2024, PLANS),
    "DIAMOND": (2024, PICTURES),
    "Genie": (2024, PERSON),
    "GameNGen": (2025, PERSON),
    "V-JEPA 2": (2025, PLANS),
    "Dreamer 4": (2025, FEATURES),
}
"""name -> year of the paper at its venue or of the preprint, column"""
TAKEN_UP = (
    ("World Models", "PlaNet"),
    ("World Models", "SimPLe"),
    ("PlaNet", "Dreamer"),
    ("PlaNet", "TD-MPC2"),
    ("MuZero", "TD-MPC2"),
    ("Dreamer", "DreamerV2"),
    ("DreamerV2", "DreamerV3"),
    ("DreamerV3", "Dreamer 4"),
    ("SimPLe", "IRIS"),
    ("IRIS", "DIAMOND"),
)
"""(earlier, later): an idea was taken up, in our reading"""
_ABOVE = {"World Models", "PlaNet", "MuZero"}  # names that a line would cross below


def drawn() -> Figure:
    """The years downwards, a column for each answer to "who acts?"."""
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 4.9))
    for left, right in ((-0.75, 0.5), (1.5, 2.5)):  # a band holds its heading, too
        band = ax.axvspan(left, right, ymax=1.14, color=plots.GREYS[3], alpha=0.3, lw=0)
        band.set(clip_on=False, zorder=0)
    for earlier, later in TAKEN_UP:
        (y0, x0), (y1, x1) = SYSTEMS[earlier], SYSTEMS[later]
        ax.plot((x0, x1), (y0, y1), color=plots.GREYS[1], lw=1.2)
    for name, (year, place) in SYSTEMS.items():
        first, above = name == "World Models", name in _ABOVE
        ax.plot(place, year, "o", color=plots.GREYS[2], ms=9 if first else 6)
        ax.annotate(
            name,
            (place, year),
            xytext=(-3, 6) if above else (6, -5),
            textcoords="offset points",
            va="bottom" if above else "top",
            ha="center" if above else "left",
            fontsize=9.5,
            weight="bold" if first else "normal",
        )
    ax.set(xlim=(-0.75, 3.75), ylim=(2025.9, 2017.4), yticks=range(2018, 2026))
    ax.set_xticks(range(4), COLUMNS)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    return fig
