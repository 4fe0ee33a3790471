"""Does the iterative procedure solve the pendulum? Every round of some runs, in the real game.

    for seed in 0 1 2 3 4; do
        python -m wmlib iterate --task pendulum --preset small --seed $seed \\
            --run-dir runs/pendulum-$seed
    done
    python benchmarks/pendulum_rounds.py runs/pendulum-0 runs/pendulum-1 ...

The same with `--memory.heads reward action` and `--run-dir runs/pendulum-action-$seed`, and then
`--output solved_with_action`, is what chapter 10 says of an M that predicts the next action.

100 test episodes a round, the pendulum hanging at first. Solved: a mean return of at least -400,
and upright (cosine above 0.95) through the last 50 steps in at least 90 of them. The same is played
by the best policy that value iteration finds on a grid of the pendulum's own equations, and by
torques at random. Writes results/pendulum/solved.json (`--output`).
"""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium.envs.classic_control.pendulum import angle_normalize
from gymnasium.vector import AutoresetMode
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import Agent, load_agent
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.tasks import get_task
from wmlib.worlds.play import standard_error
from wmlib.worlds.real import GameFeatures, game_id, make_games

TASK = get_task("pendulum")
EPISODES, SLOTS, LAST, UPRIGHT = 100, 20, 50, 0.95


def real(agent: Agent, slots: int = SLOTS) -> GameFeatures:
    """The reference game behind V and M, played in this process: a small game waits for others
    longer than it takes."""
    options = {"autoreset_mode": AutoresetMode.DISABLED}
    games = gym.make_vec(
        game_id(TASK, "reference"), slots, vectorization_mode="sync", vector_kwargs=options
    )
    return GameFeatures(TASK, games, agent.vision, agent.memory)


def score(play: Any) -> dict[str, Any]:
    """Mean return and upright episodes; `play(seeds)` gives cosines (T, N) and returns (N,)."""
    told = [
        play(list(range(first, first + SLOTS)))
        for first in range(seeds.TEST.start, seeds.TEST.start + EPISODES, SLOTS)
    ]
    returns = np.concatenate([r for _, r in told])
    upright = np.concatenate([(c[-LAST:] > UPRIGHT).all(0) for c, _ in told])
    return {
        "mean": float(returns.mean()),
        "std": float(returns.std(ddof=1)),
        "sem": standard_error(returns),
        "n": len(returns),
        "upright": int(upright.sum()),
    }


def by_agent(agent: Agent) -> dict[str, Any]:
    """The score of an agent."""
    env = real(agent)

    def play(first: list[int]) -> tuple[np.ndarray, np.ndarray]:
        features, _ = env.reset(seed=first)
        cosines, total = [], np.zeros(SLOTS)
        for _ in range(TASK.max_episode_steps):
            features, reward, *_ = env.step(agent.act(features))
            cosines.append(env.pictures[:, 0])
            total += reward
        return np.array(cosines), total

    try:
        return score(play)
    finally:
        env.close()


def by_rule(act: Any) -> dict[str, Any]:
    """The score of `act(observations (N, 3)) -> torques (N,)`."""
    games = make_games(TASK, SLOTS, TASK.max_episode_steps)

    def play(first: list[int]) -> tuple[np.ndarray, np.ndarray]:
        seen, _ = games.reset(seed=first)
        cosines, total = [], np.zeros(SLOTS)
        for _ in range(TASK.max_episode_steps):
            seen, reward, *_ = games.step(act(seen)[:, None].astype(np.float32))
            cosines.append(seen[:, 0])
            total += reward
        return np.array(cosines), total

    try:
        return score(play)
    finally:
        games.close()


def value_iteration(
    angles: int = 201,
    speeds: int = 161,
    torques: int = 17,
    sweeps: int = 400,
    discount: float = 0.99,
) -> Any:
    """The greedy policy of the optimal values on a grid of angle and speed (linear between)."""
    angle = np.linspace(-np.pi, np.pi, angles)
    speed, torque = np.linspace(-8, 8, speeds), np.linspace(-2, 2, torques)
    values = torch.zeros(angles, speeds, dtype=torch.float64)

    def after(th: np.ndarray, thd: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, ...]:
        cost = angle_normalize(th) ** 2 + 0.1 * thd**2 + 0.001 * u**2
        thd = np.clip(thd + (15 * np.sin(th) + 3 * u) * 0.05, -8, 8)
        return -cost, angle_normalize(th + thd * 0.05), thd

    def looked_up(th: np.ndarray, thd: np.ndarray) -> np.ndarray:
        where = np.stack([thd / 8, th / np.pi], -1)  # grid_sample takes x, then y
        grid = torch.from_numpy(where).reshape(1, 1, -1, 2)
        found = torch.nn.functional.grid_sample(values[None, None], grid, align_corners=True)
        return found.reshape(th.shape).numpy()

    reward, th, thd = after(angle[:, None, None], speed[None, :, None], torque[None, None])
    th, thd = np.broadcast_arrays(th, thd)
    for _ in range(sweeps):
        values = torch.from_numpy((reward + discount * looked_up(th, thd)).max(-1))

    def act(seen: np.ndarray) -> np.ndarray:
        now = np.arctan2(seen[:, 1], seen[:, 0])[:, None], seen[:, 2:]
        paid, th, thd = after(*now, torque[None])
        return torque[(paid + discount * looked_up(*np.broadcast_arrays(th, thd))).argmax(1)]

    return act


def main(runs: tyro.conf.Positional[list[Path]], output: str = "solved") -> None:
    """Score every round of the runs, and the two lines for comparison; write."""
    chance = np.random.default_rng(0)
    told: dict[str, Any] = {
        "best_policy": by_rule(value_iteration()),
        "random": by_rule(lambda seen: chance.uniform(-2, 2, len(seen))),
        "runs": [],
    }
    for folder in runs:
        stored = read_json(folder / "rounds.json", rounds=list, seed=int)
        rows = []
        for row in tqdm(stored["rounds"], str(folder)):
            agent = load_agent(RunFolder(folder).round(row["round"]).path, TASK)
            rows.append(row | {"test": by_agent(agent)})
        keys = ("seed", "command", "config", "seconds", "device")
        told["runs"].append({key: stored[key] for key in keys} | {"rounds": rows})
    path = Path("results") / "pendulum" / f"{output}.json"
    write_json(path, told | {"versions": versions()})
    for run in told["runs"]:
        tests = [
            (row["real_steps"], round(row["test"]["mean"]), row["test"]["upright"])
            for row in run["rounds"]
        ]
        print(run["seed"], *tests)
    print(*(f"{name} {told[name]}" for name in ("best_policy", "random")))


if __name__ == "__main__":
    tyro.cli(main)
