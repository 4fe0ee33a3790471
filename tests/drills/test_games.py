"""Drills for the games: things are killed at random moments, and nothing may be left behind."""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import wmlib  # noqa: F401  (registers the games)

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

ROUNDS = 15
PLAY = """
import sys
import gymnasium, numpy, wmlib
name, num_envs = sys.argv[1], int(sys.argv[2])
if num_envs:
    env = gymnasium.make_vec(name, num_envs=num_envs)
else:
    env = gymnasium.make(name)
env.reset(seed=1)
print("playing", flush=True)
steps = 0
while True:
    _, _, terminated, truncated, _ = env.step(numpy.zeros(env.action_space.shape, numpy.float32))
    steps += 1
    if not num_envs and (terminated or truncated or steps % 50 == 0):
        env.reset()
"""


class Player:
    """A program that plays for ever, and everything that it starts, known by a mark."""

    def __init__(self, name: str, num_envs: int, folder: Path) -> None:
        self.mark = f"WMLIB_DRILL={uuid.uuid4()}".encode()
        key, value = self.mark.decode().split("=")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PLAY, f"wmlib/{name}", str(num_envs)],
            env=os.environ | {key: value, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> dict[int, str]:
        """All that lives of it: {pid: command}."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                name, rest = (folder / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
                if rest.split()[0] != "Z" and self.mark in (folder / "environ").read_bytes():
                    found[int(folder.name)] = name
            except OSError:  # it has just ended
                continue
        return found

    def wait_until_gone(self, seconds: float = 10) -> dict[int, str]:
        """What is still there after so long."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


@pytest.mark.parametrize(
    ("name", "num_envs"),
    [("DoomTakeCover-v1", 0), ("DoomTakeCover-v1", 6), ("PendulumHanging-v1", 80)],
)
def test_a_parent_killed_at_any_moment_leaves_nothing(name, num_envs, tmp_path):
    moments = random.Random(num_envs)
    for _ in range(ROUNDS):
        player = Player(name, num_envs, tmp_path)
        if moments.random() < 0.5:  # while it plays, else perhaps while it starts
            assert player.process.stdout.readline() == "playing\n"
            time.sleep(moments.uniform(0, 1))
        else:
            time.sleep(moments.uniform(0, 8))
        player.process.kill()
        player.process.communicate()
        assert player.wait_until_gone() == {}
        assert list(tmp_path.glob("wmlib-doom-*")) == []


@pytest.mark.parametrize("victim", ["vizdoom", "worker"])
def test_a_game_or_worker_killed_at_any_moment_is_one_line(victim, tmp_path):
    moments = random.Random(victim)
    for _ in range(ROUNDS):
        player = Player("DoomTakeCover-v1", 4, tmp_path)
        assert player.process.stdout.readline() == "playing\n"
        time.sleep(moments.uniform(0, 1))
        games = [pid for pid, name in player.processes().items() if name == "vizdoom"]
        assert len(games) == 4
        pid = moments.choice(games)
        if victim == "worker":  # the leader of the game's process group
            pid = os.getpgid(pid)
        os.kill(pid, signal.SIGKILL)
        _, errors = player.process.communicate(timeout=60)
        assert player.process.returncode == 1
        said = [line for line in errors.splitlines() if "WorkerError: " in line]
        assert len(said) == 1
        what = "lost its game: ViZDoom's process has died" if victim == "vizdoom" else "died: "
        assert what in said[0]
        assert player.wait_until_gone() == {}
        assert list(tmp_path.glob("wmlib-doom-*")) == []


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def family() -> list[int]:
    """This process and those below it."""
    found, new = [], [os.getpid()]
    while new:
        found += new
        children = [
            path.read_text().split()
            for pid in new
            for path in Path(f"/proc/{pid}/task").glob("*/children")
        ]
        new = [int(pid) for pids in children for pid in pids]
    return found


@pytest.mark.parametrize(
    ("name", "num_envs"),
    [
        ("CarRacing-v3", 0),
        ("DoomTakeCover-v1", 0),
        ("PendulumHanging-v1", 2),
        ("CarRacingBatched-v3", 8),
    ],
)
def test_memory_is_flat_over_3000_resets(name, num_envs):
    make = gym.make_vec if num_envs else gym.make
    options = {"num_envs": num_envs} if num_envs else {}
    env = make(f"wmlib/{name}", render_mode="rgb_array", **options)
    held = []
    for reset in range(3_300):
        env.reset(seed=reset % 100)
        env.step(np.zeros(env.action_space.shape, np.float32))
        if reset % 500 == 0:
            env.render()
        if reset in (299, 3_299):
            held.append(sum(resident(pid) for pid in family()))
    env.close()
    # Gymnasium's own car keeps about 3 kB of each reset; that is 9 MB of these.
    assert held[1] - held[0] < 24 * 2**20, f"from {held[0]:,} to {held[1]:,} bytes"
