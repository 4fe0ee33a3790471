"""Many games at once, each in a process of its own.

Gymnasium's AsyncVectorEnv does the work. What it lacks are good manners when something breaks: a
worker that dies or sticks makes it wait for ever, or raises an error that does not say where. Here
every wait has a limit, and whatever goes wrong in a worker becomes one WorkerError that names it.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess, parent_process
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from gymnasium.vector.async_vector_env import _async_worker

from wmlib.envs.checks import check_action, checked_seeds
from wmlib.envs.entry import TellsItsLimit


class GameDied(RuntimeError):
    """The process behind a game has ended underneath it; the message is one line."""


class WorkerError(RuntimeError):
    """A worker process failed, died or stopped answering; the pool is closed.

    The message is one line that says which and why; a traceback from the worker is a note to it
    (Python shows notes below the message).
    """


class WorkerPool(TellsItsLimit, AsyncVectorEnv):
    """`num_envs` copies of the environment `env_id`, each in its own process.

    `timeout` is the longest wait, in seconds, for one worker's answer. Other options are passed to
    `gym.make` (also `max_episode_steps`). With `AutoresetMode.DISABLED` an episode that has ended
    stands still (reward 0) until it is reset, so slots that wait cost nothing.

    Bad seeds and actions are refused before any worker hears of them, and the pool plays on.
    """

    _begun = False

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        timeout: float = 120.0,
        **options: Any,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self.timeout = timeout
        mode = AutoresetMode(autoreset_mode)

        def make() -> gym.Env:
            # "module:" is imported in the worker, where it registers the game.
            name = env_id if ":" in env_id else f"wmlib:{env_id}"
            env = gym.make(name, disable_env_checker=True, **options)
            return _StandStill(env) if mode == AutoresetMode.DISABLED else env

        # A forked copy of a process with torch's or numba's threads can deadlock. The fork server
        # is a fresh process without threads that has done the imports once for all workers.
        multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
        try:
            with _blank_main(), _ctrl_c_waits():
                super().__init__(
                    [make] * num_envs, context="forkserver", worker=_worker, autoreset_mode=mode
                )
        except KeyboardInterrupt:
            with contextlib.suppress(Exception):
                self.close(terminate=True)
            raise

    def reset_async(self, seed: Any = None, options: dict[str, Any] | None = None) -> None:
        self._assert_is_running()
        seeds = checked_seeds(seed, self.num_envs)
        super().reset_async(seeds, None if options is None else dict(options))
        self._begun = True

    def step_async(self, actions: Any) -> None:
        self._assert_is_running()
        if not self._begun:
            raise ResetNeeded("call reset() before step()")
        if np.shape(actions)[:1] != (self.num_envs,):
            raise ValueError(f"actions must be {self.num_envs}, one for each game")
        check_action(self.action_space, actions)
        super().step_async(actions)

    def _check_spaces(self) -> None:
        # The first thing asked of the workers: from here on their pipes are guarded.
        lines: Any = [_Line(self, i, pipe) for i, pipe in enumerate(self.parent_pipes)]
        self.parent_pipes = lines
        super()._check_spaces()

    def _raise_if_errors(self, successes: Iterable[bool]) -> None:
        failed = [i for i, success in enumerate(successes) if not success]
        if failed:
            self.fail(failed[0], "failed")

    def fail(self, index: int, what: str) -> NoReturn:
        """Close the pool and raise a WorkerError about worker `index`, with its traceback."""
        process = self.processes[index]
        cause, trace = self._report(index)
        if isinstance(cause, GameDied):
            what, why = "lost its game", str(cause)
        elif cause is not None:
            why = " ".join(f"{type(cause).__name__}: {cause}".split())
        else:
            process.join(1.0)  # the exit code comes a moment after the pipe has closed
            code = "still running" if process.exitcode is None else f"exit code {process.exitcode}"
            why = f"it left no traceback ({code})"
        with contextlib.suppress(Exception):
            self.close(terminate=True)
        error = WorkerError(f"worker {index} of {self.num_envs} (pid {process.pid}) {what}: {why}")
        if trace is not None:
            error.add_note(trace)
        raise error from cause

    def _report(self, index: int) -> tuple[BaseException | None, str | None]:
        """What worker `index` said before it ended: its exception and traceback."""
        with contextlib.suppress(queue.Empty):
            while True:
                sender, _, value, trace = self.error_queue.get(timeout=1.0)
                if sender == index:
                    return value, trace
        return None, None

    def close_extras(self, timeout: float | None = 5.0, terminate: bool = False) -> None:
        """Ask the workers to stop, wait a little, then end those that are left. Never raises."""
        lines: Any = self.parent_pipes
        for line in lines:
            with contextlib.suppress(OSError):
                line.connection.send(("close", None))
        deadline = time.monotonic() + (1.0 if terminate or timeout is None else timeout)
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode != 0 and process.pid is not None:
                # Its whole group: a game may run as a further process below the worker.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()  # in case it had not come as far as having a group of its own
                process.join(1.0)
        for line in lines:
            with contextlib.suppress(OSError):
                line.close()


class _Line:
    """The parent's end of the pipe to worker `index`; it never waits for ever."""

    def __init__(self, pool: WorkerPool, index: int, connection: Connection) -> None:
        self.pool = pool
        self.index = index
        self.connection = connection
        self.close = connection.close
        self.poll = connection.poll

    @property
    def closed(self) -> bool:
        return self.connection.closed

    def send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except OSError:
            self.pool.fail(self.index, "died")

    def recv(self) -> Any:
        # The pipe alone does not tell of a death: a game below the worker may still hold it open.
        death = self.pool.processes[self.index].sentinel
        try:
            if self.connection in wait([self.connection, death], self.pool.timeout):
                return self.connection.recv()
        except (EOFError, OSError):
            self.pool.fail(self.index, "died")
        if wait([death], 0):
            self.pool.fail(self.index, "died")
        self.pool.fail(self.index, f"gave no answer for {self.pool.timeout:g} s")


