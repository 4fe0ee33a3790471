"""CMA-ES over C, on any environment that emits features, real or dreamed (paper, appendix
"Evolution Strategies").

Population × episodes is one queue of (candidate, seed) jobs over the N slots of a vector
environment: a slot whose episode ends takes the next job, so batches stay full and no episode
waits for another. Noise depends on (seed, step) alone (`wmlib.noise`), so N changes nothing but
speed. Fitness is the mean return over the episodes; every candidate of a generation plays the
same seeds, so that they are compared on equal tracks.
"""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cma
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from wmlib import seeds
from wmlib.configs import EvolveConfig
from wmlib.controller import Controller, save_controllers
from wmlib.runs import Metrics, UserError


class FeatureEnv(Protocol):
    """A vector environment, autoreset off, that emits torch float32 features (N, F)."""

    num_envs: int

    def reset(self, *, seed: Any, options: Any) -> tuple[Tensor, dict]:
        """Begin episodes in the slots of options["reset_mask"] (N,), one seed for each slot."""

    def step(self, actions: Tensor) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, dict]:
        """Actions (N, A) -> features, rewards, terminated, truncated (N,), info."""

    def close(self) -> None:
        """Free what it holds."""


@dataclass
class Played:
    """What `play` measured: one return and one length for each job."""

    returns: np.ndarray
    lengths: np.ndarray


@torch.inference_mode()
def play(
    env: FeatureEnv,
    controller: Controller,
    params: Tensor,
    jobs: Sequence[tuple[int, int]],
    progress: Callable[[int], object] = lambda steps: None,
) -> Played:
    """Play every job (row of `params` (P, n_params), episode seed) once; order is kept.

    `progress` is called with the number of live steps after each step of the batch.
    """
    n = env.num_envs
    returns, lengths = np.zeros(len(jobs)), np.zeros(len(jobs), dtype=np.int64)
    job_of_slot = np.full(n, -1)  # -1: idle
    slot_params = params[torch.zeros(n, dtype=torch.long)]  # (N, n_params)
    free, waiting, features = np.ones(n, dtype=bool), 0, torch.empty(0)
    while True:
        if free.any():
            # Idle slots are reset too (an ended game cannot be stepped), to a seed nobody reads.
            slot_seeds: list[int | None] = [None] * n
            for slot in np.flatnonzero(free):
                job_of_slot[slot] = waiting if waiting < len(jobs) else -1
                candidate, slot_seeds[slot] = jobs[min(waiting, len(jobs) - 1)]
                slot_params[slot] = params[candidate]
                waiting += 1
            if (job_of_slot < 0).all():
                return Played(returns, lengths)
            features, _ = env.reset(seed=slot_seeds, options={"reset_mask": free.copy()})
        actions = controller.act(slot_params, features)
        features, reward, terminated, truncated, _ = env.step(actions)
        live = job_of_slot >= 0
        returns[job_of_slot[live]] += np.asarray(reward, dtype=np.float64)[live]
        lengths[job_of_slot[live]] += 1
        free = np.asarray(terminated) | np.asarray(truncated)
        progress(int(live.sum()))


# ---------------------------------------------------------------- candidates over processes

_worker_env: FeatureEnv | None = None


def _start_worker(make_env: Callable[[], FeatureEnv]) -> None:
    global _worker_env
    torch.set_num_threads(1)  # one core per process: the processes are the parallelism
    _worker_env = make_env()


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

    def __init__(self, make_env: Callable[[], FeatureEnv], workers: int = 0) -> None:
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
        """As `play`; with processes, job i goes to process i mod workers."""
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

    def close(self) -> None:
        """Stop the processes or close the environment."""
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
        if self.env is not None:
            self.env.close()


# ---------------------------------------------------------------- the search


def start_search(n_params: int, config: EvolveConfig, seed: int) -> cma.CMAEvolutionStrategy:
    """CMA-ES from zeros (released code) with a generator of its own.

    pycma would otherwise seed NumPy's global generator, and read seed 0 as "the clock".
    """
    random = np.random.default_rng([seed, 0])
    options = {
        "popsize": config.population,
        "seed": np.nan,
        "randn": lambda *shape: random.standard_normal(shape),
        "verbose": -9,
        "verb_log": 0,
        "verb_disp": 0,
    }
    return cma.CMAEvolutionStrategy(np.zeros(n_params), config.sigma0, options)


def generation_seeds(seed: int, generation: int, count: int) -> list[int]:
    """The episode seeds of one generation, from the training range."""
    random = np.random.default_rng([seed, 1, generation])
    return random.integers(seeds.TRAINING.start, seeds.TRAINING.stop, count).tolist()


def _rounded(x: np.ndarray) -> Tensor:
    """Parameters as they will be stored: what is played is exactly what is saved."""
    return torch.from_numpy(np.asarray(x)).half().float()


class Means:
    """The means of the search distribution, generation by generation, for those to be scored."""

    def __init__(self, average: int) -> None:
        self.last: deque[np.ndarray] = deque(maxlen=average)
        self.scored: dict[int, Tensor] = {}

    def score(self, generation: int) -> Tensor:
        """Keep the average of the last means as this generation's controller."""
        self.scored[generation] = _rounded(np.mean(self.last, axis=0))
        return self.scored[generation]


