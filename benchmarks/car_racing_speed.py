"""Steps per second of CarRacing on one core: Gymnasium's, and ours, in turns in the same run.

By the clock, on a machine that does nothing else (benchmarks/quiet.py), and by CPU seconds: these
count the threads of Gymnasium's libraries that wait beside the one that works.

    python benchmarks/car_racing_speed.py        # writes results/simulator/speed.json
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from quiet import QuietMachine

from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.vector_env import FAST_TOLERANCE
from wmlib.records.files import write_json

LOW, HIGH = np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32)
SEED = 100_000
WARM_UP = 60  # steps: the first 50 show the whole map, which takes both games longer to draw


class Rate(NamedTuple):
    """Game steps per second."""

    clock: float
    cpu: float


def rate(step: Callable[[], None], steps: int, games: int) -> Rate:
    """Game steps per second, by the clock and by this process's CPU seconds."""
    for _ in range(WARM_UP):
        step()
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Rate(*(games * steps / each for each in seconds))


def reference(steps: int, seed: int) -> Rate:
    """`wmlib/CarRacing-v3`: Gymnasium's game with the project's picture, uniform actions."""
    env = gym.make("wmlib/CarRacing-v3")
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    try:
        return rate(lambda: env.step(rng.uniform(LOW, HIGH).astype(np.float32)), steps, 1)
    finally:
        env.close()


def batched(steps: int, seed: int, games: int, **options: object) -> Rate:
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


def physics(steps: int, seed: int, games: int) -> Rate:
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
    n, steps, machine = args.games, args.steps, QuietMachine()
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
    report = {
        "unit": "game steps per second, one thread, uniform actions",
        "games": n,
        "processor": processor(),
        "others": machine.others(),
        **medians([{name: found.clock for name, found in r.items()} for r in rounds]),
        "by_cpu_seconds": medians([{name: found.cpu for name, found in r.items()} for r in rounds]),
        "rounds": [{name: found._asdict() for name, found in r.items()} for r in rounds],
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.output, report)
    print(json.dumps(report, indent=2))


def medians(rounds: list[dict[str, float]]) -> dict[str, object]:
    """Each one's median round; the ratios are of one round, whose games met one machine."""
    names = list(rounds[0])
    ratios = {name: [r[name] / r["gymnasium"] for r in rounds] for name in names}
    return {
        "steps_per_second": {n: float(np.median([r[n] for r in rounds])) for n in names},
        "ratio_to_gymnasium": {n: float(np.median(ratios[n])) for n in names},
        "ratio_64_per_round": ratios["batched_64"],
    }


def processor() -> str:
    """The processor's name, as Linux tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
