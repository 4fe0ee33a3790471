"""How much faster are two one-thread workers of a cluster than one? Doom's dreams, by the clock.

    python benchmarks/cluster.py     # writes results/simulator/cluster.json; needs wmlib[ray]

The same generation is played by one worker and by two, in turns; the result is the median of the
rounds' ratios. It is written only where the machine does nothing else, before and after
(benchmarks/quiet.py; between the two looks the workers themselves are "others", as they are no
children of this process). `--look` prints it anywhere, and writes nothing.
"""

import argparse
import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from quiet import LIMIT, QuietMachine

from wmlib import load_pretrained
from wmlib.configs import DreamWorld
from wmlib.records.files import write_json
from wmlib.worlds.cluster import Cluster
from wmlib.worlds.play import Arena

TASK = "doom_take_cover"
OUTPUT = Path("results/simulator/cluster.json")


class Few(Cluster):
    """A crew of so many workers, whatever the cluster has room for."""

    def __init__(self, make_world: Callable[[], Any], wanted: int) -> None:
        self.wanted = wanted
        super().__init__(make_world, "auto")

    def _recruit(self) -> None:
        for _ in range(self.wanted - self.count):
            self._hire()


class Ready(Arena):
    """An arena over a crew that has begun, to the last worker."""

    def __init__(self, crew: Few) -> None:
        self.env, self.crew = None, crew
        while crew._begins:
            self.ask(_nothing)


def _nothing(world: object) -> None:
    time.sleep(0.1)


def main() -> None:
    """Measure in turns, and write the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--population", type=int, default=16)
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1000, help="a dream is cut after them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--look", action="store_true", help="measure on a busy machine, too")
    args = parser.parse_args()
    limit = float("inf") if args.look else LIMIT
    QuietMachine(limit)
    agent = load_pretrained(TASK)
    jobs = [(p, 100_000 + s) for p in range(args.population) for s in range(args.episodes)]
    params = agent.params.expand(args.population, -1)
    world = DreamWorld(tau=1.0, end_above=0.1, max_episode_steps=args.steps)
    make = partial(agent.world, world, args.slots)
    torch.set_num_threads(1)
    ray.init(
        "local", num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
    )
    rounds = []
    with closing(Ready(Few(make, 1))) as one, closing(Ready(Few(make, 2))) as two:
        for _ in range(args.rounds):
            seconds = []
            for arena in (one, two):
                start = time.perf_counter()
                arena.play(agent.controller, params, jobs)
                seconds.append(time.perf_counter() - start)
            rounds.append({"one": seconds[0], "two": seconds[1], "ratio": seconds[0] / seconds[1]})
            print(rounds[-1], flush=True)
    ray.shutdown()
    QuietMachine(limit)
    report = {
        "unit": "seconds by the clock for one generation of dreams; one thread to each worker",
        "ratio": float(np.median([found["ratio"] for found in rounds])),
        "jobs": len(jobs),
        "slots": args.slots,
        "steps": args.steps,
        "rounds": rounds,
    }
    print(report, f"load {os.getloadavg()}")
    if not args.look:
        write_json(OUTPUT, report)


if __name__ == "__main__":
    main()
