"""Steps per second of CarRacing on one core: Gymnasium's, and ours, in turns in the same run.

Times are CPU seconds of this process, so that other work on the machine changes them little.

    python benchmarks/car_racing_speed.py        # writes results/simulator/speed.json
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.vector_env import FAST_TOLERANCE
from wmlib.records.files import write_json

LOW, HIGH = np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32)
SEED = 100_000
WARM_UP = 60  # steps: the first 50 show the whole map, which takes both games longer to draw


def rate(step: Callable[[], None], steps: int, games: int) -> float:
    """Game steps per CPU second."""
    for _ in range(WARM_UP):
        step()
    start = time.process_time()
    for _ in range(steps):
        step()
    return games * steps / (time.process_time() - start)


def reference(steps: int, seed: int) -> float:
    """`wmlib/CarRacing-v3`: Gymnasium's game with the project's picture, uniform actions."""
    env = gym.make("wmlib/CarRacing-v3")
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    try:
        return rate(lambda: env.step(rng.uniform(LOW, HIGH).astype(np.float32)), steps, 1)
    finally:
        env.close()


def batched(steps: int, seed: int, games: int, **options: object) -> float:
    """The simulator on one thread, observations and infos included."""
    env = gym.make_vec(
        "wmlib/CarRacingBatched-v3",
        num_envs=games,
        threads=1,
        autoreset_mode=AutoresetMode.NEXT_STEP,
        **options,
    )
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    try:
        return rate(lambda: env.step(rng.uniform(LOW, HIGH, (games, 3))), steps, games)
    finally:
        env.close()


def physics(steps: int, seed: int, games: int) -> float:
    """The simulator without pictures."""
    cars = CpuCars(games, 64, FAST_TOLERANCE, threads=1, draw=False)
    everyone = np.ones(games, bool)
    cars.reset(everyone, [np.random.default_rng(seed + i) for i in range(games)])
    rng = np.random.default_rng(seed)
    actions = rng.uniform(LOW, HIGH, (steps + WARM_UP, games, 3)).astype(np.float32)
    upcoming = iter(actions)
    return rate(lambda: cars.step(next(upcoming), everyone), steps, games)


def main() -> None:
    """Measure in turns, several rounds; the table gets each one's median round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=64)
    parser.add_argument("--steps", type=int, default=300, help="steps of the batch in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("results/simulator/speed.json"))
    args = parser.parse_args()
    n, steps = args.games, args.steps
    batched(1, SEED, n), batched(1, SEED, n, size=96)  # compile
    rounds = []
    for i in range(args.rounds):
        seed = SEED + 1000 * i
        rounds.append(
            {
                "gymnasium": reference(steps, seed),
                "batched_64": batched(steps, seed, n),
                "batched_96": batched(steps, seed, n, size=96),
                "batched_exact": batched(steps, seed, n, exact=True),
                "physics_only": physics(steps, seed, n),
            }
        )
        print(rounds[-1], flush=True)
    median = {name: float(np.median([r[name] for r in rounds])) for name in rounds[0]}
    # Both games of a round met the machine in the same state.
    ratios = {name: [r[name] / r["gymnasium"] for r in rounds] for name in median}
    report = {
        "unit": "game steps per CPU second, one thread, uniform actions",
        "games": n,
        "processor": processor(),
        "steps_per_second": median,
        "ratio_to_gymnasium": {k: float(np.median(v)) for k, v in ratios.items()},
        "ratio_64_per_round": ratios["batched_64"],
        "rounds": rounds,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.output, report)
    print(json.dumps(report, indent=2))


def processor() -> str:
    """The processor's name, as Linux tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