class _StandStill(gym.Wrapper):
    """Repeats the last observation, with reward 0, once the episode has ended."""

    last: tuple | None = None

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        self.last = None
        return self.env.reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.last is not None:
            return self.last
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self.last = observation, 0.0, terminated, truncated, info
        return observation, float(reward), terminated, truncated, info


def _end_with(parent: BaseProcess) -> None:
    """End this worker and its game at once when the pool's process is gone, however it went.

    The end of the pipe would be noticed too, but then there are reports to write, and nobody to
    read them: once the error queue's pipe is full, the worker waits for ever.
    """
    parent.join()
    os.killpg(os.getpid(), signal.SIGKILL)


def _worker(index: int, env_fn: Callable[[], gym.Env], pipe: Connection, *rest: Any) -> None:
    """One worker process: Gymnasium's loop, plus a report when the game cannot even start."""
    # A session of its own: Ctrl-C reaches only the parent, which then closes the workers in order,
    # and the parent can end a game that outlived its worker through the process group.
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork server hears none
    threading.Thread(target=_end_with, args=[parent_process()], daemon=True).start()
    error_queue = rest[2]
    try:
        env = env_fn()
    except Exception as error:
        error_queue.put((index, type(error), error, traceback.format_exc()))
        error_queue.close()
        error_queue.join_thread()
        raise SystemExit(1) from error
    with contextlib.suppress(ConnectionError):  # the parent has gone: end without a word
        _async_worker(index, lambda: env, pipe, *rest)


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Hear Ctrl-C only when the workers have begun, or a second one at once.

    Left in the midst of it, a worker or the fork server would die with a traceback of its own. The
    server begins here, deaf to Ctrl-C, for by itself it is so only after its imports. (Only the
    main thread hears of Ctrl-C, and can say who does.)
    """
    old, heard = signal.getsignal(signal.SIGINT), list[int]()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or old in (None, signal.SIG_IGN):
        yield
        return

    def note(number: int, _: Any) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, note)
        yield
    finally:
        signal.signal(signal.SIGINT, old)
        if heard:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _blank_main() -> Iterator[None]:
    """Hide the user's main module while workers start, so that they do not import it again.

    They would load torch for nothing, and a script without `if __name__ == "__main__"` would start
    pools without end. The environment's maker travels by value and does not need it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
