"""The process pool: the same games as one by one, and good manners when something breaks."""

import os
import signal
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AutoresetMode

import wmlib  # noqa: F401  (registers the games)
from wmlib.envs.pool import WorkerError, WorkerPool


def make(name: str = "DoomTakeCover-v1", num_envs: int = 3, **options) -> WorkerPool:
    return gym.make_vec(
        f"wmlib/{name}",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.DISABLED,
        **options,
    )


def group(pid: int) -> list[str]:
    """Commands of the living processes in the process group of a worker."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        state, _, pgrp = rest.split()[:3]
        if int(pgrp) == pid and state != "Z":
            found.append(name)
    return found


@pytest.mark.parametrize("name", ["CarRacing-v3", "DoomTakeCover-v1", "PendulumHanging-v1"])
def test_pool_plays_the_same_game_as_one_env(name):
    pool = make(name, num_envs=2)
    one = gym.make(f"wmlib/{name}")
    assert pool.metadata["reference"] is True
    xs, _ = pool.reset(seed=[4, 5])
    x, _ = one.reset(seed=5)
    a = np.full((2, *one.action_space.shape), 0.5, np.float32)
    for _ in range(5):
        np.testing.assert_array_equal(xs[1], x)
        xs, rewards, *_ = pool.step(a)
        x, reward, *_ = one.step(a[1])
        assert rewards[1] == reward
    pool.close()
    one.close()


def test_a_game_of_another_module_is_registered_in_the_worker(tmp_path, monkeypatch):
    (tmp_path / "my_games.py").write_text(
        "import gymnasium as gym\n"
        "gym.register('My/Game-v0', 'gymnasium.envs.classic_control.pendulum:PendulumEnv')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    pool = WorkerPool("my_games:My/Game-v0", 2, autoreset_mode=AutoresetMode.DISABLED)
    assert pool.single_action_space.shape == (1,)
    pool.close()


def test_reset_mask_resets_only_the_masked_slots():
    pool = make()
    first, _ = pool.reset(seed=[1, 2, 3])
    later, *_ = pool.step(np.ones((3, 1), np.float32))
    mask = np.array([False, True, False])
    again, _ = pool.reset(seed=[None, 1, None], options={"reset_mask": mask})
    np.testing.assert_array_equal(again[[0, 2]], later[[0, 2]])
    np.testing.assert_array_equal(again[1], first[0])
    pool.close()


def test_an_ended_episode_stands_still_until_its_reset():
    pool = make("PendulumHanging-v1", num_envs=2, max_episode_steps=3)
    pool.reset(seed=[1, 2])
    a = np.ones((2, 1), np.float32)
    for _ in range(3):
        last, rewards, _, truncated, _ = pool.step(a)
    assert truncated.all()
    assert (rewards < 0).all()
    still, rewards, _, truncated, _ = pool.step(a)
    np.testing.assert_array_equal(still, last)
    assert truncated.all()
    assert (rewards == 0).all()
    pool.reset(seed=[1, 2], options={"reset_mask": np.array([True, False])})
    assert pool.step(a)[3].tolist() == [False, True]
    pool.close()


def test_a_killed_worker_is_named_within_seconds_and_leaves_no_game_behind():
    pool = make(timeout=30)
    pool.reset(seed=1)
    pids = [process.pid for process in pool.processes]
    assert "vizdoom" in group(pids[1])
    os.kill(pids[1], signal.SIGKILL)
    start = time.monotonic()
    with pytest.raises(WorkerError, match=r"worker 1 of 3 .* died: .*no traceback"):
        pool.step(np.zeros((3, 1), np.float32))
    assert time.monotonic() - start < 10
    time.sleep(0.2)
    assert [group(pid) for pid in pids] == [[], [], []]
    pool.close()  # closing again does no harm
    with pytest.raises(ClosedEnvironmentError):
        pool.step(np.zeros((3, 1), np.float32))


def test_a_stuck_worker_times_out():
    pool = make("PendulumHanging-v1", timeout=1)
    pool.reset(seed=1)
    os.kill(pool.processes[2].pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(WorkerError, match=r"worker 2 of 3 .* gave no answer for 1 s"):
        pool.step(np.zeros((3, 1), np.float32))
    assert time.monotonic() - start < 10


def test_a_failing_worker_passes_its_traceback_on():
    pool = make("PendulumHanging-v1", num_envs=2)
    with pytest.raises(
        WorkerError, match=r"(?s)worker 1 of 2 .* failed: Traceback.*def reset|seed"
    ) as e:
        pool.reset(seed=[1, -5])
    assert "np_random" in str(e.value)
    assert e.value.__cause__ is not None


class OnlyInTheParent(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Box(-1, 1, (1,))


def test_a_worker_that_cannot_start_says_why():
    gym.register("wmlib/OnlyInTheParent-v0", entry_point=OnlyInTheParent)
    try:
        with pytest.raises(
            WorkerError, match=r"(?s)worker 0 of 2 .*OnlyInTheParent.*doesn't exist"
        ):
            WorkerPool("wmlib/OnlyInTheParent-v0", num_envs=2)
    finally:
        del gym.registry["wmlib/OnlyInTheParent-v0"]
