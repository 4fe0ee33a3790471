"""A crew on the machines of a Ray cluster: one worker, with one world, to each core.

What travels: V, M and the settings once (`ray.put`), then for each chunk of jobs the parameters of
its candidates out, returns and lengths back. Jobs have no memory, so any may be played again: a
chunk whose worker, or machine, has died goes to the next worker that is free, and a new one begins
wherever there is room. (Ray's own repair, `max_restarts` with `max_task_retries`, would tie the
chunk to its worker and let it wait until that one is back, if ever.) So a death costs time and
changes no result. Only this process, the driver, writes anything.

Only playing is spread: V's and M's trainings are minutes of large batches, which one GPU feeds
better than a network does; who must spread them would take PyTorch's `torchrun`.
"""

import logging
import os
import re
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayTaskError

import wmlib
from wmlib.envs.pool import GameDied, WorkerError
from wmlib.errors import UserError
from wmlib.records.progress import tell
from wmlib.worlds.crew import Done, Task

LOST = 5
"""So many workers may die over one chunk of jobs, or before they have begun."""
PATIENCE = 30.0
"""Seconds after which one is told that no worker can begin."""
ANSWER = 5.0
"""Seconds in which the head of a cluster must answer."""
IMPORTS_NOT = "failed to import on the worker"
"""Ray's words where a worker's Python lacks this package."""
_DIED = (RayActorError, WorkerError, GameDied)


class _Worker:
    """One world in a process of its own, on one core, somewhere in the cluster."""

    def begin(self, version: str, make_world: list[ray.ObjectRef]) -> None:
        """Open the world; UserError where this machine has another wmlib than the driver."""
        if wmlib.__version__ != version:
            here = f"{socket.gethostname()} has wmlib {wmlib.__version__}"
            raise UserError(f"--cluster: {here}, this machine {version}: install the same on both")
        torch.set_num_threads(1)  # the workers are the parallelism
        self.world = ray.get(make_world[0])()

    def run(self, act: Callable[..., Any], task: Task) -> Any:
        """act(world, *task)."""
        return act(self.world, *task)


Worker: Any = ray.remote(num_cpus=1)(_Worker)


