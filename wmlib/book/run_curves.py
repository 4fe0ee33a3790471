"""Curves of any run, from what its stages log: each loss with its floor, each score with its error.

Blue is the real game and orange the dream; losses belong to neither and are grey.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wmlib.book import plots
from wmlib.worlds.play import in_words

Rows = Sequence[dict[str, Any]]
SIZE = (4.5, 2.8)


class Curve(NamedTuple):
    """A figure, and what is to be seen in it (for those who do not see it, too)."""

    figure: Figure
    told: str

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.figure.axes[0].get_title(loc="left")


def vision_curves(rows: Rows, config: dict[str, Any]) -> list[Curve]:
    """V: squared error, and KL above what costs nothing."""
    floor = config.get("kl_tolerance", 0.0) * config.get("n_z", 0)
    x = _column(rows, "update")
    fig, ax = _axes("V: squared error of a picture", "update")
    ax.plot(x, _column(rows, "recon"), color=plots.GREYS[2])
    ax.set_ylim(bottom=0)
    error = Curve(fig, f"ends at {rows[-1]['recon']:.1f}, summed over all pixels")
    fig, ax = _axes("V: KL, nats per picture", "update")
    ax.plot(x, _column(rows, "kl_raw"), color=plots.GREYS[2], label="KL")
    _floor(ax, floor, f"costs nothing below {floor:g}")
    ax.set_ylim(bottom=0)
    ax.legend()
    return [error, Curve(fig, f"ends at {rows[-1]['kl_raw']:.1f}; its tolerance is {floor:g}")]


def memory_curves(rows: Rows, config: dict[str, Any]) -> list[Curve]:
    """M: nats above the floor that no prediction can pass, and what its heads say."""
    fig, ax = _axes("M: nats above the floor, per dimension", "update")
    for part, label, grey in (("", "training", 1), ("val_", "held out", 2)):
        known = [row for row in rows if f"{part}nll" in row and f"{part}floor" in row]
        above = [row[f"{part}nll"] - row[f"{part}floor"] for row in known]
        ax.plot(_column(known, "update"), above, color=plots.GREYS[grey], label=label)
    _floor(ax, 0.0, "the floor: entropy of V's z")
    ax.legend()
    last = rows[-1]
    told = "ends at {:.3f} above it".format(last.get("val_nll", 0) - last.get("val_floor", 0))
    curves = [Curve(fig, told + " on held-out episodes")]
    for name, title in (
        ("val_reward", "M: reward, share of variance missed"),
        ("val_end", "M: error of the end head, held out"),
    ):
        known = [row for row in rows if name in row]
        if known:
            fig, ax = _axes(title, "update")
            ax.plot(_column(known, "update"), _column(known, name), color=plots.GREYS[2])
            ax.set_ylim(bottom=0)
            curves.append(Curve(fig, f"ends at {known[-1][name]:.3f}"))
    return curves


def controller_curves(rows: Rows, config: dict[str, Any]) -> list[Curve]:
    """C: what was scored on validation seeds, in its world and in the game; what it learned by."""
    key = next(key for key in ("generation", "member", "update") if key in rows[-1])
    dreamed = _world(config) == "dream"
    fig, ax = _axes("C: mean return, with standard error", key)
    if "fitness" in rows[-1]:
        x, each = _column(rows, key), [row["fitness"] for row in rows]
        low, high = [min(f) for f in each], [max(f) for f in each]
        ax.fill_between(x, low, high, color=plots.GREYS[3], alpha=0.4, lw=0, label="candidates")
    world = ("in the dream", plots.DREAM) if dreamed else ("in the game", plots.REAL)
    told = []
    for name, error, episodes, label, colour in (
        ("mean_return", "sem", "evaluate_episodes", *world),
        ("real_return", "real_sem", "real_episodes", "in the game", plots.REAL),
    ):
        known = [row for row in rows if name in row]
        if known:
            y, e = (np.array(_column(known, part)) for part in (name, error))
            x = _column(known, key)
            ax.plot(x, y, color=colour, label=label, marker="o" if len(x) < 6 else None, ms=4)
            ax.fill_between(x, y - e, y + e, color=colour, alpha=0.2, lw=0)
            told.append(f"{in_words(y[-1], e[-1], config.get(episodes, 2))} {label}")
    if told:
        fig.legend(loc="outside lower left", ncols=3)  # no place in the axes is free for sure
        scored = [Curve(fig, "at the end " + ", ".join(told))]
    else:
        plt.close(fig)
        scored = []
    return scored + _learned_by(rows, key, dreamed)


def _learned_by(rows: Rows, key: str, dreamed: bool) -> list[Curve]:
    titles = {
        "sigma": "C: step size of the search",
        "risk": "C: risk of dying, per 1,000 steps",
        "reward": "C: reward of 1,000 steps while learning",
        "lost": "C: lives lost in 1,000 real steps",
        "dream_return": "C: return of the dream that is climbed",
    }
    curves = []
    for name, title in titles.items():
        known = [row for row in rows if name in row]
        if known:
            grey = name == "sigma"
            colour = plots.GREYS[2] if grey else plots.DREAM if dreamed else plots.REAL
            fig, ax = _axes(title, key)
            ax.plot(
                _column(known, key),
                _column(known, name),
                "o" if key == "member" else "-",  # one C after the other is no curve
                color=colour,
            )
            first, last = (_rounded(row[name]) for row in (known[0], known[-1]))
            curves.append(Curve(fig, f"from {first} to {last}"))
    return curves


def round_curves(rounds: Rows) -> list[Curve]:
    """An iteration: what C gets in the dream and in the game, round by round."""
    fig, ax = _axes("mean return after each round", "round")
    dream, x = _column(rounds, "dream_return"), _column(rounds, "round")
    ax.plot(x, dream, "o-", ms=4, color=plots.DREAM, label="in the dream")
    scored = [row for row in rounds if "real_return" in row]
    if not scored:
        return [Curve(fig, "not scored in the game yet")]
    x = _column(scored, "round")
    real, error = (np.array(_column(scored, name)) for name in ("real_return", "real_sem"))
    ax.errorbar(x, real, error, fmt="o-", ms=4, color=plots.REAL, label="in the game", capsize=3)
    ax.legend()
    last = scored[-1]
    told = in_words(last["real_return"], last["real_sem"], last.get("n", 2))
    return [Curve(fig, f"{told} in the game at the end")]


def returns(result: dict[str, Any]) -> Curve:
    """The returns of a score, episode by episode, as a histogram."""
    values = np.array(result["returns"])
    fig, ax = _axes("returns in the real game", "return of an episode")
    ax.hist(values, bins=min(30, max(5, len(values) // 4)), color=plots.REAL)
    ax.axvline(values.mean(), color=plots.GREYS[2], linewidth=1.5)
    ax.set_ylabel("episodes")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
    if result["n"] == 1:
        return Curve(fig, f"{result['mean']:.1f}, a single episode")
    told = f"{result['mean']:.1f} ± {result['std']:.1f} (standard error {result['sem']:.1f}, "
    return Curve(fig, told + f"n = {result['n']}); the line is the mean")


def states(real: np.ndarray, dreamed: np.ndarray, alone_from: int) -> Curve:
    """A state (T, N_z) of an episode, as the game had it and as M dreams it under its actions."""
    n = real.shape[1]
    fig, axes = plt.subplots(n, 1, sharex=True, squeeze=False, figsize=(6.2, 0.6 + 1.1 * n))
    for i, ax in enumerate(axes[:, 0]):
        ax.plot(real[:, i], color=plots.REAL, label="game")
        steps = np.arange(alone_from, len(real))
        ax.plot(steps, dreamed[alone_from:, i], color=plots.DREAM, label="dream")
        ax.axvline(alone_from, color=plots.GREYS[1], linestyle=":", linewidth=1.2)
        ax.set_ylabel(f"$z_{i + 1}$")
    axes[0, 0].legend(loc="upper right", ncols=2)
    axes[-1, 0].set_xlabel("step")
    return Curve(fig, f"each number of z; from step {alone_from} on (dotted) M dreams alone")


def _rounded(value: float) -> str:
    """To three digits, or to whole numbers: 0.123, 12.3, 1,234."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _axes(title: str, xlabel: str) -> tuple[Figure, Axes]:
    fig, ax = plt.subplots(figsize=SIZE)
    ax.set_title(title)
    ax.set_xlabel(xlabel)
    if xlabel in ("update", "generation", "member", "round"):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    return fig, ax


def _floor(ax: Axes, height: float, label: str) -> None:
    ax.axhline(height, color=plots.GREYS[1], linestyle=":", linewidth=1.4, label=label)


def _column(rows: Rows, name: str) -> list[float]:
    return [row[name] for row in rows]


def _world(config: dict[str, Any]) -> str:
    world = config.get("world", "dream")  # a word in manifests up to version 0.1.0
    return world["kind"] if isinstance(world, dict) else world
