"""What is it good for that M predicts the next action? The pendulum's last round, again and again.

    python benchmarks/next_action.py runs/pendulum-0/round_06 --other runs/pendulum-action-0

RUN is the last round of a run (`iterate --task pendulum --preset small --seed 0`, published), OTHER
a run with `--memory.heads reward action`, whose episodes no M here has seen. On RUN's data M is
trained anew with each seed, with the head for the next action and without; behind it C goes on from
that of the round before, as in `iterate`. Then, for each:

    likelihood  nats per dimension of z on OTHER's episodes
    test        C's 100 test episodes

and of the Ms with the head:

    predicts    how far the head is from the next action of the C whose play was the last in the
                data, squared, as a share of that action's variance (1: as good as a constant);
                beside it the same for the guess that the last action goes on
    reflex      100 test episodes in which M plays alone: the head's word is the action

Writes results/pendulum/next_action.json. What is in RUN/action is not trained again.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from pendulum_rounds import SLOTS, TASK, by_agent, real, score
from torch import Tensor

from wmlib import seeds as ranges
from wmlib.agent import Agent, load_agent
from wmlib.configs import IterateConfig
from wmlib.data.latents import load_latents
from wmlib.learning.control import evolve_run
from wmlib.learning.memory import train_memory, validate
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions

CPU = torch.device("cpu")
HEADS = {"without": ("reward",), "with": ("reward", "action")}


def said(agent: Agent, features: Tensor) -> Tensor:
    """(N, 1) what the head says of the action to come, at features (N, F)."""
    with torch.no_grad():
        action = agent.memory.predict(features[:, agent.memory.n_z :]).action
    assert action is not None
    return action.clamp(-TASK.action_scale, TASK.action_scale)


def by_reflex(agent: Agent) -> dict[str, Any]:
    """The score of M alone."""
    env = real(agent)

    def play(first: list[int]) -> tuple[np.ndarray, np.ndarray]:
        features, _ = env.reset(seed=first)
        cosines, total = [], np.zeros(SLOTS)
        for _ in range(TASK.max_episode_steps):
            features, reward, *_ = env.step(said(agent, features))
            cosines.append(env.pictures[:, 0])
            total += reward
        return np.array(cosines), total

    return score(play)


def predicted(agent: Agent, teacher: Tensor) -> dict[str, float]:
    """How well the head knows the next action of a C with weights `teacher` (n_params,)."""
    env, rows = real(agent), []
    features, _ = env.reset(seed=list(range(ranges.TEST.start, ranges.TEST.start + SLOTS)))
    for _ in range(TASK.max_episode_steps):
        action = agent.act(features, teacher)
        rows.append((action[:, 0].numpy(), said(agent, features)[:, 0].numpy()))
        features, *_ = env.step(action)
    action, head = (np.stack(column) for column in zip(*rows))  # (T, N)
    variance = action[1:].var()
    return {
        "head": float(np.square(head[1:] - action[1:]).mean() / variance),
        "goes_on": float(np.square(action[:-1] - action[1:]).mean() / variance),
    }


def trained(run: RunFolder, kind: str, seed: int, config: IterateConfig, teacher: Tensor) -> Agent:
    """The round once more, with this seed; finished parts are not trained again."""
    here = RunFolder(run.path / "action" / f"{kind}_{seed}")
    for stage in ("vision", "latents"):
        if not here.stage(stage).exists():
            shutil.copytree(run.stage(stage), here.stage(stage))
    train_memory(here, replace(config.memory, heads=HEADS[kind]), seed, CPU, TASK)
    search = replace(config.evolve, sigma0=config.go_on * config.evolve.sigma0, slots=256)
    evolve_run(here, "controller", TASK, search, seed, CPU, teacher)
    return load_agent(here.path, TASK)


def main(run: tyro.conf.Positional[Path], other: Path, seeds: Sequence[int] = range(5)) -> None:
    """Train what is missing, measure, and write."""
    torch.set_num_threads(1)
    here = RunFolder(run)
    number = int(run.name.removeprefix("round_"))
    teacher = load_agent(RunFolder(run.parent).round(number - 1).path, TASK).params
    config = IterateConfig.of(read_json(run.parent / "rounds.json")["config"])
    unseen = load_latents(RunFolder(other).latest().stage("latents"))
    rows = []
    for seed in seeds:
        for kind in HEADS:
            agent = trained(here, kind, seed, config, teacher)
            told = validate(agent.memory, unseen, np.arange(len(unseen)), CPU)
            row = {"kind": kind, "seed": seed, "test": by_agent(agent)}
            row["likelihood"] = {k: told[k] for k in ("val_nll", "val_floor", "val_reward")}
            if kind == "with":
                row |= {"predicts": predicted(agent, teacher), "reflex": by_reflex(agent)}
            rows.append(row)
            print(row, flush=True)
    before = read_json(run.parent / "rounds.json")["rounds"][number - 2]
    told = {"config": asdict(config), "before": before, "rows": rows, "versions": versions()}
    write_json(Path("results") / "pendulum" / "next_action.json", told)


if __name__ == "__main__":
    tyro.cli(main)
