"""What is it good for that M predicts the next action? On the pendulum, with and without the head.

    for seed in 0 1 2 3 4; do
        python -m wmlib iterate --task pendulum --preset small --seed $seed \\
            --memory.heads reward action --run-dir runs/pendulum-action-$seed
    done
    python benchmarks/next_action.py runs/pendulum-action-0 runs/pendulum-action-1 ...

The runs without it are those of results/pendulum/solved.json, with the same seeds. Of each run with
it, 100 test episodes a round:

    predicts   how far the head is from the next action of the C that taught it last, squared, as a
               share of that action's variance (1: as good as a constant); beside it, the same for
               the guess that the last action goes on
    reflex     M plays alone: the head's word is the action, C is not asked

And z's likelihood: M is trained twice on the last round's data, with the head and without, and
asked about all the episodes of the next run. Writes results/pendulum/next_action.json.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from pendulum_rounds import SLOTS, TASK, by_agent, real, score
from torch import Tensor
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import Agent, load_agent
from wmlib.configs import MemoryConfig
from wmlib.data.latents import load_latents
from wmlib.learning.memory import train_memory, validate
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.worlds.features import FeatureVectorEnv

CPU = torch.device("cpu")
HEADS = {"without": ("reward",), "with": ("reward", "action")}


def said(agent: Agent, features: Tensor) -> Tensor:
    """(N, 1) what the head says of the action to come, at features (N, F)."""
    with torch.no_grad():
        action = agent.memory.predict(features[:, agent.memory.n_z :]).action
    assert action is not None
    return action.clamp(-TASK.action_scale, TASK.action_scale)


def by_reflex(agent: Agent, env: FeatureVectorEnv) -> dict[str, Any]:
    """The score of M alone."""

    def play(first: list[int]) -> tuple[np.ndarray, np.ndarray]:
        features, _ = env.reset(seed=first)
        cosines, total = [], np.zeros(SLOTS)
        for _ in range(TASK.max_episode_steps):
            features, reward, *_ = env.step(said(agent, features))
            cosines.append(env.pictures[:, 0])  # type: ignore[attr-defined]
            total += reward
        return np.array(cosines), total

    return score(play)


def predicted(agent: Agent, teacher: Tensor, env: FeatureVectorEnv) -> dict[str, float]:
    """How well the head knows the next action of a C with weights `teacher` (n_params,)."""
    features, _ = env.reset(seed=list(range(seeds.TEST.start, seeds.TEST.start + SLOTS)))
    rows = []
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


def of_run(folder: Path) -> dict[str, Any]:
    """Every round of a run: C's test score, and from the second on what M's head is worth."""
    stored = read_json(folder / "rounds.json", rounds=list, seed=int)
    rows, teacher = [], None
    for row in tqdm(stored["rounds"], str(folder)):
        agent = load_agent(RunFolder(folder).round(row["round"]).path, TASK)
        found = row | {"test": by_agent(agent)}
        if teacher is not None:  # the C whose play was the last that M was trained on
            env = real(agent)
            found |= {"reflex": by_reflex(agent, env), "predicts": predicted(agent, teacher, env)}
            env.close()
        teacher = agent.params
        rows.append(found)
    keys = ("seed", "command", "config", "seconds", "device")
    return {key: stored[key] for key in keys} | {"rounds": rows}


def likelihood(folder: Path, other: Path, seed: int) -> dict[str, dict[str, float]]:
    """Nats per dimension of z, with the head and without, on the other run's episodes."""
    here, elsewhere = (RunFolder(f).latest() for f in (folder, other))
    config = MemoryConfig.of(read_json(here.stage("memory") / "manifest.json")["config"])
    latents = load_latents(elsewhere.stage("latents"))
    found = {}
    for kind, heads in HEADS.items():
        with tempfile.TemporaryDirectory() as place:
            run = RunFolder(place)
            shutil.copytree(here.stage("latents"), run.stage("latents"))
            memory = train_memory(run, replace(config, heads=heads), seed, CPU, TASK)
        told = validate(memory, latents, np.arange(len(latents)), CPU)
        found[kind] = {key: told[key] for key in ("val_nll", "val_floor", "val_reward")}
    return found


def main(runs: tyro.conf.Positional[list[Path]]) -> None:
    """Measure every run with the head, and write."""
    torch.set_num_threads(1)
    told = []
    for folder, other in zip(runs, runs[1:] + runs[:1], strict=True):
        run = of_run(folder)
        told.append(run | {"likelihood": likelihood(folder, other, run["seed"])})
    path = Path("results") / "pendulum" / "next_action.json"
    write_json(path, {"runs": told, "versions": versions()})
    for run in told:
        last = run["rounds"][-1]
        print(run["seed"], round(last["test"]["mean"]), last["reflex"]["mean"], last["predicts"])
        print(run["likelihood"])


if __name__ == "__main__":
    tyro.cli(main)
