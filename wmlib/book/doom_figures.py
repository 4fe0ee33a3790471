"""Doom's scores, its fireballs and its deaths, drawn (chapters 8 and 9)."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from wmlib.book import paper, plots, report
from wmlib.records.files import read_json
from wmlib.tasks import get_task

TASK = "doom_take_cover"
CAP = get_task(TASK).max_episode_steps
AGES = (0, 400, 800, 1200, 1600, CAP)
"""tics: where the classes of age begin and end"""
TAU = "1.15"
"""temperature of the dreams in which the published C learned"""

SCORES = (
    ("random policy", "random_held", None),
    ("clock, never looks", "random_sweep", None),
    ("C evolved", "evolved", None),
    ("C by M's risk", "main", None),
    ("the paper's C", "", paper.DOOM_BEST),
    ("the paper's, again", "", paper.DOOM_AGAIN),
)
"""label, published run, or mean and standard deviation that others have published"""


def stored(name: str, results: Path = report.PUBLISHED) -> dict[str, Any]:
    """One of Doom's result files."""
    return read_json(results / TASK / f"{name}.json")


def scores() -> Figure:
    """Mean tics survived in the real game, with standard errors; others' are hollow."""
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 2.2))
    for y, (_, run, theirs) in enumerate(SCORES):
        if theirs:
            mean, sem = theirs[0], theirs[1] / np.sqrt(paper.EPISODES)
        else:
            found = report.load_run(TASK, run).evaluation
            mean, sem = found["mean"], found["sem"]
        _dot(ax, mean, y, sem, plots.REAL, hollow=bool(theirs))
        ax.text(mean + sem + 25, y, f"{mean:,.0f}", va="center", fontsize=10)
    ax.axvline(paper.DOOM_SOLVED, color=plots.GREYS[1], linestyle=":", linewidth=1.2)
    ax.set(yticks=range(len(SCORES)), yticklabels=[row[0] for row in SCORES])
    ax.set(xlabel="tics survived in the real game (dotted: solved)", xlim=(0, 1350))
    ax.set_ylim(len(SCORES) - 0.5, -0.5)
    return fig


def _dot(ax: Axes, x: float, y: float, error: float, colour: str, hollow: bool = False) -> None:
    ax.errorbar(
        x,
        y,
        xerr=error,
        fmt="o",
        color=colour,
        markerfacecolor="none" if hollow else colour,
        markersize=6,
        linewidth=1.4,
    )


