"""The three reference games: the right picture, the right buttons, reproducible, no litter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import Error
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo

import wmlib  # noqa: F401  (registers the games)
from wmlib.data.policies import make_policy
from wmlib.envs.checks import narrowed_seed
from wmlib.envs.pool import GameDied

GAMES = ["wmlib/CarRacing-v3", "wmlib/DoomTakeCover-v1", "wmlib/PendulumHanging-v1"]


@pytest.fixture
def doom():
    env = gym.make("wmlib/DoomTakeCover-v1", render_mode="rgb_array")
    yield env
    env.close()


def shrink(top: np.ndarray) -> np.ndarray:
    return cv2.resize(top, (64, 64), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space")
def test_gymnasiums_checker_accepts_it_and_it_is_a_reference(name):
    env = gym.make(name, render_mode="rgb_array")
    check_env(env)
    assert env.metadata["reference"] is True
    env.reset(seed=1)
    assert env.render().ndim == 3
    env.close()


def test_car_picture_is_the_screen_without_dashboard():
    env = gym.make("wmlib/CarRacing-v3")
    x, info = env.reset(seed=100_000)
    assert env.unwrapped.spec.id == "wmlib/CarRacing-v3"
    assert type(env.unwrapped).__module__ == "gymnasium.envs.box2d.car_racing"
    for _ in range(5):
        np.testing.assert_array_equal(x, shrink(env.unwrapped.state[:84]))
        x, *_, info = env.step(np.array([0, 1, 0], np.float32))
    assert info["speed"] > 0
    assert 0 < info["tiles"] < 0.1
    env.close()


def test_car_is_gymnasiums_game_step_for_step():
    ours, theirs = gym.make("wmlib/CarRacing-v3"), gym.make("CarRacing-v3")
    ours.reset(seed=3)
    theirs.reset(seed=3)
    a = np.array([0.1, 0.6, 0.0], np.float32)
    for _ in range(20):
        x, reward, *_ = ours.step(a)
        state, same, *_ = theirs.step(a)
        np.testing.assert_array_equal(x, shrink(state[:84]))
        assert reward == same
    ours.close()
    theirs.close()


def test_doom_picture_is_the_screen_without_floor(doom):
    x, _ = doom.reset(seed=1)
    for _ in range(10):
        np.testing.assert_array_equal(x, shrink(doom.render()[:100]))
        x, *_ = doom.step(np.array([1.0], np.float32))


def play_doom_on(env: gym.Env) -> None:
    for _ in range(3):  # the tic under way when a game is killed may still be answered
        env.step(np.zeros(1, np.float32))


def vizdooms(pid: int) -> list[int]:
    """The game processes below the process `pid`."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "vizdoom":
                found.append(int(child))
    return found


def test_doom_whose_process_is_killed_says_so_and_can_begin_anew(doom):
    first, _ = doom.reset(seed=7)
    (game,) = set(vizdooms(os.getpid()))
    os.kill(game, signal.SIGKILL)
    with pytest.raises(GameDied, match=r"^ViZDoom's process has died \([^\n]*\)$"):
        play_doom_on(doom)
    np.testing.assert_array_equal(doom.reset(seed=7)[0], first)


