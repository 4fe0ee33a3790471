"""Four ways in which a dream can be cheated, and a test for each (chapter 9).

1. The end head never fires: nobody can die, every controller looks perfect.      `end_head`
2. Fireballs are not born at a low temperature: there is nothing to dodge.        `watch`, `births`
3. The dream is wrong even one step ahead of a real frame.                        `teacher_forced`
4. C steers M to where it errs: dream return rises, real return does not.         `by_generation`

Letters: N episodes side by side, T steps, E episodes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmlib.book.probes import CountProbe, correlation
from wmlib.book.report import Run
from wmlib.data.latents import Latents
from wmlib.data.policies import make_policy
from wmlib.model.memory import MDNRNN, Prediction
from wmlib.model.mixture import sample_mixture
from wmlib.worlds import noise
from wmlib.worlds.features import CHOICE_NOISE, Z_NOISE, FeatureVectorEnv

Act = Callable[[Tensor], Tensor]
"""Features (N, F) -> actions (N, A)."""

SMOOTH = 5
"""frames over which the median of a count is taken"""
IN_TIME = 10
"""steps before a death in which the end head may announce it"""
VISIBLE = 6
"""Screen columns of 160 from which on a fireball counts: 2.4 of the 64 that V sees. Half of all
labelled balls are far away and at most 4 columns wide, 1.6 of V's pixels."""


def visible(boxes: NDArray) -> NDArray[np.int64]:
    """How many of ViZDoom's boxes (T, 32, 4) are at least VISIBLE wide: (T,)."""
    return (boxes[..., 2] >= VISIBLE).sum(-1)


@dataclass(frozen=True)
class Watched:
    """What a probe saw in N episodes of at most T steps."""

    counts: NDArray[np.int64]
    """(T, N) fireballs in view; 0 after the end"""
    alive: NDArray[np.bool_]
    """(T, N) the episode had not ended before this step"""
    ended: NDArray[np.bool_]
    """(N,) the episode ended by itself within T steps"""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) steps until the end, or T."""
        return self.alive.sum(0)

    @property
    def mean_count(self) -> float:
        """Fireballs in view, averaged over all steps lived."""
        return float(self.counts[self.alive].mean())

    @property
    def share(self) -> float:
        """Share of the steps lived that have a fireball in view."""
        return float((self.counts[self.alive] > 0).mean())


def held_actions(env: FeatureVectorEnv, first_seed: int) -> Act:
    """The random policy that collected M's data, as something that acts on features."""
    policy = make_policy("held", env.single_action_space)
    seeds = [first_seed + i for i in range(env.num_envs)]
    policy.reset(seeds, np.ones(env.num_envs, dtype=bool))
    return lambda features: torch.from_numpy(policy.act(features.numpy(force=True)))


def watch(
    env: FeatureVectorEnv, act: Act, probe: CountProbe, steps: int, first_seed: int
) -> Watched:
    """Play one episode in each slot, dreamed or real, and count fireballs in each z.

    Slot i plays seed first_seed + i; slots whose episode has ended are left alone.
    """
    n = env.num_envs
    features, _ = env.reset(seed=[first_seed + i for i in range(n)])  # type: ignore[arg-type]
    counts = np.zeros((steps, n), dtype=np.int64)
    alive = np.zeros((steps, n), dtype=bool)
    now, ended = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    for t in range(steps):
        alive[t] = now
        counts[t] = probe(env.z.cpu().numpy()) * now
        features, _, terminated, truncated, _ = env.step(act(features))
        ended |= now & np.asarray(terminated)
        now = now & ~(np.asarray(terminated) | np.asarray(truncated))
        if not now.any():
            break
    return Watched(counts, alive, ended)


def births(counts: NDArray, alive: NDArray) -> float:
    """Fireballs that appear per 100 steps: rises of the count's running median.

    counts (T, N). A probe that errs on single frames would give a birth for each error, hence the
    median over SMOOTH frames.
    """
    steps = int(alive.sum())
    if len(counts) < SMOOTH or not steps:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(counts, SMOOTH, axis=0)
    median = np.median(frames, axis=-1)
    both = alive[SMOOTH - 1 :]
    rises = np.clip(np.diff(median, axis=0), 0, None) * both[1:]
    return float(100 * rises.sum() / steps)


