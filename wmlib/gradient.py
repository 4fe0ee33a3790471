"""C by backpropagation through the dream (chapter 11).

The dream is a recurrent network, so the return it predicts has a gradient with respect to C:

    dR/dtheta = sum_t dr_t/dtheta,   z_{t+1} = mu_k(h_{t+1}) + sigma_k(h_{t+1}) sqrt(tau) eps_t.

The Gaussian k that z comes from is drawn and then held fixed: the gradient follows the Gaussian's
mean and width, not the choice (which has no derivative).

Letters: B dreams side by side, T steps, P parameters of C.
"""

from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from wmlib.agent import Agent
from wmlib.claims import begin_stage, stage_manifest
from wmlib.configs import GradientConfig
from wmlib.controller import save_controllers
from wmlib.dream import features
from wmlib.iterative import last_folder, load_round, real_score
from wmlib.mixture import sample_mixture
from wmlib.presets import get_task
from wmlib.runs import (
    Metrics,
    RunFolder,
    UserError,
    read_json,
    sha256,
)
from wmlib.training import one_thread, update_generator
from wmlib.vision import VAE


def dream_return(
    agent: Agent, params: Tensor, dreams: int, horizon: int, generator: torch.Generator, tau: float
) -> Tensor:
    """Predicted return () of C with `params` (P,), mean over dreams; differentiable in `params`."""
    if agent.controller is None or "reward" not in agent.memory.heads:
        raise ValueError("gradients need a controller and an M with a reward head")
    start_mu, start_logvar = agent.starts
    pick = torch.randint(len(start_mu), (dreams,), generator=generator)
    n_z = agent.memory.n_z
    eps = torch.randn(dreams, n_z, generator=generator)
    z = VAE.sample(start_mu[pick], start_logvar[pick], eps)
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


@one_thread()
def ascend(
    agent: Agent, params: Tensor, config: GradientConfig, seed: int, progress: bool = False
) -> tuple[Tensor, list[dict[str, float]]]:
    """Follow the gradient of the predicted return; returns the last params and one row an update.

    Rows: `dream_return` over the horizon, `gradient_norm` before clipping. M stays as it is.
    """
    generator = torch.Generator().manual_seed(seed)
    params = params.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([params], config.learning_rate, maximize=True)
    rows = []
    for _ in tqdm(range(config.updates), "gradient", unit="update", disable=not progress):
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


def ascend_run(run: RunFolder, config: GradientConfig, seed: int) -> dict[str, Any]:
    """C by gradient in the last M of an `iterate` run, into RUN/gradient.

    It begins with small random weights. Returns what the manifest keeps: the dream's return at the
    first and the last update, and real returns on validation seeds, with those of the C that
    CMA-ES found in the same M beside them.
    """
    source = last_folder(run.path)
    agent = load_round(source, get_task("pendulum"))
    folder = run.stage("gradient", create=True)
    parts = ("memory", "controller")
    weights = {part: sha256(source / part / f"{part}.safetensors") for part in parts}
    if begin_stage(folder, config, seed, weights):
        return read_json(folder / "manifest.json")["result"]
    assert agent.controller is not None
    with stage_manifest(folder, "dream-gradient", config, seed, torch.device("cpu")) as result:
        evolved = real_score(agent)
        start = 0.1 * torch.randn(agent.controller.n_params, generator=update_generator(seed, 0))
        try:
            params, rows = ascend(agent, start, config, seed, progress=True)
        except FloatingPointError as error:
            raise UserError(f"dream-gradient: {error} (--horizon)") from error
        metrics = Metrics(folder / "metrics.jsonl")
        metrics.resume_at("update", 0)
        for update, row in enumerate(rows, start=1):
            metrics.append(update=update, **row)
        agent.controllers = {"params": params.half().float()}
        save_controllers(folder / "controller.safetensors", agent.controller, agent.controllers)
        score = real_score(agent)
        result |= {
            "dream_return": [rows[0]["dream_return"], rows[-1]["dream_return"]],
            "real_return": score["mean"],
            "real_sem": score["sem"],
            "evolved_real_return": evolved["mean"],
            "evolved_real_sem": evolved["sem"],
            "n": score["n"],
        }
    return read_json(folder / "manifest.json")["result"]