def _replay(search: cma.CMAEvolutionStrategy, rows: list[dict], means: Means) -> None:
    """Bring a fresh search and its means to where the log ends.

    ask() draws the same candidates again and tell() gets the logged fitness, so the state is the
    same to the last bit, with nothing pickled.
    """
    for row in rows:
        search.tell(search.ask(), [-f for f in row["fitness"]])
        means.last.append(search.mean.copy())
        if "mean_return" in row:
            means.score(row["generation"])


def evolve(
    arena: Arena,
    controller: Controller,
    config: EvolveConfig,
    folder: Path,
    seed: int,
    check: Callable[[Tensor], dict] = lambda mean: {},
    **facts: Any,
) -> dict:
    """Evolve C and leave controllers and the learning curve in `folder`; resumes bit-exactly.

    `check` may score an evaluated mean elsewhere (the real game beside the dream); its numbers
    join the log; `facts` are stored with the controllers. Returns {"generation", "mean_return",
    "sem"} of the chosen controller: the best mean of the search distribution on validation seeds
    (never a lucky single candidate).
    """
    metrics = Metrics(folder / "metrics.jsonl")
    rows = metrics.read()
    metrics.resume_at("generation", len(rows))  # a torn last line would spoil the next
    search = start_search(controller.n_params, config, seed)
    means = Means(config.average)
    _replay(search, rows, means)
    bar = tqdm(total=None, unit=" steps", unit_scale=True, desc="evolve C", disable=None)
    for generation in range(len(rows) + 1, config.generations + 1):
        start = time.perf_counter()
        candidates = search.ask()
        episode_seeds = generation_seeds(seed, generation, config.episodes)
        jobs = [(p, s) for p in range(config.population) for s in episode_seeds]
        params = torch.stack([_rounded(x) for x in candidates])
        played = arena.play(controller, params, jobs, bar.update)
        returns = played.returns.reshape(config.population, config.episodes)
        if not np.isfinite(returns).all():
            raise UserError(f"evolve: a return of generation {generation} is not finite")
        fitness = returns.mean(axis=1)
        search.tell(candidates, (-fitness).tolist())
        means.last.append(search.mean.copy())
        row = {
            "generation": generation,
            "fitness": fitness.tolist(),
            # the noise of one fitness value: the standard error over its own episodes
            "fitness_sem": float((returns.std(axis=1) / np.sqrt(config.episodes)).mean()),
            "sigma": float(search.sigma),
            "steps": int(played.lengths.sum()),
        }
        if generation % config.evaluate_every == 0 or generation == config.generations:
            mean = means.score(generation)
            row |= _score_mean(arena, controller, config, mean) | check(mean)
        row["seconds"] = round(time.perf_counter() - start, 2)
        metrics.append(**row)
        rows.append(row)
        _describe(bar, rows, config)
    bar.close()
    return _choose(controller, folder, rows, means.scored, facts)


def _score_mean(arena: Arena, controller: Controller, config: EvolveConfig, mean: Tensor) -> dict:
    first = seeds.VALIDATION.start
    jobs = [(0, first + i) for i in range(config.evaluate_episodes)]
    returns = arena.play(controller, mean[None], jobs).returns
    return {"mean_return": float(returns.mean()), "sem": float(standard_error(returns))}


def standard_error(returns: np.ndarray) -> float:
    """Standard error of the mean; 0 for a single episode, which cannot tell."""
    if len(returns) < 2:
        return 0.0
    return float(np.std(returns, ddof=1) / np.sqrt(len(returns)))


def _describe(bar: tqdm, rows: list[dict], config: EvolveConfig) -> None:
    done = rows[-1]["generation"]
    scored = [row for row in rows if "mean_return" in row]
    left = (config.generations - done) * np.mean([row["seconds"] for row in rows[-10:]])
    text = f"generation {done}/{config.generations}, {left / 60:.0f} min left, fitness "
    text += f"{np.mean(rows[-1]['fitness']):.0f}"
    if scored:
        text += f", mean controller {scored[-1]['mean_return']:.0f} ± {scored[-1]['sem']:.0f}"
    bar.set_description_str(text)


def _worth(row: dict) -> float:
    """The mean less its standard error, so that a score from few episodes is not chosen by luck.

    Where the real game was asked too (on validation seeds), it decides.
    """
    if "real_return" in row:
        return row["real_return"] - row["real_sem"]
    return row["mean_return"] - row["sem"]


def _choose(
    controller: Controller,
    folder: Path,
    rows: list[dict],
    means: dict[int, Tensor],
    facts: dict[str, Any],
) -> dict:
    scored = [row for row in rows if "mean_return" in row]
    best = max(scored, key=_worth)
    named = {f"generation_{g:05d}": mean for g, mean in means.items()}
    named["params"] = means[best["generation"]]
    chosen = {key: best[key] for key in ("generation", "mean_return", "sem")}
    save_controllers(folder / "controller.safetensors", controller, named, chosen=chosen, **facts)
    return chosen | {"seconds": sum(row["seconds"] for row in rows)}
