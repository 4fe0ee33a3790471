"""How does the published car C drive on V's mean mu instead of a sample z? (exercise of chapter 7)

    python benchmarks/car_without_noise.py [TRACKS]

The simulator, validation tracks, each driven once with z ~ N(mu, sigma^2) and once with z = mu.
Writes results/car_racing/without_noise.json.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from wmlib import seeds
from wmlib.agent import Agent, load_pretrained, pretrained_folder, weights_of
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.worlds.evaluate import evaluate
from wmlib.worlds.play import standard_error


def drive(agent: Agent, tracks: int) -> dict[str, Any]:
    """The agent's score on the first validation tracks."""
    env = agent.real(50, game="batched")
    found = evaluate(env, agent.controller, agent.params, tracks, seeds.VALIDATION.start)
    env.close()
    return found


def main(tracks: tyro.conf.Positional[int] = 200) -> None:
    """Drive twice, compare track by track, write."""
    agent = load_pretrained("car_racing")
    sample = drive(agent, tracks)
    with torch.no_grad():  # sigma = 0: the sample is mu
        agent.vision.to_logvar.weight.zero_()
        agent.vision.to_logvar.bias.fill_(-60.0)
    mean = drive(agent, tracks)
    gap = np.array(mean["returns"]) - np.array(sample["returns"])
    keys = ("mean", "std", "sem", "n")
    result = {
        "z": {key: sample[key] for key in keys},
        "mu": {key: mean[key] for key in keys},
        "difference": {"mean": float(gap.mean()), "sem": standard_error(gap)},
        "weights": weights_of(RunFolder(pretrained_folder("car_racing")), "controller"),
        "versions": versions(),
    }
    path = Path("results") / "car_racing" / "without_noise.json"
    write_json(path, result)
    print(f"{path}: with mu {gap.mean():+.0f} ± {standard_error(gap):.0f} points")


if __name__ == "__main__":
    tyro.cli(main)
