"""The agent: V, M and C together (paper, section "Putting Everything Together")."""

import itertools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, overload

from gymnasium.vector import AutoresetMode

from wmlib.errors import UserError, needing

with needing("an agent"):
    import torch
    from torch import Tensor

from wmlib.configs import DreamWorld, RealWorld, World
from wmlib.model.controller import Controller, load_controllers
from wmlib.model.memory import MDNRNN, MOMENTS, Moments, load_memory
from wmlib.model.vision import Vision, load_vision
from wmlib.records.files import read_json, sha256
from wmlib.records.run_folder import DREAMED, NEEDS, RunFolder
from wmlib.records.stage import CLAIM
from wmlib.records.weights import load_weights
from wmlib.tasks import Task, get_task
from wmlib.worlds.dream import DreamEnv
from wmlib.worlds.features import n_features
from wmlib.worlds.real import GameFeatures, make_games

Device = torch.device | str

PUBLISHED = "pretrained"
"""The word for the package's own weights, where else a run folder is named."""


@dataclass
class Agent:
    """V, M and C of one task, and where its dreams begin.

    `starts` are (mu, logvar) of first frames, each (S, N_z); `moments` others of the same episodes,
    with what M remembered there. `controller` gives C its shape and `params` (n_params,) its
    weights; `controllers` holds the vectors of earlier generations by name.
    """

    task: Task
    vision: Vision
    memory: MDNRNN
    starts: tuple[Tensor, Tensor]
    moments: Moments | None = None
    controller: Controller | None = None
    controllers: dict[str, Tensor] | None = None

    @property
    def params(self) -> Tensor:
        """C's weights as one flat vector."""
        if self.controllers is None:
            raise UserError("this agent has no controller yet: run evolve first")
        return self.controllers["params"]

    @overload
    def world(
        self, world: DreamWorld, num_envs: int = 1, device: Device = "cpu", **options: Any
    ) -> DreamEnv: ...

    @overload
    def world(
        self, world: RealWorld, num_envs: int = 1, device: Device = "cpu"
    ) -> GameFeatures: ...

    def world(
        self, world: World, num_envs: int = 1, device: Device = "cpu", **options: Any
    ) -> DreamEnv | GameFeatures:
        """The one door into a world: N games behind V and M, or N dreams, as `world` says.

        `options` of dreams are Gymnasium's: autoreset_mode, render_mode.
        """
        if isinstance(world, DreamWorld):
            starts = self.starts if world.starts == "first" else self.moments
            if starts is None:
                raise UserError("--starts anywhere: this M has no stored moments: train M again")
            means = self.task, self.memory, starts, world, num_envs, self.vision, device
            return DreamEnv(*means, **options)
        on_gpu = world.game == "batched" and torch.device(device).type == "cuda"
        options = {"device": "cuda"} if on_gpu else {}
        games = make_games(self.task, num_envs, world.max_episode_steps, world.game, **options)
        return GameFeatures(self.task, games, self.vision, self.memory, device)

    def real(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        game: Literal["reference", "batched"] = "reference",
        device: Device = "cpu",
    ) -> GameFeatures:
        """The real game behind V and M, as features; whole episodes by default."""
        steps = self.task.max_episode_steps if max_episode_steps is None else max_episode_steps
        return self.world(RealWorld("real", game, steps), num_envs, device)

    def dream(
        self,
        num_envs: int = 1,
        tau: float = 1.0,
        device: Device = "cpu",
        autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED,
        render_mode: str | None = None,
        **settings: Any,
    ) -> DreamEnv:
        """M alone, as features; the other settings are those of DreamWorld."""
        settings = {"max_episode_steps": self.task.max_episode_steps} | settings
        options = {"autoreset_mode": autoreset_mode, "render_mode": render_mode}
        return self.world(DreamWorld(tau=tau, **settings), num_envs, device, **options)

    def act(self, features: Tensor, params: Tensor | None = None) -> Tensor:
        """(N, A) actions of this agent's C for features (N, F)."""
        assert self.controller is not None
        vector = self.params if params is None else params
        return self.controller.act(vector.to(features.device).expand(len(features), -1), features)

    def new_controller(self, kind: str = "linear") -> Controller:
        """A controller shape that fits this V and M."""
        size = n_features(self.task, self.vision.n_z, self.memory.n_h)
        return Controller(self.task, kind, self.vision.n_z, size)  # type: ignore[arg-type]


def load_agent(
    folder: str | Path, task: Task | str, controller: str | None = "controller"
) -> Agent:
    """Load an agent of a task (or its name) from a run folder, or for the word "pretrained" (or
    "pretrained/dreamed", …) the published one.

    `controller` names the folder of C inside it; None loads V and M alone. A folder of `iterate`
    gives the agent of its last round.
    """
    task = get_task(task) if isinstance(task, str) else task
    run = agent_folder(folder, task)
    if not run.path.is_dir():
        raise UserError(
            f"{run.path} is not a folder: give a run folder (`python -m wmlib run` makes one), "
            "or 'pretrained'"
        )
    for part in ("vision", "memory"):
        if not (run.stage(part) / f"{part}.safetensors").is_file():
            run.refuse_first_round()
            command = NEEDS[part]
            raise UserError(f"{run.path} has no trained {part}: run {command} with it first")
    vision = load_vision(run.stage("vision") / "vision.safetensors", task)
    memory = load_memory(run.stage("memory") / "memory.safetensors", task)
    _refuse_other_vision(run)
    tensors, _ = load_weights(run.stage("latents") / "starts.safetensors")
    agent = Agent(task, vision, memory, (tensors["mu"], tensors["logvar"]))
    moments = run.stage("memory") / MOMENTS
    if moments.is_file():  # since version 0.2.0
        agent.moments = Moments(**load_weights(moments)[0])
    if controller is not None:
        _refuse_outside(controller)
        _refuse_other_agents(run, controller)
        path = run.path / controller / "controller.safetensors"
        if not path.is_file():
            folders = [file.parent for file in run.path.rglob("controller.safetensors")]
            own = [folder for folder in folders if _owner(run, folder) == run.path]
            found = sorted(str(folder.relative_to(run.path)) for folder in own)
            names = ", ".join(found) or "none: run evolve first"
            raise UserError(f"no controller '{controller}' in {run.path}, which has {names}")
        agent.controller, agent.controllers, facts = load_controllers(path, task)
        expected = n_features(task, vision.n_z, memory.n_h)
        if agent.controller.n_features != expected:
            raise UserError(
                f"{path} expects {agent.controller.n_features} features, V and M give {expected}"
            )
        _refuse_other_teachers(run, controller)
        if "memory_seed" in facts:  # C was evolved behind an M that had learned nothing
            agent.memory = memory.untrained_copy(facts["memory_seed"])
    return agent