def describe(watched: Watched) -> dict[str, float]:
    """The numbers that dream_checks.json keeps of what was watched."""
    return {
        "episodes": watched.counts.shape[1],
        "steps": int(watched.alive.sum()),
        "share_with_fireball": watched.share,
        "fireballs_in_view": watched.mean_count,
        "births_per_100_steps": births(watched.counts, watched.alive),
        "share_ended": float(watched.ended.mean()),
        "mean_length": float(watched.lengths.mean()),
    }


# ---------------------------------------------------------------- with real latents


@torch.no_grad()
def forced(memory: MDNRNN, latents: Latents, episode: int) -> tuple[Tensor, Tensor, Prediction]:
    """M fed with the real (z, a) of one episode: z (T, N_z), a (T, N_a), predictions (1, T, …)."""
    rows = slice(latents.first[episode], latents.first[episode + 1])
    z = latents.sample(rows, seed=episode)
    a = torch.from_numpy(latents.actions[rows])
    restart = torch.zeros(1, len(z))
    restart[0, 0] = 1
    out, _ = memory(z[None], a[None], restart)
    return z, a, out


def end_head(memory: MDNRNN, latents: Latents, episodes: NDArray) -> dict[str, float]:
    """Does the end head fire where the game ended, and only there?

    M sees the real episode. A death is announced if the logit is above 0 in one of its last
    IN_TIME steps; everything earlier is a false alarm. `first_alarm` is the mean step of the
    first alarm, `length` the mean real length: in a dream the first alarm is the end.
    """
    announced, deaths, alarms, quiet, first, lengths = 0, 0, 0, 0, [], []
    for episode in episodes:
        end_logit = forced(memory, latents, int(episode))[2].end_logit
        assert end_logit is not None, "this M has no end head"
        fired = (end_logit[0] > 0).numpy()
        died = bool(latents.terminated[episode])
        early = fired[:-IN_TIME] if died else fired
        deaths += died
        announced += died and bool(fired[-IN_TIME:].any())
        alarms, quiet = alarms + int(early.sum()), quiet + len(early)
        first.append(int(fired.argmax()) + 1 if fired.any() else len(fired))
        lengths.append(len(fired))
    return {
        "deaths": deaths,
        "window": IN_TIME,
        "announced": announced / max(deaths, 1),
        "false_alarms_per_1000_steps": 1000 * alarms / max(quiet, 1),
        "first_alarm": float(np.mean(first)),
        "length": float(np.mean(lengths)),
    }


def teacher_forced(
    memory: MDNRNN, latents: Latents, episodes: NDArray, probe: CountProbe
) -> dict[str, float]:
    """One step ahead of real frames at temperature 1: are the fireballs those of the real next one?

    Counts by the probe in M's sample of z' and in the real z'. `copying_the_last_frame` is the
    correlation that an M without any knowledge of motion would reach.
    """
    dreamed, real, before = [], [], []
    for episode in episodes:
        z, _, out = forced(memory, latents, int(episode))
        steps = torch.arange(len(z) - 1)
        seeds = torch.full_like(steps, int(episode))
        u, eps = noise.uniform_and_normal(seeds, steps, z.shape[1], (CHOICE_NOISE, Z_NOISE))
        logpi, mu, logstd = (x[0, :-1] for x in out[:3])
        dreamed.append(probe(sample_mixture(logpi, mu, logstd, 1.0, u, eps).numpy()))
        real.append(probe(z[1:].numpy()))
        before.append(probe(z[:-1].numpy()))
    said, true, last = map(np.concatenate, (dreamed, real, before))
    return {
        "steps": len(true),
        "fireballs_real": float(true.mean()),
        "fireballs_dreamed": float(said.mean()),
        "correlation": correlation(said, true),
        "copying_the_last_frame": correlation(last, true),
    }


def by_generation(run: Run) -> dict[str, Any]:
    """Return in the dream and in the real game of each evaluated generation (validation seeds)."""
    keys = ("generation", "mean_return", "sem", "real_return", "real_sem")
    rows = [{key: row[key] for key in keys} for row in run.curve if "real_return" in row]
    if len(rows) < 3:
        return {"rows": rows}
    dream, real = ([row[key] for row in rows] for key in ("mean_return", "real_return"))
    return {"rows": rows, "correlation": correlation(np.array(dream), np.array(real))}
