"""How long players live in Doom who never look: clocks, and a controller's own actions replayed.

    python benchmarks/blind_players.py RUN_DIR NAME=CONTROLLER [NAME=CONTROLLER ...]

A controller plays the validation episodes, and its actions are recorded. Each recording is then
played in the next episode, whose balls fly elsewhere. A controller that gains by looking lives
longer than its recordings; one that only has a good rhythm does not. A recording that runs out goes
on from its beginning, out of step with the player's place: whoever compares must treat a life as
cut off there (the laboratory notes do). Clocks that turn at other times than the published one show
what a rhythm is worth.

Writes results/doom_take_cover/blind_players.json: for each player mean, s.e., n and lengths.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import tyro
from doom_habits import GAMES, ROUNDS, TASK, watch
from numpy.typing import NDArray
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import load_agent, weights_of
from wmlib.data.policies import sweep
from wmlib.data.rollouts import play
from wmlib.model.actions import action_space
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task
from wmlib.worlds.play import standard_error
from wmlib.worlds.real import make_games

PERIODS = (60, 90, 120, 150, 180, 240)
EPISODES = GAMES * ROUNDS
FIRST = seeds.VALIDATION.start


class Scripted:
    """A policy that plays in each episode what `script(seed)` yields, action by action."""

    name = "scripted"
    is_agent = False

    def __init__(self, script: Callable[[int], Iterator[float]]) -> None:
        self.script = script
        self.slots: dict[int, Iterator[float]] = {}

    def reset(self, seeds: list[int], mask: NDArray[np.bool_]) -> None:
        for slot in np.flatnonzero(mask).tolist():
            self.slots[slot] = self.script(seeds[slot])

    def act(self, observations: NDArray) -> NDArray[np.float32]:
        return np.array([[next(self.slots[i])] for i in range(len(observations))], np.float32)


def clock(period: int) -> Callable[[int], Iterator[float]]:
    """wmlib.data.policies.sweep with a turn every `period` tics."""
    space = action_space(get_task(TASK))

    def script(seed: int) -> Iterator[float]:
        act = sweep(space, np.random.default_rng((seed, 1)), period)
        while True:
            yield float(act()[0])

    return script


def replay(recordings: list[NDArray]) -> Callable[[int], Iterator[float]]:
    """In the episode of a seed, the actions recorded in the next one."""
    return lambda seed: itertools.cycle(recordings[(seed - FIRST + 1) % EPISODES])


def lengths(script: Callable[[int], Iterator[float]], told: str) -> NDArray:
    """(EPISODES,) tics that a blind player lives on the validation seeds."""
    task = get_task(TASK)
    env = make_games(task, 8, task.max_episode_steps)
    jobs = ((i, FIRST + i) for i in range(EPISODES))
    found = np.zeros(EPISODES, dtype=int)
    played = play(env, Scripted(script), lambda: next(jobs, None))
    for episode in tqdm(played, total=EPISODES, desc=told, disable=None):
        found[episode.number] = episode.length
    env.close()
    return found


def summary(lived: NDArray) -> dict:
    """mean, s.e., n and the lengths themselves."""
    return {
        "mean": float(lived.mean()),
        "sem": standard_error(lived),
        "n": len(lived),
        "lengths": lived.tolist(),
    }


def main(run_dir: str, named: list[str]) -> None:
    """Play and write down; `named` are NAME=CONTROLLER."""
    torch.set_num_threads(1)
    found: dict = {"first_seed": FIRST, "clocks": {}, "controllers": {}}
    for name, controller in (pair.split("=") for pair in named):
        agent = load_agent(run_dir, get_task(TASK), controller)
        episodes = [e for i in range(ROUNDS) for e in watch(agent, FIRST + i * GAMES)]
        own = np.array([len(e["a"]) for e in episodes])
        replayed = lengths(replay([e["a"] for e in episodes]), f"{name} replayed")
        found["controllers"][name] = {
            "weights": weights_of(RunFolder(run_dir), controller),
            "own": summary(own),
            "replayed": summary(replayed),
        }
    for period in PERIODS:
        found["clocks"][str(period)] = summary(lengths(clock(period), f"clock {period}"))
    write_json(Path("results") / TASK / "blind_players.json", found)


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
