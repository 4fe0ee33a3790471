"""Where candidates play: many (controller, episode) jobs over the slots of one environment.

Population × episodes is one queue of (candidate, seed) jobs over the N slots of a vector
environment: a slot whose episode ends takes the next job, so batches stay full and no episode
waits for another. Noise depends on (seed, step) alone (`worlds.noise`), so N changes nothing but
speed and the rounding of sums (which a long episode may amplify). Training, evaluation and the
chapters all call this `play`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmlib import seeds
from wmlib.model.controller import Controller
from wmlib.worlds.crew import Crew, Processes, Task, chunks, on_cluster
from wmlib.worlds.features import FeatureVectorEnv

Job = tuple[int, int]
"""(row of `params`, episode seed)"""


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
    jobs: Sequence[Job],
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
            if len(params) == 1:
                slot_params = params.expand(n, -1)
            else:
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


# ---------------------------------------------------------------- candidates over workers


def _chunk(params: Tensor, jobs: Sequence[Job]) -> tuple[np.ndarray, list[Job]]:
    """The parameters that some jobs need, each once, and the jobs that name their rows."""
    rows = sorted({candidate for candidate, _ in jobs})
    place = {candidate: row for row, candidate in enumerate(rows)}
    return params[rows].numpy(), [(place[candidate], seed) for candidate, seed in jobs]


def _play_chunk(
    env: FeatureVectorEnv, _: range, controller: Controller, params: np.ndarray, jobs: list[Job]
) -> Played:
    return play(env, controller, torch.from_numpy(params), jobs)


def _num_envs(env: FeatureVectorEnv) -> int:
    return env.num_envs


class Arena:
    """Where candidates play: in this process, spread over `workers` of them, or over a cluster.

    `cluster` is the address of a Ray cluster, or "auto" (wmlib.worlds.cluster). Workers take chunks
    of the jobs from one queue. Which chunks there are changes no return but by rounding: a world's
    batch has the same size in any of them, and an episode's noise does not know its neighbours.
    """

    def __init__(
        self, make_env: Callable[[], FeatureVectorEnv], workers: int = 0, cluster: str = ""
    ) -> None:
        self.env: FeatureVectorEnv | None = None
        self.crew: Crew | None = None
        if cluster:
            self.crew = on_cluster(make_env, cluster)
        elif workers:
            self.crew = Processes(make_env, workers)
        else:
            self.env = make_env()

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """`question(world)`, asked of one of the worlds."""
        if self.crew is None:
            assert self.env is not None
            return question(self.env)
        tasks = iter([()])
        ((_, answer),) = self.crew.run(question, lambda: next(tasks, None))
        return answer

    @cached_property
    def slots(self) -> int:
        """Episodes that one world plays side by side."""
        return self.ask(_num_envs)

    def play(
        self,
        controller: Controller,
        params: Tensor,
        jobs: Sequence[Job],
        progress: Callable[[int], object] = lambda steps: None,
        finished: Callable[[int, float, int], object] = lambda job, total, length: None,
    ) -> Played:
        """As the function `play`; with workers, news come whenever a chunk has been played."""
        if self.crew is None:
            assert self.env is not None
            device_params = params.to(getattr(self.env, "device", "cpu"))
            return play(self.env, controller, device_params, jobs, progress, finished)
        dealt = chunks(len(jobs), self.crew.count, self.slots)

        def next_task() -> Task | None:
            places = next(dealt, None)
            if places is None:
                return None
            return (places, controller, *_chunk(params, jobs[places.start : places.stop]))

        played = Played(np.zeros(len(jobs)), np.zeros(len(jobs), dtype=np.int64))
        for (places, *_), part in self.crew.run(_play_chunk, next_task):
            played.returns[places], played.lengths[places] = part.returns, part.lengths
            progress(int(part.lengths.sum()))
            for job in places:
                finished(job, float(played.returns[job]), int(played.lengths[job]))
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
        """End the workers or close the environment."""
        if self.crew is not None:
            self.crew.close()
        if self.env is not None:
            self.env.close()


def standard_error(returns: np.ndarray) -> float:
    """Standard error of the mean; 0 for a single episode, which cannot tell."""
    if len(returns) < 2:
        return 0.0
    return float(np.std(returns, ddof=1) / np.sqrt(len(returns)))


def in_words(mean: float, error: float, n: int) -> str:
    """ "12 ± 3": the mean return of n episodes, with its standard error where n > 1 can tell it."""
    return f"{mean:.0f} ± {error:.0f}" if n > 1 else f"{mean:.0f}"
