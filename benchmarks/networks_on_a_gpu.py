"""How fast the networks are on a GPU: trainings of V and M at the paper's sizes, and dreams.

    python benchmarks/networks_on_a_gpu.py                # writes results/simulator/networks.json
    python benchmarks/networks_on_a_gpu.py --device cpu --repeats 3 --dreams 1 64   # a try

Frames per second through V's updates (batches of 100 as in the paper, and larger ones), steps per
second through M's (100 episodes of 1,000 steps), and agent steps per second in the dream of Doom
for several numbers of dreams side by side. Medians over `repeats` rounds.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import tyro
from on_a_gpu import wait_for
from quiet import LIMIT, QuietMachine

from wmlib.agent import load_pretrained
from wmlib.device import autocast, device_name
from wmlib.model.memory import MDNRNN, Batch
from wmlib.model.vision import VAE
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions

DATA = Path(__file__).parents[1] / "wmlib" / "book" / "assets" / "car_racing.npz"
DREAM_STEPS = 20  # in a round


def median_seconds(act: Callable[[], object], device: str, repeats: int) -> float:
    """Median time of `act`, after three calls that warm up."""
    seconds = []
    for i in range(3 + repeats):
        start = time.perf_counter()
        act()
        wait_for(device)
        if i >= 3:
            seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def update_of(module: torch.nn.Module, loss: Callable[[], tuple], device: str) -> Callable:
    """One update of a training as `wmlib` makes it, but for the clipping of M's gradients."""
    weights = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(weights, 1e-4, fused=True)

    def update() -> None:
        with autocast(device):
            total = loss()[0]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    return update


def vision_rate(device: str, batch: int, repeats: int) -> float:
    """Frames per second of V's training (N_z = 32), pictures sent from the CPU each time."""
    known = torch.from_numpy(np.load(DATA)["frames"])
    frames = known[torch.arange(batch) % len(known)]
    vae = VAE(32).to(device)
    update = update_of(vae, lambda: vae.loss(frames.to(device)), device)
    return batch / median_seconds(update, device, repeats)


def memory_rate(device: str, batch: int, window: int, repeats: int) -> float:
    """Steps per second of M's training (N_h = 256)."""
    draw = torch.Generator().manual_seed(0)
    z, z_next = (torch.randn(batch, window, 32, generator=draw).to(device) for _ in range(2))
    a, a_next = (torch.randn(batch, window, 3, generator=draw).to(device) for _ in range(2))
    ones, zeros = (make(batch, window, device=device) for make in (torch.ones, torch.zeros))
    data = Batch(z, a, zeros, z_next, a_next, zeros, zeros, ones, ones, ones.mean(), True)
    memory = MDNRNN(32, 3, 256).to(device)
    update = update_of(memory, lambda: memory.loss(data), device)
    return batch * window / median_seconds(update, device, repeats)


@torch.inference_mode()
def dream_rate(device: str, dreams: int, repeats: int) -> float:
    """Agent steps per second in dreams of Doom, the published C at work."""
    agent = load_pretrained("doom_take_cover")
    env = agent.dream(dreams, tau=1.15, device=device)
    params = agent.params.to(device).expand(dreams, -1)
    features, _ = env.reset(seed=0)
    assert agent.controller is not None
    act = agent.controller.act

    def steps() -> None:
        now = features
        for _ in range(DREAM_STEPS):
            now, *_ = env.step(act(params, now))

    return dreams * DREAM_STEPS / median_seconds(steps, device, repeats)


def main(
    device: str = "cuda",
    repeats: int = 20,
    dreams: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096, 16384),
) -> None:
    """Measure and write."""
    machine = QuietMachine(LIMIT if device == "cuda" else 1.0)
    sizes = (100, 1000) if device == "cuda" else (100,)
    batch, window = (100, 1000) if device == "cuda" else (8, 100)
    result = {
        "device": device_name(device),
        "versions": versions(),
        "vision_frames_per_second": {n: vision_rate(device, n, repeats) for n in sizes},
        "memory_steps_per_second": memory_rate(device, batch, window, repeats),
        "dream_steps_per_second": {n: dream_rate(device, n, repeats) for n in dreams},
    }
    print(result)
    result["others"] = machine.others()
    if device == "cuda":
        write_json(Path("results") / "simulator" / "networks.json", result)


if __name__ == "__main__":
    tyro.cli(main)
