"""Every number a run depends on: three sizes for each task (the fields: wmlib.configs).

`tiny` proves that everything works (minutes on two cores), `small` is about an hour on a laptop
CPU or a Colab GPU, `paper` has the sizes of Ha & Schmidhuber (2018).
"""

from dataclasses import dataclass, replace
from typing import Literal

from wmlib.configs import (
    CollectConfig,
    EvaluateConfig,
    EvolveConfig,
    IterateConfig,
    MemoryConfig,
    PolicyConfig,
    Preset,
    VisionConfig,
)
from wmlib.runs import UserError


@dataclass(frozen=True)
class Task:
    """A game as the pipeline sees it."""

    name: str
    env_id: str
    """the reference game"""
    n_actions: int
    squash: Literal["car", "tanh"]
    """how C's outputs become the game's action"""
    cell_feature: bool
    """whether C also sees the LSTM's cell c"""
    bias: bool
    """whether C has biases (the released Doom code has none)"""
    batched_id: str | None = None
    """our simulator of the game, where there is one"""
    step_reward: float = 0.0
    """reward per step that needs no head: Doom pays 1 for every tic survived"""
    max_episode_steps: int = 1000
    """the cap of the full game"""
    action_scale: float = 1.0
    """squash = tanh: the game's action is in (-scale, scale)"""
    pictures: bool = True
    """whether the game is seen (the pendulum tells its state, and needs no V)"""
    fps: int = 30
    """steps per second of the game, at which it is filmed"""

    def __post_init__(self) -> None:
        if self.squash not in ("car", "tanh") or (self.squash == "car" and self.n_actions != 3):
            raise UserError(
                f"task {self.name}: squash '{self.squash}' with n_actions {self.n_actions}: choose "
                "'tanh', or 'car' for the three actions of the car (wmlib.controller.squash)"
            )


TASKS = {
    "car_racing": Task(
        "car_racing",
        "wmlib/CarRacing-v3",
        n_actions=3,
        squash="car",
        cell_feature=False,
        bias=True,
        batched_id="wmlib/CarRacingBatched-v3",
        fps=50,
    ),
    "doom_take_cover": Task(
        "doom_take_cover",
        "wmlib/DoomTakeCover-v1",
        n_actions=1,
        squash="tanh",
        cell_feature=True,
        bias=False,
        step_reward=1.0,
        max_episode_steps=2100,
        fps=35,
    ),
    "pendulum": Task(
        "pendulum",
        "wmlib/PendulumHanging-v1",
        n_actions=1,
        squash="tanh",
        cell_feature=False,
        bias=True,
        max_episode_steps=200,
        action_scale=2.0,
        pictures=False,
        fps=20,
    ),
}

_CAR_PAPER = Preset(
    CollectConfig("original", 10_000, 1000, game="batched", num_envs=1024),
    VisionConfig(n_z=32, frames=2_000_000, epochs=10),
    MemoryConfig(n_h=256, updates=4000),
    EvolveConfig("real", generations=1800, game="batched", slots=1024),
    EvaluateConfig(episodes=100, slots=16),
)
_CAR_SMALL = Preset(
    CollectConfig("original,brownian", 400, 1000, game="batched", num_envs=64),
    replace(
        _CAR_PAPER.vision,
        frames=150_000,
        epochs=3,
        batch_size=50,
        learning_rate=1e-3,
        learning_rate_decay=0.99965,
    ),
    replace(
        _CAR_PAPER.memory,
        updates=800,
        batch_size=32,
        window=500,
        learning_rate=2e-3,
        learning_rate_decay=0.9965,
    ),
    replace(
        _CAR_PAPER.evolve,
        generations=75,
        population=32,
        episodes=4,
        cool_from=56,
        slots=128,
        evaluate_every=5,
    ),
    EvaluateConfig(episodes=100, slots=8),
)
_CAR_TINY = Preset(
    CollectConfig("brownian", 8, 100),
    replace(_CAR_PAPER.vision, frames=800, epochs=3, learning_rate=1e-3),
    replace(_CAR_PAPER.memory, updates=20, batch_size=4, window=100),
    EvolveConfig(
        "real",
        generations=2,
        population=4,
        episodes=1,
        max_episode_steps=100,
        slots=4,
        evaluate_every=2,
        evaluate_episodes=4,
    ),
    EvaluateConfig(episodes=2),
)

