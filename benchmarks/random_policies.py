"""Score the policies that know nothing, on the test seeds of the real game.

    python benchmarks/random_policies.py TASK [EPISODES]
    python benchmarks/random_policies.py TASK RUN_DIR/rollouts

The second form scores the episodes that a run has collected from the real game, those too that
were dropped for being short: nothing is chosen, so training seeds are as good as any.
Writes results/TASK/random_POLICY/evaluation.json, in the form of an agent's evaluation.
"""

import itertools
from pathlib import Path

import gymnasium as gym
import numpy as np
import tyro
from gymnasium.vector import AutoresetMode
from tqdm import tqdm

from wmlib import seeds
from wmlib.data.policies import make_policy
from wmlib.data.rollouts import play
from wmlib.data.store import RolloutStore
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions
from wmlib.tasks import get_task
from wmlib.worlds.play import standard_error

POLICIES = {"car_racing": ("uniform",), "doom_take_cover": ("uniform", "held", "still", "sweep")}
EPISODES = {"car_racing": 100, "doom_take_cover": 500}


def score(task: str, name: str, episodes: int) -> dict:
    """mean, std, sem, n, returns of one policy."""
    env = gym.make_vec(
        get_task(task).env_id,
        num_envs=2,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.DISABLED,
    )
    numbers = itertools.chain(range(episodes), itertools.repeat(None))

    def next_episode() -> tuple[int, int] | None:
        i = next(numbers)
        return None if i is None else (i, seeds.TEST.start + i)

    returns, lengths = np.zeros(episodes), np.zeros(episodes, dtype=int)
    try:
        played = play(env, make_policy(name, env.single_action_space), next_episode)
        for episode in tqdm(played, total=episodes, desc=f"{task} {name}", disable=None):
            returns[episode.number] = sum(episode.rewards)
            lengths[episode.number] = episode.length
    finally:
        env.close()
    return summary(task, returns, lengths) | {"first_seed": seeds.TEST.start}


def stored(task: str, store: RolloutStore) -> tuple[str, dict]:
    """The name of the policy that filled a store, and its score."""
    if store.facts["task"] != task or store.facts["game"] != "reference":
        raise SystemExit(f"{store.path} was not played in the real game of {task}")
    rows = sorted(store.index + store.dropped, key=lambda row: row["episode"])
    returns, lengths = (np.array([row[key] for row in rows]) for key in ("return", "length"))
    names = {row["policy"] for row in rows}
    if len(names) > 1:
        raise SystemExit(f"{store.path} holds several policies: {', '.join(sorted(names))}")
    return names.pop(), summary(task, returns, lengths) | {"first_seed": rows[0]["seed"]}


def summary(task: str, returns: np.ndarray, lengths: np.ndarray) -> dict:
    """The score in the form of an agent's evaluation."""
    return {
        "task": task,
        "mean": float(returns.mean()),
        "std": float(returns.std(ddof=1)),
        "sem": standard_error(returns),
        "n": len(returns),
        "returns": returns.round(4).tolist(),
        "lengths": lengths.tolist(),
        "versions": versions(),
    }


def write(task: str, name: str, result: dict) -> None:
    """Write one evaluation and say what is in it."""
    path = Path("results") / task / f"random_{name}" / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
    print(f"{path}: {result['mean']:.1f} ± {result['std']:.1f}, s.e. {result['sem']:.1f}")


def main(task: str, what: tyro.conf.Positional[str] = "") -> None:
    """Score a store, or each policy of the task that has no score yet."""
    if Path(what, "index.jsonl").is_file():
        return write(task, *stored(task, RolloutStore(what)))
    for name in POLICIES[get_task(task).name]:
        path = Path("results") / task / f"random_{name}" / "evaluation.json"
        if path.exists():
            continue
        write(task, name, score(task, name, int(what or EPISODES[task])))


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
