"""How long the published C and the players that never look live in dreams, life by life.

    python benchmarks/dream_lives.py [DREAMS] [--tau TAU]

Plays the published agent, the clock and the held random policy in dreams that begin from validation
seeds, end at even odds and are cut where the game is. Writes this temperature into
results/doom_take_cover/dream_lives.json; the lives of the same players in the game stand in their
own evaluation.json (results/doom_take_cover/main, random_sweep, random_held).
"""

from pathlib import Path

import numpy as np
import torch
import tyro
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import Agent, load_pretrained, pretrained_folder, weights_of
from wmlib.book.cheating import Act
from wmlib.data.policies import make_policy
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder
from wmlib.worlds.features import FeatureVectorEnv
from wmlib.worlds.play import standard_error

TASK = "doom_take_cover"
SLOTS = 128
BLIND = {"random_sweep": "sweep", "random_held": "held"}
"""Published run of a player that never looks -> name of its policy."""


def player(name: str, agent: Agent, env: FeatureVectorEnv, dreams: range) -> Act:
    """What acts: the published C ("main"), or the policy of a run in BLIND."""
    if name == "main":
        return agent.act
    policy = make_policy(BLIND[name], env.single_action_space)
    policy.reset(list(dreams), np.ones(len(dreams), dtype=bool))
    return lambda features: torch.from_numpy(policy.act(features.numpy()))


@torch.inference_mode()
def lengths(name: str, agent: Agent, tau: float, dreams: range) -> np.ndarray:
    """(N,) tics lived in one dream for each seed in `dreams`."""
    env = agent.dream(len(dreams), tau)
    act = player(name, agent, env, dreams)
    features, _ = env.reset(seed=list(dreams))
    lived, alive = np.zeros(len(dreams), dtype=int), np.ones(len(dreams), dtype=bool)
    while alive.any():
        features, _, terminated, truncated, _ = env.step(act(features))
        lived += alive
        alive &= ~(terminated | truncated)
    return lived


def main(dreams: tyro.conf.Positional[int] = 512, tau: float = 1.15) -> None:
    """Play all three, SLOTS dreams at a time, and write."""
    torch.set_num_threads(1)
    agent, chosen = load_pretrained(TASK), seeds.for_choosing(dreams)
    rows = {}
    for name in ("main", *BLIND):
        parts = [chosen[i : i + SLOTS] for i in range(0, dreams, SLOTS)]
        lived = np.concatenate([lengths(name, agent, tau, part) for part in tqdm(parts, desc=name)])
        rows[name] = {
            "mean": float(lived.mean()),
            "sem": standard_error(lived),
            "n": dreams,
            "lengths": lived.tolist(),
        }
        print(name, rows[name]["mean"], rows[name]["sem"], flush=True)
    weights = weights_of(RunFolder(pretrained_folder(TASK)), "controller")
    path = Path("results") / TASK / "dream_lives.json"
    known = read_json(path) if path.is_file() else {}
    if known.get("weights") != weights:
        known = {"first_seed": chosen.start, "weights": weights, "dreams": {}}
    known["dreams"][f"{tau:.2f}"] = rows
    write_json(path, known)
    print(path)


if __name__ == "__main__":
    tyro.cli(main)
