"""Every number a run depends on: one frozen dataclass per stage, three sizes for each task.

`tiny` proves that everything works (minutes on two cores), `small` is about an hour on a laptop
CPU or a Colab GPU, `paper` has the sizes of Ha & Schmidhuber (2018). Where the paper's text and
its released code disagree, the comment under the field says which one we follow
(appendix "Details that matter" has the whole list).
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from wmlib.runs import UserError


@dataclass(frozen=True)
class CollectConfig:
    """Stage 1: play a policy and store what it sees; a later round may add episodes of another."""

    GROWS: ClassVar = ("episodes",)
    CHANGES: ClassVar = ("policy", "exploration")
    policy: str
    """uniform, held, brownian, original (car only) or still (wmlib.policies), a run folder or
    "pretrained" (an agent that explores); several, with commas between them, take turns"""
    episodes: int
    """episodes to store"""
    max_episode_steps: int
    """an episode is cut after this many steps (the games' own caps: 1,000 and 2,100)"""
    min_episode_steps: int = 1
    """shorter episodes are dropped; Doom 101, as in the released code (the text is silent)"""
    game: Literal["reference", "batched"] = "reference"
    """the real game in processes, or the batched simulator (CarRacing only)"""
    exploration: float = 0.5
    """an agent's noise: each episode has a share of this, in half ranges of the action"""
    num_envs: int = 2
    """games played side by side; the episodes do not depend on it"""


@dataclass(frozen=True)
class VisionConfig:
    """Stage 2: V, the variational autoencoder."""

    n_z: int
    """latent dimensions N_z"""
    frames: int
    """frames drawn from the store and held in memory (12,288 bytes each)"""
    epochs: int
    """passes over these frames; text: 1, released code: 10, which is what `paper` follows"""
    batch_size: int = 100
    """frames per update"""
    learning_rate: float = 1e-4
    """Adam"""
    learning_rate_decay: float = 1.0
    """factor per update (original: constant); short trainings end better with a falling rate"""
    kl_tolerance: float = 0.5
    """KL below this many nats per latent dimension costs nothing (released code only)"""


@dataclass(frozen=True)
class MemoryConfig:
    """Stage 3: M, the mixture-density recurrent network."""

    n_h: int
    """LSTM units N_h"""
    updates: int
    """gradient steps; `paper` follows the released code (4,000 car, 24,400 Doom), not the text"""
    n_mixtures: int = 5
    """Gaussians per latent dimension; each dimension has a mixture of its own (released code)"""
    heads: tuple[str, ...] = ()
    """what M predicts besides z': any of end, reward, action"""
    restart_input: bool = False
    """tell M with an input that a new episode begins (released Doom code)"""
    batching: Literal["episodes", "streams"] = "episodes"
    """whole episodes from h = 0 (car), or long streams that carry h over windows (Doom)"""
    batch_size: int = 100
    """episodes or streams per update"""
    window: int = 1000
    """steps per update: the longest episode (car), the window of a stream (Doom: 500)"""
    learning_rate: float = 1e-3
    """Adam"""
    learning_rate_decay: float = 1.0
    """factor per update (released Doom code: 0.99999)"""
    gradient_clip: float = 1.0
    """every entry of the gradient is clipped to ± this (released code)"""
    end_weight: float = 10.0
    """weight of the frames where the episode ends (released Doom code)"""
    reward_weight: float = 1.0
    """weight of the reward head's squared error; small where rewards are large"""


@dataclass(frozen=True)
class EvolveConfig:
    """Stage 4: C, evolved by CMA-ES."""

    GROWS: ClassVar = ("generations",)
    world: Literal["real", "dream"]
    """where candidates play: the game behind V and M, or M alone"""
    generations: int
    """CMA-ES updates"""
    population: int = 64
    """candidates per generation"""
    episodes: int = 16
    """episodes per candidate; its fitness is their mean return"""
    sigma0: float = 0.1
    """first standard deviation of the search"""
    controller: Literal["linear", "z", "hidden"] = "linear"
    """linear on all features, linear on z alone, or z through 40 tanh units"""
    random_memory: bool = False
    """put an untrained M in front of C (the control experiment of chapter 7)"""
    max_episode_steps: int = 1000
    """an episode is cut after this many steps"""
    game: Literal["reference", "batched"] = "reference"
    """world = real: the real game in processes, or the batched simulator (CarRacing only)"""
    tau: float = 1.0
    """world = dream: temperature. Paper's best 1.15; released code 1.25; we state ours"""
    slots: int = 16
    """episodes played side by side; the results do not depend on it"""
    workers: int = 0
    """spread the candidates over this many processes (0: play them all in this one)"""
    evaluate_every: int = 25
    """evaluate the mean of the distribution every this many generations"""
    evaluate_episodes: int = 64
    """episodes of that evaluation, on validation seeds"""
    real_episodes: int = 0
    """world = dream: also play that mean in the real game, this many validation episodes"""


@dataclass(frozen=True)
class EvaluateConfig:
    """Stage 5: score in the real game."""

    episodes: int
    """episodes, one for each of the seeds seed, seed + 1, …"""
    slots: int = 2
    """games played side by side; the results do not depend on it"""
    max_episode_steps: int = 1000
    """an episode is cut after this many steps"""


@dataclass(frozen=True)
class IterateConfig:
    """The iterative procedure (paper, section "Iterative Training Procedure"), on the pendulum."""

    iterations: int
    """rounds of play, M, C"""
    episodes: int
    """real episodes played in each round"""
    exploration: float
    """standard deviation of the noise on C's actions while collecting, as a share of the range"""
    memory: MemoryConfig
    """M is trained from scratch in each round, on all data so far"""
    evolve: EvolveConfig
    """C is evolved in M in each round, from zeros"""


@dataclass(frozen=True)
class GradientConfig:
    """C by backpropagation through the dream: gradient ascent on the return that M predicts."""

    updates: int = 100
    """steps of Adam"""
    dreams: int = 64
    """dreams per update"""
    horizon: int = 50
    """steps of each dream: the gradient passes through all of them"""
    learning_rate: float = 0.02
    """Adam"""
    clip: float = 1.0
    """largest norm of one update's gradient"""
    tau: float = 1.0
    """temperature of the dreams"""


@dataclass(frozen=True)
class Preset:
    """All stages of one run."""

    collect: CollectConfig
    vision: VisionConfig
    memory: MemoryConfig
    evolve: EvolveConfig
    evaluate: EvaluateConfig


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


TASKS = {
    "car_racing": Task(
        "car_racing",
        "wmlib/CarRacing-v3",
        n_actions=3,
        squash="car",
        cell_feature=False,
        bias=True,
        batched_id="wmlib/CarRacingBatched-v3",
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
    CollectConfig("brownian", 400, 1000, game="batched", num_envs=64),
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
        slots=128,
        evaluate_every=5,
    ),
    EvaluateConfig(episodes=100),
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
        evaluate_episodes=1024,
    ),
    EvaluateConfig(episodes=500, slots=16, max_episode_steps=2100),
)
_DOOM_SMALL = Preset(
    replace(_DOOM_PAPER.collect, episodes=1600, num_envs=6),
    replace(
        _DOOM_PAPER.vision,
        frames=250_000,
        epochs=2,
        learning_rate=6e-4,
        learning_rate_decay=0.9994,
    ),
    replace(
        _DOOM_PAPER.memory,
        updates=2000,
        batch_size=40,
        window=200,
        learning_rate_decay=0.9988,
    ),
    replace(
        _DOOM_PAPER.evolve,
        generations=60,
        population=32,
        episodes=8,
        slots=128,
        evaluate_every=5,
        evaluate_episodes=128,
        real_episodes=32,
    ),
    replace(_DOOM_PAPER.evaluate, episodes=500, slots=4),
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


def get_task(name: str) -> Task:
    """The task of that name, or a UserError that lists the names."""
    if name not in TASKS:
        raise UserError(f"no task '{name}': choose one of {', '.join(TASKS)}")
    return TASKS[name]


def get_preset(task: str, name: str) -> Preset:
    """The preset of a task, or a UserError that lists the names."""
    if task == "pendulum":
        raise UserError("pendulum has no V: call wmlib.iterative.iterate (chapter 10)")
    presets = PRESETS[get_task(task).name]
    if name not in presets:
        raise UserError(f"no preset '{name}' for {task}: choose one of {', '.join(presets)}")
    return presets[name]
