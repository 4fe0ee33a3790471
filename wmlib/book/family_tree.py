"""The systems of chapter 13: when they came, who chooses their actions, what they took up."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from wmlib.book import plots

PLANS, FEATURES, PICTURES, PERSON = 0.36, 1.27, 2.25, 3.2
"""where the dots of a column stand"""
COLUMNS = {
    "plans at\nevery step": (0, 1.15),
    "C dreams\nin features": (1.15, 2.13),
    "C dreams\nin pictures": (2.13, 3.08),
    "a person\nplays": (3.08, 4.03),
}
"""heading -> where its column begins and ends"""
SYSTEMS = {
    "World Models": (2018, 2.13),  # both: its dream is of features, and can be drawn
    "PlaNet": (2019, PLANS + 0.26),
    "MuZero": (2020, PLANS - 0.08),
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
_BESIDE = {
    "World Models": (-9, 3, "right"),
    "PlaNet": (-7, 0, "right"),
    "MuZero": (0, 12, "center"),
}
"""points from the dot to names that a line would cross to its right"""


def drawn() -> Figure:
    """The years downwards, a column for each answer to "who acts?"."""
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 4.9))
    for left, right in list(COLUMNS.values())[::2]:  # a band holds its heading, too
        band = ax.axvspan(left, right, ymax=1.14, color=plots.GREYS[3], alpha=0.3, lw=0)
        band.set(clip_on=False, zorder=0)
    for earlier, later in TAKEN_UP:
        (y0, x0), (y1, x1) = SYSTEMS[earlier], SYSTEMS[later]
        ax.plot((x0, x1), (y0, y1), color=plots.GREYS[1], lw=1.2)
    for name, (year, place) in SYSTEMS.items():
        first = name == "World Models"
        ax.plot(place, year, "o", color=plots.GREYS[2], ms=9 if first else 6)
        right, up, side = _BESIDE.get(name, (7, 0, "left"))
        ax.annotate(
            name,
            (place, year),
            xytext=(right, up),
            textcoords="offset points",
            va="center",
            ha=side,
            weight="bold" if first else "normal",
        )
    years = range(2018, 2026)
    ax.set(xlim=(0, 4.03), ylim=(2025.6, 2017.4))
    ax.set_yticks(years, [str(year) for year in years])
    ax.set_xticks([sum(ends) / 2 for ends in COLUMNS.values()], COLUMNS)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=11)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    return fig
