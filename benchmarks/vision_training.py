"""V's training loop against the plain one, in one run on the same frames.

Plain is what a first version looks like: float32, pictures channel by channel, four
`nn.ConvTranspose2d`, Adam as it comes. Ours: bfloat16 products, channels-last, the first
deconvolution as a matrix product, an even second kernel, one fused Adam kernel. Both start from the
same weights and see the same batches with the same noise; their updates are timed in turns, so that
other work on the machine slows both. A second plain run with other noise says how far apart two
loss curves lie that differ by nothing but chance.

    python benchmarks/vision_training.py [--rollouts RUN/rollouts] [--updates 300]

Writes results/vision_training/speed.json.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from quiet import QuietMachine
from torch import Tensor, nn
from tqdm import tqdm

from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore, sample_frames
from wmlib.device import autocast, device_name
from wmlib.model.vision import VAE
from wmlib.records.files import write_json
from wmlib.records.keeper import update_generator
from wmlib.records.run_folder import versions
from wmlib.seeds import update_rng

BATCH = 100
LEARNING_RATE = 1e-4
Update = Callable[[Tensor, torch.Generator], dict[str, Tensor]]


class PlainVAE(VAE):
    """The same network with the first deconvolution as PyTorch offers it."""

    def __init__(self, n_z: int, start: VAE) -> None:
        super().__init__(n_z)
        self.load_state_dict(start.state_dict())
        weight = self.deconv1.weight.detach().permute(0, 3, 1, 2).contiguous()
        bias = self.deconv1.bias.detach()
        self.deconv1 = nn.ConvTranspose2d(1024, 128, 5, stride=2)
        self.deconv1.load_state_dict({"weight": weight, "bias": bias})

    def decode(self, z: Tensor) -> Tensor:
        y = self.from_z(z)[:, :, None, None]
        y = F.relu(self.deconv1(y))
        y = F.relu(self.deconv2(y))
        y = F.relu(self.deconv3(y))
        return torch.sigmoid(self.deconv4(y))


def plain_update(vae: VAE) -> Update:
    """One update of the plain loop."""
    optimizer = torch.optim.Adam(vae.parameters(), LEARNING_RATE)

    def update(x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        pictures = (x.permute(0, 3, 1, 2).float() / 255).contiguous()
        loss, parts = vae.loss(pictures, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return parts

    return update


def our_update(vae: VAE) -> Update:
    """One update of `wmlib.model.vision`."""
    optimizer = torch.optim.Adam(vae.parameters(), LEARNING_RATE, fused=True)

    def update(x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        with autocast("cpu"):
            loss, parts = vae.loss(x, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return parts

    return update


def race(frames: np.ndarray, updates: int) -> dict[str, dict[str, np.ndarray]]:
    """Seconds and losses of every update, for `plain`, `ours` and `plain_other_noise`."""
    torch.manual_seed(0)
    start = VAE(64)
    ours = VAE(64)
    ours.load_state_dict(start.state_dict())
    runners = {
        "plain": (plain_update(PlainVAE(64, start)), 0),
        "ours": (our_update(ours), 0),
        "plain_other_noise": (plain_update(PlainVAE(64, start)), 1),
    }
    columns = ("seconds", "cpu_seconds", "loss")
    found = {name: {column: np.zeros(updates) for column in columns} for name in runners}
    for i in tqdm(range(updates), unit="update"):
        rows = update_rng(0, i, purpose=1).integers(0, len(frames), BATCH)
        x = torch.from_numpy(frames[rows])
        for name, (update, seed) in runners.items():
            begin, cpu_begin = time.perf_counter(), time.process_time()
            parts = update(x, update_generator(seed, i))
            found[name]["seconds"][i] = time.perf_counter() - begin
            found[name]["cpu_seconds"][i] = time.process_time() - cpu_begin
            found[name]["loss"][i] = parts["loss"].item()
    return found


def summary(found: dict[str, dict[str, np.ndarray]]) -> dict:
    """Speeds, their ratio, and how far the loss curves lie apart (relative, last third)."""
    speed = {name: float(BATCH / np.median(run["seconds"])) for name, run in found.items()}
    late = {name: run["loss"][-len(run["loss"]) // 3 :] for name, run in found.items()}

    def apart(name: str) -> float:
        return float(np.abs(late[name] - late["plain"]).mean() / late["plain"].mean())

    each = max(1, len(found["plain"]["loss"]) // 50)
    return {
        "frames_per_second": {name: round(value, 1) for name, value in speed.items()},
        "ratio": round(speed["ours"] / speed["plain"], 2),
        "ratio_of_cpu_time": round(  # the one to trust on a machine that others use
            np.median(found["plain"]["cpu_seconds"]) / np.median(found["ours"]["cpu_seconds"]), 2
        ),
        "late_loss": {name: round(float(values.mean()), 3) for name, values in late.items()},
        "curves_apart": {
            "ours_against_plain": round(apart("ours"), 5),
            "plain_against_plain_with_other_noise": round(apart("plain_other_noise"), 5),
        },
        "loss": {name: run["loss"][::each].round(3).tolist() for name, run in found.items()},
        "loss_every": each,
    }


def main(rollouts: Path | None = None, updates: int = 300) -> None:
    """Race the two loops on stored frames; without a store, on a few Doom episodes played now."""
    with TemporaryDirectory() as folder:
        if rollouts is None:
            store = collect("doom_take_cover", "held", 12, 100_000, folder, max_episode_steps=300)
        else:
            store = RolloutStore(rollouts)
        frames = sample_frames(store, 20_000, seed=0)
    machine = QuietMachine()
    found = race(frames, updates)
    result = {
        "device": device_name("cpu"),
        "others": machine.others(),
        "threads": torch.get_num_threads(),
        "batch": BATCH,
        "updates": updates,
        "task": store.facts["task"],
        "frames": len(frames),
        "versions": versions(),
        **summary(found),
    }
    path = Path("results/vision_training/speed.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
    print(f"{result['ratio']} times the plain loop ({result['frames_per_second']}); see {path}")


if __name__ == "__main__":
    tyro.cli(main)
