"""What do gradients through the dream do for C? On one M of the pendulum, beside other learners.

    python benchmarks/dream_gradients.py runs/pendulum-0/round_06 --seeds 0 1 2

RUN is a round of an `iterate` run (`--task pendulum --preset small --seed 0`). Every learner below
begins anew behind its M and sees nothing but its dreams. Of the Cs that it keeps, the one with the
best dreams (200 steps from first frames; mean less standard error) plays 100 test episodes of the
game. The ways past the choice of a Gaussian are compared behind a second M of the same data, with 5
of them in each mixture.

Writes results/pendulum/gradients.json: a row for each training, with its CPU time in seconds (one
thread), dreamed steps, gradient norms, and on the way what its Cs got in 64 dreams and in 16
validation episodes; and how far two gradients of long dreams agree. What is in RUN/gradients is not
trained again.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from pendulum_rounds import TASK, by_agent, real

from wmlib.agent import Agent, load_agent
from wmlib.configs import DreamWorld, EvolveConfig, GradientConfig, MemoryConfig, PolicyConfig
from wmlib.learning.control import evolve_run, gradient_run, policy_run
from wmlib.learning.dream_gradient import Climber, dream_return, dreamed
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
    evaluate_episodes=2,
    real_episodes=0,
)
SHORT = replace(LONG, updates=400, horizon=40, world=ANYWHERE, check_every=50)
VALUED = replace(SHORT, critic_units=64, critic_learning_rate=0.01, discount=0.98)
EVOLVED = EvolveConfig(
    FIRST,
    generations=60,
    population=32,
    episodes=8,
    sigma0=1.0,
    controller="hidden",
    slots=256,
    evaluate_every=10,
    evaluate_episodes=2,
)
POLICY = PolicyConfig(
    ANYWHERE,
    updates=400,
    dreams=64,
    steps=40,
    discount=0.98,
    batch_size=1280,
    learning_rate=3e-3,
    critic_units=64,
    critic_learning_rate=0.01,
    log_every=50,
    check_every=50,
    evaluate_episodes=2,
)
LEARNERS: dict[str, EvolveConfig | PolicyConfig | GradientConfig] = {
    "short, value": VALUED,
    "long": LONG,
    "long, large start": replace(LONG, scale=1.0),
    "long, best of 16": replace(LONG, scale=1.0, tries=16),
    "evolution": EVOLVED,
    "policy gradient": POLICY,
}
CHOICES = ("held", "relaxed", "implicit", "score")
RUNNERS = {EvolveConfig: evolve_run, PolicyConfig: policy_run, GradientConfig: gradient_run}


def dreamed_steps(config: Any) -> int:
    """Steps that C has dreamed by the end of a training, its scores apart."""
    if isinstance(config, EvolveConfig):
        return config.generations * config.population * config.episodes * 200
    return config.updates * config.dreams * getattr(config, "steps", getattr(config, "horizon", 0))


def scores(agent: Agent, named: dict[str, torch.Tensor]) -> dict[str, dict[str, float]]:
    """Of each C: mean and standard error in 64 dreams from first frames, mean in 16 games."""
    assert agent.controller is not None
    found = {}
    with (
        closing(Arena(lambda: agent.world(FIRST, 64))) as dreams,
        closing(Arena(lambda: real(agent, 16))) as games,
    ):
        for name, params in named.items():
            mean, sem = dreams.score(agent.controller, params, 64)
            game, _ = games.score(agent.controller, params, 16)
            found[name] = {"dream": mean, "sem": sem, "game": game}
    return found


def measured(run: RunFolder, output: str, config: Any, seconds: float) -> dict[str, Any]:
    """What a finished training has come to; the dream alone chooses which C is scored."""
    agent = load_agent(run.path, TASK, output)
    assert agent.controllers is not None
    kept = {k: v for k, v in sorted(agent.controllers.items()) if k != "params"}
    told = scores(agent, kept)
    best = max(told, key=lambda name: told[name]["dream"] - told[name]["sem"])
    agent.controllers["params"] = kept[best]
    share = dreamed_steps(config) / getattr(config, "updates", getattr(config, "generations", 1))
    found = {
        "config": asdict(config),
        "n_params": agent.new_controller(config.controller).n_params,
        "dreamed_steps": dreamed_steps(config),
        "cpu_seconds": round(seconds, 1),
        "chosen": best,
        "dream": {"mean": told[best]["dream"], "sem": told[best]["sem"]},
        "test": by_agent(agent),
        "curve": [
            {"steps": round(share * int(name[-5:])), "dream": x["dream"], "game": x["game"]}
            for name, x in told.items()
        ],
    }
    if isinstance(config, GradientConfig):
        rows = Metrics(run.stage(output) / "metrics.jsonl").read()
        found["norms"] = spread_of_norms(rows)
    return found


def spread_of_norms(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Smallest, quartiles and largest of the gradient's norms in a training's metrics."""
    norms = [row["gradient_norm"] for row in rows]
    return [float(x) for x in np.quantile(norms, (0, 0.25, 0.5, 0.75, 1))]


