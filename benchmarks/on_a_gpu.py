"""The batched CarRacing and the whole acting loop on a GPU, beside this machine's CPU.

    python benchmarks/on_a_gpu.py                # writes results/simulator/gpu.json
    python benchmarks/on_a_gpu.py --device cpu --games 64 --agents 64 --tracks 8 --steps 50

Three parts: game steps per second with drawing, for several numbers of cars; agent steps per second
(simulator, V, M and a population of controllers) of an agent of the paper's size; and the published
agent's returns on the same tracks on both devices. The bars: 500,000 game steps/s with 4,096 cars
and 300,000 agent steps/s on an H200-class GPU, |mean difference| + 2 standard errors <= 20 points.
The second form tries the script itself on the CPU and writes nothing.
"""

import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import tyro
from acting_loop import ours, paper_sized

from wmlib import runs, seeds
from wmlib.agent import evaluate, load_pretrained
from wmlib.arena import standard_error

WARM_UP = 60  # steps: the first 50 show the whole map, which takes longer to draw
LIFE = 200  # steps of an agent's episode: all begin together, and few end before


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


def returns(device: str, tracks: int) -> np.ndarray:
    """(tracks,) returns of the published agent in the simulator on `device`."""
    agent = load_pretrained("car_racing")
    env = agent.real(min(tracks, 512), game="batched", device=device)
    try:
        found = evaluate(env, agent.controller, agent.params, tracks, seeds.TRAINING.start)
    finally:
        env.close()
    return np.array(found["returns"])


def main(
    device: str = "cuda",
    games: tuple[int, ...] = (256, 1024, 4096, 16384),
    agents: tuple[int, ...] = (1024, 4096),
    tracks: int = 1000,
    steps: int = 1000,
) -> None:
    """Measure, compare, write."""
    result: dict = {"device": runs.device_name(device), "versions": runs.versions()}
    result["game_steps_per_second"] = {n: game_rate(device, n, steps) for n in games}
    print(json.dumps(result["game_steps_per_second"]), flush=True)
    result["agent_steps_per_second"] = {n: ours(paper_sized(), n, LIFE, device) for n in agents}
    print(json.dumps(result["agent_steps_per_second"]), flush=True)
    gap = returns(device, tracks) - returns("cpu", tracks)
    mean, error = float(gap.mean()), standard_error(gap)
    result["agent_on_both"] = {"difference": mean, "sem": error, "tracks": tracks}
    result["agent_on_both"]["bound"] = abs(mean) + 2 * error
    print(json.dumps(result["agent_on_both"]), flush=True)
    if device == "cuda":
        runs.write_json(Path("results") / "simulator" / "gpu.json", result)


if __name__ == "__main__":
    tyro.cli(main)
