"""C by backpropagation through the dream (chapter 11).

The dream is a recurrent network, so the return it predicts has a gradient with respect to C:

    dR/dtheta = sum_t dr_t/dtheta,   z_{t+1} = mu_k(h_{t+1}) + sigma_k(h_{t+1}) sqrt(tau) eps_t.

The Gaussian k that z comes from is a choice, which has no derivative. The config says what is done
about it; the dreams are the same in any case:

    held      k is drawn and held: the gradient follows the Gaussian's mean and width alone
    relaxed   it follows a soft choice, whose steps are slopes (biased, as the one before)
    implicit  it follows the mixture's cumulative: all of it, exactly
    score     held, and each choice weighs by what came after it, as a policy gradient's action

Dreams of H steps may have a learned value V behind them (Dreamer; Hafner et al., 2020):

    R = sum_{t<H} gamma^t r_t + gamma^H V(z_H, h_H).

Where a dream can end, a step counts by the chance that C is still alive.

Letters: N dreams side by side, H steps, F features, P parameters of C.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wmlib.configs import GradientConfig
from wmlib.errors import UserError
from wmlib.learning.choosing import Check, best, publish
from wmlib.model.controller import Controller
from wmlib.model.imagine import log_survival, worth
from wmlib.model.memory import Prediction
from wmlib.model.mixture import chosen, implicit_sample, softly_chosen, temper
from wmlib.records.keeper import Keeper, update_generator
from wmlib.seeds import update_rng
from wmlib.worlds import noise
from wmlib.worlds.dream import DreamEnv
from wmlib.worlds.features import CHOICE_NOISE, Z_NOISE

SOFT = 0.1
"""width of a relaxed choice's slopes, as a share of all weights"""


class Dreamed(NamedTuple):
    """N dreams of H steps, differentiable in C."""

    features: Tensor
    """(H + 1, N, F)"""
    worth: Tensor
    """(H, N) what each step was worth"""
    goes_on: Tensor
    """(H, N) the chance to outlive it"""
    log_choice: Tensor
    """(H, N) log-probability of the Gaussians that z came from; 0 unless `choice` is score"""

    def reached(self, discount: float = 1.0) -> Tensor:
        """(H, N) the chance that C lives to see each step, times its discount."""
        return torch.cat([torch.ones_like(self.worth[:1]), discount * self.goes_on[:-1]]).cumprod(0)

    @property
    def total(self) -> Tensor:
        """() predicted return, mean over the dreams."""
        return (self.reached() * self.worth).sum(0).mean()


def dreamed(
    env: DreamEnv,
    controller: Controller,
    params: Tensor,
    horizon: int,
    seeds: Sequence[int],
    choice: str = "held",
) -> Dreamed:
    """H steps of the dreams of `env` with these `seeds` (N,), C having `params` (P,).

    It is the dream itself, step for step, but for its end, which is a chance here instead of a
    fact.
    """
    features, _ = env.reset(seed=list(seeds))
    every = params.expand(env.num_envs, -1)
    rows: list[tuple[Tensor, ...]] = []
    for _ in range(horizon):
        out = env.imagine(controller.act(every, features))
        told = worth(env.memory, out), torch.exp(log_survival(env.memory, out))
        rows.append((features, *told, _pass_choice(env, out, choice)))
        features = env.features()
    seen, *rest = (torch.stack(column) for column in zip(*rows))
    return Dreamed(torch.cat([seen, features[None]]), *rest)


def _pass_choice(env: DreamEnv, out: Prediction, choice: str) -> Tensor:
    """Give the z just dreamed the slope that `choice` names; returns (N,) log P(Gaussians).

    The value of z stays what it is.
    """
    mind, none = env.mind, torch.zeros(env.num_envs, device=env.device)
    if choice == "held" or env.memory.n_mixtures == 1:
        return none
    logpi, logstd = temper(out.logpi, out.logstd, env.world.tau)
    if choice == "implicit":
        mind.z = implicit_sample(mind.z, logpi, out.mu, logstd)
        return none
    u = noise.uniform(mind.seeds, mind.steps, mind.memory.n_z, CHOICE_NOISE)
    if choice == "score":
        return logpi.gather(-1, chosen(logpi, u)).squeeze(-1).sum(-1)
    eps = noise.normal(mind.seeds, mind.steps, mind.memory.n_z, Z_NOISE)
    places = out.mu + torch.exp(logstd) * eps[..., None]  # (N, N_z, K)
    soft = (softly_chosen(logpi, u, SOFT) * places).sum(-1)
    mind.z = mind.z.detach() + soft - soft.detach()
    return none


def dream_return(
    env: DreamEnv, controller: Controller, params: Tensor, horizon: int, seeds: Sequence[int]
) -> Tensor:
    """Predicted return () of C with `params` (P,) in `horizon` steps, mean over the dreams of
    `env` with these `seeds` (N,); differentiable in `params`."""
    return dreamed(env, controller, params, horizon, seeds).total


