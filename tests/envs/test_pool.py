"""The process pool: the same games as one by one, and good manners when something breaks."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode
from waiting import wait_until

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


def processes(group: int) -> dict[int, str]:
    """Living processes in the process group of a worker: {pid: command}."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        state, _, pgrp = rest.split()[:3]
        if int(pgrp) == group and state != "Z":
            found[int(stat.parent.name)] = name
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


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
    assert "vizdoom" in processes(pids[1]).values()
    os.kill(pids[1], signal.SIGKILL)
    start = time.monotonic()
    with pytest.raises(WorkerError, match=r"worker 1 of 3 .* died: .*no traceback"):
        pool.step(np.zeros((3, 1), np.float32))
    assert time.monotonic() - start < 10
    time.sleep(0.2)
    assert [processes(pid) for pid in pids] == [{}, {}, {}]
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


def test_a_failing_worker_says_so_in_one_line_and_passes_its_traceback_on():
    pool = make("PendulumHanging-v1", num_envs=2)
    pool.reset(seed=1)
    with pytest.raises(
        WorkerError, match=r"worker 0 of 2 .* failed: AttributeError: .*nothing"
    ) as e:
        pool.call("nothing_of_that_name")
    assert "\n" not in str(e.value)
    assert "Traceback" in e.value.__notes__[0]
    assert e.value.__cause__ is not None


@pytest.mark.parametrize("seed", [[1, -5], [1, 2.5], [1], -1, 1.5, "12", [1, True], [1, [2]]])
def test_a_bad_seed_is_refused_and_the_pool_plays_on(seed):
    pool = make("PendulumHanging-v1", num_envs=2)
    first, _ = pool.reset(seed=1)
    with pytest.raises(ValueError, match="seed"):
        pool.reset(seed=seed)
    np.testing.assert_array_equal(pool.reset(seed=[1, 2])[0], first)
    pool.close()


def test_bad_actions_and_calls_are_refused_and_the_pool_plays_on():
    pool = make("PendulumHanging-v1", num_envs=2)
    with pytest.raises(ResetNeeded, match="call reset"):
        pool.step(np.zeros((2, 1), np.float32))
    pool.reset(seed=1)
    before, *_ = pool.step(np.zeros((2, 1), np.float32))
    pool.reset(seed=1)
    for actions in (np.zeros((1, 1)), np.zeros((2, 3)), np.full((2, 1), np.nan), [["a"], ["b"]]):
        with pytest.raises(ValueError, match="actions must"):
            pool.step(actions)
    np.testing.assert_array_equal(pool.step(np.zeros((2, 1), np.float32))[0], before)
    options = {"reset_mask": np.array([True, False])}
    pool.reset(options=options)
    assert "reset_mask" in options, "the caller's dictionary stays as it was"
    pool.close()


def play_on(pool: WorkerPool) -> None:
    for _ in range(3):  # the tic under way when a game is killed may still be answered
        pool.step(np.zeros((pool.num_envs, 1), np.float32))


def test_a_killed_game_is_one_clear_line():
    pool = make(num_envs=2)
    pool.reset(seed=1)
    game = next(pid for pid, name in processes(pool.processes[1].pid).items() if name == "vizdoom")
    os.kill(game, signal.SIGKILL)
    with pytest.raises(
        WorkerError, match=r"^worker 1 of 2 \(pid \d+\) lost its game: ViZDoom"
    ) as e:
        play_on(pool)
    assert "\n" not in str(e.value)


# Its error pipe is filled, so that no worker can report that the parent has gone.
PARENT = """
import sys
import gymnasium, numpy, wmlib
name, num_envs = sys.argv[1], int(sys.argv[2])
pool = gymnasium.make_vec(name, num_envs=num_envs)
pool.reset(seed=1)
pool.error_queue._writer.send_bytes(bytes(60_000))
print(*[process.pid for process in pool.processes], flush=True)
while True:
    pool.step(numpy.zeros((num_envs, 1), numpy.float32))
"""


@pytest.mark.parametrize(
    ("name", "num_envs"),
    [
        ("DoomTakeCover-v1", 2),
        ("PendulumHanging-v1", 4),
        pytest.param("PendulumHanging-v1", 80, marks=pytest.mark.slow),
    ],
)
def test_nothing_outlives_a_killed_parent(name, num_envs, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = [sys.executable, "-c", PARENT, f"wmlib/{name}", str(num_envs)]
    parent = subprocess.Popen(run, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == num_envs
    server = int(Path(f"/proc/{pids[0]}/stat").read_text().rsplit(")", 1)[1].split()[1])
    started = {server, *pids}.union(*(processes(pid) for pid in pids))
    assert len(started) >= 1 + num_envs * (2 if "Doom" in name else 1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while (left := [pid for pid in started if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    while list(tmp_path.glob("wmlib-doom-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.glob("wmlib-doom-*")) == []


STARTS = """
import gymnasium, wmlib
try:
    gymnasium.make_vec("wmlib/PendulumHanging-v1", num_envs=3)
except KeyboardInterrupt:
    print("stopped")
"""


def server_of(pid: int) -> int | None:
    """The fork server that a process has started."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid and b"forkserver import" in (stat.parent / "cmdline").read_bytes():
                return int(stat.parent.name)
    return None


@pytest.mark.parametrize("moment", [0, 0.05, 0.15])
def test_ctrl_c_while_games_start_leaves_no_traceback_and_no_process(moment):
    whole = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell's background jobs ignore SIGINT, and so would what they start.
    wake = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    run = [sys.executable, "-c", STARTS]
    parent = subprocess.Popen(run, start_new_session=True, preexec_fn=wake, **whole)
    wait_until(lambda: server_of(parent.pid) or parent.poll() is not None)
    server = server_of(parent.pid)
    time.sleep(moment)  # in the server's imports, or as the workers begin
    os.killpg(parent.pid, signal.SIGINT)  # what a terminal does
    assert parent.communicate(timeout=60) == ("stopped\n", "")
    wait_until(lambda: not alive(server))


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
