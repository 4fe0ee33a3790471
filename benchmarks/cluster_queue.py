"""How far does the queue of a search reach? One generation on up to 4,096 workers, simulated.

    python benchmarks/cluster_queue.py            # writes results/cluster.json; needs wmlib[ray]

The simulation deals jobs as `wmlib.worlds.crew.chunks` does and plays a chunk as `play` does, a
worker's slots refilled one by one. What it needs to know is measured: the lengths of the published
agents' test episodes (results/), and, here, the cost of one step of a worker's batch and the
driver's work for one chunk, in CPU seconds (the least of five rounds, which other processes hardly
lengthen). The network's own delay, far below the length of a chunk, is left out.
"""

import heapq
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from wmlib import load_pretrained
from wmlib.book import report
from wmlib.configs import DreamWorld, RealWorld, World
from wmlib.records.files import write_json
from wmlib.worlds.crew import chunks
from wmlib.worlds.play import Played

OUTPUT = Path("results/cluster.json")
SEARCHES: dict[str, tuple[str, World]] = {
    "doom_take_cover": ("evolved", DreamWorld(tau=1.0, end_above=0.1, max_episode_steps=2100)),
    "car_racing": ("cooled_late", RealWorld(game="batched")),
}
"""for each task a search of results/, and the world that it played in"""
SLOTS = (1, 2, 4, 8, 16)
WORKERS = (64, 512, 4096)
POPULATIONS = (64, 1024)
EPISODES = 16
GENERATIONS = 10
ROUNDS = 5


class Costs(NamedTuple):
    """CPU seconds: of a batch step by its slots, and of the driver for each chunk, and for asking
    after each worker."""

    step: dict[int, float]
    chunk: float
    ask: float


def chunk_steps(lengths: np.ndarray, slots: int) -> int:
    """Steps of the batch until episodes of these lengths are over; a free slot takes the next."""
    ends = [0] * min(slots, len(lengths))
    for length in lengths.tolist():
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)


def generation(lengths: np.ndarray, workers: int, slots: int, costs: Costs) -> tuple[float, float]:
    """Seconds that a generation takes, and those in which its driver was at work."""
    dealt, free, ends, now, busy = chunks(len(lengths), workers, slots), workers, [], 0.0, 0.0
    while True:
        while free and (places := next(dealt, None)) is not None:
            now, busy, free = now + costs.chunk, busy + costs.chunk, free - 1
            steps = chunk_steps(lengths[places.start : places.stop], slots)
            heapq.heappush(ends, now + steps * costs.step[slots])
        if not ends:
            return now, busy
        now = max(now, ends[0])  # the driver sleeps until one has ended, and takes all that have
        asked = costs.ask * len(ends)
        while ends and ends[0] <= now:
            heapq.heappop(ends)
            free += 1
        now, busy = now + asked, busy + asked


def simulate(lengths: list[int], costs: Costs) -> list[dict]:
    """Efficiency: one worker's time for a generation, by the time of all workers together.

    Each has the slots that serve it best: few for many workers, whose chunks are short.
    """
    return [row(lengths, costs, p, workers) for p in POPULATIONS for workers in WORKERS]


def row(lengths: list[int], costs: Costs, population: int, workers: int) -> dict:
    """The line of one search on so many workers, over generations whose lengths are drawn anew."""
    rng = np.random.default_rng(0)
    drawn = [rng.choice(lengths, population * EPISODES) for _ in range(GENERATIONS)]
    slots = best_slots(drawn[0], workers, costs)
    alone = best_slots(drawn[0], 1, costs)
    rows = []
    for jobs in drawn:
        one, _ = generation(jobs, 1, alone, costs)
        seconds, busy = generation(jobs, workers, slots, costs)
        free, _ = generation(jobs, workers, slots, costs._replace(chunk=0.0, ask=0.0))
        rows.append((one / seconds / workers, one / free / workers, busy / seconds))
    efficiency, free, busy = np.array(rows).T
    return {
        "population": population,
        "workers": workers,
        "slots": slots,
        "efficiency": round(float(efficiency.mean()), 4),
        "sem": round(float(efficiency.std(ddof=1) / np.sqrt(GENERATIONS)), 4),
        "with_a_driver_that_takes_no_time": round(float(free.mean()), 4),
        "driver_busy": round(float(busy.mean()), 4),
    }


def best_slots(jobs: np.ndarray, workers: int, costs: Costs) -> int:
    """How many slots make this generation shortest."""
    return min(costs.step, key=lambda slots: generation(jobs, workers, slots, costs)[0])


# ---------------------------------------------------------------- what is measured


def step_costs(task: str, world: World, steps: int = 30) -> dict[int, float]:
    """CPU seconds of one step of N games, or dreams, and of C."""
    agent, found = load_pretrained(task), {}
    torch.set_num_threads(1)
    for slots in SLOTS:
        with closing(agent.world(world, slots)) as env:
            features, _ = env.reset(seed=list(range(100_000, 100_000 + slots)))
            rounds = []
            for _ in range(ROUNDS + 1):  # the first one compiles
                start = time.process_time()
                for _ in range(steps):
                    features, *_ = env.step(agent.act(features))
                rounds.append((time.process_time() - start) / steps)
        found[slots] = min(rounds[1:])
    return found


def nothing(world: object, places: range, params: np.ndarray, jobs: list) -> Played:
    """A chunk that costs its worker nothing."""
    return Played(np.zeros(len(jobs)), np.zeros(len(jobs), dtype=np.int64))


def sleep(world: object, seconds: float) -> None:
    """A task that goes on."""
    time.sleep(seconds)


def driver_costs(count: int = 500, waiting: int = 2000) -> tuple[float, float]:
    """CPU seconds of the driver for each chunk, and for each worker it asks whether it is done."""
    import ray

    from wmlib.worlds.cluster import Cluster

    ray.init(
        "local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
    )
    crew = Cluster(dict, "auto")
    task = range(16), np.zeros((2, 867), np.float32), [(0, seed) for seed in range(16)]
    each = []
    for _ in range(ROUNDS):
        tasks = iter([task] * count)
        start = time.process_time()
        for _ in crew.run(nothing, lambda tasks=tasks: next(tasks, None)):
            pass
        each.append((time.process_time() - start) / count)
    # A worker that sleeps, and many tasks behind it: the driver asks after them as after workers.
    (sleeper,), asks = crew._idle, []
    refs = [sleeper.run.remote(sleep, (60,)) for _ in range(waiting)]
    for _ in range(ROUNDS):
        start = time.process_time()
        ray.wait(refs, num_returns=len(refs), timeout=0)
        asks.append((time.process_time() - start) / waiting)
    crew.close()
    ray.shutdown()
    return min(each), min(asks)


def main() -> None:
    """Measure, simulate, write."""
    chunk, ask = driver_costs()
    found: dict = {
        "unit": "CPU seconds; efficiency: mean over simulated generations",
        "generations": GENERATIONS,
        "episodes": EPISODES,
        "driver": {"chunk": chunk, "ask": ask},
        "searches": {},
    }
    for task, (name, world) in SEARCHES.items():
        lengths = report.load_run(task, name).evaluation["lengths"]
        costs = Costs(step_costs(task, world), chunk, ask)
        found["searches"][task] = {
            "lengths": f"{task}/{name}",
            "world": world.kind,
            "step": costs.step,
            "rows": simulate(lengths, costs),
        }
        print(task, found["searches"][task], flush=True)
    write_json(OUTPUT, found)


if __name__ == "__main__":
    main()
