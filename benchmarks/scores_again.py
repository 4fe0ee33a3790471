"""Do the published scores come back, and what does that cost? Writes results/scores_again.json.

Plays the test episodes of both published agents once more, by the command that the book names. Core
minutes are counted, not minutes, so that other work beside it does not matter much.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from wmlib.device import device_name
from wmlib.records.files import write_json

RESULTS = Path(__file__).resolve().parents[1] / "results"
LOOK_EVERY = 2.0
"""Seconds: what a process of the games has used is asked while it lives."""


def play(task: str) -> dict[str, object]:
    """The score of a task's published agent, and the core minutes that it took."""
    command = ["-m", "wmlib", "evaluate", "--task", task, "--weights", "pretrained"]
    used = dict[int, float]()
    with tempfile.TemporaryFile("w+") as said:
        process = psutil.Popen([sys.executable, *command], stdout=said)
        while process.poll() is None:
            for each in [process, *process.children(recursive=True)]:
                try:
                    used[each.pid] = sum(each.cpu_times()[:2])
                except psutil.Error:  # it has just ended
                    continue
            try:
                process.wait(LOOK_EVERY)
            except psutil.TimeoutExpired:
                continue
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        said.seek(0)
        score = json.loads(said.read().splitlines()[-1])
    kept = {key: score[key] for key in ("mean", "std", "sem", "n")}
    told: dict[str, object] = {"command": " ".join(["python", *command])}
    told["core_minutes"] = round(sum(used.values()) / 60, 1)
    return kept | told | {"device": device_name("cpu")}


if __name__ == "__main__":
    scores = {task: play(task) for task in ("car_racing", "doom_take_cover")}
    write_json(RESULTS / "scores_again.json", scores)
