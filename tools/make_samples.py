"""Make wmlib/book/assets/TASK.npz (frames, latents, facts) with a run's V: see wmlib.book.samples.

    python tools/make_samples.py car_racing RUN_DIR

All episodes are played anew, on seeds at the end of the training range that no run collects, so
that neither V nor M was trained on them. The latents' car drives in the batched simulator.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from wmlib import seeds
from wmlib.data.exploring import make_player
from wmlib.data.latents import encode_frames
from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore
from wmlib.model.vision import load_vision
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task

FACTS = {"car_racing": "speed", "doom_take_cover": "fireballs"}
POLICIES = {"car_racing": "original,pretrained", "doom_take_cover": "held"}
"""The published agent drives every other lap: V and M shall be looked at where they are used."""
EXPLORATION = 0.5
EPISODES, STEPS = 4, 160
"""Episodes of frames, and their length; Doom's deaths come later."""
LATENT_EPISODES = 24
LATENT_STEPS = {"car_racing": 300, "doom_take_cover": 2100}


def play(task: str, episodes: int, seed: int, shortest: int, longest: int, **more: Any) -> Any:
    """A store of labelled episodes in a temporary folder."""
    path = Path(tempfile.mkdtemp(prefix=f"samples-{task}-")) / "episodes"
    options = {"labels": True} if task == "doom_take_cover" else {}
    return collect(
        task,
        make_player(POLICIES[task], get_task(task), EXPLORATION),
        episodes,
        seed,
        path,
        max_episode_steps=longest,
        min_episode_steps=shortest,
        record=(FACTS[task],),
        **options,
        **more,
    )


def flat(store: RolloutStore, task: str) -> dict[str, np.ndarray]:
    """All episodes of a store one behind the other."""
    n = range(len(store))
    return {
        "frames": np.concatenate([store.frames(i) for i in n]),
        "actions": np.concatenate([store.actions(i) for i in n]),
        "rewards": np.concatenate([store.rewards(i) for i in n]),
        "first": np.concatenate([[0], np.cumsum([row["length"] for row in store.index])]),
        "terminated": np.array([row["terminated"] for row in store.index]),
        "fact": np.concatenate([store.extra(i, FACTS[task]) for i in n]),
    }


def main(task: str, run_dir: str) -> None:
    """Play the episodes, encode those of the latents, write one file."""
    last = seeds.TRAINING.stop
    shown = flat(play(task, EPISODES, last - 100, STEPS, STEPS), task)
    game = {"game": "batched", "num_envs": 24} if task == "car_racing" else {}
    store = play(task, LATENT_EPISODES, last - 1000, 101, LATENT_STEPS[task], **game)
    hidden = flat(store, task)
    path = RunFolder(run_dir).stage("vision") / "vision.safetensors"
    vision = load_vision(path, get_task(task))
    mu, logvar = encode_frames(vision, hidden["frames"], torch.device("cpu"))
    hidden |= {"mu": mu, "logvar": logvar}
    arrays = {name: shown[name] for name in ("frames", "actions", "rewards", "first")}
    arrays[f"fact_{FACTS[task]}"] = shown["fact"]
    arrays[f"latentfact_{FACTS[task]}"] = hidden["fact"]
    for name in ("mu", "logvar", "actions", "rewards", "first", "terminated"):
        arrays[f"latents_{name}"] = hidden[name]
    path = Path("wmlib/book/assets") / f"{task}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    size = path.stat().st_size / 1e6
    print(f"{path}: {len(shown['frames'])} frames, {len(mu)} latent steps, {size:.1f} MB")


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
