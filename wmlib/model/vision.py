"""V: the variational auto-encoder that turns a frame into a few numbers (chapter 4).

The network is the paper's (Ha & Schmidhuber 2018, appendix A.1, figure 22), the loss is the one of
its released code: squared errors *summed* over the picture plus a KL term that costs nothing below
0.5 nats per latent dimension. Summing matters: with the mean over pixels the KL term, a thousand
times too heavy, presses every z to pure noise ("posterior collapse").

Letters: B batch, N_z size of z. Pictures are uint8 (B, 64, 64, 3), or float (B, 3, 64, 64) in
[0, 1].
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmlib.records.weights import fit_weights, load_weights, save_weights
from wmlib.tasks import Task

WEIGHTS = "vision.safetensors"


class PixelDeconv(nn.Module):
    """A transposed convolution whose input is one pixel, which makes it a plain matrix product.

    Same numbers and same parameter count as `nn.ConvTranspose2d(n_in, n_out, size)` on a 1x1 input,
    but the weight lies in the order the product wants, (n_in, size, size, n_out): the result
    (B, n_out, size, size) comes out channels-last, and nothing is copied.
    """

    def __init__(self, n_in: int, n_out: int, size: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_out * size * size)  # as nn.ConvTranspose2d starts
        self.weight = nn.Parameter(torch.empty(n_in, size, size, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in) -> (B, n_out, size, size)."""
        y = (x @ self.weight.flatten(1)).unflatten(1, self.weight.shape[1:])  # (B, size, size, C)
        return (y + self.bias.to(y.dtype)).permute(0, 3, 1, 2)


class VAE(nn.Module):
    """Pictures to q(z|x) = N(mu, diag exp(logvar)) and back; 4,348,547 parameters at N_z = 32."""

    def __init__(self, n_z: int) -> None:
        super().__init__()
        self.n_z = n_z
        self.conv1 = nn.Conv2d(3, 32, 4, stride=2)
        self.conv2 = nn.Conv2d(32, 64, 4, stride=2)
        self.conv3 = nn.Conv2d(64, 128, 4, stride=2)
        self.conv4 = nn.Conv2d(128, 256, 4, stride=2)
        self.to_mu = nn.Linear(1024, n_z)
        self.to_logvar = nn.Linear(1024, n_z)
        self.from_z = nn.Linear(n_z, 1024)
        self.deconv1 = PixelDeconv(1024, 128, 5)
        self.deconv2 = nn.ConvTranspose2d(128, 64, 5, stride=2)
        self.deconv3 = nn.ConvTranspose2d(64, 32, 6, stride=2)
        self.deconv4 = nn.ConvTranspose2d(32, 3, 6, stride=2)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures -> (mu, logvar), each float32 (B, N_z)."""
        # In place and at once in the precision of the convolutions: when the whole loop of agent
        # and game runs, fresh memory for every intermediate picture costs more than the sums.
        y = as_picture(x, _working_dtype(x.device))  # (B, 3, 64, 64)
        y = F.relu_(self.conv1(y))  # (B, 32, 31, 31)
        y = F.relu_(self.conv2(y))  # (B, 64, 14, 14)
        y = F.relu_(self.conv3(y))  # (B, 128, 6, 6)
        y = F.relu_(self.conv4(y)).flatten(1)  # (B, 1024)
        return self.to_mu(y).float(), self.to_logvar(y).float()

    @staticmethod
    def sample(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
        """z = mu + sigma * noise: a sample that lets gradients through to mu and sigma."""
        return mu + torch.exp(0.5 * logvar) * noise

    def decode(self, z: Tensor) -> Tensor:
        """z (B, N_z) -> pictures float32 (B, 3, 64, 64) in [0, 1]."""
        y = F.relu(self.deconv1(self.from_z(z)))  # (B, 128, 5, 5); no ReLU on 1024, as the original
        y = F.relu(self._deconv2(y))  # (B, 64, 13, 13)
        y = F.relu(self.deconv3(y))  # (B, 32, 30, 30)
        return torch.sigmoid(self.deconv4(y).float())  # (B, 3, 64, 64)

    def _deconv2(self, y: Tensor) -> Tensor:
        # A ring of zeros makes the 5x5 kernel even; oneDNN's bfloat16 path is four times faster
        # for an even kernel at stride 2. The extra row and column of the result are cut off.
        weight = F.pad(self.deconv2.weight, (0, 1, 0, 1))
        return F.conv_transpose2d(y, weight, self.deconv2.bias, stride=2)[:, :, :13, :13]

    def loss(
        self, x: Tensor, generator: torch.Generator | None = None, kl_tolerance: float = 0.5
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and its parts, all means over the batch.

        Parts: `recon` (sum of squared errors per picture), `kl_raw` (nats per picture) and `kl`
        (the same, but in no picture below `kl_tolerance` nats per latent dimension).
        The generator, on the CPU, draws the noise of z.
        """
        x = as_picture(x)
        mu, logvar = self.encode(x)
        noise = torch.randn(mu.shape, generator=generator).to(mu.device)
        recon = (self.decode(self.sample(mu, logvar, noise)) - x).square().sum((1, 2, 3))  # (B,)
        kl_raw = kl_to_standard_normal(mu, logvar)  # (B,)
        kl = kl_raw.clamp(min=kl_tolerance * self.n_z)
        loss = (recon + kl).mean()
        parts = {"recon": recon.mean(), "kl": kl.mean(), "kl_raw": kl_raw.mean()}
        return loss, {"loss": loss.detach()} | {k: v.detach() for k, v in parts.items()}


