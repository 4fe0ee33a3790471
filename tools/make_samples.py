"""Make wmlib/data/TASK.npz (frames, facts, latents) from a run folder: see wmlib.samples.

    python tools/make_samples.py car_racing RUN_DIR
"""

import sys
from pathlib import Path

import numpy as np
import torch

from wmlib import seeds
from wmlib.latents import encode_frames, load_latents
from wmlib.presets import get_task
from wmlib.rollouts import collect
from wmlib.runs import RunFolder
from wmlib.vision import load_vision

FACTS = {"car_racing": "speed", "doom_take_cover": "fireballs"}
STEPS = {"car_racing": 160, "doom_take_cover": 160}
EPISODES, LATENT_EPISODES = 4, 24


def main(task: str, run_dir: str) -> None:
    """Play a few labelled validation-seed episodes and add latents from the run."""
    run, fact = RunFolder(run_dir), FACTS[task]
    policy = {"car_racing": "brownian", "doom_take_cover": "held"}[task]
    options = {"labels": True} if task == "doom_take_cover" else {}
    store = collect(
        task, policy, EPISODES, seeds.TRAINING.stop - 100, Path("/tmp") / f"samples-{task}",
        max_episode_steps=STEPS[task], min_episode_steps=STEPS[task], record=(fact,), **options,
    )
    episodes = range(len(store))
    frames = np.concatenate([store.frames(i) for i in episodes])
    lengths = [store.index[i]["length"] for i in episodes]
    arrays = {
        "frames": frames,
        "actions": np.concatenate([store.actions(i) for i in episodes]),
        "rewards": np.concatenate([store.rewards(i) for i in episodes]),
        "first": np.concatenate([[0], np.cumsum(lengths)]),
        f"fact_{fact}": np.concatenate([store.extra(i, fact) for i in episodes]),
    }
    latents = load_latents(run.stage("latents"))
    keep = latents.first[LATENT_EPISODES]
    arrays |= {f"latents_{k}": getattr(latents, k)[:keep] for k in ("mu", "logvar", "actions")}
    arrays |= {
        "latents_rewards": latents.rewards[:keep],
        "latents_first": latents.first[: LATENT_EPISODES + 1],
        "latents_terminated": latents.terminated[:LATENT_EPISODES],
    }
    vision = load_vision(run.stage("vision") / "vision.safetensors", get_task(task))
    mu, _ = encode_frames(vision, frames[:8], torch.device("cpu"))
    assert np.isfinite(mu).all()
    path = Path("wmlib/data") / f"{task}.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)
    print(f"{path}: {len(frames)} frames, {keep} latent steps, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
