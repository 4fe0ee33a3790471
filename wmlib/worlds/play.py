"""Where candidates play: many (controller, episode) jobs over the slots of one environment.

Population × episodes is one queue of (candidate, seed) jobs over the N slots of a vector
environment: a slot whose episode ends takes the next job, so batches stay full and no episode
waits for another. Noise depends on (seed, step) alone (`worlds.noise`), so N changes nothing but
speed and the rounding of sums (which a long episode may amplify). Training, evaluation and the
chapters all call this `play`.
"""

import multiprocessing
import multiprocessing.util
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess

import numpy as np
import torch
from torch import Tensor

from wmlib import seeds
from wmlib.model.controller import Controller
from wmlib.worlds.features import FeatureVectorEnv


@dataclass
class Played:
    """What `play` measured: one return and one length for each job."""

    returns: np.ndarray
    lengths: np.ndarray


@torch.inference_mode()
def play(
    env: FeatureVectorEnv,
    controller: Controller,
    params: Tensor,
    jobs: Sequence[tuple[int, int]],
    progress: Callable[[int], object] = lambda steps: None,
    finished: Callable[[int, float, int], object] = lambda job, total, length: None,
    together: int | None = None,
) -> Played:
    """Play every job (row of `params` (P, n_params), episode seed) once; order is kept.

    Slots whose game is over wait until `together` of them can begin a new one at once (default: a
    sixteenth of them on a GPU, where a reset costs much the same for one as for many, else 1).

    `progress` is called with the number of live steps after each step of the batch, `finished`
    with (place in `jobs`, return, length) when an episode ends.
    """
    n = env.num_envs
    returns, lengths = np.zeros(len(jobs)), np.zeros(len(jobs), dtype=np.int64)
    job_of_slot = np.full(n, -1)  # -1: idle, its game is over and stands still
    slot_params = features = torch.empty(0)  # (N, n_params), (N, F) from the first reset on
    if together is None:
        together = max(1, n // 16) if params.device.type == "cuda" else 1
    begun = 0
    while begun < len(jobs) or (job_of_slot >= 0).any():
        idle = np.flatnonzero(job_of_slot < 0)
        if begun < len(jobs) and len(idle) >= min(together, len(jobs) - begun):
            slots = idle[: len(jobs) - begun]
            job_of_slot[slots] = np.arange(begun, begun + len(slots))
            mask = np.isin(np.arange(n), slots) | (begun == 0)  # at first every game needs a reset
            begun += len(slots)
            candidates, slot_seeds = zip(*(jobs[max(job, 0)] for job in job_of_slot))
            slot_params = params[torch.tensor(candidates, device=params.device)]
            features, _ = env.reset(seed=list(slot_seeds), options={"reset_mask": mask})  # type: ignore[arg-type]
        features, reward, terminated, truncated, _ = env.step(controller.act(slot_params, features))
        live = job_of_slot >= 0
        returns[job_of_slot[live]] += np.asarray(reward, dtype=np.float64)[live]
        lengths[job_of_slot[live]] += 1
        progress(int(live.sum()))
        over = live & (np.asarray(terminated) | np.asarray(truncated))
        for job in job_of_slot[over].tolist():
            finished(job, float(returns[job]), int(lengths[job]))
        job_of_slot[over] = -1
    return Played(returns, lengths)


# ---------------------------------------------------------------- candidates over processes

_worker_env: FeatureVectorEnv | None = None


def _end_with(parent: BaseProcess) -> None:
    parent.join()  # returns when the parent is gone, however it went
    os._exit(1)


def _start_worker(make_env: Callable[[], FeatureVectorEnv]) -> None:
    global _worker_env
    # A killed search must not leave workers behind that play on for nobody.
    threading.Thread(target=_end_with, args=[parent_process()], daemon=True).start()
    torch.set_num_threads(1)  # one core per process: the processes are the parallelism
    _worker_env = make_env()
    # A process exits without closing anything, and games in processes of their own live on.
    multiprocessing.util.Finalize(None, _worker_env.close, exitpriority=10)


def _play_in_worker(
    controller: Controller, params: np.ndarray, jobs: list[tuple[int, int]]
) -> Played:
    assert _worker_env is not None
    return play(_worker_env, controller, torch.from_numpy(params), jobs)


class Arena:
    """Where candidates play: in this process, or spread over `workers` processes.

    A worker that dies raises `BrokenProcessPool` here instead of hanging; an error in a worker
    arrives with its own traceback.
    """

    def __init__(self, make_env: Callable[[], FeatureVectorEnv], workers: int = 0) -> None:
        self.pool = None
        self.env = None
        if workers:
            self.pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                initargs=(make_env,),
            )
            self.workers = workers
        else:
            self.env = make_env()

    def play(
        self,
        controller: Controller,
        params: Tensor,
        jobs: Sequence[tuple[int, int]],
        progress: Callable[[int], object] = lambda steps: None,
    ) -> Played:
        """As `play`; with processes, the jobs are dealt into one share for each."""
        if self.env is not None:
            device_params = params.to(getattr(self.env, "device", "cpu"))
            return play(self.env, controller, device_params, jobs, progress)
        assert self.pool is not None
        shares = [list(jobs[i :: self.workers]) for i in range(self.workers)]
        futures = [
            self.pool.submit(_play_in_worker, controller, params.numpy(), share)
            for share in shares
            if share
        ]
        played = Played(np.zeros(len(jobs)), np.zeros(len(jobs), dtype=np.int64))
        for i, future in enumerate(futures):
            share = future.result()
            played.returns[i :: self.workers] = share.returns
            played.lengths[i :: self.workers] = share.lengths
            progress(int(share.lengths.sum()))
        return played

    def score(
        self,
        controller: Controller,
        params: Tensor,
        episodes: int,
        progress: Callable[[int], object] = lambda steps: None,
    ) -> tuple[float, float]:
        """Mean return of one C, `params` (n_params,), on validation seeds, and its s.e."""
        jobs = [(0, seed) for seed in seeds.for_choosing(episodes)]
        returns = self.play(controller, params[None], jobs, progress).returns
        return float(returns.mean()), standard_error(returns)

    def close(self) -> None:
        """Stop the processes or close the environment."""
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
        if self.env is not None:
            self.env.close()


def standard_error(returns: np.ndarray) -> float:
    """Standard error of the mean; 0 for a single episode, which cannot tell."""
    if len(returns) < 2:
        return 0.0
    return float(np.std(returns, ddof=1) / np.sqrt(len(returns)))