def _working_dtype(device: torch.device) -> torch.dtype:
    """What autocast would turn the input of a convolution into."""
    if torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return torch.float32


def as_picture(x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (B, 64, 64, 3) -> `dtype` (B, 3, 64, 64) in [0, 1] (channels-last); floats pass."""
    if x.dtype == torch.uint8 and x.shape[1:] == (64, 64, 3):
        return x.permute(0, 3, 1, 2).to(dtype) / 255
    if x.is_floating_point() and x.shape[1:] == (3, 64, 64):
        return x
    raise ValueError(
        f"pictures must be uint8 (B, 64, 64, 3) or float (B, 3, 64, 64), "
        f"not {x.dtype} {tuple(x.shape)}"
    )


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, I)) in nats, summed over the last dimension: (B, N_z) -> (B,)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)


@torch.no_grad()
def decode_pictures(vision: "Vision", z: Tensor) -> np.ndarray:
    """(N, 64, 64, 3) uint8 pictures of latents (N, N_z)."""
    if not isinstance(vision, VAE):
        raise ValueError("z is a state of the game here: no V makes a picture of it")
    pictures = vision.decode(z).float().permute(0, 2, 3, 1)
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


LOG_VARIANCE = -8.0
"""of z = x: M learns from slightly blurred states (sigma 0.018); its dreams forgive errors"""


class StateVision(nn.Module):
    """Stands in V's place for a game whose observation x is a few numbers: z = x, scaled."""

    scale: Tensor

    def __init__(self, scale: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))
        self.n_z = len(scale)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, N_z) -> (mu, logvar), each (B, N_z), with the same small variance."""
        mu = x.float() * self.scale
        return mu, torch.full_like(mu, LOG_VARIANCE)


Vision = VAE | StateVision


def save_vision(path: Path, vision: Vision, task: Task) -> None:
    """Publish V (float16); its class is named in the manifest."""
    facts: dict[str, Any] = {"task": task.name, "n_z": vision.n_z}
    if isinstance(vision, StateVision):
        facts["class"] = "StateVision"
    save_weights(path, vision.state_dict(), **facts)


def load_vision(path: Path, task: Task) -> Vision:
    """V from published weights, in evaluation mode on the CPU; refuses another task's."""
    tensors, facts = load_weights(path, task.name, n_z=int)
    if "scale" in tensors:
        vision: Vision = StateVision(tuple(tensors["scale"].tolist()))
    else:
        vision = VAE(facts["n_z"])
    fit_weights(vision, tensors, str(path))
    return vision.eval()
