"""Workers that hold one world each and share one queue of tasks: here processes of this machine.

A cluster of machines is a crew, too (wmlib.worlds.cluster). A task is what a function is called
with beside the world: a chunk of episodes to play.
"""

import multiprocessing
import multiprocessing.util
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import torch

from wmlib.errors import needing

Task = tuple[Any, ...]
"""what `act(world, *task)` is called with"""
Done = tuple[Task, Any]
"""a task, and what came of it"""


class Crew(Protocol):
    """Workers that hold one world each and take tasks from one queue: processes, or a cluster."""

    @property
    def count(self) -> int:
        """How many they are."""

    def run(self, act: Callable[..., Any], next_task: Callable[[], Task | None]) -> Iterator[Done]:
        """Yield (task, act(world, *task)) of every task in the order in which they end.

        `next_task` is asked when a worker is free, and again whenever the caller has had a result;
        None says that there is nothing to begin now.
        """

    def close(self) -> None:
        """End the workers."""


_world: Any = None


def _end_with(parent: BaseProcess) -> None:
    parent.join()  # returns when the parent is gone, however it went
    os._exit(1)


def _start_worker(make_world: bytes) -> None:
    global _world
    # A killed search must not leave workers behind that play on for nobody.
    threading.Thread(target=_end_with, args=[parent_process()], daemon=True).start()
    torch.set_num_threads(1)  # one core per process: the processes are the parallelism
    _world = pickle.loads(make_world)()
    # A process exits without closing anything, and games in processes of their own live on.
    multiprocessing.util.Finalize(None, _world.close, exitpriority=10)


def _in_worker(act: Callable[..., Any], task: Task) -> Any:
    return act(_world, *task)


class Processes:
    """A crew of processes on this machine.

    One that dies raises `BrokenProcessPool` here instead of hanging; an error in one arrives with
    its own traceback.
    """

    def __init__(self, make_world: Callable[[], Any], count: int) -> None:
        self.count = count
        self.pool = ProcessPoolExecutor(
            count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            # As bytes: torch would else share V's and M's memory, and /dev/shm may be small.
            initargs=(pickle.dumps(make_world),),
        )
        for _ in range(count):  # they all begin now, not one after another as tasks come
            self.pool.submit(os.getpid)

    def run(self, act: Callable[..., Any], next_task: Callable[[], Task | None]) -> Iterator[Done]:
        """As `Crew.run`."""
        flying: dict[Future, Task] = {}
        while True:
            while len(flying) < self.count and (task := next_task()) is not None:
                flying[self.pool.submit(_in_worker, act, task)] = task
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                yield flying.pop(future), future.result()

    def close(self) -> None:
        """End the processes; what they are at is waited for."""
        self.pool.shutdown(cancel_futures=True)


def on_cluster(make_world: Callable[[], Any], address: str) -> Crew:
    """A crew on the Ray cluster at `address` ("auto": see wmlib.worlds.cluster)."""
    with needing("--cluster"):
        from wmlib.worlds.cluster import Cluster
    return Cluster(make_world, address)


def chunks(jobs: int, workers: int, slots: int) -> Iterator[range]:
    """Deal `jobs` into runs of places, long ones first: half a fair share of those left.

    (Guided self-scheduling, Polychronopoulos and Kuck, 1987.) So few are dealt, and whoever gets
    the last is not waited for long. Each fills a worker's `slots` a whole number of times, for a
    batch costs the same when it is half empty, unless some workers would then have none.
    """
    least, begun = min(slots, -(-jobs // workers)), 0
    while begun < jobs:
        half = (jobs - begun) // (2 * workers)
        size = max(least, half - half % slots)
        yield range(begun, min(begun + size, jobs))
        begun += size
