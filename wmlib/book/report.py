"""The published runs, and the tables that are drawn from them (`python -m wmlib report`).

    results/TASK/NAME/STAGE/manifest.json, metrics.jsonl     what a stage did, and how it went
    results/TASK/NAME/evaluation.json                        the score on test seeds

A built package holds the same files as `wmlib/published`. No number in the README or in the
book is typed by hand: this module or a chapter's cell reads it from here.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wmlib.book import paper
from wmlib.book.paper import PUBLISHED
from wmlib.errors import UserError
from wmlib.records.files import read_json
from wmlib.records.metrics import Metrics

STAGES = ("rollouts", "vision", "latents", "memory", "controller")
BUDGET = 10_000_000
"""Game steps at which the CarRacing controllers are compared (if all runs are that long)."""
CONTROLLER = "controller.safetensors"
NOT_YET = "not run yet"
SCORE = {"mean": float, "std": float, "sem": float, "n": int, "returns": list}
"""What an evaluation tells."""


class NotPublished(UserError):
    """A run, or what one would need of it, is not among the published ones."""


@dataclass(frozen=True)
class Run:
    """One published run: its manifests, metrics and score."""

    task: str
    name: str
    folder: Path

    def manifest(self, stage: str) -> dict[str, Any]:
        """What a stage was run with, on what, for how long."""
        return read_json(self.folder / stage / "manifest.json")

    def metrics(self, stage: str) -> list[dict[str, Any]]:
        """The rows that a stage logged."""
        rows = Metrics(self.folder / stage / "metrics.jsonl").read()
        if not rows:
            raise UserError(f"{self.folder / stage} has no metrics: publish the run again")
        return rows

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """mean, std, sem, n and returns on test seeds of the real game."""
        return read_json(self.folder / "evaluation.json", **SCORE)

    @cached_property
    def evolved(self) -> bool:
        """Whether C was evolved (else it learned by policy gradient, or there is none)."""
        path = self.folder / "controller" / "manifest.json"
        return path.is_file() and read_json(path)["stage"] == "evolve"

    @cached_property
    def curve(self) -> list[dict[str, Any]]:
        """The generations, or updates, at which C was scored while it was searched for.

        Rows as logged, plus `total_steps` (game steps so far, evaluations not counted). A search
        that began at another one's controller goes on with its rows and its count of generations.
        """
        rows, before = self.metrics("controller"), self._before
        if self.evolved:
            total = np.cumsum([row["steps"] for row in rows]).tolist()
        else:
            config = self.manifest("controller")["config"]
            total = [row["update"] * config["dreams"] * config["steps"] for row in rows]
        scored = [row | {"total_steps": t} for row, t in zip(rows, total, strict=True)]
        if not (curve := [row for row in scored if "mean_return" in row]):
            raise UserError(f"{self.folder / 'controller'} was never evaluated: publish it again")
        if before:
            for row in curve:
                row["generation"] += before[-1]["generation"]
                row["total_steps"] += before[-1]["total_steps"]
        return [*before, *curve]

    @cached_property
    def _before(self) -> list[dict[str, Any]]:
        """The curve of the published search at whose controller this one began, up to there."""
        start = self.manifest("controller").get("inputs", {}).get("start")
        for run in all_runs(self.task, self.folder.parents[1]) if start else ():
            if run.evolved and run.manifest("controller")["sha256"].get(CONTROLLER) == start:
                return run.curve[: 1 + run.curve.index(run.chosen)]
        return []

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """The row of the generation, or update, whose controller is published."""
        key = "generation" if self.evolved else "update"
        when = self.manifest("controller")["result"][key]
        when += self._before[-1]["generation"] if self._before else 0
        return next(row for row in self.curve[len(self._before) :] if row[key] == when)

    def at_budget(self, steps: int) -> dict[str, Any]:
        """The evaluated generation whose game steps are nearest to `steps`, and within 10 %.

        (Runs are evaluated every few generations, and a generation's steps differ a little.)
        """
        row = min(self.curve, key=lambda row: abs(row["total_steps"] - steps))
        if abs(row["total_steps"] - steps) > 0.1 * steps:
            raise UserError(f"{self.task}/{self.name} evaluated nothing near {steps} steps")
        return row


def load_run(task: str, name: str, results: Path = PUBLISHED) -> Run:
    """A published run, or a UserError that lists the names there are."""
    folder = results / task / name
    if not folder.is_dir():
        names = ", ".join(run.name for run in all_runs(task, results)) or "none"
        raise NotPublished(f"no published run '{name}' of {task}: there is {names}")
    return Run(task, name, folder)


def all_runs(task: str, results: Path = PUBLISHED) -> list[Run]:
    """Every published run of a task, by name."""
    folders = sorted(f for f in (results / task).glob("*") if f.is_dir())
    return [Run(task, f.name, f) for f in folders]


def scored(task: str, rows: Iterable[paper.Row], results: Path = PUBLISHED) -> list[paper.Row]:
    """Those rows of a table whose run is published with a score."""
    return [row for row in rows if (results / task / row.run / "evaluation.json").is_file()]


# ---------------------------------------------------------------- tables


def table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; all columns but the first `words` are aligned to the right."""
    rule = ["---"] * words + ["---:"] * (len(header) - words)
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def unbroken(text: str) -> str:
    """The text with spaces at which a narrow column does not break the line."""
    return text.replace(" ", "\u00a0")


def score(result: dict[str, Any] | None) -> str:
    """`mean ± std (s.e., n)` of an evaluation; a line breaks only before the bracket."""
    if result is None:
        return NOT_YET
    digits = 0 if abs(result["mean"]) >= 100 else 1
    value = f"{result['mean']:,.{digits}f} ± {result['std']:.{digits}f}"
    certainty = f"(s.e. {result['sem']:.1f}, n = {result['n']:,})"
    return f"{unbroken(value)} {unbroken(certainty)}"


def _evaluation(task: str, name: str, results: Path) -> dict[str, Any] | None:
    path = results / task / name / "evaluation.json"
    return read_json(path) if path.is_file() else None


def _pair(mean_std: Sequence[int] | None) -> str:
    return unbroken(f"{mean_std[0]:,} ± {mean_std[1]}") if mean_std else "–"


def headline_table(results: Path = PUBLISHED) -> str:
    """The two published agents beside random play and the paper's."""
    rows = []
    for task, label, best in (
        ("car_racing", "CarRacing-v3, points of an episode", paper.CAR_BEST),
        ("doom_take_cover", "Doom Take Cover, tics survived", paper.DOOM_BEST),
    ):
        chance, ours = (score(_evaluation(task, n, results)) for n in ("random_uniform", "main"))
        rows.append([label, chance, _pair(best), ours])
    return table(
        ["", "random play, uniform at each step", "the paper's agent", "this book's agent"], rows
    )


def car_racing_budget(results: Path = PUBLISHED) -> int:
    """The number of game steps that every published row of the ablation has reached."""
    names = {row.run for row in paper.CAR_RACING}
    runs = [run for run in all_runs("car_racing", results) if run.name in names]
    return min([BUDGET, *(run.curve[-1]["total_steps"] for run in runs if run.evolved)])


def car_racing_table(results: Path = PUBLISHED) -> str:
    """CarRacing: each row of the paper beside ours, with all evolved ones at an equal budget."""
    budget = car_racing_budget(results)
    found = {run.name: run for run in all_runs("car_racing", results)}
    rows = []
    for row in paper.CAR_RACING:
        run = found.get(row.run)
        equal = _at_budget(run, budget) if run and run.evolved else "–"
        trained = run and (run.folder / "controller").is_dir()
        steps = f"{run.curve[-1]['total_steps'] / 1e6:.1f} M" if run and trained else "–"
        ours = score(_evaluation("car_racing", row.run, results))
        rows.append([row.label, _pair(row.score), ours, unbroken(steps), equal])
    header = ["CarRacing-v3", "published by others", "ours, test episodes", "game steps of C"]
    return table([*header, f"ours after about {budget / 1e6:.0f} M, validation"], rows)


def _at_budget(run: Run, budget: int) -> str:
    row = run.at_budget(budget)
    return f"{row['mean_return']:.0f} " + unbroken(f"(s.e. {row['sem']:.1f})")


def temperature_runs(results: Path = PUBLISHED) -> dict[float, list[Run]]:
    """The published runs `tau_T_seed_S` of Doom, by temperature."""
    grouped: dict[float, list[Run]] = {}
    for run in all_runs("doom_take_cover", results):
        if match := re.fullmatch(r"tau_(\d+\.\d+)_seed_\d+", run.name):
            grouped.setdefault(float(match[1]), []).append(run)
    return dict(sorted(grouped.items()))


@dataclass(frozen=True)
class Spread:
    """The mean over several controllers, and what it is worth."""

    mean: float
    sem: float
    """of the mean, from the luck of trainings and episodes together"""
    each: list[float]


def spreads(groups: dict[float, list[dict[str, float]]]) -> dict[float, Spread]:
    """Summarise groups of controllers {mean, sem} that were trained alike but for their seed.

    Two controllers hardly tell how far two of them lie apart, so that deviation is pooled over all
    groups. Where no group has two there is only the error between one controller's episodes.
    """
    each = {tau: [score["mean"] for score in scores] for tau, scores in groups.items()}
    variances = [np.var(means, ddof=1) for means in each.values() if len(means) > 1]
    deviation = math.sqrt(np.mean(variances)) if variances else 0.0
    return {
        tau: Spread(
            float(np.mean(means)),
            (deviation or groups[tau][0]["sem"]) / math.sqrt(len(means)),
            means,
        )
        for tau, means in each.items()
    }


def temperature_scores(
    groups: dict[float, list[Run]],
) -> tuple[dict[float, Spread], dict[float, Spread]]:
    """Dream scores and real scores of the controllers that were trained at each temperature."""
    dreamed, played = dict[float, list[dict]](), dict[float, list[dict]]()
    for tau, runs in groups.items():
        results = [run.manifest("controller")["result"] for run in runs]
        dreamed[tau] = [{"mean": r["mean_return"], "sem": r["sem"]} for r in results]
        scored = [run.evaluation for run in runs if (run.folder / "evaluation.json").is_file()]
        if scored:
            played[tau] = scored
    return spreads(dreamed), spreads(played)


def temperature_table(results: Path = PUBLISHED) -> str:
    """Doom: dream score and real score of controllers trained at each temperature."""
    dream, real = temperature_scores(temperature_runs(results))
    rows = []
    for tau in sorted(paper.DOOM_TAU | dream):
        theirs = paper.DOOM_TAU.get(tau)
        line = [f"{tau:.2f}", *((_pair(s) for s in theirs) if theirs else ("–", "–"))]
        rows.append([*line, *(_spread(found.get(tau)) for found in (dream, real))])
    header = ["τ", "paper, dream", "paper, real", "ours, dream", "ours, real"]
    return table(header, rows)


def _spread(found: Spread | None) -> str:
    if found is None:
        return NOT_YET
    each = "; ".join(f"{mean:,.0f}" for mean in found.each)
    return f"{found.mean:,.0f} ± {found.sem:.0f} ({each})"


def doom_table(results: Path = PUBLISHED) -> str:
    """Doom: the published controller and the policies that know nothing."""
    rows = [
        [row.label, _pair(row.score), score(_evaluation("doom_take_cover", row.run, results))]
        for row in paper.DOOM
    ]
    return table(["Doom Take Cover, tics survived", "published by others", "ours"], rows)


def cost_table(results: Path = PUBLISHED, whole: bool = False) -> str:
    """Minutes of the published runs stage by stage, and on what hardware, from the manifests.

    `whole`: only runs that trained V, M and C. A cell names its hardware where it is another than
    that of the run's other stages; a column names the runs' where they differ.
    """
    rows, usually = [], set()
    for task in ("car_racing", "doom_take_cover"):
        for run in all_runs(task, results):
            stages = [s for s in STAGES if (run.folder / s / "manifest.json").is_file()]
            if not stages or (whole and not {"vision", "memory", "controller"} <= set(stages)):
                continue
            made = {stage: run.manifest(stage) for stage in stages}
            devices = [made[stage]["device"] for stage in stages]
            usual = max(devices, key=devices.count)
            cells = [_minutes(made.get(stage), usual) for stage in STAGES]
            total = sum(m["seconds"] for m in made.values()) / 60
            rows.append([f"{task} / {run.name}", unbroken(usual), *cells, f"{total:.0f}"])
            usually.add(usual)
    columns = ["play", "V", "encode", "M", "C", "all"]
    if len(usually) == 1:
        narrow = [[row[0], *row[2:]] for row in rows]
        return table([f"minutes on {usually.pop()}", *columns], narrow)
    return table(["minutes of a run", "on", *columns], rows, words=2)


def _minutes(manifest: dict[str, Any] | None, usual: str) -> str:
    """Minutes of a stage, with the hardware where it is not the usual one."""
    if manifest is None:
        return "–"
    device = manifest["device"].removeprefix("NVIDIA ")
    elsewhere = f" ({device})" if manifest["device"] != usual else ""
    minutes = manifest["seconds"] / 60
    return f"{minutes:.{0 if minutes >= 10 else 1}f}{elsewhere}"
