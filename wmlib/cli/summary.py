"""What `run` and `iterate` say when they end: where it all is, how good it is, what to try next."""

from typing import Any

from wmlib.book import paper
from wmlib.cli.parsing import PROGRAM
from wmlib.records.files import read_json
from wmlib.records.run_folder import NEEDS, RunFolder
from wmlib.tasks import Task
from wmlib.worlds.play import in_words

LARGER = {"tiny": "small", "small": "paper"}


def of_run(run: RunFolder, task: Task, preset: str, score: dict[str, Any]) -> str:
    """A few lines about a finished run and its score."""
    paths = [run.path / stage / "manifest.json" for stage in NEEDS]  # a V of states has none
    minutes = sum(read_json(p).get("seconds", 0.0) for p in paths if p.is_file()) / 60
    found = _score(score["mean"], score["sem"], score["n"])
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
    score = _score(last["real_return"], last["real_sem"], last["n"])
    lines = [
        f"{run.path} holds everything, each round a run folder",
        f"round {last['round']} scores {score} in the game; {paper.beside(task.name)}",
        *_next(run, task),
    ]
    return "\n".join(lines)


def _score(mean: float, error: float, n: int) -> str:
    return f"{in_words(mean, error, n)} ({'standard error, ' if n > 1 else ''}n = {n})"


def _next(run: RunFolder, task: Task) -> list[str]:
    where = f"--task {task.name} --run-dir {run.path}"
    return [
        f"next: {PROGRAM} show {run.path}   a page with all that happened",
        f"      {PROGRAM} play {where}   a film",
    ]
