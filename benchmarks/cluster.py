"""How much faster are two one-thread workers of a cluster than one? By the clock.

    python benchmarks/cluster.py     # writes results/simulator/cluster.json; needs wmlib[ray]

The same generation, of Doom's dreams or of the car's simulator, is played by one worker and by
two, in turns; the result is the median of the rounds' ratios. It is written only where the machine
does nothing else, before and after (benchmarks/quiet.py; between the two looks the workers
themselves are "others", as they are no children of this process). `--look` prints it anywhere, and
writes nothing.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from quiet import LIMIT, QuietMachine

from wmlib import load_pretrained
from wmlib.configs import DreamWorld, RealWorld, World
from wmlib.records.files import write_json
from wmlib.worlds.cluster import Cluster
from wmlib.worlds.play import Arena

OUTPUT = Path("results/simulator/cluster.json")
POPULATION, EPISODES, SLOTS = 64, 16, 16
WORLDS: dict[str, World] = {
    "doom_take_cover": DreamWorld(tau=1.0, end_above=0.1, max_episode_steps=1000),
    "car_racing": RealWorld(game="batched", max_episode_steps=100),
}
"""what is played, cut early so that a round takes seconds"""


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


def compare(task: str, rounds: int) -> dict[str, Any]:
    """One generation by one worker and by two, in turns."""
    agent, world = load_pretrained(task), WORLDS[task]
    jobs = [(p, 100_000 + s) for p in range(POPULATION) for s in range(EPISODES)]
    params = agent.params.expand(POPULATION, -1)
    make, found = partial(agent.world, world, SLOTS), []
    with closing(Ready(Few(make, 1))) as one, closing(Ready(Few(make, 2))) as two:
        for _ in range(rounds):
            seconds = []
            for arena in (one, two):
                start = time.perf_counter()
                arena.play(agent.controller, params, jobs)
                seconds.append(time.perf_counter() - start)
            found.append({"one": seconds[0], "two": seconds[1], "ratio": seconds[0] / seconds[1]})
            print(task, found[-1], flush=True)
    ratio = float(np.median([row["ratio"] for row in found]))
    return {"world": asdict(world), "ratio": ratio, "rounds": found}


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--look", action="store_true", help="measure on a busy machine, too")
    args = parser.parse_args()
    limit = float("inf") if args.look else LIMIT
    QuietMachine(limit)
    torch.set_num_threads(1)
    ray.init(
        "local", num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
    )
    found = {task: compare(task, args.rounds) for task in WORLDS}
    ray.shutdown()
    QuietMachine(limit)
    report = {
        "unit": "seconds by the clock for one generation; one thread to each worker",
        "population": POPULATION,
        "episodes": EPISODES,
        "slots": SLOTS,
        "searches": found,
    }
    print({task: row["ratio"] for task, row in found.items()})
    if not args.look:
        write_json(OUTPUT, report)


if __name__ == "__main__":
    main()
