"""The dreams promise what tests/envs/test_vector_contract.py asks of the games, but for their kind
of observation: torch features, which are compared as arrays here."""

import contract
import gymnasium as gym
import numpy as np
import pytest
import torch
from contract import (
    LIMIT,
    MODES,
    assert_closes_for_good,
    assert_refuses_bad_calls,
    step_to_the_end,
    still,
)
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import HumanRendering, RecordVideo

IDS = ("DoomTakeCoverDream-v0", "PendulumHangingDream-v0", "CarRacingDream-v0")


def make(name, mode=AutoresetMode.DISABLED, **options):
    return contract.make(name, mode, **options)


@pytest.mark.parametrize("name", IDS)
def test_the_default_call_works(name):
    env = gym.make_vec(f"wmlib/{name}")
    x, _ = env.reset(seed=1)
    for _ in range(2):
        assert env.observation_space.contains(x.numpy())
        x, rewards, terminated, truncated, _ = env.step(still(env))
    assert (rewards.dtype, rewards.shape) == (np.float64, (1,))
    assert terminated.dtype == truncated.dtype == bool
    assert env.spec.max_episode_steps == gym.spec(f"wmlib/{name}").max_episode_steps > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDS)
def test_an_episode_ends_as_the_mode_says(name, mode):
    env = make(name, mode)
    x, infos = step_to_the_end(env, mode)
    if mode == AutoresetMode.SAME_STEP:
        assert infos["_final_obs"].all()
        assert all(env.single_observation_space.contains(f.numpy()) for f in infos["final_obs"])
        assert not any((f == new).all() for f, new in zip(infos["final_obs"], x))
    for _ in range(3):
        y, rewards, _, truncated, infos = env.step(still(env))
        if mode == AutoresetMode.DISABLED:
            assert truncated.all()
            assert (rewards == 0).all()
            assert torch.equal(x, y)  # it waits
            assert not infos.get("_end_logit", np.zeros(2)).any()
    # 3 steps later: another end, or, where one step began the dreams, not yet
    assert truncated.tolist() == [mode != AutoresetMode.NEXT_STEP] * 2


def test_next_step_begins_anew_without_reward_and_plays_on():
    env = make(IDS[0], AutoresetMode.NEXT_STEP)
    told = []
    env.reset(seed=1)
    for _ in range(2 * LIMIT + 2):
        _, rewards, _, truncated, _ = env.step(still(env))
        told.append((rewards[0], bool(truncated[0])))
    whole = [(1.0, False)] * (LIMIT - 1) + [(1.0, True)]
    assert told == [*whole, (0.0, False), *whole, (0.0, False)]


@pytest.mark.parametrize("mode", MODES)
def test_the_modes_dream_the_same_dreams(mode):
    """After the first episode each mode goes on with the dreams that one seed decides."""
    env, other = make(IDS[0], mode), make(IDS[0])
    env.reset(seed=5)
    x, _ = other.reset(seed=5)
    for _ in range(LIMIT):
        seen, *_ = env.step(still(env))
        x, *_ = other.step(still(other))
    if mode == AutoresetMode.NEXT_STEP:
        seen, *_ = env.step(still(env))
    if mode != AutoresetMode.DISABLED:
        x, _ = other.reset(options={"reset_mask": np.ones(2, bool)})
    assert torch.equal(seen, x)


def test_a_waiting_dream_changes_nothing_for_those_that_go_on():
    alone, env = make(IDS[0], max_episode_steps=8), make(IDS[0], max_episode_steps=8)
    alone.reset(seed=[1, 2])
    env.reset(seed=[1, 2])
    env.unwrapped._terminated[0] = True
    for _ in range(5):
        a = alone.step(still(env))
        b = env.step(still(env))
        assert torch.equal(a[0][1], b[0][1])
        assert b[2].tolist() == [True, False]
        assert b[1].tolist() == [0.0, 1.0]
    kept = env.unwrapped.snapshot()
    env.reset(seed=[3, 4])
    env.unwrapped.restore(kept)
    assert env.step(still(env))[2].tolist() == [True, False]


@pytest.mark.parametrize("name", IDS)
def test_seeds_of_64_bits_are_told_and_repeat_the_dream(name):
    env, firsts = make(name), []
    for seed in (5, 2**32 - 1, 2**63 - 1, 2**63, 2**64 + 5):
        first, _ = env.reset(seed=seed)
        assert tuple(env.np_random_seed) == (seed, seed + 1)
        assert torch.equal(env.reset(seed=[seed, None])[0][0], first[0])
        firsts.append(first[0])
    assert len({tuple(f.tolist()) for f in firsts}) == 5
    assert isinstance(env.np_random, np.random.Generator)


@pytest.mark.parametrize("name", IDS)
def test_bad_calls_are_errors_and_the_dream_goes_on(name):
    env = make(name, max_episode_steps=50)
    with pytest.raises(ResetNeeded):
        env.step(still(env))
    with pytest.raises(ResetNeeded):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.reset(seed=1)
    after, *_ = env.step(still(env))
    env.reset(seed=1)
    assert_refuses_bad_calls(env)
    for bad in (np.array([True]), np.array([1, 0]), np.zeros(2, bool)):
        with pytest.raises(ValueError, match="reset_mask"):
            env.reset(options={"reset_mask": bad})
    assert torch.equal(env.step(still(env))[0], after)
    results = []
    for a in (env.single_action_space.high, env.single_action_space.high + 9):
        env.reset(seed=1)
        results.append(env.step(np.stack([a, a]))[0])
    assert torch.equal(*results)  # cut to the bounds
    assert_closes_for_good(env)


def test_it_is_rendered_shown_in_a_window_and_filmed(monkeypatch, tmp_path):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # a window without a screen
    env = make(IDS[0], render_mode="rgb_array")
    assert (env.render_mode, env.metadata["render_fps"]) == ("rgb_array", 35)
    env.reset(seed=1)
    frames = env.render()
    assert [(f.dtype, f.shape) for f in frames] == [(np.uint8, (64, 64, 3))] * 2
    window = HumanRendering(env)
    window.reset(seed=1)
    window.step(still(env))
    window.close()
    film = RecordVideo(make(IDS[0], render_mode="rgb_array"), str(tmp_path), video_length=4)
    film.reset(seed=1)
    for _ in range(5):
        film.step(still(film))
    film.close()
    assert list(tmp_path.glob("*.mp4"))


def test_what_cannot_be_seen_is_one_line():
    for name in IDS:
        with pytest.raises(ValueError, match="has no render_mode 'ansi'"):
            make(name, render_mode="ansi")
    with pytest.raises(ValueError, match="has no render_mode"):
        make(IDS[1], render_mode="rgb_array")