class Cluster:
    """A crew (wmlib.worlds.crew) on a Ray cluster, which also takes in machines that join it.

    `address` is HOST:PORT of its head, or "auto": the cluster that this machine belongs to, and
    where there is none, this machine's cores. An error in a worker arrives here as it was raised.
    """

    def __init__(self, make_world: Callable[[], Any], address: str) -> None:
        self._ours = _connect(address)
        self._make_world = ray.put(make_world)
        self._idle: list[Any] = []
        self._begins: dict[ray.ObjectRef, tuple[Any, int]] = {}  # worker, deaths before it
        self._plays: dict[ray.ObjectRef, tuple[Any, Task, int]] = {}  # worker, task, its deaths
        self._again: deque[tuple[Task, int]] = deque()
        self._recruit()

    @property
    def count(self) -> int:
        """Workers, those that wait for a core included."""
        return len(self._idle) + len(self._begins) + len(self._plays)

    def run(self, act: Callable[..., Any], next_task: Callable[[], Task | None]) -> Iterator[Done]:
        """As `Crew.run`; a task whose worker dies is given to another."""
        self._recruit()
        while True:
            while self._idle and (chosen := self._choose(next_task)) is not None:
                worker = self._idle.pop()
                self._plays[worker.run.remote(act, chosen[0])] = worker, *chosen
            if not self._plays and self._idle:
                return
            for ref in self._wait():
                if ref in self._begins:
                    self._welcome(ref)
                elif (done := self._receive(ref)) is not None:
                    yield done

    def _choose(self, next_task: Callable[[], Task | None]) -> tuple[Task, int] | None:
        """A task and how many workers have died over it; those that were lost come first."""
        if self._again:
            return self._again.popleft()
        task = next_task()
        return None if task is None else (task, 0)

    def _wait(self) -> list[ray.ObjectRef]:
        """All that has ended; at least one, however long it takes."""
        refs, told = [*self._begins, *self._plays], False
        ended = ray.wait(refs, num_returns=len(refs), timeout=0)[0]
        while not ended:
            ended = ray.wait(refs, num_returns=1, timeout=PATIENCE)[0]
            if not (ended or self._plays or told):
                tell("no worker has begun yet: is a core of the cluster free?")
                told = True
        return ended

    def _welcome(self, ref: ray.ObjectRef) -> None:
        """A worker has begun, or could not."""
        worker, deaths = self._begins.pop(ref)
        try:
            ray.get(ref)
        except _DIED as error:
            if IMPORTS_NOT in str(error):
                raise UserError(
                    f"--cluster: a machine of it lacks wmlib {wmlib.__version__}: install there "
                    "'wmlib[agent,ray]', the same version as here"
                ) from error
            self._replace(worker, deaths + 1, error)
        except RayTaskError as error:
            raise error.cause from error
        else:
            self._idle.append(worker)

    def _receive(self, ref: ray.ObjectRef) -> Done | None:
        """A task and its result, or None where its worker died: the task is then kept."""
        worker, task, deaths = self._plays.pop(ref)
        try:
            result = ray.get(ref)
        except _DIED as error:
            self._replace(worker, 0, error)
            if deaths + 1 == LOST:
                raise UserError(
                    f"--cluster: {LOST} workers have died over the same episodes, perhaps for lack "
                    f"of memory (fewer --slots): {_line(error)}"
                ) from error
            self._again.append((task, deaths + 1))
            return None
        except RayTaskError as error:
            raise error.cause from error
        self._idle.append(worker)
        return task, result

    def _recruit(self) -> None:
        """A worker for each core that has none: of machines that have joined, too."""
        cores = int(ray.cluster_resources().get("CPU", 0))
        for _ in range(max(1, cores) - self.count):
            self._hire()

    def _hire(self, deaths: int = 0) -> None:
        worker = Worker.remote()
        begun = worker.begin.remote(wmlib.__version__, [self._make_world])
        self._begins[begun] = worker, deaths

    def _replace(self, worker: Any, deaths: int, error: Exception) -> None:
        """Hire another for one that has died; it begins wherever there is room."""
        if deaths == LOST:
            raise UserError(f"--cluster: {LOST} workers died while they began: {_line(error)}")
        tell(f"a worker of the cluster has died, another takes its place: {_line(error)[:160]}")
        ray.kill(worker)  # it may merely be out of reach, or have lost its game
        self._hire(deaths)

    def close(self) -> None:
        """End the workers, and the connection that was made for them."""
        places = [*self._begins.values(), *self._plays.values()]
        for worker in [*self._idle, *(place[0] for place in places)]:
            ray.kill(worker)
        if self._ours:
            ray.shutdown()


def _connect(address: str) -> bool:
    """Join the cluster at `address`, or a UserError; whether that was still to do."""
    if ray.is_initialized():
        return False
    if address != "auto":
        _reach(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        where = None if address == "auto" else address
        ray.init(where, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"--cluster {address}: {_line(error)}{_advice(address)}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own in the place of ours
    return True


def _advice(address: str) -> str:
    """What to try where a cluster answers and yet lets nobody in."""
    if address == "auto" or "RAY_AUTH_MODE" in os.environ:
        return ""
    return (
        "; if it was started with a token (Ray's default where ~/.ray/auth_token lies), have that "
        "file here, too, and set RAY_AUTH_MODE=token"
    )


def _reach(address: str) -> None:
    """UserError where nobody answers: Ray itself would wait two minutes, and then end Python."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER).close()
    except (ValueError, OverflowError, OSError):
        raise UserError(
            f"--cluster {address}: no cluster answers there; give the HOST:PORT that `ray start "
            "--head` printed, or auto"
        ) from None


def _line(error: BaseException) -> str:
    """Its words without line breaks and colours."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
