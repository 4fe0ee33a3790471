"""What the vector environments of games and of dreams promise alike, for the tests of both."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AutoresetMode, VectorEnv

import wmlib  # noqa: F401  (registers games and dreams)

MODES = tuple(AutoresetMode)
LIMIT = 3  # steps of an episode


def make(name: str, mode: AutoresetMode, **options) -> VectorEnv:
    """Two games or dreams of LIMIT steps, unless the options say otherwise."""
    options = {"num_envs": 2, "max_episode_steps": LIMIT} | options
    return gym.make_vec(f"wmlib/{name}", autoreset_mode=mode, **options)


def still(env: VectorEnv) -> np.ndarray:
    """The actions that do nothing."""
    return np.zeros(env.action_space.shape, env.action_space.dtype)


def step_to_the_end(env: VectorEnv, mode: AutoresetMode):
    """Steps to the end of the first episodes, checks what it tells; (observations, infos)."""
    assert env.metadata["autoreset_mode"] is env.unwrapped.autoreset_mode is mode
    assert env.spec.max_episode_steps == LIMIT
    env.reset(seed=1)
    for step in range(1, LIMIT + 1):
        x, rewards, _, truncated, infos = env.step(still(env))
        assert truncated.tolist() == [step == LIMIT] * 2
    assert (rewards != 0).all()
    assert ("final_obs" in infos) == (mode == AutoresetMode.SAME_STEP)
    return x, infos


def assert_refuses_bad_calls(env: VectorEnv) -> None:
    """An environment that was reset refuses actions and seeds that are none."""
    for bad in (still(env) * np.nan, still(env) + np.inf, still(env)[:1], still(env)[:, :0]):
        with pytest.raises(ValueError, match="actions must"):
            env.step(bad)
    for bad in (-1, [1, -1], [1], 0.5, "1", [0.5, 1]):
        with pytest.raises(ValueError, match="seed"):
            env.reset(seed=bad)


def assert_closes_for_good(env: VectorEnv) -> None:
    """It may be closed twice; then every call is an error."""
    env.close()
    env.close()
    for call in (env.reset, lambda: env.step(still(env))):
        with pytest.raises(ClosedEnvironmentError):
            call()
