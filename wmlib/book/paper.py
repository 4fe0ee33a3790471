"""Scores that others have published, to stand beside ours.

From Ha & Schmidhuber (2018), "Recurrent World Models Facilitate Policy Evolution", tables of the
sections "Car Racing Experiment" and "VizDoom Experiment", unless a row names another source.
All are mean ± standard deviation over episodes (100 unless said).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import wmlib
from wmlib.records.files import read_json


def published_folder() -> Path:
    """Where the published runs lie: `results/` of a checkout, or its copy in a built package."""
    package = Path(wmlib.__file__).parent
    copy = package / "published"  # setup.py
    return copy if copy.is_dir() else package.parent / "results"


PUBLISHED = published_folder()


@dataclass(frozen=True)
class Row:
    """A line of a table: what was played, the published run that is ours, and others' score."""

    label: str
    run: str
    score: Sequence[int] | None


TABLES = json.loads((PUBLISHED / "tables.json").read_text(encoding="utf-8"))
"""Which runs stand in which table, beside whose score, and what is told under it."""


def beside(task: str) -> str:
    """What a score of that task stands beside, as far as it is known: "random play -33, …"."""
    here, found = PUBLISHED / task, dict[str, float]()
    for name, run in (("random play", "random_uniform"), ("this book's agent", "main")):
        if (path := here / run / "evaluation.json").is_file():
            found[name] = read_json(path, mean=float)["mean"]
    if (path := here / "main" / "rounds.json").is_file():
        rows = read_json(path, rounds=list)["rounds"]
        found["random play"] = rows[0]["collected_return"]  # of a random C, with noise
        found[f"this book after {len(rows)} rounds of iterate"] = rows[-1]["real_return"]
    others = [row["score"][0] for row in TABLES.get(task, []) if row["score"]]
    if others:
        found["the best published by others"] = max(others)
    told = ", ".join(f"{name} {value:,.0f}" for name, value in found.items())
    return told or "nothing is published to compare it with"


CAR_BEST = (906, 21)
"""The paper's best on CarRacing."""

CAR_RACING = [Row(**row) for row in TABLES["car_racing"]]
"""(The untrained M's is of Tallec et al., "Reproducing World Models", ctallec/world-models.)"""

CAR_UNTRAINED = (860, 120, 870, 120)
"""The same source: mean, std with a trained M, and with an untrained one."""

DOOM_BEST = (1092, 556)
"""The paper's best, at tau = 1.15."""

DOOM_AGAIN = (973, 540)
"""Its released weights, run again (the released results.txt)."""

EPISODES = 100
"""episodes behind each score of the paper"""

DOOM = [Row(**row) for row in TABLES["doom_take_cover"]]

DOOM_TAU = {
    0.10: ((2086, 140), (193, 58)),
    0.50: ((2060, 277), (196, 50)),
    1.00: ((1145, 690), (868, 511)),
    1.15: ((918, 546), (1092, 556)),
    1.30: ((732, 269), (753, 139)),
}
"""tau -> (score in the dream, score in the real game)"""

CAR_SOLVED = 900
"""points: the average over 100 tracks from which the task counts as solved"""
DOOM_SOLVED = 750
"""tics: the average over 100 episodes from which the Gym task counts as solved"""

CAR_CURVE = {25: 823, 50: 867, 100: 867, 200: 880, 400: 883, 800: 895, 1800: 900}
"""generation -> mean return over 1,024 episodes of the search's mean, from the released logs"""

CAR_GENERATION = 64 * 16 * 1000
"""game steps of one generation of the original: candidates, episodes, steps of an episode"""

CAR_DREAMER = {100_000: -60, 200_000: 500, 240_000: 800, 350_000: 890, 600_000: 907}
"""real steps -> return of a Dreamer on CarRacing-v3 with the dashboard, read off the plot of its
author (NaturalDreamer: a moving average over training episodes, no test seeds)"""