class Climber(nn.Module):
    """C's weights `params` (P,), and where `config` asks for it the value behind the horizon.

    `scale` is the unit in which that value is told: rewards over all of the time that counts.
    """

    scale: Tensor

    def __init__(self, start: Tensor, n_features: int, config: GradientConfig) -> None:
        super().__init__()
        self.params = nn.Parameter(start.clone())
        self.discount = config.discount
        self.register_buffer("scale", torch.zeros(()))
        units = config.critic_units
        layers = [nn.Linear(n_features, units), nn.Tanh(), nn.Linear(units, 1)] if units else []
        self.critic = nn.Sequential(*layers)

    def value(self, features: Tensor) -> Tensor:
        """(...,) discounted worth of all that follows features (..., F); 0 without a critic."""
        if not len(self.critic):
            return features.new_zeros(features.shape[:-1])
        return self.scale * self.critic(features).squeeze(-1)

    def returns(self, seen: Dreamed) -> Tensor:
        """(H + 1, N) discounted worth from each step on, the value's word at the last."""
        rows = [self.value(seen.features[-1])]
        for paid, goes_on in zip(seen.worth.flip(0), seen.goes_on.flip(0)):
            rows.append(paid + self.discount * goes_on * rows[-1])
        return torch.stack(rows[::-1])

    def goal(self, seen: Dreamed) -> Tensor:
        """() what is climbed: the mean return, with the choices' part of its gradient."""
        returns = self.returns(seen)
        after = (returns[:-1] - seen.worth).detach()  # a choice comes after its step's worth
        credit = seen.reached(self.discount).detach() * (after - after.mean(1, keepdim=True))
        return (returns[0] + (credit * seen.log_choice).sum(0)).mean()

    def error(self, seen: Dreamed) -> Tensor:
        """() squared error of the value on these dreams, in its own units."""
        with torch.no_grad():
            wanted = self.returns(seen)[:-1]
        found = self.value(seen.features[:-1].detach())
        return ((found - wanted) / self.scale).square().mean()


@torch.no_grad()
def first_try(env: DreamEnv, controller: Controller, config: GradientConfig, seed: int) -> Tensor:
    """(P,) the best of `config.tries` random Cs, by what whole dreams of `env` pay them."""
    size = (config.tries, controller.n_params)
    tried = config.scale * torch.randn(size, generator=update_generator(seed, 0))
    tried = tried.to(env.device)
    if config.tries == 1:
        return tried[0]
    steps = env.world.max_episode_steps
    dreams = update_rng(seed, 0).integers(2**31, size=env.num_envs).tolist()
    paid = [float(dream_return(env, controller, params, steps, dreams)) for params in tried]
    return tried[int(torch.tensor(paid).argmax())]


def ascend(
    env: DreamEnv,
    controller: Controller,
    start: Tensor,
    config: GradientConfig,
    folder: Path,
    seed: int,
    check: Check = lambda params: {},
) -> dict[str, float]:
    """Follow the gradient of the predicted return from `start` (P,); M stays as it is.

    Leaves controllers and metrics in `folder`, and resumes bit for bit. Rows: `dream_return` over
    the horizon, `gradient_norm` before clipping, `critic`, the value's error where there is one,
    C's `largest_weight`, and what `check` finds of the Cs that are kept. The best
    (wmlib.learning.choosing) is published. Returns what is known of it.
    """
    with torch.random.fork_rng(devices=[]):  # the critic's hidden units; the caller's dice stay
        torch.manual_seed(seed)
        climber = Climber(start, controller.n_features, config).to(env.device)
    optimizer = torch.optim.Adam([climber.params], config.learning_rate, maximize=True)
    critic = list(climber.critic.parameters())
    if critic:
        rate = config.critic_learning_rate
        optimizer.add_param_group({"params": critic, "lr": rate, "maximize": False})
    keeper = Keeper(folder, climber, optimizer, config.updates, log_every=1)
    kept = {name: keeper.extra[name] for name in keeper.extra}
    with keeper:
        while keeper.update < config.updates:
            keeper.count(_climb(climber, optimizer, env, controller, config, seed, keeper.update))
            found, name = {}, f"update_{keeper.update:05d}"
            if keeper.update % config.check_every == 0 or keeper.update == config.updates:
                kept[name] = climber.params.detach().half().float()
                found = check(kept[name])
            keeper.log(**found)
            keeper.save_if_due(**kept)
    rows = keeper.metrics.read()
    told = publish(folder, controller, best(rows), kept, "update")
    return told | {"seconds": rows[-1]["seconds"]}


def _climb(
    climber: Climber,
    optimizer: torch.optim.Optimizer,
    env: DreamEnv,
    controller: Controller,
    config: GradientConfig,
    seed: int,
    update: int,
) -> dict[str, Tensor]:
    """One update of C, and of the value behind it; returns what is to be logged."""
    seeds = update_rng(seed, update).integers(2**31, size=env.num_envs).tolist()
    seen = dreamed(env, controller, climber.params, config.horizon, seeds, config.choice)
    if update == 0 and config.critic_units:
        climber.scale.copy_(seen.worth.detach().abs().mean() / (1 - config.discount) + 1e-6)
    optimizer.zero_grad()
    (slope,) = torch.autograd.grad(climber.goal(seen), climber.params)
    climber.params.grad = slope
    norm = nn.utils.clip_grad_norm_(climber.params, config.clip)
    if not norm.isfinite():
        raise UserError(
            "dream-gradient: the gradient through the dream is not finite; the last "
            "checkpoint is sound: shorten --horizon"
        )
    told = {"dream_return": seen.total.detach(), "gradient_norm": norm}
    if config.critic_units:
        error = climber.error(seen)
        error.backward()
        told["critic"] = error.detach()
    optimizer.step()
    # What is published is float16: a C beyond it has diverged, and must not dream.
    return told | {"largest_weight": climber.params.detach().half().abs().max()}
