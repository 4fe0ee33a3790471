"""What every vector id promises, whoever asks: Gymnasium's own wrappers, or another library."""

import contract
import gymnasium as gym
import numpy as np
import pytest
from contract import (
    MODES,
    assert_closes_for_good,
    assert_refuses_bad_calls,
    step_to_the_end,
    still,
)
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers.vector import HumanRendering, RecordVideo

IDS = ("CarRacingBatched-v3", "CarRacing-v3", "DoomTakeCover-v1", "PendulumHanging-v1")


def make(name: str, mode: AutoresetMode = AutoresetMode.NEXT_STEP, **options) -> VectorEnv:
    return contract.make(name, mode, **options)


@pytest.mark.parametrize("name", IDS)
def test_the_default_call_works(name):
    env = gym.make_vec(f"wmlib/{name}")
    assert env.num_envs == 1
    x, _ = env.reset(seed=1)
    assert env.observation_space.contains(x)
    x, rewards, terminated, truncated, _ = env.step(still(env))
    assert env.observation_space.contains(x)
    assert (rewards.dtype, rewards.shape) == (np.float64, (1,))
    assert terminated.dtype == truncated.dtype == bool
    assert env.spec.id == f"wmlib/{name}"
    assert env.spec.max_episode_steps == gym.spec(f"wmlib/{name}").max_episode_steps
    env.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDS)
def test_an_episode_ends_as_the_mode_says(name, mode):
    env = make(name, mode)
    _, infos = step_to_the_end(env, mode)
    if mode == AutoresetMode.SAME_STEP:
        assert infos["_final_obs"].all()
        assert infos["_final_info"].all()
        assert all(env.single_observation_space.contains(x) for x in infos["final_obs"])
    _, rewards, _, truncated, _ = env.step(still(env))
    assert truncated.tolist() == [mode == AutoresetMode.DISABLED] * 2
    assert (rewards == 0).all() == (mode != AutoresetMode.SAME_STEP)
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_seeds_of_64_bits_are_told_and_repeat_the_game(name):
    env = make(name)
    for seed in (5, 2**32 - 1, 2**63 - 1):
        first, _ = env.reset(seed=seed)
        assert tuple(env.np_random_seed) == (seed, seed + 1)
        np.testing.assert_array_equal(env.reset(seed=[seed, None])[0][0], first[0])
    env.reset(seed=np.int64(3))
    assert tuple(env.np_random_seed) == (3, 4)
    generators = env.np_random
    assert len(generators) == 2
    assert all(isinstance(g, np.random.Generator) for g in generators)
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_bad_calls_are_errors_and_the_game_goes_on(name):
    env = make(name, max_episode_steps=None)
    with pytest.raises(ResetNeeded):
        env.step(still(env))
    env.reset(seed=1)
    after, *_ = env.step(still(env))
    env.reset(seed=1)
    assert_refuses_bad_calls(env)
    np.testing.assert_array_equal(env.step(still(env))[0], after)
    env.step(still(env) + 9)  # beyond the bounds: the game makes of it what it likes
    assert_closes_for_good(env)


@pytest.mark.parametrize("name", IDS)
def test_it_is_rendered_and_shown_in_a_window(name, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # a window without a screen
    env = make(name, render_mode="rgb_array")
    assert env.render_mode == "rgb_array"
    assert env.metadata["render_fps"] > 0
    env.reset(seed=1)
    frames = env.render()
    assert len(frames) == 2
    assert all(frame.dtype == np.uint8 and frame.shape[2] == 3 for frame in frames)
    window = HumanRendering(env)
    window.reset(seed=1)
    window.step(still(env))
    window.close()


@pytest.mark.parametrize("name", IDS)
def test_record_video_films_it(name, tmp_path):
    env = RecordVideo(make(name, render_mode="rgb_array"), str(tmp_path), video_length=4)
    env.reset(seed=1)
    for _ in range(5):
        env.step(still(env))
    env.close()
    films = list(tmp_path.glob("*.mp4"))
    assert len(films) == 2  # one of each game
    assert all(film.stat().st_size > 1000 for film in films)


def sync(mode: AutoresetMode, **options) -> VectorEnv:
    """Gymnasium's own: the game that the simulator repeats, in Gymnasium's vector environment."""
    return gym.make_vec(
        "CarRacing-v3",
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        max_episode_steps=4,
        **options,
    )


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_the_simulator_does_what_gymnasiums_vector_environment_does(mode, continuous):
    ours = make("CarRacingBatched-v3", mode, exact=True, max_episode_steps=4, continuous=continuous)
    theirs = sync(mode, continuous=continuous)
    assert ours.action_space == theirs.action_space
    ours.reset(seed=7)
    theirs.reset(seed=7)
    rng = np.random.default_rng(0)
    for _ in range(14):
        actions = rng.uniform(-3, 3, (2, 3)).astype(np.float32)  # beyond the bounds, too
        if not continuous:
            actions = rng.integers(5, size=2)
        mine, reference = ours.step(actions), theirs.step(actions)
        for a, b in zip(mine[1:4], reference[1:4]):
            np.testing.assert_array_equal(a, b)
        assert ("final_obs" in mine[4]) == ("final_obs" in reference[4])
        over = mine[2] | mine[3]
        if mode == AutoresetMode.DISABLED and over.any():
            ours.reset(seed=8, options={"reset_mask": over.copy()})
            theirs.reset(seed=8, options={"reset_mask": over.copy()})
    ours.close()
    theirs.close()
