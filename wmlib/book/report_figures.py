"""Figures of the published runs, for results/figures and for the chapters alike."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from wmlib.book import paper, plots, report, run_curves
from wmlib.book.doom_figures import CAP, temperatures
from wmlib.book.report import Run
from wmlib.errors import UserError
from wmlib.records.files import read_json, write_bytes

Dash = str | tuple[int, tuple[int, ...]]
DASHES: tuple[Dash, ...] = ("--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 4)))
"""One more than there are greys, so that many curves pass before a pair comes again."""


def learning_curves(runs: Sequence[Run], labels: Sequence[str]) -> Figure:
    """Mean return of the search distribution's mean against game steps, real games."""
    fig, ax = plt.subplots(figsize=(6.4, 3.2 + 0.25 * len(runs)))
    others = zip(cycle(plots.GREYS), cycle(DASHES))
    for run, label in zip(runs, labels, strict=True):
        colour, dash = (plots.REAL, "-") if run.name == "main" else next(others)
        steps, y, e = (
            np.array([row[key] for row in run.curve])
            for key in ("total_steps", "mean_return", "sem")
        )
        x, marker = steps / 1e6, "o" if len(steps) < 4 else None
        ax.plot(x, y, linestyle=dash, color=colour, label=label, marker=marker)
        ax.fill_between(x, y - e, y + e, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="game steps played, millions", ylabel="return")
    fig.legend(loc="outside lower left")
    return fig


def histogram(
    returns: dict[str, Sequence[float]], bins: np.ndarray, xlabel: str, marks: Mapping[str, float]
) -> Figure:
    """A row of bars per policy, returns in the real game; `marks` are named vertical lines."""
    fig, axes = plt.subplots(
        len(returns), 1, sharex=True, squeeze=False, figsize=(6.4, 1.1 + 1.2 * len(returns))
    )
    for ax, (label, values) in zip(axes[:, 0], returns.items()):
        ax.hist(np.clip(values, bins[0], bins[-1]), bins=bins, color=plots.REAL)
        mean = float(np.mean(values))
        ax.axvline(mean, color=plots.GREYS[2], linewidth=1.5)
        told = f"{mean:.0f}".replace("-", "−")
        ax.set_title(f"{label}: mean {told}, n = {len(values)}", fontsize=10)
        for mark in marks.values():
            ax.axvline(mark, color=plots.GREYS[1], linestyle=":", linewidth=1.2)
        ax.set_ylabel("episodes")
    named = "; ".join(f"dotted: {name}, {value:g}" for name, value in marks.items())
    axes[-1, 0].set_xlabel(f"{xlabel} ({named})" if named else xlabel)
    return fig


GAP = 0.15
"""Between the dreams' columns and the real game's, in columns."""


def temperature_matrix(results: Path = report.PUBLISHED) -> Figure:
    """Tics survived by controllers of each temperature, in dreams of each and in the real game."""
    path = results / "doom_take_cover" / "temperature_matrix.json"
    groups = report.temperature_runs(results)
    scored = all(
        (run.folder / "evaluation.json").is_file() for runs in groups.values() for run in runs
    )
    if not groups or not scored or not path.is_file():
        raise report.NotPublished(f"{path} and runs tau_T_seed_S are not all published")
    found = read_json(path)["controllers"]
    missing = {run.name for runs in groups.values() for run in runs} - found.keys()
    if missing:
        raise UserError(f"{path} lacks {sorted(missing)}: run benchmarks/temperature_matrix.py")
    worlds = list(next(iter(found.values())))
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 0.9 + 0.42 * len(groups)))
    for y, (tau, runs) in enumerate(groups.items()):
        for x, world in enumerate(worlds):
            mean = float(np.mean([found[run.name][world]["mean"] for run in runs]))
            _cell(ax, x, y, mean, plots.DREAM, own=float(world) == tau)
        real = float(np.mean([run.evaluation["mean"] for run in runs]))
        _cell(ax, len(worlds) + GAP, y, real, plots.REAL)
    columns = [x + 0.5 for x in range(len(worlds))] + [len(worlds) + GAP + 0.5]
    ax.set_xticks(columns, [*(f"{float(w):g}" for w in worlds), "game"])
    ax.set_yticks([y + 0.5 for y in range(len(groups))], [f"{tau:g}" for tau in groups])
    ax.set(xlim=(0, len(worlds) + GAP + 1), ylim=(len(groups), 0))
    ax.set(xlabel="played in a dream of τ = …, or in the game", ylabel="learned at τ = …")
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return fig


