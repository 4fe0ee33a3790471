"""What each command of `python -m wmlib` does, once its flags are parsed (wmlib.cli).

The modules are imported where they are used: `--help` need not wait for torch and the games.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from wmlib import runs, seeds
from wmlib.configs import (
    CollectConfig,
    EvaluateConfig,
    EvolveConfig,
    GradientConfig,
    IterateConfig,
    MemoryConfig,
    PolicyConfig,
    Preset,
    VisionConfig,
)
from wmlib.presets import Task
from wmlib.runs import RunFolder, UserError


@dataclass
class Common:
    """What every command needs to know."""

    task: str
    """car_racing, doom_take_cover or pendulum"""
    preset: str = "small"
    """tiny (minutes), small (about an hour on a laptop or in Colab) or paper (one GPU)"""
    device: str = "auto"
    """auto, cpu or cuda"""
    run_dir: Path | None = None
    """the run folder; default runs/TASK-PRESET"""
    seed: int = 0
    """seed of the whole run; each stage derives its own"""

    @property
    def run(self) -> RunFolder:
        """The run folder these flags mean."""
        return RunFolder(self.run_dir or Path("runs") / f"{self.task}-{self.preset}")


def _on_cpu_only(common: Common, what: str) -> None:
    """UserError where a GPU is asked for and could not be used."""
    if common.device == "cuda":
        raise UserError(f"{what} runs on the CPU: leave --device cuda out")


def collect(common: Common, task: Task, config: CollectConfig) -> None:
    """Stage 1."""
    from wmlib.stages import collect_run

    _on_cpu_only(common, "collect")
    collect_run(common.run, task, config, common.seed)


def train_vision(common: Common, task: Task, config: VisionConfig) -> None:
    """Stage 2, and the encoding after which nothing touches a frame."""
    from wmlib import latents, vision
    from wmlib.store import RolloutStore

    common.run.require("rollouts", "train-vision")
    device = runs.pick_device(common.device)
    store = RolloutStore(common.run.stage("rollouts"))
    if store.facts["task"] != task.name:
        raise runs.UserError(
            f"{common.run.path} holds games of {store.facts['task']}, not of {task.name}: "
            "change --task or --run-dir"
        )
    vae = vision.train_vision(common.run, config, common.seed, device, task)
    latents.encode_run(common.run, vae, store, device)


def train_memory(common: Common, task: Task, config: MemoryConfig) -> None:
    """Stage 3."""
    from wmlib.memory import train_memory as train
    from wmlib.vision import load_vision

    common.run.require("latents", "train-memory")
    load_vision(common.run.stage("vision") / "vision.safetensors", task)  # refuses another task's
    train(common.run, config, common.seed, runs.pick_device(common.device), task)


def evolve(common: Common, task: Task, config: EvolveConfig, output: str = "controller") -> None:
    """Stage 4."""
    from wmlib.stages import evolve_run

    common.run.require("memory", "evolve")
    device = runs.pick_device(common.device)
    evolve_run(common.run, output, task, config, common.seed, device)


def policy_gradient(common: Common, task: Task, config: PolicyConfig, output: str) -> None:
    """Stage 4, by another learner."""
    from wmlib.stages import policy_run

    common.run.require("memory", "policy-gradient")
    device = runs.pick_device(common.device)
    policy_run(common.run, output, task, config, common.seed, device)


def evaluate(
    common: Common,
    task: Task,
    config: EvaluateConfig,
    weights: str | None = None,
    controller: str = "controller",
) -> None:
    """Stage 5: ends with one JSON line."""
    from wmlib.stages import evaluate_run

    result = evaluate_run(
        common.run.path if weights is None else weights,
        task,
        config,
        common.seed,
        runs.pick_device(common.device),
        controller,
    )
    print(json.dumps({key: result[key] for key in ("task", "mean", "std", "sem", "n")}))


def run_all(common: Common, task: Task, preset: Preset) -> None:
    """All five stages; finished ones are passed over."""
    collect(dataclasses.replace(common, device="cpu"), task, preset.collect)
    train_vision(common, task, preset.vision)
    train_memory(common, task, preset.memory)
    evolve(common, task, preset.evolve)
    evaluate(dataclasses.replace(common, seed=seeds.TEST.start), task, preset.evaluate)


def iterate(common: Common, config: IterateConfig) -> None:
    """The iterative procedure; prints one JSON line for each round."""
    from wmlib.iterative import iterate as run_rounds

    if common.task != "pendulum":
        raise UserError(f"iterate plays the pendulum so far, not {common.task}: --task pendulum")
    for row in run_rounds(common.run, config, common.seed, runs.pick_device(common.device)):
        print(json.dumps(row))


def dream_gradient(common: Common, config: GradientConfig) -> None:
    """C by gradient through the dream."""
    from wmlib.gradient import ascend_run

    if common.task != "pendulum":
        raise UserError(
            f"dream-gradient needs an M with a reward head, as the pendulum's, not {common.task}: "
            "--task pendulum"
        )
    _on_cpu_only(common, "dream-gradient")
    print(json.dumps(ascend_run(common.run, config, common.seed)))


def play(common: Common, task: Task, weights: str | None, output: Path, steps: int) -> None:
    """A film of one episode."""
    from wmlib.agent import find_agent
    from wmlib.video import write_video

    _on_cpu_only(common, "play")
    agent = find_agent(common.run.path if weights is None else weights, task)
    write_video(agent, common.seed, output, steps)
