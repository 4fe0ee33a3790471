"""How long C and the players that never look live in dreams, life by life.

    python benchmarks/dream_lives.py [--dreams 512] [--tau 1.15]
    python benchmarks/dream_lives.py runs/doom_iterate/round_01 runs/doom_iterate/round_02

Dreams begin from validation seeds, end at even odds and are cut where the game is. Without folders
the published agent, the clock and the held random policy play in the published dream: this
temperature goes into results/doom_take_cover/dream_lives.json; the lives of the same players in the
game stand in their own evaluation.json (results/doom_take_cover/main, random_sweep, random_held).

With the rounds of an `iterate` run each round's C and the clock play in that round's dream:
results/doom_take_cover/loop/lives.json, with the C's validation episodes of the game beside them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import Agent, load_agent, load_pretrained, pretrained_folder, weights_of
from wmlib.book.cheating import Act
from wmlib.data.policies import make_policy
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.tasks import get_task
from wmlib.worlds.features import FeatureVectorEnv
from wmlib.worlds.play import standard_error

TASK = "doom_take_cover"
SLOTS = 128
BLIND = {"random_sweep": "sweep", "random_held": "held"}
"""Published run of a player that never looks -> name of its policy."""


def player(name: str, agent: Agent, env: FeatureVectorEnv, dreams: range) -> Act:
    """What acts: the agent's C ("main"), or the policy of a run in BLIND."""
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


def played(name: str, agent: Agent, tau: float, dreams: range) -> dict[str, Any]:
    """What one player's lives come to, SLOTS dreams at a time."""
    parts = [dreams[i : i + SLOTS] for i in range(0, len(dreams), SLOTS)]
    lived = np.concatenate([lengths(name, agent, tau, part) for part in tqdm(parts, desc=name)])
    sem = standard_error(lived)
    print(name, lived.mean(), sem, flush=True)
    return {
        "mean": float(lived.mean()),
        "sem": sem,
        "n": len(lived),
        "lengths": lived.tolist(),
    }


def of_rounds(folders: Sequence[Path], tau: float, dreams: range) -> dict[str, Any]:
    """Each round's C and the clock in its dream, and that C in the game."""
    rows = []
    for folder in folders:
        agent = load_agent(folder, get_task(TASK))
        row = read_json(folder / "round.json", round=int, real_steps=int)
        rows.append(
            {
                "round": row["round"],
                "real_steps": row["real_steps"],
                "dreams": {
                    name: played(name, agent, tau, dreams) for name in ("main", "random_sweep")
                },
                "game": {"lengths": read_json(folder / "evaluation.json")["lengths"]},
            }
        )
    return {"first_seed": dreams.start, "tau": tau, "rounds": rows, "versions": versions()}


def main(
    rounds: tyro.conf.Positional[tuple[Path, ...]] = (), dreams: int = 512, tau: float = 1.15
) -> None:
    """Play and write."""
    torch.set_num_threads(1)
    chosen, results = seeds.for_choosing(dreams), Path("results") / TASK
    if rounds:
        write_json(results / "loop" / "lives.json", of_rounds(rounds, tau, chosen))
        return
    agent = load_pretrained(TASK)
    rows = {name: played(name, agent, tau, chosen) for name in ("main", *BLIND)}
    weights = weights_of(RunFolder(pretrained_folder(TASK)), "controller")
    path = results / "dream_lives.json"
    known = read_json(path) if path.is_file() else {}
    if known.get("weights") != weights:
        known = {"first_seed": chosen.start, "weights": weights, "dreams": {}}
    known["dreams"][f"{tau:.2f}"] = rows
    write_json(path, known)


if __name__ == "__main__":
    tyro.cli(main)
