"""What do gradients through the dream do for C? On one M of the pendulum, beside other learners.

    python benchmarks/dream_gradients.py runs/pendulum-0/round_06 --seeds 0 1 2

RUN is a round of an `iterate` run (`--task pendulum --preset small --seed 0`). Every learner below
begins anew behind its M and sees nothing but its dreams. Of the Cs that it keeps, the one with the
best dreams (200 steps from first frames; mean less standard error) plays 100 test episodes of the
game. The choice of a Gaussian is compared behind a second M of the same data, with 5 of them in
each mixture.

Writes results/pendulum/gradients.json: a row for each training, with its CPU time in seconds (one
thread), dreamed steps, gradient norms, and on the way what its Cs got in dreams and in 16
validation episodes. What is in RUN/gradients is not trained again.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from pendulum_rounds import TASK, by_agent

from wmlib.agent import Agent, load_agent
from wmlib.configs import DreamWorld, EvolveConfig, GradientConfig, MemoryConfig, PolicyConfig
from wmlib.learning.control import evolve_run, gradient_run, policy_run
from wmlib.learning.memory import train_memory
from wmlib.records.files import read_json, write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder, versions
from wmlib.worlds.play import Arena

CPU = torch.device("cpu")
FIRST, ANYWHERE = (DreamWorld(max_episode_steps=200, starts=s) for s in ("first", "anywhere"))  # type: ignore[arg-type]
LONG = GradientConfig(
    updates=60,
    dreams=64,
    horizon=200,
    controller="hidden",
    world=FIRST,
    check_every=10,
    real_episodes=16,
)
SHORT = replace(LONG, updates=300, dreams=128, horizon=20, world=ANYWHERE, check_every=50)
VALUED = replace(SHORT, critic_units=64, critic_learning_rate=0.01, discount=0.98)
LEARNERS: dict[str, EvolveConfig | PolicyConfig | GradientConfig] = {
    "long": LONG,
    "long, large start": replace(LONG, scale=1.0),
    "long, best of 16 large starts": replace(LONG, scale=1.0, tries=16),
    "short": SHORT,
    "short, value": VALUED,
    "short, value, large start": replace(VALUED, scale=1.0),
    "evolution": EvolveConfig(
        FIRST,
        generations=60,
        population=32,
        episodes=8,
        sigma0=1.0,
        controller="hidden",
        slots=256,
        evaluate_every=10,
        real_episodes=16,
    ),
    "policy gradient": PolicyConfig(
        ANYWHERE,
        updates=300,
        dreams=128,
        steps=20,
        discount=0.98,
        batch_size=1280,
        learning_rate=3e-3,
        critic_units=64,
        critic_learning_rate=0.01,
        log_every=50,
        check_every=50,
        evaluate_episodes=64,
        real_episodes=16,
    ),
}
CHOICES = ("held", "relaxed", "implicit", "score")
RUNNERS = {EvolveConfig: evolve_run, PolicyConfig: policy_run, GradientConfig: gradient_run}


def dreamed_steps(config: Any) -> int:
    """Steps that C has dreamed by the end of a training, its scores apart."""
    if isinstance(config, EvolveConfig):
        return config.generations * config.population * config.episodes * 200
    return config.updates * config.dreams * getattr(config, "steps", getattr(config, "horizon", 0))


def dream_scores(agent: Agent, named: dict[str, torch.Tensor]) -> dict[str, tuple[float, float]]:
    """Mean return and standard error of each C in 64 dreams from first frames."""
    assert agent.controller is not None
    with closing(Arena(lambda: agent.world(FIRST, 64))) as arena:
        return {name: arena.score(agent.controller, params, 64) for name, params in named.items()}


def measured(run: RunFolder, output: str, config: Any, seconds: float) -> dict[str, Any]:
    """What a finished training has come to; the dream alone chooses which C is scored."""
    agent = load_agent(run.path, TASK, output)
    assert agent.controllers is not None
    kept = {k: v for k, v in agent.controllers.items() if k != "params"}
    dreams = dream_scores(agent, kept)
    best = max(dreams, key=lambda name: dreams[name][0] - dreams[name][1])
    agent.controllers["params"] = kept[best]
    rows = Metrics(run.stage(output) / "metrics.jsonl").read()
    share = dreamed_steps(config) / getattr(config, "updates", getattr(config, "generations", 1))
    count = "generation" if isinstance(config, EvolveConfig) else "update"
    found = {
        "config": asdict(config),
        "n_params": agent.new_controller(config.controller).n_params,
        "dreamed_steps": dreamed_steps(config),
        "cpu_seconds": round(seconds, 1),
        "chosen": best,
        "dream": dict(zip(("mean", "sem"), dreams[best])),
        "test": by_agent(agent),
        "curve": [
            {
                "steps": round(share * row[count]),
                "dream": dreams[f"{count}_{row[count]:05d}"][0],
                "game": row["real_return"],
            }
            for row in rows
            if "real_return" in row
        ],
    }
    if isinstance(config, GradientConfig):
        norms = [row["gradient_norm"] for row in rows]
        found["norms"] = [float(x) for x in np.quantile(norms, (0, 0.25, 0.5, 0.75, 1))]
    return found


def row_of(run: RunFolder, name: str, config: Any, seed: int) -> dict[str, Any]:
    """Train, measure, keep."""
    output = f"{name} {seed}".replace(",", "").replace(" ", "_")
    path = run.path / "gradients" / f"{output}.json"
    if not path.exists():
        began = time.process_time()
        RUNNERS[type(config)](run, output, TASK, config, seed, CPU)
        seconds = time.process_time() - began
        path.parent.mkdir(exist_ok=True)
        row = {"learner": name, "seed": seed} | measured(run, output, config, seconds)
        write_json(path, row)
    row = read_json(path)
    print(name, seed, row["dream"], row["test"], row["cpu_seconds"], flush=True)
    return row


def with_mixtures(run: RunFolder, mixtures: int) -> RunFolder:
    """A folder with an M of the same data, whose mixtures have so many Gaussians."""
    here = RunFolder(run.path / f"mixtures_{mixtures}")
    for stage in ("vision", "latents"):
        if not here.stage(stage).exists():
            shutil.copytree(run.stage(stage), here.stage(stage))
    told = read_json(run.stage("memory") / "manifest.json")
    config = replace(MemoryConfig.of(told["config"]), n_mixtures=mixtures)
    train_memory(here, config, told["seed"], CPU, TASK)
    return here


def main(run: tyro.conf.Positional[Path], seeds: Sequence[int] = (0, 1, 2)) -> None:
    """Train what is missing, and write."""
    torch.set_num_threads(1)
    one, rows, choices = RunFolder(run), [], []
    five = with_mixtures(one, 5)
    for seed in seeds:
        rows += [row_of(one, name, config, seed) for name, config in LEARNERS.items()]
        for choice in CHOICES:
            config = replace(VALUED, choice=choice)  # type: ignore[arg-type]
            choices.append(row_of(five, f"short, value, {choice}", config, seed))
    memories = [
        read_json(here.stage("memory") / "manifest.json", result=dict) for here in (one, five)
    ]
    told = {"memories": memories, "learners": rows, "choices": choices, "versions": versions()}
    write_json(Path("results") / "pendulum" / "gradients.json", told)


if __name__ == "__main__":
    tyro.cli(main)
