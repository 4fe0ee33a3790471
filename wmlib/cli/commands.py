"""The commands of `python -m wmlib`: what each may be told, and what it does.

A command is a dataclass whose fields are its flags; wmlib.cli.main parses them and calls `act`. The
modules that do the work are imported there: `--help` does not wait for torch and the games.
"""

import dataclasses
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

from wmlib import seeds
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
from wmlib.device import pick_device
from wmlib.errors import UserError, keeping_nothing, needing
from wmlib.records.progress import tell
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import Task

PLAIN = tyro.conf.arg(name="")  # the stage's own fields are flags without a prefix


@dataclass(kw_only=True)
class Common:
    """What every command needs to know."""

    task: str
    """the game: car_racing, doom_take_cover, pendulum, or one of your own"""
    preset: str = "small"
    """tiny (minutes), small (one to two hours on two cores) or paper (one GPU)"""
    device: str = "auto"
    """auto, cpu or cuda"""
    run_dir: Path | None = None
    """the run folder (None: runs/TASK-PRESET, or to go on from a run the only one of the task)"""
    seed: int = 0
    """seed of the whole run; each stage derives its own"""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """no bars and no remarks, only results and errors"""

    makes_run: ClassVar[bool] = False
    """whether the command begins a run; others need one that exists"""

    @property
    def run(self) -> RunFolder:
        """The run folder these flags mean."""
        return RunFolder(self.run_dir or Path("runs") / f"{self.task}-{self.preset}")

    def act(self, task: Task) -> None:
        """Do it; UserError where these flags ask for what cannot be done."""
        raise NotImplementedError

    def _on_cpu_only(self, what: str) -> None:
        if self.device == "cuda":
            raise UserError(f"{what} runs on the CPU: leave --device cuda out")


@dataclass(kw_only=True)
class Trains(Common):
    """What every command that trains something needs to know."""

    tensorboard: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """write the metrics as TensorBoard events, too (needs the extra wmlib[tensorboard])"""


@dataclass(kw_only=True)
class Collect(Common):
    """Play a policy in the real game and store the episodes."""

    makes_run = True

    collect: Annotated[CollectConfig, PLAIN]

    def act(self, task: Task) -> None:
        """Stage 1."""
        from wmlib.learning.stages import collect_run

        self._on_cpu_only("collect")
        collect_run(self.run, task, self.collect, self.seed)


@dataclass(kw_only=True)
class TrainVision(Trains):
    """Train V on the stored frames, then encode them all."""

    vision: Annotated[VisionConfig, PLAIN]

    def act(self, task: Task) -> None:
        """Stage 2, and the encoding after which nothing touches a frame."""
        from wmlib.learning.vision import vision_run

        self.run.require("rollouts", "train-vision")
        vision_run(self.run, task, self.vision, self.seed, pick_device(self.device))


@dataclass(kw_only=True)
class TrainMemory(Trains):
    """Train M on the latents."""

    memory: Annotated[MemoryConfig, PLAIN]

    def act(self, task: Task) -> None:
        """Stage 3."""
        from wmlib.learning.memory import train_memory
        from wmlib.model.vision import load_vision

        self.run.require("latents", "train-memory")
        load_vision(self.run.stage("vision") / "vision.safetensors", task)  # refuses another task's
        train_memory(self.run, self.memory, self.seed, pick_device(self.device), task)


@dataclass(kw_only=True)
class Evolve(Trains):
    """Evolve C with CMA-ES, in the real game or in the dream.

    The same command with more --generations goes on; with fewer it ends a search under way.
    """

    evolve: Annotated[EvolveConfig, PLAIN]
    output: str = "controller"
    """folder inside the run folder; name it otherwise to keep several controllers"""

    def act(self, task: Task) -> None:
        """Stage 4."""
        from wmlib.learning.control import evolve_run

        run = self.run.latest()
        run.require("memory", "evolve")
        device = pick_device(self.device)
        evolve_run(run, self.output, task, self.evolve, self.seed, device)


@dataclass(kw_only=True)
class PolicyGradient(Trains):
    """Train C by policy gradient instead of evolving it: car in the game, Doom in the dream.

    The same command with more --updates goes on; with fewer it ends a training under way.
    """

    policy: Annotated[PolicyConfig, PLAIN]
    output: str = "policy"
    """folder inside the run folder; evaluate it with --controller"""

    def act(self, task: Task) -> None:
        """Stage 4, by another learner."""
        from wmlib.learning.control import policy_run

        run = self.run.latest()
        run.require("memory", "policy-gradient")
        device = pick_device(self.device)
        policy_run(run, self.output, task, self.policy, self.seed, device)


