"""C by backpropagation through the dream (chapter 11).

The dream is a recurrent network, so the return it predicts has a gradient with respect to C:

    dR/dtheta = sum_t dr_t/dtheta,   z_{t+1} = mu_k(h_{t+1}) + sigma_k(h_{t+1}) sqrt(tau) eps_t.

The Gaussian k that z comes from is drawn and then held fixed: the gradient follows the Gaussian's
mean and width, not the choice (which has no derivative). Where a dream can end, a step counts by
the chance that C is still alive.

Letters: N dreams side by side, P parameters of C.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wmlib.configs import GradientConfig
from wmlib.errors import UserError
from wmlib.learning.choosing import Check, publish
from wmlib.model.controller import Controller
from wmlib.model.imagine import log_survival, worth
from wmlib.records.keeper import Keeper
from wmlib.seeds import update_rng
from wmlib.worlds.dream import DreamEnv


def dream_return(
    env: DreamEnv, controller: Controller, params: Tensor, horizon: int, seeds: Sequence[int]
) -> Tensor:
    """Predicted return () of C with `params` (P,) in `horizon` steps, mean over the dreams of
    `env` with these `seeds` (N,); differentiable in `params`.

    It is the dream itself, step for step, but for its end, which is a chance here instead of a
    fact.
    """
    env.reset(seed=list(seeds))
    every = params.expand(env.num_envs, -1)
    total, alive = torch.zeros((), device=env.device), torch.ones(env.num_envs, device=env.device)
    for _ in range(horizon):
        out = env.imagine(controller.act(every, env.features()))
        total = total + (alive * worth(env.memory, out)).mean()
        alive = alive * torch.exp(log_survival(env.memory, out))
    return total


class Climber(nn.Module):
    """C's weights, as something that an optimizer and a checkpoint can hold."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.params = nn.Parameter(start.clone())


def ascend(
    env: DreamEnv,
    controller: Controller,
    start: Tensor,
    config: GradientConfig,
    folder: Path,
    seed: int,
    check: Check = lambda params: {},
    **facts: Any,
) -> dict[str, float]:
    """Follow the gradient of the predicted return from `start` (P,); M stays as it is.

    Leaves controllers and metrics in `folder`, and resumes bit for bit. Rows: `dream_return` over
    the horizon, `gradient_norm` before clipping, and what `check` finds of the Cs that are kept.
    The best (wmlib.learning.choosing) is published; `facts` are stored with it. Returns what is
    known of it.
    """
    climber = Climber(start.to(env.device))
    optimizer = torch.optim.Adam(climber.parameters(), config.learning_rate, maximize=True)
    keeper = Keeper(folder, climber, optimizer, config.updates, log_every=1)
    kept = {name: keeper.extra[name] for name in keeper.extra}
    with keeper:
        while keeper.update < config.updates:
            rng = update_rng(seed, keeper.update)
            dreams = rng.integers(2**31, size=env.num_envs).tolist()
            value = dream_return(env, controller, climber.params, config.horizon, dreams)
            optimizer.zero_grad()
            (climber.params.grad,) = torch.autograd.grad(value, climber.params)
            norm = nn.utils.clip_grad_norm_(climber.params, config.clip)
            if not norm.isfinite():
                raise UserError(
                    "dream-gradient: the gradient through the dream is not finite; the last "
                    "checkpoint is sound: shorten --horizon"
                )
            optimizer.step()
            keeper.count({"dream_return": value.detach(), "gradient_norm": norm})
            found, name = {}, f"update_{keeper.update:05d}"
            if keeper.update % config.check_every == 0 or keeper.update == config.updates:
                kept[name] = climber.params.detach().half().float()
                found = check(kept[name])
            keeper.log(**found)
            keeper.save_if_due(**kept)
    rows = keeper.metrics.read()
    told = publish(folder, controller, rows, kept, "update", **facts)
    return told | {"seconds": rows[-1]["seconds"]}