def _refuse_outside(controller: str) -> None:
    """UserError where a controller's folder is not inside the run folder."""
    parts = Path(controller).parts
    if not parts or ".." in parts or Path(controller).is_absolute():
        raise UserError(f"--controller '{controller}': name a folder inside the run folder")


def _owner(run: RunFolder, folder: Path) -> Path:
    """The run folder inside this one, or this one, behind whose M the C in `folder` has learned."""
    within = itertools.takewhile(lambda path: path != run.path, folder.parents)
    return next((path for path in within if (path / "memory").is_dir()), run.path)


def _refuse_other_agents(run: RunFolder, controller: str) -> None:
    """UserError where C belongs to a whole agent inside this folder, with an M of its own."""
    owner = _owner(run, run.path / controller)
    if owner != run.path:
        inside = owner.relative_to(run.path)
        raise UserError(
            f"--controller '{controller}' has learned behind the M of {inside}: name that agent "
            f"instead (in the package --weights {PUBLISHED}/{inside})"
        )


def weights_of(run: RunFolder, controller: str | None = None) -> dict[str, str]:
    """SHA-256 of V's and M's weights in a run folder, and of C's if `controller` names it."""
    files = {part: run.stage(part) / f"{part}.safetensors" for part in ("vision", "memory")}
    if controller is not None:
        files["controller"] = run.path / controller / "controller.safetensors"
    return {part: sha256(path) for part, path in files.items()}


def _refuse_other_vision(run: RunFolder) -> None:
    """UserError if M was trained on what another V saw than the folder's."""
    claim = run.stage("memory") / CLAIM
    trained = read_json(claim).get("inputs", {}) if claim.is_file() else {}
    seen = trained.get("vision_sha256")
    if seen and seen != sha256(run.stage("vision") / "vision.safetensors"):
        raise UserError(
            f"{run.stage('memory')} was trained behind another V: put that back, or delete the "
            "folder and run train-memory again"
        )


def _refuse_other_teachers(run: RunFolder, controller: str) -> None:
    """UserError if C was evolved behind another V or M than the folder holds now."""
    claim = run.path / controller / CLAIM
    evolved = read_json(claim).get("inputs", {}) if claim.is_file() else {}
    now = weights_of(run)
    changed = [part for part, found in now.items() if evolved.get(part, found) != found]
    if changed:
        raise UserError(
            f"{run.path / controller} was evolved behind another {' and '.join(changed)}: "
            "put that back, or evolve a new one (--output NAME keeps this)"
        )


def pretrained_folder(task: str, inside: str = "") -> Path:
    """Where the published weights of a task lie inside the package, or other ones among them."""
    folder = Path(str(resources.files("wmlib") / "pretrained" / get_task(task).name))
    if not folder.is_dir():
        raise UserError(f"no published agent for {task}: train one with `run`")
    others = sorted(path.parent.name for path in folder.glob("*/memory"))
    if inside and inside not in others:
        found = ", ".join(f"{PUBLISHED}/{name}" for name in others) or "no other one"
        raise UserError(f"no {PUBLISHED}/{inside} for {task}: there is {PUBLISHED}, and {found}")
    return folder / inside


def load_pretrained(task: str, inside: str = "") -> Agent:
    """The published agent of a task: modules `vision`, `memory`, `controller`, ready to play.

    `inside` names another one: "dreamed" is the car whose C learned in dreams alone, with the M
    that it dreamed in; "round_02" the pendulum's agent of that round.
    """
    return load_agent(pretrained_folder(task, inside), get_task(task))


def is_published(weights: str | Path) -> bool:
    """Do these words name weights of the package: "pretrained", or "pretrained/dreamed"?"""
    return str(weights).split("/")[0] == PUBLISHED


def agent_folder(weights: str | Path, task: Task) -> RunFolder:
    """The run folder (of several rounds, the last) that holds the agent of `load_agent`."""
    folder = Path(weights)
    if is_published(weights):
        folder = pretrained_folder(task.name, str(weights).removeprefix(PUBLISHED).strip("/"))
    return RunFolder(folder).latest()


def make_dream(
    num_envs: int, task: str, weights: str | Path = "", tau: float = 1.0, **settings: Any
) -> DreamEnv:
    """The vector entry point of `wmlib/DoomTakeCoverDream-v0` and its like: dreams of an agent.

    `weights` is a run folder, "pretrained" or "pretrained/dreamed" (see load_agent); the default is
    the published M that can be dreamed. Other settings are those of Agent.dream.
    """
    if not weights:
        apart = (pretrained_folder(task) / DREAMED).is_dir()
        weights = f"{PUBLISHED}/{DREAMED}" if apart else PUBLISHED
    return load_agent(weights, task, controller=None).dream(num_envs, tau, **settings)
