"""CMA-ES over C, on any environment that emits features, real or dreamed (paper, appendix
"Evolution Strategies").

Fitness is the mean return over the episodes; every candidate of a generation plays the same seeds,
so that they are compared on equal tracks. The search goes on bit for bit from its log.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cma
import numpy as np
import torch
from torch import Tensor

from wmlib import seeds
from wmlib.configs import EvolveConfig
from wmlib.data.policies import make_policy
from wmlib.errors import UserError
from wmlib.learning.choosing import Check, best, publish
from wmlib.model.controller import Controller
from wmlib.records.files import read_json
from wmlib.records.metrics import Metrics
from wmlib.records.progress import EpisodeBar
from wmlib.records.stage import CLAIM
from wmlib.worlds.features import FeatureVectorEnv
from wmlib.worlds.play import Arena, Played, in_words, standard_error


def start_search(
    n_params: int,
    config: EvolveConfig,
    seed: int,
    units: Tensor | None = None,
    start: Tensor | None = None,
) -> cma.CMAEvolutionStrategy:
    """CMA-ES from `start` (n_params,), or from zeros (released code), with a generator of its own.

    `units` (n_params,) are what the first deviation counts in, parameter by parameter (default 1).
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
        "CMA_stds": None if units is None else units.double().numpy(),
    }
    first = np.zeros(n_params) if start is None else start.double().numpy()
    return cma.CMAEvolutionStrategy(first, config.sigma0, options)


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


def check_cooling(folder: Path, config: EvolveConfig) -> None:
    """UserError where `config` would have cooled generations of the log in another way."""
    claim = folder / CLAIM
    if not claim.exists():
        return
    before = read_json(claim, config=dict)["config"]
    done = range(1, 1 + len(Metrics(folder / "metrics.jsonl").read()))
    old = [_factor(before.get("cool_from", 0), before.get("cooling", 1.0), g) for g in done]
    if old != [_factor(config.cool_from, config.cooling, g) for g in done]:
        raise UserError(
            f"--cool-from {config.cool_from} --cooling {config.cooling:g}: {len(done)} generations "
            "are played; only those still to come may be cooled in another way"
        )


def least_generations(folder: Path) -> int:
    """The fewest generations at which the search in `folder` can end: its last mean is scored."""
    rows = Metrics(folder / "metrics.jsonl").read()
    return len(rows) + (not rows or "mean_return" not in rows[-1])


def _factor(cool_from: int, cooling: float, generation: int) -> float:
    """By how much the step size shrinks after a generation."""
    return cooling if cool_from and generation >= cool_from else 1.0


def _learn(
    search: cma.CMAEvolutionStrategy,
    candidates: list[np.ndarray],
    fitness: list[float],
    generation: int,
    config: EvolveConfig,
) -> None:
    """One update of the search distribution; `fitness` is to be maximised, pycma minimises."""
    search.tell(candidates, [-f for f in fitness])
    search.sigma *= _factor(config.cool_from, config.cooling, generation)


def _replay(
    search: cma.CMAEvolutionStrategy, rows: list[dict], means: Means, config: EvolveConfig
) -> None:
    """Bring a fresh search and its means to where the log ends.

    ask() draws the same candidates again and tell() gets the logged fitness, so the state is the
    same to the last bit, with nothing pickled.
    """
    for row in rows:
        if not {"fitness", "generation", "sigma"} <= row.keys() or (
            len(row["fitness"]) != config.population
        ):
            raise UserError(f"a row of metrics.jsonl is damaged: {str(row)[:60]}")
        _learn(search, search.ask(), row["fitness"], row["generation"], config)
        if not math.isclose(search.sigma, row["sigma"], rel_tol=1e-6):
            raise UserError(
                f"generation {row['generation']} was played with another step size than these "
                "settings give: --cool-from may only name a generation that is still to come "
                "(without it: metrics.jsonl has lost a row: cut it off there, and the search goes "
                "on from that point)"
            )
        means.last.append(search.mean.copy())
        if "mean_return" in row:
            means.score(row["generation"])


