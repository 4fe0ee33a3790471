"""One step of imagination: what M makes of (z, a), and what that is worth (paper, section "Training
Inside of the Dream").

    (out, h', c') = M(z, a, h, c),    z' ~ mixture(out) at temperature tau.

It is one pure function, differentiable in z, a and the state: the dream plays it, the gradient
through the dream follows it, the film draws it. The Gaussian that z' comes from is chosen by `u`
and then held fixed; the gradient follows its mean and width.

Letters: N dreams side by side, N_z, N_a.
"""

import math
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

from wmlib.errors import UserError
from wmlib.model.memory import MDNRNN, Prediction, State
from wmlib.model.mixture import sample_mixture
from wmlib.tasks import Task


def imagine(
    memory: MDNRNN,
    z: Tensor,
    a: Tensor,
    restart: Tensor,
    state: State,
    tau: float | Tensor,
    u: Tensor,
    eps: Tensor,
) -> tuple[Prediction, Tensor, State]:
    """M's prediction, z' (N, N_z) and the next state, from z (N, N_z), a (N, N_a), restart (N,).

    Uniforms u (N, N_z) choose the Gaussians, standard normals eps (N, N_z) place z' in them.
    """
    out, state = memory.step(z, a, restart, state)
    return out, sample_mixture(out.logpi, out.mu, out.logstd, tau, u, eps), state


def check_dream(task: Task, heads: Collection[str]) -> None:
    """UserError where a dream would not know what a step pays: neither M nor the task says it."""
    if task.step_reward == 0 and "reward" not in heads:
        raise UserError(
            f"{task.name} needs an M with a reward head to be dreamed: train M with "
            "--heads end reward (run: --memory.heads end reward), or take another published "
            "one (the car's is pretrained/dreamed)"
        )


def log_survival(memory: MDNRNN, out: Prediction) -> Tensor:
    """(N,) log-chance that the action did not end the game; 0 where M has no end head.

    In M's training an end counted `memory.end_weight` times, which makes the head's odds so many
    times too high; they are put right here.
    """
    if out.end_logit is None:
        return torch.zeros(out.mu.shape[:-2], device=out.mu.device)
    return F.logsigmoid(math.log(memory.end_weight) - out.end_logit)


def worth(memory: MDNRNN, out: Prediction) -> Tensor:
    """(N,) what a step is worth to a learner: M's reward, or else the log-chance to survive it.

    (What a dream pays is another thing: the game's own currency, see wmlib.worlds.dream.)
    """
    return log_survival(memory, out) if out.reward is None else out.reward
