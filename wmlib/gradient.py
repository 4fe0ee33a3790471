"""C by backpropagation through the dream (chapter 11).

The dream is a recurrent network, so the return it predicts has a gradient with respect to C:

    dR/dtheta = sum_t dr_t/dtheta,   z_{t+1} = mu_k(h_{t+1}) + sigma_k(h_{t+1}) sqrt(tau) eps_t.

The Gaussian k that z comes from is drawn and then held fixed: the gradient follows the Gaussian's
mean and width, not the choice (which has no derivative).

Letters: B dreams side by side, T steps, P parameters of C.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wmlib.agent import Agent
from wmlib.dream import features
from wmlib.mixture import sample_mixture


@dataclass(frozen=True)
class GradientConfig:
    """Gradient ascent on the predicted return."""

    updates: int = 100
    """steps of Adam"""
    dreams: int = 64
    """dreams per update"""
    horizon: int = 50
    """steps of each dream: the gradient passes through all of them"""
    learning_rate: float = 0.02
    """Adam"""
    clip: float = 1.0
    """largest norm of one update's gradient"""
    tau: float = 1.0
    """temperature of the dreams"""


def dream_return(
    agent: Agent, params: Tensor, dreams: int, horizon: int, generator: torch.Generator, tau: float
) -> Tensor:
    """Predicted return () of C with `params` (P,), mean over dreams; differentiable in `params`."""
    if agent.controller is None or "reward" not in agent.memory.heads:
        raise ValueError("gradients need a controller and an M with a reward head")
    start_mu, start_logvar = agent.starts
    pick = torch.randint(len(start_mu), (dreams,), generator=generator)
    n_z = agent.memory.n_z
    z = start_mu[pick] + torch.exp(start_logvar[pick] / 2) * torch.randn(
        dreams, n_z, generator=generator
    )
    state, restart = agent.memory.initial_state(dreams), torch.ones(dreams)
    every = params.expand(dreams, -1)
    total = torch.zeros(())
    for _ in range(horizon):
        a = agent.controller.act(every, features(agent.task, z, state))
        out, state = agent.memory.step(z, a, restart, state)
        assert out.reward is not None
        total = total + out.reward.mean()
        u = torch.rand(dreams, n_z, generator=generator)
        eps = torch.randn(dreams, n_z, generator=generator)
        z = sample_mixture(out.logpi, out.mu, out.logstd, tau, u, eps)
        restart = torch.zeros(dreams)
    return total


def ascend(
    agent: Agent, params: Tensor, config: GradientConfig, seed: int
) -> tuple[Tensor, list[dict[str, float]]]:
    """Follow the gradient of the predicted return; returns the last params and one row an update.

    Rows: `dream_return` over the horizon, `gradient_norm` before clipping. M stays as it is.
    """
    generator = torch.Generator().manual_seed(seed)
    params = params.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([params], config.learning_rate, maximize=True)
    rows = []
    for _ in range(config.updates):
        value = dream_return(agent, params, config.dreams, config.horizon, generator, config.tau)
        (gradient,) = torch.autograd.grad(value, params)
        params.grad = gradient
        norm = float(torch.nn.utils.clip_grad_norm_([params], config.clip))
        if not torch.isfinite(gradient).all():
            raise FloatingPointError(
                "the gradient through the dream is not finite: shorten the horizon"
            )
        optimizer.step()
        rows.append({"dream_return": float(value.detach()), "gradient_norm": norm})
    return params.detach(), rows
