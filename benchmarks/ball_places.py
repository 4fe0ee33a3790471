"""Does z tell where the fireball is? A linear probe on z, as C is linear too.

    python benchmarks/ball_places.py LABELLED NAME=RUN_DIR [NAME=RUN_DIR ...]

LABELLED is the folder of labelled episodes that tools/fit_fireball_probe.py has played. In each of
their frames the widest ball counts; its place is the middle of ViZDoom's box. Writes
results/doom_take_cover/ball_places.json: for each V and class of width, how well the place is read
from z on episodes that the probe was not fitted on.
"""

from pathlib import Path

import numpy as np
import torch
import tyro

from wmlib.book.probes import read_out
from wmlib.data.latents import encode_frames, sample_z
from wmlib.data.store import RolloutStore
from wmlib.model.vision import VAE, load_vision
from wmlib.records.files import read_json, sha256, write_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task

TASK = "doom_take_cover"
SCREEN = 160
"""columns of ViZDoom's screen"""
WIDTHS = ((4, 8), (8, 16), (16, 160))
"""columns; [from, to) of the classes"""


def widest(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(middle, width) of the widest ball, both (T,), from boxes (T, 32, 4); width 0 without one."""
    ball = boxes[np.arange(len(boxes)), boxes[..., 2].argmax(1)]
    return ball[:, 0] + ball[:, 2] / 2, ball[:, 2]


def sampled(vision: VAE, store: RolloutStore) -> np.ndarray:
    """z (n, N_z) of all frames, as C sees it: a sample."""
    rng, parts = np.random.default_rng(0), []
    for i in range(len(store)):
        mu, logvar = encode_frames(vision, store.frames(i), torch.device("cpu"))
        parts.append(sample_z(mu, logvar, rng))
    return np.concatenate(parts)


def main(labelled: str, named_runs: tuple[str, ...]) -> None:
    """Fit and score the probes of each run's V."""
    torch.set_num_threads(1)
    store = RolloutStore(labelled)
    boxes = [store.extra(i, "fireball_boxes") for i in range(len(store))]
    place, width = widest(np.concatenate(boxes))
    episode = np.repeat(np.arange(len(boxes)), [len(b) for b in boxes])
    rows = []
    for pair in named_runs:
        name, folder = pair.split("=")
        stage = RunFolder(folder).stage("vision")
        z = sampled(load_vision(stage / "vision.safetensors", get_task(TASK)), store)
        manifest = read_json(stage / "manifest.json")
        classes = []
        for low, high in WIDTHS:
            there = (width >= low) & (width < high)
            found = read_out(z[there], place[there], episode[there])
            error = float(np.median(np.abs(found.predicted - place[there])))
            classes.append({"from": low, "to": high, "frames": int(there.sum()), "r2": found.r2,
                            "sem": found.sem, "median_error": error})  # fmt: skip
        rows.append({"name": name, "vision_sha256": sha256(stage / "vision.safetensors"),
                     "config": manifest["config"], "result": manifest["result"],
                     "classes": classes})  # fmt: skip
        print(rows[-1], flush=True)
    write_json(Path("results") / TASK / "ball_places.json", {"screen": SCREEN, "rows": rows})


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
