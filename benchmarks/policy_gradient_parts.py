"""What do the parts of the policy gradient buy? The car's C without one of them (the interlude).

    python benchmarks/policy_gradient_parts.py FOLDER

Trains the published car's C anew, behind its V and M, for UPDATES updates, with several seeds for
each variant. Can be stopped and goes on; FOLDER keeps the trainings. Writes
results/car_racing/policy_gradient_parts.json.
"""

from dataclasses import replace
from pathlib import Path

import torch
import tyro

from wmlib.agent import pretrained_folder, weights_of
from wmlib.book import report
from wmlib.configs import PolicyConfig
from wmlib.learning.control import policy_run
from wmlib.records.files import write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder, versions
from wmlib.tasks import get_task

UPDATES = 50
SEEDS = range(5)
STORED = report.load_run("car_racing", "learned_seed_0")
BASE = PolicyConfig.of(STORED.manifest("controller")["config"])
VARIANTS: dict[str, dict] = {
    "whole": {},
    "lambda = 0": {"smoothing": 0.0},
    "lambda = 1": {"smoothing": 1.0},
    "lambda = 1, no critic": {"smoothing": 1.0, "critic_learning_rate": 0.0},
    "future in seconds": {"discount": 0.99, "reward_discount": 1.0},
    "one pass": {"epochs": 1},
}
"""Each differs from the published training in the settings that are named."""


def told(row: dict) -> dict:
    """What is kept of a row of metrics."""
    return {key: row[key] for key in ("update", "reward", "mean_return", "sem") if key in row}


def train(folder: Path, name: str, settings: dict, seed: int) -> list[dict]:
    """Train one variant, or go on with it."""
    run = RunFolder(folder / f"{name.replace(' ', '_')}_{seed}")
    for part in ("vision", "memory", "latents"):
        place = run.path / part
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to((pretrained_folder("car_racing") / part).resolve())
    config = replace(BASE, updates=UPDATES, **settings)
    task = get_task("car_racing")
    policy_run(run, "controller", task, config, seed, torch.device("cpu"))
    return [told(row) for row in Metrics(run.path / "controller/metrics.jsonl").read()]


def main(folder: tyro.conf.Positional[Path]) -> None:
    """Train all variants, write after each seed."""
    found: dict[str, list[list[dict]]] = {name: [] for name in VARIANTS}
    result = {
        "updates": UPDATES,
        "steps_per_update": BASE.dreams * BASE.steps,
        "settings": VARIANTS,
        "rows": found,
        "weights": weights_of(RunFolder(pretrained_folder("car_racing"))),
        "versions": versions(),
    }
    for seed in SEEDS:
        for name, settings in VARIANTS.items():
            found[name].append(train(folder, name, settings, seed))
        write_json(Path("results") / "car_racing" / "policy_gradient_parts.json", result)


if __name__ == "__main__":
    tyro.cli(main)