_DOOM_PAPER = Preset(
    CollectConfig("held", 10_000, 2100, min_episode_steps=101, num_envs=16),
    VisionConfig(n_z=64, frames=3_000_000, epochs=10),
    MemoryConfig(
        n_h=512,
        updates=24_400,
        heads=("end",),
        restart_input=True,
        batching="streams",
        window=500,
        learning_rate_decay=0.99999,
    ),
    EvolveConfig(
        "dream",
        generations=1800,
        max_episode_steps=2100,
        tau=1.15,
        slots=1024,
        evaluate_episodes=1000,
    ),
    EvaluateConfig(episodes=500, slots=16, max_episode_steps=2100),
)
_DOOM_SMALL = Preset(
    replace(_DOOM_PAPER.collect, policy="held,brownian", episodes=1600, num_envs=6),
    replace(
        _DOOM_PAPER.vision,
        frames=250_000,
        epochs=4,
        batch_size=50,
        learning_rate=1e-3,
        learning_rate_decay=0.99985,
    ),
    replace(_DOOM_PAPER.memory, updates=2400, window=100, learning_rate_decay=0.9988),
    replace(
        _DOOM_PAPER.evolve,
        generations=40,
        slots=64,
        evaluate_every=5,
        evaluate_episodes=128,
        real_episodes=48,
    ),
    _DOOM_PAPER.evaluate,
)
_DOOM_TINY = Preset(
    replace(_DOOM_PAPER.collect, episodes=12, max_episode_steps=300, num_envs=2),
    replace(_DOOM_PAPER.vision, frames=2000, epochs=2, learning_rate=1e-3),
    replace(_DOOM_PAPER.memory, updates=20, batch_size=4, window=100),
    replace(
        _DOOM_PAPER.evolve,
        generations=2,
        population=4,
        episodes=2,
        max_episode_steps=300,
        slots=8,
        evaluate_every=2,
        evaluate_episodes=8,
    ),
    replace(_DOOM_PAPER.evaluate, episodes=4, slots=2),
)

_PENDULUM_TINY = IterateConfig(
    iterations=4,
    episodes=16,
    exploration=1.0,
    memory=MemoryConfig(
        n_h=48,
        n_mixtures=1,  # the pendulum's next state is one blurred point
        updates=600,
        heads=("reward",),
        batch_size=32,
        window=100,
        learning_rate=5e-3,
        learning_rate_decay=0.994,
        reward_weight=0.05,
    ),
    evolve=EvolveConfig(
        "dream",
        generations=50,
        population=32,
        episodes=4,
        sigma0=1.0,
        controller="hidden",
        max_episode_steps=150,
        slots=128,
        evaluate_every=10,
        evaluate_episodes=8,
    ),
)
ITERATE_PRESETS = {
    "tiny": _PENDULUM_TINY,
    "small": replace(
        _PENDULUM_TINY,
        iterations=6,
        memory=replace(_PENDULUM_TINY.memory, updates=1200, learning_rate_decay=0.997),
        evolve=replace(_PENDULUM_TINY.evolve, generations=80),
    ),
}
ITERATE_PRESETS["paper"] = replace(ITERATE_PRESETS["small"], iterations=20)

PRESETS = {
    "car_racing": {"tiny": _CAR_TINY, "small": _CAR_SMALL, "paper": _CAR_PAPER},
    "doom_take_cover": {"tiny": _DOOM_TINY, "small": _DOOM_SMALL, "paper": _DOOM_PAPER},
}

POLICIES = {
    "car_racing": PolicyConfig(
        "real",
        updates=400,
        dreams=64,
        max_episode_steps=1000,
        batch_size=2048,
        discount=0.998,
        reward_discount=0.97,
        lost_costs=30.0,
        critic_units=64,
        noise=0.4,
        noise_decay=0.994,
        learning_rate=1e-3,
        learning_rate_decay=0.997,
        average=25,
        max_divergence=0.015,
        check_every=50,
    ),
    "doom_take_cover": PolicyConfig("dream"),
}
"""The policy gradient has one size for each task."""


def get_task(name: str) -> Task:
    """The task of that name, or a UserError that lists the names."""
    if name not in TASKS:
        raise UserError(f"no task '{name}': choose one of {', '.join(TASKS)}")
    return TASKS[name]


def get_preset(task: str, name: str) -> Preset:
    """The preset of a task, or a UserError that lists the names."""
    if task == "pendulum":
        raise UserError("pendulum has no V: use `python -m wmlib iterate --task pendulum`")
    presets = PRESETS[get_task(task).name]
    if name not in presets:
        raise UserError(f"no preset '{name}' for {task}: choose one of {', '.join(presets)}")
    return presets[name]
