"""Drills for the stages of a run: killed at random moments, and given what no stage can use."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import save
from tiny_run import command

from wmlib.records.files import sha256
from wmlib.records.keeper import CHECKPOINT
from wmlib.records.weights import load_checkpoint

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

KILLS = 6
LONG = command(
    collect_episodes=40,
    collect_max_episode_steps=200,
    memory_updates=300,
    memory_n_h=48,
    evolve_generations=40,
    evolve_population=16,
    evolve_max_episode_steps=100,
    evaluate_episodes=20,
    evaluate_max_episode_steps=200,
)
DOOM = {
    "collect": ["--policy", "still", "--episodes", "4", "--max-episode-steps", "120"],
    "train-vision": ["--frames", "400", "--epochs", "12", "--batch-size", "20"],
    "train-memory": ["--updates", "30", "--n-h", "32", "--batch-size", "2", "--window", "20"],
    "evolve": ["--generations", "4", "--population", "4", "--episodes", "2", "--slots", "4"],
    "policy-gradient": ["--updates", "6", "--dreams", "8", "--steps", "16", "--check-every", "2"],
    "evaluate": ["--episodes", "4", "--max-episode-steps", "120"],
}


def program(words: list[str], folder: Path) -> subprocess.Popen:
    """`python -m wmlib WORDS` in its own session, on one thread: the same sums each time."""
    return subprocess.Popen(
        [sys.executable, "-m", "wmlib", *words, "--run-dir", str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(words: list[str], folder: Path) -> float:
    """Seconds that the command took to its end."""
    start = time.monotonic()
    process = program(words, folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors[-2000:]
    return time.monotonic() - start


def made(folder: Path) -> dict[str, str]:
    """Hashes of the weights, and what was played (of a checkpoint, which also tells how long it
    took, its tensors)."""
    files = [*folder.rglob("*.safetensors"), *folder.rglob("index.jsonl")]
    found = {str(p.relative_to(folder)): sha256(p) for p in sorted(files)}
    for path in folder.rglob(CHECKPOINT):
        tensors, _ = load_checkpoint(path)
        found[str(path.relative_to(folder))] = hashlib.sha256(save(tensors)).hexdigest()
    return found


def kill_at_random_moments(words: list[str], folder: Path, seconds: float, seed: str) -> None:
    """Begin the command KILLS times and kill it and all that it started, then let it end."""
    moments = random.Random(seed)
    for _ in range(KILLS):
        process = program(words, folder)
        time.sleep(moments.uniform(0.05, 1) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    finish(words, folder)


def test_a_run_killed_at_any_moment_ends_as_one_that_was_not(tmp_path):
    seconds = finish(LONG, tmp_path / "whole")
    kill_at_random_moments(LONG, tmp_path / "killed", seconds, "run")
    assert made(tmp_path / "killed") == made(tmp_path / "whole")
    scores = [(tmp_path / name / "evaluation.json").read_text() for name in ("killed", "whole")]
    returns = [score[score.index('"returns"') : score.index('"lengths"')] for score in scores]
    assert returns[0] == returns[1]


def test_each_stage_killed_at_any_moment_ends_as_one_that_was_not(tmp_path):
    before = tmp_path / "before"  # what the stages before have made
    before.mkdir()
    for name, flags in DOOM.items():
        words = [name, "--task", "doom_take_cover", "--preset", "tiny", *flags]
        killed = shutil.copytree(before, tmp_path / f"killed_{name}")
        seconds = finish(words, before)
        kill_at_random_moments(words, killed, seconds, name)
        assert made(killed) == made(before), name


# ---------------------------------------------------------------- a table of bad inputs


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another_kind(path: Path) -> None:
    path.write_bytes(b"[1, 2, 3]\n")


def of_letters(path: Path) -> None:
    path.write_bytes(bytes(range(128, 256)))


DAMAGE = (cut, flip, empty, another_kind, of_letters, Path.unlink)
FILES = (
    "rollouts/zarr.json",
    "rollouts/index.jsonl",
    "rollouts/config.json",
    "rollouts/manifest.json",
    "rollouts/episodes/000001/frames/zarr.json",
    "rollouts/episodes/000001/frames/c/0/0",
    "rollouts/episodes/000001/actions/c/0/0",
    "vision/vision.safetensors",
    "vision/vision.json",
    "latents/config.json",
    "latents/manifest.json",
    "latents/starts.safetensors",
    "latents/data/zarr.json",
    "latents/data/mu/c/0/0",
    "latents/data/lengths/c/0",
    "memory/config.json",
    "memory/manifest.json",
    "memory/memory.safetensors",
    "memory/memory.json",
    "memory/moments.safetensors",
    "controller/config.json",
    "controller/manifest.json",
    "controller/controller.safetensors",
    "controller/controller.json",
    "controller/metrics.jsonl",
    "evaluation.json",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    finish(command(), folder)
    return folder


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_one_line_or_mended(finished, tmp_path, file, damage, capsys):
    from wmlib.cli import main as cli

    run = shutil.copytree(finished, tmp_path / "run")
    damage(run / file)
    for words in (
        command(),
        command(memory_updates=5),
        ["train-vision", "--task", "pendulum", "--preset", "tiny"],
        ["evaluate", "--task", "pendulum", "--episodes", "2", "--max-episode-steps", "20"],
    ):
        code = cli.main([*words, "--run-dir", str(run)])
        said = capsys.readouterr().err.splitlines()
        assert code in (0, 2)
        assert code == 0 or said[-1].startswith("error: ")