def evolve(
    arena: Arena,
    controller: Controller,
    config: EvolveConfig,
    folder: Path,
    seed: int,
    check: Check = lambda mean: {},
    units: Tensor | None = None,
    start: Tensor | None = None,
    **facts: Any,
) -> dict:
    """Evolve C and leave controllers and the learning curve in `folder`; resumes bit-exactly.

    `check` may score an evaluated mean elsewhere (the real game beside the dream); its numbers
    join the log; `units` and `start` as in `start_search`; `facts` are stored with the controllers.
    Returns {"generation", "mean_return", "sem"} of the chosen controller: the best mean of the
    search distribution on validation seeds (never a lucky single candidate).
    """
    metrics = Metrics(folder / "metrics.jsonl")
    rows = metrics.read()
    metrics.resume_at("generation", len(rows))  # a torn last line would spoil the next
    search = start_search(controller.n_params, config, seed, units, start)
    means = Means(config.average)
    _replay(search, rows, means, config)
    bar = _bar(rows, config)
    for generation in range(len(rows) + 1, config.generations + 1):
        began = time.perf_counter()
        candidates = search.ask()
        episode_seeds = generation_seeds(seed, generation, config.episodes)
        params = torch.stack([_rounded(x) for x in candidates])
        played = _play(arena, controller, params, episode_seeds, generation, bar.update)
        returns = played.returns.reshape(config.population, config.episodes)
        fitness = returns.mean(axis=1)
        _learn(search, candidates, fitness.tolist(), generation, config)
        means.last.append(search.mean.copy())
        row = {
            "generation": generation,
            "fitness": fitness.tolist(),
            # the noise of one fitness value: the standard error over its own episodes
            "fitness_sem": float(np.mean([standard_error(own) for own in returns])),
            "sigma": float(search.sigma),
            "steps": int(played.lengths.sum()),
        }
        if generation % config.evaluate_every == 0 or generation == config.generations:
            mean = means.score(generation)
            score = arena.score(controller, mean, config.evaluate_episodes, bar.update)
            bar.finish(config.evaluate_episodes)
            row |= dict(zip(("mean_return", "sem"), score)) | check(mean)
        row["seconds"] = round(time.perf_counter() - began, 2)
        metrics.append(**row)
        rows.append(row)
        bar.finish(returns.size)
        _describe(bar, rows, config)
    bar.close()
    kept = {f"generation_{g:05d}": mean for g, mean in means.scored.items()}
    told = publish(folder, controller, best(rows), kept, "generation", **facts)
    return told | {"seconds": sum(row["seconds"] for row in rows)}


def _play(
    arena: Arena,
    controller: Controller,
    params: Tensor,
    episode_seeds: list[int],
    generation: int,
    progress: Callable[[int], object],
) -> Played:
    """Each candidate of `params` (P, n_params) in the same episodes, one candidate after another.

    UserError where the search has diverged.
    """
    if not params.isfinite().all():
        raise UserError(
            f"evolve: candidates of generation {generation} are beyond every number that "
            "float16 knows: the search has diverged. Try a smaller --sigma0, in a new folder"
        )
    jobs = [(candidate, s) for candidate in range(len(params)) for s in episode_seeds]
    played = arena.play(controller, params, jobs, progress)
    if not np.isfinite(played.returns).all():
        raise UserError(f"evolve: a return of generation {generation} is not finite")
    return played


def _bar(rows: list[dict], config: EvolveConfig) -> EpisodeBar:
    """A bar over the episodes of all generations and of the scores between them."""
    each = config.population * config.episodes
    scores = -(-config.generations // config.evaluate_every)
    total = config.generations * each + scores * config.evaluate_episodes
    scored = sum("mean_return" in row for row in rows)
    steps = sum(row["steps"] for row in rows)
    ended = len(rows) * each + scored * config.evaluate_episodes
    if rows:  # the steps of the scores are not logged
        steps = round(steps * ended / (len(rows) * each))
    return EpisodeBar("evolve C", total, config.world.max_episode_steps, ended, steps)


def _describe(bar: EpisodeBar, rows: list[dict], config: EvolveConfig) -> None:
    scored = [row for row in rows if "mean_return" in row]
    text = f"fitness {np.mean(rows[-1]['fitness']):.0f}"
    if scored:
        mean, error = scored[-1]["mean_return"], scored[-1]["sem"]
        text += f", mean controller {in_words(mean, error, config.evaluate_episodes)}"
    bar.set_description_str(f"evolve C, generation {rows[-1]['generation']}/{config.generations}")
    bar.set_postfix_str(text)


SIZED = 16
"""games in which the sizes of the features are measured"""


@torch.no_grad()
def feature_sizes(env: FeatureVectorEnv, seed: int, steps: int = 128) -> Tensor:
    """(F,) how large each feature is (root mean square) while the held random policy plays."""
    policy = make_policy("held", env.single_action_space)
    policy.reset([seed + i for i in range(env.num_envs)], np.ones(env.num_envs, dtype=bool))
    features, _ = env.reset(seed=seed)
    total = torch.zeros_like(features[0])
    for _ in range(steps):
        total += features.square().mean(0)
        features, _, terminated, truncated, _ = env.step(policy.act(features))
        over = np.asarray(terminated) | np.asarray(truncated)
        if over.any():
            features, _ = env.reset(options={"reset_mask": over})
    return (total / steps).sqrt() + 1e-3  # a feature that is always 0 has some unit too