def agreement(run: RunFolder, seed: int) -> list[dict[str, float]]:
    """Along the climb of "long": how alike two gradients from 96 dreams each are (cosine, mean of
    two pairs), and how large, by horizon."""
    agent = load_agent(run.path, TASK, f"long_{seed}")
    assert agent.controllers is not None
    assert agent.controller is not None
    env, rows = agent.world(FIRST, 96), []
    for name, params in sorted(agent.controllers.items()):
        for horizon in (20, 200) if name != "params" else ():
            slopes = []
            for i in range(4):
                theta = params.clone().requires_grad_()
                seeds = range(96 * i, 96 * i + 96)
                value = dream_return(env, agent.controller, theta, horizon, seeds)
                slopes.append(torch.autograd.grad(value, theta)[0])
            pairs = [torch.cosine_similarity(*slopes[i : i + 2], dim=0) for i in (0, 2)]
            row = {"update": int(name[-5:]), "horizon": horizon}
            row["cosine"] = float(torch.stack(pairs).mean())
            row["norm"] = float(torch.stack(slopes).norm(dim=1).median())
            rows.append(row)
    return rows


def choice_slopes(one: RunFolder, five: RunFolder, dreams: int = 2048) -> list[dict[str, Any]]:
    """What the gradient from 64 dreams of 40 steps is worth behind the M with 5 Gaussians, for
    each way past their choice, at the Cs on the way of the first "short, value".

    `slope` is how fast the return of many other dreams rises along it, by differences; `cosine`
    tells how like it is to the gradient from 64 other dreams.
    """
    climbed = load_agent(one.path, TASK, "short_value_0")
    agent = load_agent(five.path, TASK, controller=None)
    controller = agent.new_controller("hidden")
    few, many = (agent.world(ANYWHERE, n) for n in (64, dreams))
    assert climbed.controllers is not None
    rows: list[dict[str, Any]] = []
    for name, params in sorted(climbed.controllers.items()):
        for choice in CHOICES if name != "params" else ():
            climber = Climber(params, controller.n_features, replace(SHORT, choice=choice))  # type: ignore[arg-type]
            slopes = []
            for first in (0, 64):
                seen = dreamed(
                    few, controller, climber.params, 40, range(first, first + 64), choice
                )
                slopes.append(torch.autograd.grad(climber.goal(seen), climber.params)[0])
            step = 0.01 * slopes[0] / slopes[0].norm()
            with torch.no_grad():
                up, down = (
                    dream_return(many, controller, params + way, 40, range(1000, 1000 + dreams))
                    for way in (step, -step)
                )
            row = {"update": int(name[-5:]), "choice": choice, "slope": float(up - down) / 0.02}
            rows.append(row | {"cosine": float(torch.cosine_similarity(*slopes, dim=0))})
    return rows


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


def kept(path: Path, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What `make` finds, once."""
    if not path.exists():
        write_json(path, {"rows": make()})
    return read_json(path)["rows"]


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
    one, rows, agree = RunFolder(run), [], []
    for seed in seeds:
        rows += [row_of(one, name, config, seed) for name, config in LEARNERS.items()]
        found = kept(run / f"gradients/agreement_{seed}.json", partial(agreement, one, seed))
        agree += [{"seed": seed} | row for row in found]
    five = with_mixtures(one, 5)
    memories = [
        read_json(here.stage("memory") / "manifest.json", result=dict)["result"]
        for here in (one, five)
    ]
    told = {"memories": memories, "learners": rows, "agreement": agree}
    found = kept(run / "gradients/choices.json", partial(choice_slopes, one, five))
    told |= {"choices": found, "versions": versions()}
    write_json(Path("results") / "pendulum" / "gradients.json", told)


if __name__ == "__main__":
    tyro.cli(main)