def test_doom_ends_with_the_program_that_plays_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = (
        "import gymnasium, wmlib, time\n"
        "env = gymnasium.make('wmlib/DoomTakeCover-v1')\n"
        "env.reset(seed=1)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    run = [sys.executable, "-c", code]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as player:
        assert player.stdout.readline() == "up\n"
        (game,) = vizdooms(player.pid)
        assert list(tmp_path.glob("wmlib-doom-*"))
        player.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (
        Path(f"/proc/{game}/comm").exists() or list(tmp_path.glob("wmlib-doom-*"))
    ):
        time.sleep(0.05)
    assert not Path(f"/proc/{game}/comm").exists()
    assert not list(tmp_path.glob("wmlib-doom-*"))


def play_doom(env: gym.Env, seed: int, action: float, steps: int) -> np.ndarray:
    """Pictures (steps + 1, 64, 64, 3) while one action is held."""
    pictures = [env.reset(seed=seed)[0]]
    for _ in range(steps):
        pictures.append(env.step(np.array([action], np.float32))[0])
    return np.array(pictures)


def test_doom_same_seed_same_frames(doom):
    first = play_doom(doom, 7, 1.0, 60)
    play_doom(doom, 8, -1.0, 10)
    np.testing.assert_array_equal(first, play_doom(doom, 7, 1.0, 60))
    assert not np.array_equal(first, play_doom(doom, 9, 1.0, 60))


def shift(before: np.ndarray, after: np.ndarray) -> int:
    """By how many columns the picture moved to the right."""
    columns = [p.astype(float).mean(axis=(0, 2)) for p in (before, after)]
    before, after = (np.diff(c) for c in columns)
    return max(range(-12, 13), key=lambda s: np.corrcoef(np.roll(before, s), after)[0, 1])


def test_doom_left_button_moves_the_picture_right(doom):
    assert shift(*play_doom(doom, 7, -1.0, 20)[[0, -1]]) > 0
    assert shift(*play_doom(doom, 7, 1.0, 20)[[0, -1]]) < 0


@pytest.mark.parametrize(
    ("a", "way"), [(-1, 1), (-0.34, 1), (-0.33, 0), (0, 0), (0.33, 0), (0.34, -1)]
)
def test_doom_cuts_the_action_in_thirds(doom, a, way):
    _, info = doom.reset(seed=7)
    start = info["x"]
    for _ in range(12):  # for the first eight tics Doom's player cannot move
        *_, info = doom.step(np.array([a], np.float32))
    # ViZDoom's coordinate along the wall grows to the player's left.
    assert np.sign(round(info["x"] - start, 3)) == way


def test_doom_pays_one_a_tic_and_ends_on_the_last_live_frame(doom):
    x, _ = doom.reset(seed=7)
    steps, terminated = 0, False
    while not terminated:
        before = x
        x, reward, terminated, truncated, _ = doom.step(np.zeros(1, np.float32))
        steps += 1
        assert reward == 1
    assert not truncated
    assert doom.unwrapped.game.get_total_reward() == steps
    np.testing.assert_array_equal(x, before)
    again, reward, terminated, *_ = doom.step(np.zeros(1, np.float32))
    np.testing.assert_array_equal(again, x)
    assert (reward, terminated) == (0, True)


def test_doom_is_cut_at_2100_tics(doom):
    assert doom.spec.max_episode_steps == 2_100
    short = gym.make("wmlib/DoomTakeCover-v1", max_episode_steps=20)
    short.reset(seed=1)
    ends = [short.step(np.zeros(1, np.float32))[2:4] for _ in range(20)]
    assert ends == [(False, False)] * 19 + [(False, True)]
    short.close()


def test_doom_leaves_nothing_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = gym.make("wmlib/DoomTakeCover-v1")
    play_doom(env, 1, 1.0, 5)
    env.close()
    assert list(tmp_path.iterdir()) == []


def test_doom_labels_tell_where_the_fireballs_are():
    env = gym.make("wmlib/DoomTakeCover-v1", labels=True)
    env.reset(seed=7)
    most = 0
    for _ in range(100):
        *_, info = env.step(np.zeros(1, np.float32))
        most = max(most, info["fireballs"])
        widths = info["fireball_boxes"][:, 2]
        assert np.count_nonzero(widths) == info["fireballs"]
    assert most >= 1
    env.close()


@pytest.mark.parametrize("name", GAMES)
def test_long_seeds_are_taken_and_bad_ones_refused(name):
    env = gym.make(name)
    for seed in (2**32 - 1, 2**32, 2**63 - 1, 2**63):
        first, _ = env.reset(seed=seed)
        assert env.unwrapped.np_random_seed == seed
        np.testing.assert_array_equal(env.reset(seed=seed)[0], first)
    for seed in (-1, 1.5, "7", True):
        with pytest.raises(ValueError, match="a seed must be a whole number of at least 0"):
            env.reset(seed=seed)
    env.close()


def test_short_seeds_are_not_hashed():
    assert [narrowed_seed(s, 32) for s in (0, 5, 2**32 - 1)] == [0, 5, 2**32 - 1]
    hashed = [narrowed_seed(2**32 + s, 32) for s in range(1000)]
    assert len(set(hashed)) == 1000
    assert max(hashed) < 2**32
    assert hashed[0] == narrowed_seed(2**32, 32)


@pytest.mark.parametrize("name", GAMES)
def test_senseless_actions_are_refused(name):
    env = gym.make(name)
    env.reset(seed=1)
    good = np.zeros(env.action_space.shape, np.float32)
    for bad in (good * np.nan, good + np.inf, np.zeros(7), np.array(["left"] * len(good))):
        with pytest.raises(ValueError, match="actions must"):
            env.step(bad)
    env.step(good + 9)  # beyond the bounds: the game cuts it off
    env.close()


@pytest.mark.parametrize("name", GAMES)
def test_rendering_modes_are_gymnasiums(name, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # a window without a screen
    env = gym.make(name, render_mode="human")
    assert env.render_mode == "human"
    env.reset(seed=1)
    env.step(env.action_space.sample())
    assert env.render() is None
    env.close()
    env = gym.make(name, render_mode="rgb_array_list")
    env.reset(seed=1)
    for _ in range(3):
        env.step(env.action_space.sample())
    pictures = env.render()
    assert len(pictures) == 4
    assert pictures[0].ndim == 3
    env.close()


@pytest.mark.parametrize("name", GAMES)
def test_record_video_films_it(name, tmp_path):
    env = RecordVideo(gym.make(name, render_mode="rgb_array"), str(tmp_path))
    env.reset(seed=1)
    for _ in range(3):
        env.step(env.action_space.sample())
    env.close()
    assert [film.suffix for film in tmp_path.iterdir()] == [".mp4"]


@pytest.mark.parametrize(
    "name", ["CarRacingBatched-v3", "CarRacingDream-v0", "DoomTakeCoverDream-v0"]
)
def test_a_vector_id_names_make_vec(name):
    with pytest.raises(Error, match="make_vec"):
        gym.make(f"wmlib/{name}")


def test_the_cars_options_are_gymnasiums_and_no_reference():
    env = gym.make("wmlib/CarRacing-v3", continuous=False, domain_randomize=True)
    assert env.action_space == gym.spaces.Discrete(5)
    assert env.metadata["reference"] is False
    env.reset(seed=1)
    env.step(3)
    env.close()


def test_pendulum_starts_hanging_and_stays_low_without_a_plan():
    env = gym.make("wmlib/PendulumHanging-v1")
    assert env.spec.max_episode_steps == 200
    starts = np.array([env.reset(seed=s)[0] for s in range(50)])
    assert (starts[:, 0] < -0.99).all()  # cos(angle): -1 is straight down
    assert starts[:, 1].std() > 0.03
    for _ in range(200):
        x, _, _, truncated, _ = env.step(np.zeros(1, np.float32))
        assert x[0] < -0.95
    assert truncated


def returns(name: str, policy_name: str, seeds: range, num_envs: int) -> np.ndarray:
    from wmlib.data.rollouts import play

    env = gym.make_vec(name, num_envs=num_envs, autoreset_mode="Disabled")
    jobs = iter(enumerate(seeds))
    policy = make_policy(policy_name, env.single_action_space)
    found = [sum(episode.rewards) for episode in play(env, policy, lambda: next(jobs, None))]
    env.close()
    return np.array(found)


@pytest.mark.slow
def test_car_random_score_is_in_its_band():
    found = returns("wmlib/CarRacing-v3", "uniform", range(100_000, 100_004), 4)
    assert abs(found.mean() - -34.5) < 12


@pytest.mark.slow
def test_doom_random_score_is_in_its_band():
    found = returns("wmlib/DoomTakeCover-v1", "held", range(100_000, 100_100), 4)
    assert abs(found.mean() - 300) < 50
