"""Fit the probe that defines "fireballs" for V of a run: see wmlib.book.probes.CountProbe.

    python tools/fit_fireball_probe.py RUN_DIR

Plays labelled episodes (seeds at the end of the training range, which no run collects), encodes
them with the run's V, fits on three quarters of the episodes and scores on the others. Writes
RUN_DIR/probes/fireballs.safetensors and its manifest, with precision and recall.
"""

import numpy as np
import torch
import tyro

from wmlib import seeds
from wmlib.book.cheating import VISIBLE, visible
from wmlib.book.probes import fit_counts, save_probe
from wmlib.data.latents import encode_frames, sample_z
from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore
from wmlib.model.vision import load_vision
from wmlib.records.files import sha256
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task

TASK = "doom_take_cover"
EPISODES = 60
MOST = 3
"""The probe tells 0, 1, 2, and 3 or more fireballs apart."""


def labelled(run: RunFolder) -> RolloutStore:
    """Episodes of the held random policy with ViZDoom's boxes of the fireballs in each frame."""
    return collect(
        TASK,
        "held",
        EPISODES,
        seeds.TRAINING.stop - 3000,
        run.stage("labelled"),
        record=("fireballs", "fireball_boxes"),
        labels=True,
    )


def main(run_dir: str) -> None:
    """Collect, encode, fit, save, and print the scores."""
    torch.set_num_threads(1)
    run = RunFolder(run_dir)
    store = labelled(run)
    weights = run.stage("vision") / "vision.safetensors"
    vision = load_vision(weights, get_task(TASK))
    rng = np.random.default_rng(0)
    z, counts, episode = [], [], []
    for i in range(len(store)):
        mu, logvar = encode_frames(vision, store.frames(i), torch.device("cpu"))
        z.append(sample_z(mu, logvar, rng))
        counts.append(visible(store.extra(i, "fireball_boxes")))
        episode.append(np.full(len(mu), i))
    z, counts, episode = map(np.concatenate, (z, counts, episode))
    test = episode % 4 == 3
    probe = fit_counts(z[~test], counts[~test], MOST)
    scores = probe.scores(z[test], counts[test])
    facts = {
        "task": TASK,
        "of": f"ViZDoom's labels buffer: DoomImpBall at least {VISIBLE} of 160 columns wide",
        "vision_sha256": sha256(weights),
        "episodes": [len(np.unique(episode[~test])), len(np.unique(episode[test]))],
        "frames": [int((~test).sum()), int(test.sum())],
        "held_out": scores,
    }
    path = run.stage("probes", create=True) / "fireballs.safetensors"
    save_probe(path, probe, **facts)
    print(f"{path}: {facts['held_out']}")


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
