"""Three ways for C to learn in one M's dreams: gradient, policy gradient, evolution.

    python benchmarks/dream_teachers.py runs/doom/round_01
    python benchmarks/dream_teachers.py runs/car --task car_racing --learners gradient

RUN is a run, or a round of `iterate`, whose M can be dreamed. Every C begins anew behind its M and
sees nothing but dreams; of those kept on the way each is scored on 64 validation episodes, of
Doom's game or of the car's simulator. (More trainings of the car's policy gradient behind the same
M: benchmarks/dreamed_seeds.py.)

Writes results/TASK/teachers.json: a row for each training that RUN/teachers holds, with
its CPU time in seconds (one thread, scores apart), the dreamed steps, gradient norms, and the
curve. What is there is not trained again.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from dream_gradients import RUNNERS, spread_of_norms

from wmlib.agent import load_agent, weights_of
from wmlib.configs import DreamWorld, EvolveConfig, GradientConfig, PolicyConfig
from wmlib.records.files import read_json, write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder, versions
from wmlib.tasks import Task, get_task
from wmlib.worlds.play import Arena

EPISODES = 64
DREAMS = DreamWorld(tau=1.15, max_episode_steps=2100, starts="anywhere")
ROADS = DreamWorld(max_episode_steps=1000, starts="anywhere")
GRADIENT = GradientConfig(
    updates=300,
    dreams=64,
    horizon=32,
    critic_units=64,
    critic_learning_rate=3e-3,
    discount=0.99,
    learning_rate=1e-4,
    scale=0.01,
    world=DREAMS,
    check_every=100,
    evaluate_episodes=2,
    real_episodes=0,
)
EVOLVED = EvolveConfig(
    DREAMS,
    generations=30,
    population=32,
    episodes=8,
    slots=256,
    evaluate_every=10,
    evaluate_episodes=2,
)
LEARNERS: dict[str, dict[str, EvolveConfig | PolicyConfig | GradientConfig]] = {
    "doom_take_cover": {
        "gradient": GRADIENT,
        "gradient, large steps": replace(GRADIENT, learning_rate=3e-3),
        "policy gradient": PolicyConfig(DREAMS, updates=300, check_every=100, evaluate_episodes=2),
        "evolution": EVOLVED,
    },
    "car_racing": {
        "gradient": replace(GRADIENT, learning_rate=3e-4, world=ROADS),
        "gradient, large steps": replace(GRADIENT, learning_rate=3e-3, world=ROADS),
        "evolution": replace(EVOLVED, world=ROADS),
    },
}


def dreamed_steps(config: Any, rows: Sequence[dict[str, Any]], name: str) -> int:
    """Steps that C has dreamed when the C called `name` was kept."""
    count = int(name.rpartition("_")[2])
    if isinstance(config, EvolveConfig):
        return sum(row["steps"] for row in rows if row["generation"] <= count)
    length = config.horizon if isinstance(config, GradientConfig) else config.steps
    return count * config.dreams * length


def measured(run: RunFolder, task: Task, output: str, config: Any) -> dict[str, Any]:
    """The curve of a finished training: dreamed steps, and the scores in the game."""
    agent = load_agent(run.path, task, output)
    assert agent.controller is not None
    assert agent.controllers is not None
    rows = Metrics(run.stage(output) / "metrics.jsonl").read()
    curve = []
    game: Literal["reference", "batched"] = "batched" if task.batched_id else "reference"
    with closing(Arena(lambda: agent.real(16, game=game))) as games:
        for name, params in sorted(agent.controllers.items()):
            if name != "params":
                mean, sem = games.score(agent.controller, params, EPISODES)
                steps = dreamed_steps(config, rows, name)
                curve.append({"name": name, "steps": steps, "mean": mean, "sem": sem})
    found: dict[str, Any] = {"config": asdict(config), "n": EPISODES, "curve": curve}
    if isinstance(config, GradientConfig):
        found["norms"] = spread_of_norms(rows)
    return found


def row_of(run: RunFolder, task: Task, learner: str, seed: int) -> None:
    """Train, measure, keep."""
    output = f"{learner} {seed}".replace(",", "").replace(" ", "_")
    path, config = run.path / "teachers" / f"{output}.json", LEARNERS[task.name][learner]
    if not path.exists():
        began = time.process_time()
        RUNNERS[type(config)](run, output, task, config, seed, torch.device("cpu"))
        seconds = round(time.process_time() - began, 1)
        path.parent.mkdir(exist_ok=True)
        row = {"learner": learner, "seed": seed, "cpu_seconds": seconds}
        write_json(path, row | measured(run, task, output, config))
    row = read_json(path)
    print(learner, seed, row["curve"], row["cpu_seconds"], flush=True)


def main(
    run: tyro.conf.Positional[Path],
    task: str = "doom_take_cover",
    seeds: Sequence[int] = (0, 1, 2),
    learners: Sequence[str] = (),
) -> None:
    """Train what is missing, and write."""
    torch.set_num_threads(1)
    here = RunFolder(run)
    for name in learners or LEARNERS[task]:
        for seed in seeds:
            row_of(here, get_task(task), name, seed)
    rows = [read_json(path) for path in sorted((run / "teachers").glob("*.json"))]
    told = {"weights": weights_of(here), "rows": rows, "versions": versions()}
    write_json(Path("results") / task / "teachers.json", told)


if __name__ == "__main__":
    tyro.cli(main)
