"""How published controllers move in the real game, and when they die.

    python benchmarks/doom_habits.py RUN_DIR NAME=CONTROLLER [NAME=CONTROLLER ...]

Writes results/doom_take_cover/habits.json, an entry for each name: the player's place at every tic
of a few validation episodes, and for all of them the tics between the last change of direction and
the end, how many tics the player stood still, and what each hit took of the player's health.
"""

from pathlib import Path

import numpy as np
import torch
import tyro

from wmlib import seeds
from wmlib.agent import Agent, load_agent, weights_of
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task

TASK = "doom_take_cover"
GAMES, ROUNDS, SHOWN = 24, 4, 6


@torch.inference_mode()
def watch(agent: Agent, first_seed: int) -> list[dict]:
    """Play GAMES episodes side by side: place x, health, action a (T,) of each; if it died."""
    env = agent.real(GAMES)
    features, _ = env.reset(seed=list(range(first_seed, first_seed + GAMES)))
    places, health, actions, ended = [], [], [], np.zeros(GAMES, dtype=bool)
    lengths, died = np.zeros(GAMES, dtype=int), np.zeros(GAMES, dtype=bool)
    while not ended.all():
        actions.append(agent.act(features))
        features, _, terminated, truncated, info = env.step(actions[-1])
        places.append(np.array(info["x"]))
        health.append(np.array(info["health"]))
        lengths += ~ended
        died |= terminated & ~ended
        ended |= terminated | truncated
    env.close()
    told = {"x": np.array(places), "health": np.array(health), "a": torch.stack(actions)[..., 0]}
    return [
        {name: np.array(column[:n, i]) for name, column in told.items()} | {"died": bool(died[i])}
        for i, n in enumerate(lengths)
    ]


def hits(health: np.ndarray) -> list[tuple[int, int]]:
    """(health before, health taken) of each hit."""
    after = health.astype(int)
    before = np.concatenate([[100], after[:-1]])
    return [(int(b), int(b - a)) for b, a in zip(before, after) if a < b]


def turns(x: np.ndarray) -> np.ndarray:
    """The tics at which the direction of movement changes; standing still is no direction."""
    step = np.sign(np.diff(x))
    moving = np.flatnonzero(step)
    return moving[1:][step[moving[1:]] != step[moving[:-1]]]


def habits(agent: Agent) -> dict:
    """What is stored of one controller."""
    first = seeds.VALIDATION.start
    episodes = [e for i in range(ROUNDS) for e in watch(agent, first + i * GAMES)]
    since, gaps = [], []  # tics from a turn to the death, and from a turn to the next
    for episode in episodes:
        at = turns(episode["x"])
        gaps += np.diff(at).tolist()
        if episode["died"] and len(at):
            since.append(int(len(episode["x"]) - at[-1]))
    return {
        "first_seed": first,
        "episodes": len(episodes),
        "deaths": sum(e["died"] for e in episodes),
        "mean_length": float(np.mean([len(e["x"]) for e in episodes])),
        "share_still": float(np.mean(np.concatenate([np.diff(e["x"]) == 0 for e in episodes]))),
        "from_turn_to_death": since,
        "from_turn_to_turn": gaps,
        "hits": [hit for e in episodes for hit in hits(e["health"])],
        "places": [e["x"].round().astype(int).tolist() for e in episodes[:SHOWN]],
        "died": [e["died"] for e in episodes[:SHOWN]],
    }


def main(run_dir: str, named: list[str]) -> None:
    """Play, count and write down; `named` are NAME=CONTROLLER."""
    torch.set_num_threads(1)
    found = {}
    for name, controller in (pair.split("=") for pair in named):
        agent = load_agent(run_dir, get_task(TASK), controller)
        found[name] = {"weights": weights_of(RunFolder(run_dir), controller), **habits(agent)}
        since, gaps = (found[name][k] for k in ("from_turn_to_death", "from_turn_to_turn"))
        length = found[name]["mean_length"]
        print(name, length, np.percentile(since, [10, 50, 90]), np.median(gaps), flush=True)
    write_json(Path("results") / TASK / "habits.json", found)


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