def two_teachers() -> Figure:
    """Tics survived while C learns in the dream: by evolution and by M's risk."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 2.6), sharey=True)
    evolved, taught = (report.load_run(TASK, name) for name in ("evolved", "main"))
    scored = [row for row in taught.metrics("controller") if "real_return" in row]
    for ax, rows, x, key, error, colour in (
        (left, evolved.curve, "generation", "mean_return", "sem", plots.DREAM),
        (left, evolved.curve, "generation", "real_return", "real_sem", plots.REAL),
        (right, scored, "update", "real_return", "real_sem", plots.REAL),
    ):
        columns = ([row[k] for row in rows] for k in (x, key, error))
        ax.errorbar(*columns, fmt="o-", color=colour, markersize=4)
        ax.set_xlabel(x)
    left.text(30, 330, "dream", color=plots.DREAM, ha="right")
    left.text(30, 985, "real game", color=plots.REAL, ha="right")
    left.set(title="evolution", ylabel="tics survived", ylim=(0, 1250), xticks=(10, 20, 30))
    right.set(title="M's risk", xticks=(500, 1000, 1500), xlim=(150, 1600))
    return fig


def balls_and_player(found: dict[str, Any]) -> Figure:
    """The player's way in an episode's last 360 tics, and every ball from its throw to his line.

    `found` is an entry of flights.json.
    """
    x = np.array(found["shown"]["x"])
    begin = max(0, len(x) - 360)
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 3.9))
    for thrown, place, arrives, there in found["shown"]["balls"]:
        if begin <= arrives and thrown < len(x):
            now = min(arrives, len(x))  # the film ends with the player
            part = place + (there - place) * (now - thrown) / (arrives - thrown)
            ax.plot([place, part], [thrown, now], color=plots.GREYS[1], linewidth=0.9)
            if now == arrives:
                ax.plot(there, arrives, "o", color=plots.GREYS[2], markersize=3.5)
    ax.plot(x[begin:], np.arange(begin, len(x)), color=plots.REAL, linewidth=2.2)
    if found["shown"]["died"]:
        ax.plot(x[-1], len(x), "X", color=plots.INK, markersize=10)
    ax.set(xlabel="place along the wall", ylabel="tic", ylim=(len(x) + 12, begin), xticks=[])
    return fig


def deaths_by_age(lengths: ArrayLike, ages: tuple[int, ...] = AGES) -> tuple[NDArray, NDArray]:
    """Deaths per 1,000 tics lived in each class of age, and their standard errors.

    `lengths` (N,) are lives in tics; who reaches the last age was cut off there and did not die.
    (The error of a count is its square root.)
    """
    lived = np.asarray(lengths)
    rate, error = np.zeros((2, len(ages) - 1))
    for i, (begin, end) in enumerate(pairwise(ages)):
        tics = (np.clip(lived, begin, end) - begin).sum()
        died = ((lived > begin) & (lived <= end) & (lived < ages[-1])).sum()
        rate[i], error[i] = (1000 * n / max(tics, 1) for n in (died, np.sqrt(died)))
    return rate, error


@dataclass(frozen=True)
class Kindness:
    """Deaths per 1,000 tics of one player in the game and in dreams, and how they compare."""

    game: float
    dream: float
    times: float
    """game / dream"""
    error: float
    """standard error of `times`"""


def kindness(run: str) -> Kindness:
    """How much kinder dreams at TAU are than the game, to the player of a published run."""
    lives = (
        report.load_run(TASK, run).evaluation["lengths"],
        stored("dream_lives")["dreams"][TAU][run]["lengths"],
    )
    (game, e), (dream, f) = ((r[0], s[0]) for r, s in (deaths_by_age(n, (0, CAP)) for n in lives))
    times = game / dream
    return Kindness(game, dream, times, times * float(np.hypot(e / game, f / dream)))


def hardening() -> Figure:
    """Deaths by age in the game and in dreams, of the published C and of the clock."""
    players = (("main", "published C", "o-"), ("random_sweep", "clock, never looks", "s--"))
    dreams = stored("dream_lives")["dreams"][TAU]
    middle = np.add(AGES[1:], AGES[:-1]) / 2
    fig, axes = plt.subplots(2, 1, figsize=(plots.WIDTH, 3.9), sharex=True, sharey=True)
    for ax, (run, title, line) in zip(axes, players):
        for lengths, label, colour in (
            (report.load_run(TASK, run).evaluation["lengths"], "game", plots.REAL),
            (dreams[run]["lengths"], "dream", plots.DREAM),
        ):
            rate, error = deaths_by_age(lengths)
            ax.errorbar(middle, rate, error, fmt=line, color=colour, markersize=4)
            ax.text(middle[-1] + 60, rate[-1], label, color=colour, va="center")
        ax.set(title=title, ylim=(0, 3.2), xlim=(0, 2250), ylabel="deaths per\n1,000 tics")
    axes[-1].set(xlabel="age in tics", xticks=range(0, CAP, 400))
    return fig


def temperatures(results: Path = report.PUBLISHED) -> Figure:
    """Dream score and real score of controllers of each temperature, the paper's and ours."""
    groups = report.temperature_runs(results)
    if not groups:
        raise report.NotPublished("no run tau_T_seed_S is published")
    ours = dict(zip((plots.DREAM, plots.REAL), report.temperature_scores(groups)))
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 4.0))
    for y, (tau, theirs) in enumerate(paper.DOOM_TAU.items()):
        for colour, side, (mean, std) in zip((plots.DREAM, plots.REAL), (-0.07, 0.07), theirs):
            sem = std / np.sqrt(paper.EPISODES)
            _dot(ax, mean, y - 0.19 + side, sem, colour, hollow=True)
            if found := ours[colour].get(tau):
                _dot(ax, found.mean, y + 0.19 + side, found.sem, colour)
        ax.axhline(y + 0.5, color=plots.GREYS[3], linewidth=0.6)
    for name, face in (("the paper's", "none"), ("ours", plots.GREYS[2])):
        ax.plot([], "o", color=plots.GREYS[2], markerfacecolor=face, markersize=6, label=name)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, handletextpad=0.1)
    ax.grid(False, axis="y")
    labels = [f"{tau:.2f}" for tau in paper.DOOM_TAU]
    ax.set(yticks=range(len(labels)), yticklabels=labels, ylabel="learned in dreams of τ")
    ax.set(xlabel="tics survived", xlim=(0, CAP + 60), ylim=(len(labels) - 0.5, -0.5))
    ax.set_xticks(range(0, CAP, 500))
    return fig
