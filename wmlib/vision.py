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

from wmlib.claims import CLAIM, begin_stage, stage_manifest
from wmlib.configs import VisionConfig
from wmlib.presets import Task
from wmlib.runs import RunFolder, UserError, is_finished, read_json
from wmlib.store import RolloutStore, sample_frames
from wmlib.training import Keeper, Prefetch, autocast, update_generator, update_rng
from wmlib.weights import fit_weights, load_weights, save_weights

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


# ---------------------------------------------------------------- training


def train_vision(
    run: RunFolder, config: VisionConfig, seed: int, device: torch.device, task: Task
) -> VAE:
    """Train V on a sample of RUN/rollouts into RUN/vision; goes on where it stopped.

    Returns V as it is published (float16 weights), so later stages see what a user would load.
    """
    folder = run.stage("vision", create=True)
    store = RolloutStore(run.stage("rollouts"))
    inputs = {"episodes": len(store)}
    if is_finished(folder):  # a finished V may stay when more episodes come
        inputs = read_json(folder / CLAIM).get("inputs", {})
    if begin_stage(folder, config, seed, inputs):
        return load_vision(folder / WEIGHTS, task).to(device)
    frames = sample_frames(store, config.frames, seed)  # uint8 (n, 64, 64, 3)
    if len(frames) < config.batch_size:
        raise UserError(
            f"train-vision needs at least {config.batch_size} frames and the store has "
            f"{len(frames)}: collect more episodes"
        )
    with stage_manifest(folder, "vision", config, seed, device) as result:
        with torch.random.fork_rng(devices=[]):  # the caller's dice stay
            torch.manual_seed(seed)
            vae = VAE(config.n_z).to(device)
        result |= _fit(vae, frames, folder, config, seed, device)
        save_weights(folder / WEIGHTS, vae.state_dict(), task=task.name, n_z=config.n_z)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return load_vision(folder / WEIGHTS, task).to(device)


def _fit(
    vae: VAE,
    frames: np.ndarray,
    folder: Path,
    config: VisionConfig,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """The training loop of V. Returns what the manifest tells about it."""
    per_epoch = len(frames) // config.batch_size
    total = per_epoch * config.epochs
    order: dict[int, np.ndarray] = {}  # of the current epoch

    def make_batch(update: int) -> Tensor:
        epoch, place = divmod(update, per_epoch)
        if epoch not in order:
            order.clear()
            order[epoch] = update_rng(seed, epoch, purpose=1).permutation(len(frames))
        rows = order[epoch][place * config.batch_size : (place + 1) * config.batch_size]
        return torch.from_numpy(frames[np.sort(rows)])

    # One fused kernel instead of a pass over 4 million weights for each term of Adam's formula.
    optimizer = torch.optim.Adam(vae.parameters(), config.learning_rate, fused=True)
    keeper = Keeper(folder, vae, optimizer, total, log_every=max(1, total // 500))
    with keeper, Prefetch(make_batch, keeper.update, total) as batches:
        for x in batches:
            generator = update_generator(seed, keeper.update)
            with autocast(device):
                loss, parts = vae.loss(x.to(device), generator, config.kl_tolerance)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * config.learning_rate_decay**keeper.update
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            keeper.count(parts)
            if keeper.due:
                keeper.log(waited=batches.waited)
            keeper.save_if_due()
    return {"frames": len(frames), **keeper.metrics.read()[-1]}


def load_vision(path: Path, task: Task) -> VAE:
    """V from published weights, in evaluation mode on the CPU; refuses another task's."""
    tensors, facts = load_weights(path, "task", "n_z")
    if facts["task"] != task.name:
        raise UserError(f"{path} holds a V for {facts['task']}, not for {task.name}")
    vae = VAE(facts["n_z"])
    fit_weights(vae, tensors, str(path))
    return vae.eval()
