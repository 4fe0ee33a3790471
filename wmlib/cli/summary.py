"""What `run` and `iterate` say when they end: where it all is, how good it is, what to try next."""

from typing import Any

from wmlib.book import paper
from wmlib.cli.parsing import PROGRAM
from wmlib.records.files import read_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import Task

LARGER = {"tiny": "small", "small": "paper"}


def of_run(run: RunFolder, task: Task, preset: str, score: dict[str, Any]) -> str:
    """A few lines about a finished run and its score."""
    paths = run.path.glob("*/manifest.json")
    minutes = sum(read_json(path).get("seconds", 0.0) for path in paths) / 60
    found = f"{score['mean']:.0f} ± {score['sem']:.0f} (standard error, n = {score['n']})"
    lines = [
        f"{run.path} holds everything; its stages took {minutes:.1f} minutes",
        f"score in the game: {found}; {paper.beside(task.name)}",
        *_next(run, task),
    ]
    if preset in LARGER:
        told = f"{PROGRAM} run --task {task.name} --preset {LARGER[preset]}"
        lines.append(f"      {told}   a larger one")
    return "\n".join(lines)


def of_iteration(run: RunFolder, task: Task, rows: list[dict[str, Any]]) -> str:
    """The same of an iteration."""
    last = rows[-1]
    score = f"{last['real_return']:.0f} ± {last['real_sem']:.0f} (standard error, n = {last['n']})"
    lines = [
        f"{run.path} holds everything, each round a run folder",
        f"round {last['round']} scores {score} in the game; {paper.beside(task.name)}",
        *_next(run, task),
    ]
    return "\n".join(lines)


def _next(run: RunFolder, task: Task) -> list[str]:
    where = f"--task {task.name} --run-dir {run.path}"
    return [
        f"next: {PROGRAM} show {run.path}   a page with all that happened",
        f"      {PROGRAM} play {where}   a film",
    ]
