"""The mathematics of M's output: a mixture of K Gaussians for each latent dimension (chapter 5).

Everything stays in log space (log weights, log sigma, logsumexp), so a target far away costs a
large finite number instead of log 0. All functions are pure.

Letters: N_z latent dimensions, K mixtures; `...` is any leading shape, such as (B, T). A mixture is
(logpi, mu, logstd), each (..., N_z, K), with logpi normalised over K.
"""

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)

COLD = 1e-30
"""a temperature at which every weight but the largest is 0; by a smaller one float32 logits divide
to infinity, and no weight would be a number"""


def nll(z: Tensor, logpi: Tensor, mu: Tensor, logstd: Tensor) -> Tensor:
    """-log p(z) in nats for each latent dimension: z (..., N_z) -> (..., N_z).

    It is negative where the density is above 1, which is no fault.
    """
    u = (z.unsqueeze(-1) - mu) * torch.exp(-logstd)  # (..., N_z, K)
    return 0.5 * LOG_2PI - torch.logsumexp(logpi - logstd - 0.5 * u * u, dim=-1)


def temper(logpi: Tensor, logstd: Tensor, tau: float | Tensor) -> tuple[Tensor, Tensor]:
    """The mixture at temperature tau: logits / tau, renormalised, and sigma * sqrt(tau).

    The same (logpi, logstd) comes back for tau = 1; the arguments are never changed. For tau -> 0
    the heaviest Gaussian alone is left. (Other codes scale sigma by tau; this is the original's
    rule.)
    """
    if not isinstance(tau, Tensor):
        if tau <= 0:
            raise ValueError(f"tau is {tau:g}; a temperature is above 0")
        # A number stays one: to make a tensor of it would keep a GPU waiting at every step.
        return torch.log_softmax(logpi / max(tau, COLD), dim=-1), logstd + 0.5 * math.log(tau)
    return torch.log_softmax(logpi / tau.clamp(min=COLD), dim=-1), logstd + 0.5 * torch.log(tau)


def sample_mixture(
    logpi: Tensor, mu: Tensor, logstd: Tensor, tau: float | Tensor, u: Tensor, eps: Tensor
) -> Tensor:
    """One z (..., N_z) from the mixture at temperature tau; fixed by its arguments.

    Uniforms u (..., N_z) choose a Gaussian for each dimension by the inverse of the cumulative
    weights; standard normals eps (..., N_z) place z in it. For tau -> 0 it is the mean of the
    heaviest one.
    """
    logpi, logstd = temper(logpi, logstd, tau)
    k = chosen(logpi, u)
    mu, logstd = mu.gather(-1, k).squeeze(-1), logstd.gather(-1, k).squeeze(-1)
    return mu + torch.exp(logstd) * eps


def chosen(logpi: Tensor, u: Tensor) -> Tensor:
    """(..., N_z, 1) which Gaussian a uniform u (..., N_z) chooses by the weights logpi."""
    cumulative = logpi.exp().cumsum(-1)  # (..., N_z, K)
    # The last entry may round to below 1: u above it still means the last Gaussian.
    return (u.unsqueeze(-1) > cumulative[..., :-1]).sum(-1, keepdim=True)


def softly_chosen(logpi: Tensor, u: Tensor, width: float) -> Tensor:
    """(..., N_z, K) weights that follow `chosen` as closely as `width` is small, with a slope.

    Each step of the inverse cumulative becomes a sigmoid as wide as that.
    """
    inner = logpi.exp().cumsum(-1)[..., :-1]  # (..., N_z, K - 1)
    beyond = torch.sigmoid((u.unsqueeze(-1) - inner) / width)  # u chooses a later Gaussian
    ones, zeros = torch.ones_like(logpi[..., :1]), torch.zeros_like(logpi[..., :1])
    return torch.cat([ones, beyond], -1) - torch.cat([beyond, zeros], -1)


def implicit_sample(z: Tensor, logpi: Tensor, mu: Tensor, logstd: Tensor) -> Tensor:
    """z (..., N_z), a sample of this mixture, with the slope that all of the mixture gives it.

    In one dimension a sample stays where the cumulative F(z) stays, so dz = -dF / p(z): weights,
    means and widths all move it, and nothing is left out (Graves, 2016; Figurnov et al., 2018).
    """
    z = z.detach()
    u = (z.unsqueeze(-1) - mu) * torch.exp(-logstd)  # (..., N_z, K)
    below = (logpi.exp() * 0.5 * (1 + torch.erf(u / math.sqrt(2)))).sum(-1)
    density = torch.exp(-nll(z, logpi, mu, logstd)).detach().clamp(min=1e-12)
    return z - (below - below.detach()) / density


def gaussian_entropy(logvar: Tensor) -> Tensor:
    """Entropy in nats of N(mu, exp(logvar)), elementwise: 1.419 where logvar is 0.

    M predicts samples of V's Gaussians, so no M can bring its mean NLL below their mean entropy.
    """
    return 0.5 * (logvar + LOG_2PI + 1)
