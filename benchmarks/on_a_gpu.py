"""The batched CarRacing and the whole acting loop on a GPU, beside this machine's CPU.

    python benchmarks/on_a_gpu.py                # writes results/simulator/gpu.json
    python benchmarks/on_a_gpu.py --part gpu     # and the CPU's tracks where cores are at hand:
    python benchmarks/on_a_gpu.py --part cpu
    python benchmarks/on_a_gpu.py --device cpu --games 64 --agents 32 --tracks 8 --max-steps 50

Three measurements: game steps per second with drawing, for several numbers of cars; agent steps per
second of the published agent (simulator, V, M and C) over whole laps, three for each slot, so that
games end and begin at all times as in a search; and its returns on the same tracks on both devices.
The bars: 500,000 game steps/s with 4,096 cars and 300,000 agent steps/s on an H200-class GPU, |mean
difference| + 2 standard errors <= 20 points. What is measured is written at once. The last form
tries the script itself on the CPU and writes nothing.
"""

import time
from pathlib import Path
from typing import Literal

import gymnasium as gym
import numpy as np
import torch
import tyro
from quiet import LIMIT, QuietMachine

from wmlib import seeds
from wmlib.agent import load_pretrained, pretrained_folder, weights_of
from wmlib.device import device_name
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.worlds.play import Played, play, standard_error

WARM_UP = 60  # steps: the first 50 show the whole map, which takes longer to draw
LAPS = 3  # of each slot


def wait_for(device: str) -> None:
    """Return when the device has done all that was queued."""
    if device == "cuda":
        torch.cuda.synchronize()


def game_rate(device: str, games: int, steps: int) -> float:
    """Game steps per second of wall time: uniform actions, 64 x 64 pictures, resets included."""
    env = gym.make_vec("wmlib/CarRacingBatched-v3", num_envs=games, device=device)
    low, high = (torch.tensor(x, device=device) for x in ([-1.0, 0.0, 0.0], [1.0, 1.0, 1.0]))
    generator = torch.Generator(device).manual_seed(0)

    def step() -> None:
        actions = low + (high - low) * torch.rand(games, 3, device=device, generator=generator)
        env.step(actions if device == "cuda" else actions.numpy())

    try:
        env.reset(seed=seeds.TRAINING.start)
        for _ in range(WARM_UP):
            step()
        wait_for(device)
        start = time.perf_counter()
        for _ in range(steps):
            step()
        wait_for(device)
        return games * steps / (time.perf_counter() - start)
    finally:
        env.close()


def laps(device: str, slots: int, tracks: int, max_steps: int) -> tuple[Played, float]:
    """What the published agent reaches on each of `tracks`, and its steps per second."""
    agent = load_pretrained("car_racing")
    env = agent.real(slots, max_steps, "batched", device)
    jobs = [(0, seeds.TRAINING.start + i) for i in range(tracks)]
    params = agent.params[None].to(env.device)
    try:
        play(env, agent.controller, params, jobs[:1])  # compile and warm up
        wait_for(device)
        start = time.perf_counter()
        played = play(env, agent.controller, params, jobs)
        return played, played.lengths.sum() / (time.perf_counter() - start)
    finally:
        env.close()


def compare(returns: list[float], max_steps: int) -> dict[str, float]:
    """The agent's `returns` on a GPU beside those on this machine's CPU, track by track."""
    here, _ = laps("cpu", min(len(returns), 128), len(returns), max_steps)
    gap = np.array(returns) - here.returns
    mean, error = float(gap.mean()), standard_error(gap)
    return {
        "difference": mean,
        "sem": error,
        "tracks": len(returns),
        "bound": abs(mean) + 2 * error,
        "mean_on_cpu": float(here.returns.mean()),
        "mean_on_gpu": float(np.mean(returns)),
    }


def main(
    part: Literal["all", "gpu", "cpu"] = "all",
    device: str = "cuda",
    games: tuple[int, ...] = (256, 1024, 4096, 16384),
    agents: tuple[int, ...] = (1024, 4096),
    tracks: int = 1000,
    steps: int = 1000,
    max_steps: int = 1000,
) -> None:
    """Measure, compare, write."""
    file = Path("results") / "simulator" / "gpu.json"
    weights = weights_of(RunFolder(pretrained_folder("car_racing")), "controller")
    if part == "cpu":
        result = read_json(file, returns=list, weights=dict, max_steps=int)
        if result["weights"] != weights:
            raise SystemExit(f"error: {file} is of another agent: run --part gpu again")
    else:
        result = {
            "device": device_name(device),
            "versions": versions(),
            "weights": weights,
            "max_steps": max_steps,
        }

    def keep(**found: object) -> None:
        result.update(found)
        if part == "cpu" or device == "cuda":
            write_json(file, result)

    if part != "cpu":
        machine = QuietMachine(LIMIT if device == "cuda" else 1.0)
        keep(game_steps_per_second={n: game_rate(device, n, steps) for n in games})
        print(result["game_steps_per_second"], flush=True)
        rates = {}
        for slots in agents:
            played, rates[slots] = laps(device, slots, max(LAPS * slots, tracks), max_steps)
            returns = played.returns[:tracks].round(3).tolist()
            keep(agent_steps_per_second=rates, returns=returns, others=machine.others())
        print(rates, flush=True)
    if part != "gpu":
        keep(agent_on_both=compare(result["returns"], result["max_steps"]))
        print(result["agent_on_both"])


if __name__ == "__main__":
    tyro.cli(main)