def _cell(ax: Axes, x: float, y: int, mean: float, colour: str, own: bool = False) -> None:
    """One shaded number; a controller's own dream has a frame."""
    shade = to_rgba(colour, 0.05 + 0.6 * mean / CAP)
    ax.add_patch(Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, facecolor=shade, edgecolor="none"))
    if own:
        ax.add_patch(Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, fill=False, edgecolor=plots.INK))
    ax.text(x + 0.5, y + 0.5, f"{mean:.0f}", ha="center", va="center")


# ---------------------------------------------------------------- all of them, as files


def _car_curves(results: Path) -> Figure:
    folder = results / "car_racing"
    rows = [row for row in paper.CAR_RACING if (folder / row.run / "controller").is_dir()]
    runs = [report.load_run("car_racing", row.run, results) for row in rows]
    if not runs:
        raise report.NotPublished("no controller of car_racing is published")
    return learning_curves(runs, [row.label for row in rows])


def _returns(task: str, rows: Sequence[paper.Row], results: Path) -> dict[str, Sequence[float]]:
    found = {
        row.label: report.load_run(task, row.run, results).evaluation["returns"]
        for row in report.scored(task, rows, results)
    }
    if not found:
        raise report.NotPublished(f"no evaluation of {task} is published")
    return found


def _car_histogram(results: Path) -> Figure:
    returns = _returns("car_racing", paper.CAR_RACING, results)
    return histogram(returns, np.arange(-100, 951, 25), "return of an episode", {"goal": 900})


def _doom_histogram(results: Path) -> Figure:
    returns = _returns("doom_take_cover", paper.DOOM, results)
    bins, solved = np.arange(0, 2101, 75), {"solved": paper.DOOM_SOLVED}
    return histogram(returns, bins, "tics survived", solved)


def _doom_curves(results: Path) -> Figure:
    run = report.load_run("doom_take_cover", "evolved", results)
    config = run.manifest("controller")["config"]
    scores, *others = run_curves.controller_curves(run.curve, config)
    for curve in others:
        plt.close(curve.figure)
    return scores.figure


FIGURES: dict[str, tuple[Callable[[Path], Figure], str]] = {
    "car_racing_curves": (_car_curves, "CarRacing: return against game steps played"),
    "car_racing_returns": (_car_histogram, "CarRacing: returns of the test episodes"),
    "doom_curves": (_doom_curves, "Doom: return in the dream and in the game by generation"),
    "doom_returns": (_doom_histogram, "Doom: tics survived in the test episodes"),
    "doom_temperature": (temperatures, "Doom by temperature: dream orange, game blue"),
    "doom_transfer": (temperature_matrix, "Doom: controllers of each temperature in all dreams"),
}

_INK = "<style>svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#d1d7de}}</style>"


def draw_all(results: Path, folder: Path) -> dict[str, str]:
    """Draw what the published runs allow into `folder` as SVG; returns name -> alternative text."""
    folder.mkdir(exist_ok=True)
    drawn = {}
    with plt.rc_context():
        plots.use_house_style()
        plt.rcParams["svg.fonttype"] = "path"  # a file cannot count on the page's font
        for name, (draw, alt) in FIGURES.items():
            path = folder / f"{name}.svg"
            try:
                svg = plots.page_svg(draw(results), alt)
            except report.NotPublished:
                path.unlink(missing_ok=True)
                continue
            # As a file of its own the picture has no page whose text colour it could take.
            write_bytes(path, svg.replace(">", ">" + _INK, 1).encode())
            drawn[name] = alt
    return drawn
