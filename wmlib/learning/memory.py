"""Training M on stored latents, and its score on episodes that it has not seen (chapter 5).

Letters as in wmlib.model.memory.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wmlib.configs import MemoryConfig
from wmlib.data.batches import EpisodeBatches, StreamBatches
from wmlib.data.latents import Latents, identity, load_latents, sample_z
from wmlib.data.prefetch import Prefetch
from wmlib.device import autocast
from wmlib.errors import UserError
from wmlib.model.memory import (
    MDNRNN,
    MOMENTS,
    WEIGHTS,
    Batch,
    Moments,
    Prediction,
    State,
    end_error,
    load_memory,
)
from wmlib.model.mixture import nll
from wmlib.records.files import sha256
from wmlib.records.keeper import CHECKPOINT, Keeper
from wmlib.records.run_folder import RunFolder
from wmlib.records.stage import Stage
from wmlib.records.weights import save_weights
from wmlib.seeds import STARTS, update_rng
from wmlib.tasks import Task


def train_memory(
    run: RunFolder,
    config: MemoryConfig,
    seed: int,
    device: torch.device,
    task: Task,
    keep: bool = False,
    begin: Path | None = None,
) -> MDNRNN:
    """Train M on RUN/latents into RUN/memory; goes on where it stopped.

    It begins with random weights, or with those in the file `begin`. With `keep` the last
    checkpoint stays, for a training that goes on from it. Returns M as it is published (float16
    weights).
    """
    folder, inputs = run.stage("memory", create=True), identity(run.stage("latents"))
    if begin is not None:
        inputs |= {"begin": sha256(begin)}
    with Stage(folder, "memory", config, seed, inputs, device) as stage:
        if not stage.done:
            latents = _limited(load_latents(run.stage("latents")), config.reward_limit)
            sizes = latents.mu.shape[1], latents.actions.shape[1]
            with torch.random.fork_rng(devices=[]):  # the caller's dice stay
                torch.manual_seed(seed)
                memory = MDNRNN.of(*sizes, config).to(device)
            if begin is not None:
                known = load_memory(begin, task)
                check_same(known, memory)
                memory.load_state_dict(known.state_dict())
            stage.result |= _fit(memory, latents, folder, config, seed, device)
            held_out = validate(memory, latents, latents.split()[1], device)
            counts = {"episodes": len(latents), "held_out_episodes": len(latents.split()[1])}
            stage.result |= counts | held_out
            save_weights(folder / WEIGHTS, memory.state_dict(), task=task.name, **memory.shape)
            published = load_memory(folder / WEIGHTS, task).to(device)
            where = {"recent": config.recent, "within": config.begin_within}
            where_dreams_begin = moments(published, latents, seed, **where)
            save_weights(folder / MOMENTS, where_dreams_begin._asdict())
    if not keep and (folder / CHECKPOINT).exists():  # else nothing is written where M was finished
        (folder / CHECKPOINT).unlink()
    return load_memory(folder / WEIGHTS, task).to(device)


def check_same(known: MDNRNN, memory: MDNRNN) -> None:
    """UserError where `memory` cannot take the weights of a `known` M."""
    other = {k: (v, memory.shape[k]) for k, v in known.shape.items() if v != memory.shape[k]}
    if other:
        told = "; ".join(f"{name} {theirs}, not {ours}" for name, (theirs, ours) in other.items())
        raise UserError(f"the M to begin with has {told}: give these settings its values")


def _limited(latents: Latents, limit: float) -> Latents:
    """The same with rewards cut to ± `limit` (0: as they are)."""
    return replace(latents, rewards=latents.rewards.clip(-limit, limit)) if limit else latents


def _fit(
    memory: MDNRNN,
    latents: Latents,
    folder: Path,
    config: MemoryConfig,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """The training loop of M. Returns its last row of metrics."""
    train, held_out = latents.split()
    cut = latents, train, config.batch_size, config.window, seed
    if config.batching == "episodes":
        data: EpisodeBatches | StreamBatches = EpisodeBatches(*cut, config.recent)
    else:
        data = StreamBatches(*cut)
    weights = [p for p in memory.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(weights, config.learning_rate, fused=True)
    total = config.updates
    keeper = Keeper(folder, memory, optimizer, total, log_every=max(1, total // 50))
    state: State | None = None
    if keeper.extra:
        state = keeper.extra["h"].to(device), keeper.extra["c"].to(device)
    with keeper, Prefetch(data.make, keeper.update, total) as batches:
        for batch in batches:
            keeper.decay(config.learning_rate_decay, config.learning_rate)
            batch = batch.to(device)
            with autocast(device):
                carried = None if batch.fresh else state
                loss, parts, (h, c) = memory.loss(batch, carried, config.reward_weight)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(weights, config.gradient_clip)
            optimizer.step()
            state = h.detach(), c.detach()  # carried on, but no gradient flows into the past
            keeper.count({**parts, "floor": batch.floor})
            if keeper.due:
                found = validate(memory, latents, held_out[:64], device)
                keeper.log(batches.waited, **found)
            keeper.save_if_due(h=state[0], c=state[1])
    return keeper.metrics.read()[-1]


@torch.no_grad()
def moments(
    memory: MDNRNN,
    latents: Latents,
    seed: int,
    count: int = 1024,
    recent: int = 0,
    within: int = 0,
) -> Moments:
    """`count` moments of the training episodes, a quarter of them first frames.

    With `recent`, half of them are of so many last episodes; with `within`, a moment is at most so
    many steps after a reward. At each, (h, c) is what `memory` remembers when it has
    lived through the episode so far (z sampled, as in the game).
    """
    rng = update_rng(seed, 0, STARTS)
    train, _ = latents.split()
    chosen, row = _drawn(rng, train, recent, count)
    lengths = latents.lengths[chosen]
    step = rng.integers(0, lengths[row])
    if within:
        step = _lately_paid(latents, chosen[row], step, within)
    step[::4] = 0
    device = memory.output.weight.device
    state = memory.initial_state(len(chosen), device)
    h, c = torch.zeros(2, count, memory.n_h, device=device)
    for t in range(int(step.max()) + 1):
        here, slots = (torch.from_numpy(x).to(device) for x in (step == t, row[step == t]))
        h[here], c[here] = state[0][slots], state[1][slots]
        at = latents.first[chosen] + np.minimum(t, lengths - 1)
        z = torch.from_numpy(sample_z(latents.mu[at], latents.logvar[at], rng)).to(device)
        a = torch.from_numpy(latents.actions[at]).to(device)
        state = memory.advance(z, a, torch.full((len(at),), float(t == 0), device=device), state)
    at = latents.first[chosen[row]] + step
    mu, logvar = (torch.from_numpy(x[at].astype(np.float32)) for x in (latents.mu, latents.logvar))
    return Moments(mu, logvar, h.cpu(), c.cpu(), torch.from_numpy((step == 0).astype(np.float32)))


def _drawn(
    rng: np.random.Generator, train: np.ndarray, recent: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """At most count / 4 different episodes (E,), and for each of `count` moments one of them."""
    most = min(len(train), count // 4)
    if not 0 < recent < len(train):
        return rng.choice(train, most, replace=False), rng.integers(most, size=count)
    new, old = train[-recent:], train[:-recent]
    n_new = min(recent, most // 2)
    n_old = min(len(old), most - n_new)
    chosen = [rng.choice(new, n_new, replace=False), rng.choice(old, n_old, replace=False)]
    late = rng.random(count) < 0.5
    of_new, of_old = rng.integers(n_new, size=count), n_new + rng.integers(n_old, size=count)
    return np.concatenate(chosen), np.where(late, of_new, of_old)


def _lately_paid(
    latents: Latents, episode: np.ndarray, step: np.ndarray, within: int
) -> np.ndarray:
    """Steps (S,) moved back to at most `within` after the last reward before them, or to 0."""
    moved = np.zeros_like(step)
    for i, (first, at) in enumerate(zip(latents.first[episode], step)):
        paid = np.flatnonzero(latents.rewards[first : first + at] > 0)
        moved[i] = min(at, paid[-1] + 1 + at % within) if len(paid) else 0
    return moved


@torch.inference_mode()
def validate(
    memory: MDNRNN, latents: Latents, episodes: np.ndarray, device: torch.device
) -> dict[str, float]:
    """M on whole episodes from h = 0, in float32, with the same noise every time.

    `val_nll` and its floor (`val_floor`: the mean entropy of the targets' Gaussians) are nats per
    latent dimension. With an end head, `val_end` is the part `end` of the loss (far above that of
    the training: M knows the training's ends by heart); `val_end_precision` and `val_end_recall`
    count single steps: a death predicted one step early is wrong twice. With a reward head,
    `val_reward` is its squared error as a share of the rewards' variance: 1 tells nothing.
    """
    sums: dict[str, float] = {}
    for place in range(0, len(episodes), 16):
        group = episodes[place : place + 16]
        longest = int(latents.lengths[group].max())
        batch = EpisodeBatches(latents, group, len(group), longest, seed=0).make(0).to(device)
        out, _ = memory(batch.z, batch.a, batch.restart)
        for name, value in _told(out, batch, memory.end_weight).items():
            sums[name] = sums.get(name, 0.0) + float(value)
    steps = max(sums["next"], 1)  # episodes of one step have none that follows
    found = {f"val_{part}": sums[part] / steps for part in ("nll", "floor")}
    if "end" in memory.heads:
        found["val_end_precision"] = sums["said_rightly"] / max(sums["said"], 1)
        found["val_end_recall"] = sums["said_rightly"] / max(sums["ends"], 1)
        found["val_ends"] = sums["ends"]
        found["val_end"] = sums["end"] / sums["steps"]
    if "reward" in memory.heads:
        mean = sums["rewards"] / sums["steps"]
        variance = sums["rewards_squared"] / sums["steps"] - mean**2
        found["val_reward"] = sums["reward"] / sums["steps"] / max(variance, 1e-12)
    return found


def _told(out: Prediction, batch: Batch, end_weight: float) -> dict[str, Tensor]:
    """Sums over the steps of a batch, from which `validate` makes its shares."""
    steps = batch.has_next.sum()
    error = (nll(batch.z_next, *out[:3]).mean(-1) * batch.has_next).sum()
    sums = {
        "nll": error,
        "floor": batch.floor * steps,
        "next": steps,
        "steps": batch.valid.sum(),
    }
    if out.end_logit is not None:
        said = (out.end_logit > 0) * batch.valid
        sums |= {"said_rightly": (said * batch.end).sum(), "said": said.sum()}
        sums |= {"ends": batch.end.sum(), "end": end_error(out.end_logit, batch, end_weight)}
    if out.reward is not None:
        reward = batch.reward.double() * batch.valid
        sums |= {"rewards": reward.sum(), "rewards_squared": reward.square().sum()}
        sums["reward"] = ((out.reward - batch.reward).square() * batch.valid).sum()
    return sums
