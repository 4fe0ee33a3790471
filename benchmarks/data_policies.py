"""What does each data policy see? (chapter 3)

    python benchmarks/data_policies.py [--car-episodes 30] [--doom-episodes 100]

Plays the same training seeds with every policy and writes results/data_policies/{task}.json: how
long episodes last, how fast the car is and how much of the track it sees, where the Doom player
stands, how much the picture changes, and the bytes each stored frame takes.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore
from wmlib.device import device_name
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions
from wmlib.seeds import TRAINING

RESULTS = Path(__file__).parents[1] / "results" / "data_policies"
SPEED_BINS = np.arange(0, 155, 5).tolist()  # units of the physics per second
PLACE_BINS = np.arange(0, 800, 32).tolist()  # ViZDoom's units along the wall
CAR = ("uniform", "held", "brownian", "original", "still")
DOOM = ("uniform", "held", "brownian", "still")


def summary(values: NDArray) -> dict[str, float]:
    """Mean, standard deviation, standard error and number of values, one for each episode."""
    std = float(np.std(values, ddof=1))
    return {
        "mean": float(np.mean(values)),
        "std": std,
        "sem": std / len(values) ** 0.5,
        "n": len(values),
    }


def histogram(values: NDArray, bins: list[float]) -> dict[str, Any]:
    """Share of the frames in each bin, and the quartiles."""
    counts, _ = np.histogram(values, bins)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"bins": bins, "share": (counts / len(values)).tolist(), "quartiles": quartiles}


def change(store: RolloutStore) -> float:
    """Mean absolute change of a pixel from one frame to the next, of 255."""
    found = [np.abs(np.diff(x.astype(np.int16), axis=0)).mean() for _, x, *_ in store if len(x) > 1]
    return float(np.mean(found))


def common(store: RolloutStore) -> dict[str, Any]:
    """What is told of both games."""
    rows = store.index
    return {
        "return": summary(np.array([row["return"] for row in rows])),
        "length": summary(np.array([row["length"] for row in rows])),
        "frames": store.n_frames,
        "bytes_per_frame": round(store.bytes_per_frame()),
        "pixel_change": change(store),
    }


def car(store: RolloutStore) -> dict[str, Any]:
    """Tiles seen, speed, and how often the car left the field."""
    n = range(len(store))
    tiles = np.array([store.extra(i, "tiles").max() for i in n])
    # An episode is terminated by the lap's last tile or by leaving the field.
    off = [row["terminated"] and seen < 0.9 for row, seen in zip(store.index, tiles)]
    return {
        "tiles_visited": summary(tiles),
        "left_the_field": float(np.mean(off)),
        "speed": histogram(np.concatenate([store.extra(i, "speed") for i in n]), SPEED_BINS),
    }


def doom(store: RolloutStore) -> dict[str, Any]:
    """Where the player stands along the wall."""
    x = [store.extra(i, "x") for i in range(len(store))]
    return {
        "range_in_an_episode": summary(np.array([np.ptp(places) for places in x])),
        "place": histogram(np.concatenate(x), PLACE_BINS),
    }


def measure(task: str, policies: tuple[str, ...], episodes: int, **how: Any) -> None:
    """Play every policy and write the task's file."""
    look, record = (car, ("speed", "tiles")) if task == "car_racing" else (doom, ("x",))
    start, found = time.perf_counter(), {}
    for policy in policies:
        with tempfile.TemporaryDirectory() as folder:
            store = collect(task, policy, episodes, TRAINING.start, folder, record=record, **how)
            found[policy] = {**common(store), **look(store)}
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {
        "command": " ".join(["python", *sys.argv]),
        "task": task,
        "game": how["game"],
        "episodes": episodes,
        "first_seed": TRAINING.start,
        "seconds": round(time.perf_counter() - start, 1),
        "device": device_name("cpu"),
        "versions": versions(),
    }
    write_json(RESULTS / f"{task}.json", {**facts, "policies": found})


def main(car_episodes: int = 30, doom_episodes: int = 100) -> None:
    """Measure both games; 0 episodes leave a game out and its file as it is."""
    if doom_episodes:
        measure("doom_take_cover", DOOM, doom_episodes, game="reference", num_envs=4)
    if car_episodes:
        measure("car_racing", CAR, car_episodes, game="batched", num_envs=30)


if __name__ == "__main__":
    tyro.cli(main)