@dataclass(kw_only=True)
class OfAgent(Common):
    """What a command needs to know that plays a whole agent."""

    weights: str | None = None
    """a run folder (default: --run-dir), pretrained, or other weights of the package:
    pretrained/dreamed for the car, pretrained/round_02 for the pendulum"""
    controller: str = "controller"
    """folder of the controller inside the run folder"""

    @property
    def source(self) -> str | Path:
        """Where the agent is, as wmlib.agent.load_agent takes it."""
        if self.weights is None:
            return self.run.path
        if self.run_dir is not None:
            raise UserError(
                f"--weights {self.weights} already says where the agent is: leave --run-dir out"
            )
        return self.weights


@dataclass(kw_only=True)
class Evaluate(OfAgent):
    """Score an agent in the real game; the last line printed is JSON."""

    evaluate: Annotated[EvaluateConfig, PLAIN]
    seed: int = seeds.TEST.start
    """seed of the first episode; the next ones count up (test seeds: 1000 to 1999)"""

    def act(self, task: Task) -> None:
        """Stage 5."""
        self.score(task)

    def score(self, task: Task) -> dict[str, Any]:
        """What came of it, after a line was printed."""
        from wmlib.learning.stages import evaluate_run

        device = pick_device(self.device)
        result = evaluate_run(self.source, task, self.evaluate, self.seed, device, self.controller)
        print(json.dumps({key: result[key] for key in ("task", "mean", "std", "sem", "n")}))
        return result


@dataclass(kw_only=True)
class Run(Trains):
    """All stages: collect, train V, train M, evolve C, evaluate in the real game."""

    makes_run = True

    stages: Annotated[Preset, PLAIN]

    def act(self, task: Task) -> None:
        """One stage after another; finished ones are passed over."""
        from wmlib.cli.summary import of_run
        from wmlib.learning.refusals import check_run

        same = {f.name: getattr(self, f.name) for f in dataclasses.fields(Common)}
        stages = self.stages
        check_run(self.run, task, stages, self.seed, pick_device(self.device))
        if stages.collect.cluster or stages.evolve.cluster or stages.evaluate.cluster:
            with needing("--cluster"):
                importlib.import_module("ray")
        see = "train V, encode every frame" if task.pictures else "keep every state (z is it)"
        steps: list[tuple[str, Common]] = [
            (
                f"collect {stages.collect.episodes:,} episodes",
                Collect(**same | {"device": "cpu"}, collect=stages.collect),
            ),
            (see, TrainVision(**same, vision=stages.vision)),
            ("train M", TrainMemory(**same, memory=stages.memory)),
            ("evolve C", Evolve(**same, evolve=stages.evolve)),
        ]
        count = len(steps) + 1
        for number, (told, command) in enumerate(steps, start=1):
            tell(f"stage {number} of {count}: {told}")
            command.act(task)
        told = f"score {stages.evaluate.episodes} episodes of the real game"
        tell(f"stage {count} of {count}: {told}")
        last = Evaluate(**same | {"seed": seeds.TEST.start}, evaluate=stages.evaluate)
        tell(of_run(self.run, task, self.preset, last.score(task)))


@dataclass(kw_only=True)
class Iterate(Trains):
    """The iterative procedure: play, learn M, then C in M, round after round."""

    makes_run = True

    iterate: Annotated[IterateConfig, PLAIN]

    def act(self, task: Task) -> None:
        """Prints one JSON line for each round."""
        from wmlib.cli.summary import of_iteration
        from wmlib.learning.iterative import iterate

        device = pick_device(self.device)
        rows = iterate(self.run, task, self.iterate, self.seed, device)
        for row in rows:
            print(json.dumps(row))
        tell(of_iteration(self.run, task, rows))


@dataclass(kw_only=True)
class DreamGradient(Trains):
    """Train C by backpropagation through the dream; prints one JSON line.

    In a folder of `iterate`, in the dream of its last round. The same command with more --updates
    goes on.
    """

    gradient: Annotated[GradientConfig, PLAIN]
    output: str = "gradient"
    """folder inside the run folder; evaluate it with --controller"""

    def act(self, task: Task) -> None:
        """Stage 4, by a third learner."""
        from wmlib.learning.control import gradient_run

        run = self.run.latest()
        run.require("memory", "dream-gradient")
        device = pick_device(self.device)
        print(json.dumps(gradient_run(run, self.output, task, self.gradient, self.seed, device)))


@dataclass(kw_only=True)
class Play(OfAgent):
    """Write a video: the real picture, V's reconstruction and M's dream side by side."""

    seed: int = seeds.TEST.start
    """seed of the episode"""
    output: Path = Path("play.mp4")
    """the video file"""
    steps: int = 1000
    """longest video, in steps of the game"""

    def act(self, task: Task) -> None:
        """A film of one episode."""
        from wmlib.agent import load_agent
        from wmlib.book.video import write_video

        self._on_cpu_only("play")
        agent = load_agent(self.source, task, self.controller)
        with keeping_nothing():
            write_video(agent, self.seed, self.output, self.steps)
