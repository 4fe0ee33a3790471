"""Every number a run depends on: three sizes for each task (the fields: wmlib.configs).

`tiny` proves that everything works (minutes on two cores), `small` takes one to two hours
there, `paper` has the sizes of Ha & Schmidhuber (2018).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

from wmlib.configs import (
    CollectConfig,
    DreamWorld,
    EvaluateConfig,
    EvolveConfig,
    GradientConfig,
    IterateConfig,
    MemoryConfig,
    PolicyConfig,
    Preset,
    RealWorld,
    VisionConfig,
)
from wmlib.errors import UserError
from wmlib.tasks import get_task

_CAR_PAPER = Preset(
    CollectConfig("original", 10_000, 1000, game="batched", num_envs=1024),
    VisionConfig(n_z=32, frames=2_000_000, epochs=10),
    MemoryConfig(n_h=256, updates=4000),
    EvolveConfig(RealWorld("real", "batched"), generations=1800, slots=1024),
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
        RealWorld(max_episode_steps=100),
        generations=2,
        population=4,
        episodes=1,
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
        DreamWorld(tau=1.15, max_episode_steps=2100),
        generations=1800,
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
        world=DreamWorld(tau=1.15, max_episode_steps=300),
        generations=2,
        population=4,
        episodes=2,
        slots=8,
        evaluate_every=2,
        evaluate_episodes=8,
    ),
    replace(_DOOM_PAPER.evaluate, episodes=4, slots=2),
)

GRADIENTS = {
    "pendulum": GradientConfig(
        updates=400,
        horizon=40,
        critic_units=64,
        critic_learning_rate=0.01,
        discount=0.98,
        controller="hidden",
        world=DreamWorld(max_episode_steps=200, starts="anywhere"),
        check_every=50,
    )
}
"""The gradient through the dream has one size for each task."""

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
        DreamWorld(max_episode_steps=150),
        generations=50,
        population=32,
        episodes=4,
        sigma0=1.0,
        controller="hidden",
        slots=128,
        evaluate_every=10,
        evaluate_episodes=8,
    ),
    policy=PolicyConfig(DreamWorld(max_episode_steps=200), patience=0),
    gradient=replace(GRADIENTS["pendulum"], real_episodes=0),
    practice=PolicyConfig(RealWorld(max_episode_steps=200), dreams=32, patience=0),
)
_PENDULUM = {
    "tiny": _PENDULUM_TINY,
    "small": replace(
        _PENDULUM_TINY,
        iterations=6,
        go_on=0.3,
        memory=replace(_PENDULUM_TINY.memory, updates=1200, learning_rate_decay=0.997),
        evolve=replace(
            _PENDULUM_TINY.evolve,
            world=DreamWorld(max_episode_steps=200),
            generations=60,
            episodes=8,
        ),
    ),
}
_PENDULUM["paper"] = replace(_PENDULUM["small"], iterations=20)


def _rounds(
    stages: Preset,
    heads: Sequence[Literal["end", "reward"]],
    policy: PolicyConfig,
    exploration: float = 0.5,
    **more: Any,
) -> IterateConfig:
    """Rounds of a game with pictures, in the sizes of one pass; C learns by policy gradient."""
    assert isinstance(policy.world, DreamWorld)
    return IterateConfig(
        exploration=exploration,
        memory=replace(stages.memory, heads=tuple(heads)),
        evolve=replace(stages.evolve, world=policy.world, real_episodes=0),
        policy=policy,
        gradient=GradientConfig(world=policy.world, real_episodes=0),
        learner="policy",
        vision=stages.vision,
        first=stages.collect.policy,
        game=stages.collect.game,
        min_episode_steps=stages.collect.min_episode_steps,
        **more,
    )


_TINY_POLICY = PolicyConfig(
    DreamWorld(tau=1.15, max_episode_steps=60, starts="anywhere"),
    updates=4,
    dreams=8,
    steps=16,
    batch_size=64,
    evaluate_episodes=4,
)
_DREAMS = DreamWorld(max_episode_steps=300, starts="anywhere")
_CAR_ROUNDS = _rounds(
    replace(
        _CAR_SMALL,
        vision=replace(_CAR_SMALL.vision, frames=40_000, epochs=5, learning_rate_decay=0.9992),
        memory=replace(
            _CAR_SMALL.memory,
            updates=500,
            window=200,
            learning_rate_decay=0.9972,
            reward_limit=10.0,
            recent=48,
            begin_within=40,
        ),
    ),
    ("end", "reward"),
    PolicyConfig(
        replace(_DREAMS, max_episode_steps=1000),
        updates=90,
        dreams=128,
        steps=64,
        horizon=64,
        noise_decay=0.997,
        discount=0.998,
        reward_discount=0.97,
        reward_size=3.4,
        batch_size=2048,
        critic_units=64,
        learning_rate=1e-3,
        critic_learning_rate=3e-3,
        learning_rate_decay=0.99,
        max_divergence=0.015,
        average=30,
        check_every=10**6,  # at the end of the round alone
        evaluate_episodes=32,
    ),
    iterations=22,
    episodes=10,
    first_episodes=150,
    memory_goes_on=80,
    patience=80,
    varied=True,
    score_every=2,
)
_DOOM_ROUNDS = _rounds(  # two of them are published (appendix I)
    replace(
        _DOOM_SMALL,
        memory=replace(_DOOM_SMALL.memory, updates=4000, batch_size=32, learning_rate_decay=0.9996),
    ),
    ("end",),
    PolicyConfig(
        replace(_DREAMS, tau=1.15, max_episode_steps=2100),
        updates=300,
        check_every=10**6,  # at the end of the round alone
    ),
    exploration=0.3,
    practice=PolicyConfig(
        RealWorld(max_episode_steps=2100),
        updates=400,
        dreams=32,
        steps=256,
        batch_size=2048,
        check_every=50,
        evaluate_episodes=64,
    ),
    iterations=4,
    episodes=500,
    first_episodes=1600,
    memory_goes_on=3000,
    go_on=1.0,
    varied=True,
    score_episodes=64,
)
ITERATE_PRESETS = {
    "pendulum": _PENDULUM,
    "car_racing": {
        "tiny": _rounds(
            _CAR_TINY, ("end", "reward"), _TINY_POLICY, iterations=2, episodes=4, score_episodes=2
        ),
        "small": _CAR_ROUNDS,
    },
    "doom_take_cover": {
        "tiny": _rounds(_DOOM_TINY, ("end",), _TINY_POLICY, iterations=2, episodes=4),
        "small": _DOOM_ROUNDS,
    },
}


def _one_round(config: IterateConfig, episodes: int) -> Preset:
    """The stages of a single round of the pendulum, from random play: `run` is one pass."""
    return Preset(
        CollectConfig("held", episodes, 200, num_envs=8),
        VisionConfig(n_z=3, frames=1, epochs=1),  # nothing to train: z is the state
        config.memory,
        config.evolve,
        EvaluateConfig(episodes=100, slots=16, max_episode_steps=200),
    )


PRESETS = {
    "pendulum": {name: _one_round(config, 64) for name, config in _PENDULUM.items()},
    "car_racing": {"tiny": _CAR_TINY, "small": _CAR_SMALL, "paper": _CAR_PAPER},
    "doom_take_cover": {"tiny": _DOOM_TINY, "small": _DOOM_SMALL, "paper": _DOOM_PAPER},
}

_CAR_POLICY = PolicyConfig(
    RealWorld("real", "batched"),
    updates=400,
    dreams=64,
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
)


def _policy_sizes(config: PolicyConfig) -> dict[str, PolicyConfig]:
    """`small` and `paper` are the same training; `tiny` shows within a minute that it works."""
    tiny = replace(
        config,
        world=replace(config.world, max_episode_steps=min(300, config.world.max_episode_steps)),
        updates=20,
        dreams=16,
        steps=64,
        batch_size=512,
        average=min(config.average, 5),
        log_every=2,
        check_every=10,
        evaluate_episodes=8,
    )
    return {"tiny": tiny, "small": config, "paper": config}


POLICIES = {
    "car_racing": _policy_sizes(_CAR_POLICY),
    "doom_take_cover": _policy_sizes(PolicyConfig()),
}
"""What the policy gradient is told; a game that is not named has Doom's numbers, with episodes of
its own length that are not left early."""

STAGES = ("collect", "vision", "memory", "evolve", "evaluate")
GROUPS = (*STAGES, "policy", "gradient", "iterate", "stages")
"""The groups of settings that commands have flags for."""


def get_settings(task: str, preset: str, group: str) -> Any:
    """What a task's preset says of one of GROUPS."""
    match group:
        case "policy":
            sizes = POLICIES.get(task) or _policy_sizes(_as_long_as(PolicyConfig(patience=0), task))
            return _chosen(sizes, preset, f"policy-gradient of {task}")
        case "gradient":
            return GRADIENTS.get(task) or _as_long_as(GradientConfig(), task)
        case "iterate":
            return _chosen(ITERATE_PRESETS.get(task, {}), preset, f"iterate of {task}")
        case "stages":
            return get_preset(task, preset)
        case _:
            return getattr(get_preset(task, preset), group)


Learning = TypeVar("Learning", PolicyConfig, GradientConfig)


def _as_long_as(config: Learning, task: str) -> Learning:
    """These settings in a world as long as the task's episodes."""
    world = replace(config.world, max_episode_steps=get_task(task).max_episode_steps)
    return replace(config, world=world)


def get_preset(task: str, name: str) -> Preset:
    """The preset of a task, or a UserError that lists the names."""
    return _chosen(PRESETS[get_task(task).name], name, task)


def _chosen(presets: dict[str, Any], name: str, of: str) -> Any:
    if name not in presets:
        known = f"choose one of {', '.join(presets)}" if presets else "there are none yet"
        raise UserError(f"no preset '{name}' for {of}: {known}")
    return presets[name]
