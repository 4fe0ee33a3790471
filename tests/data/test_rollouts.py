"""Rollouts: an episode is wholly there or not at all, and depends on its seed alone."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from waiting import wait_until

from wmlib.data.exploring import ExploringPolicy
from wmlib.data.rollouts import _Queue, collect, in_vain
from wmlib.data.store import CHUNK, Episode, RolloutStore, sample_frames
from wmlib.errors import UserError
from wmlib.learning.iterative import random_agent
from wmlib.learning.vision import train_vision
from wmlib.presets import ITERATE_PRESETS, PRESETS
from wmlib.records.run_folder import RunFolder
from wmlib.records.stage import Stage
from wmlib.tasks import get_task

ROOT = Path(__file__).parents[2]
SETTINGS = {"episodes": 10, "seed": 100_000, "max_episode_steps": 250, "min_episode_steps": 200}


@pytest.fixture(scope="module")
def doom(tmp_path_factory) -> RolloutStore:
    """Ten Doom episodes, played one after the other."""
    path = tmp_path_factory.mktemp("doom")
    return collect("doom_take_cover", "held", path=path, num_envs=1, progress=False, **SETTINGS)


def made(number: int, length: int) -> Episode:
    """An episode whose every frame is told from every other by its first two pixels."""
    frames = np.random.default_rng(number).integers(0, 255, (length, 64, 64, 3), np.uint8)
    frames[:, 0, 0, 0], frames[:, 0, 0, 1] = number, np.arange(length) % 256
    actions = np.full((length, 1), number, np.float32)
    return Episode(number, 100 + number, list(frames), list(actions), [1.0] * length)


def assert_same(one: RolloutStore, other: RolloutStore) -> None:
    assert one.index == other.index
    assert one.dropped == other.dropped
    for i in range(len(one)):
        np.testing.assert_array_equal(one.frames(i), other.frames(i))
        np.testing.assert_array_equal(one.actions(i), other.actions(i))
        np.testing.assert_array_equal(one.rewards(i), other.rewards(i))


def test_what_is_stored(doom):
    assert len(doom) == 10
    assert doom.dropped  # min_episode_steps is at work
    for i, (row, frames, actions, rewards) in enumerate(doom):
        assert row["seed"] == 100_000 + row["episode"]
        assert 200 <= row["length"] <= 250
        assert row["truncated"] == (row["length"] == 250 and not row["terminated"])
        assert frames.shape == (row["length"], 64, 64, 3)
        assert frames.dtype == np.uint8
        assert actions.shape == (row["length"], 1)
        assert actions.dtype == np.float32
        assert rewards.tolist() == [1.0] * row["length"]
        np.testing.assert_array_equal(doom.frames(i, slice(40, 60)), frames[40:60])
    assert 3_000 < doom.bytes_per_frame() < 6_000  # of 12,288


def test_a_length_that_is_never_reached_ends_the_collection(tmp_path, monkeypatch):
    monkeypatch.setattr("wmlib.data.rollouts.PATIENCE", 3)
    short = {"seed": 100_000, "max_episode_steps": 5, "min_episode_steps": 6, "progress": False}
    with pytest.raises(UserError, match="3 episodes in a row were shorter than --min-episode-ste"):
        collect("doom_take_cover", "held", 1, path=tmp_path / "doom", num_envs=1, **short)


def test_an_episode_is_left_when_nothing_has_come_for_long():
    rewards = [0.0, 3.0, -0.1, -0.1, -0.1]
    assert [in_vain(rewards[:n], 3) for n in range(1, 6)] == [False] * 4 + [True]
    assert not in_vain(rewards, 4)
    assert not in_vain(rewards, 0)  # never


def test_patience_cuts_the_simulators_episodes(tmp_path):
    given = ("car_racing", "still", 2, 100_000, tmp_path)
    store = collect(*given, game="batched", max_episode_steps=90, patience=40, progress=False)
    for i, row in enumerate(store.index):  # the first tiles are under the car
        assert row["length"] < 90
        assert not row["terminated"]
        assert in_vain(list(store.rewards(i)), 40)
        assert not in_vain(list(store.rewards(i))[:-1], 40)
    with pytest.raises(UserError, match="patience 40, not 30"):
        collect(*given, game="batched", max_episode_steps=90, patience=30)
    with pytest.raises(UserError, match="patience 40, not 0"):
        collect(*given, game="batched", max_episode_steps=90)


def test_short_episodes_count_in_their_order_not_as_they_end():
    class Empty:
        index = dropped = ()

        def __len__(self):
            return 0

    queue = _Queue(Empty(), 9, 0)
    for number in (1, 2, 3, 5):  # those of 0 and 4 live longer
        queue.finished(number, keep=False)
    assert queue.in_vain == 0
    queue.finished(0, keep=True)
    assert queue.in_vain == 3
    queue.finished(4, keep=True)
    assert queue.in_vain == 1


def test_action_t_leads_from_frame_t_to_the_next(doom):
    env = gym.make("wmlib/DoomTakeCover-v1")
    frames, actions = doom.frames(3), doom.actions(3)
    x, _ = env.reset(seed=doom.index[3]["seed"])
    for t in range(len(frames)):
        np.testing.assert_array_equal(frames[t], x)
        x, reward, terminated, *_ = env.step(actions[t])
        assert reward == doom.rewards(3)[t]
    assert terminated == doom.index[3]["terminated"]
    env.close()


def test_number_of_slots_changes_nothing(doom, tmp_path):
    path = tmp_path / "slots"
    other = collect("doom_take_cover", "held", path=path, num_envs=4, progress=False, **SETTINGS)
    assert_same(doom, other)


def test_the_batched_simulator_fills_the_same_store(tmp_path):
    how = {"game": "batched", "max_episode_steps": 30, "record": ("speed",), "progress": False}
    one, three = (
        collect("car_racing", "brownian", 5, 100_000, tmp_path / str(n), num_envs=n, **how)
        for n in (1, 3)
    )
    assert_same(one, three)
    assert one.frames(0).shape == (30, 64, 64, 3)
    assert max(one.extra(i, "speed").max() for i in range(5)) > 1
    np.testing.assert_array_equal(one.extra(4, "speed"), three.extra(4, "speed"))


def living(folder: Path) -> list[str]:
    """Commands of processes that have the folder's name in their arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and process.name != str(os.getpid()):
            found.append((process / "comm").read_text())
    return found


def test_kill_9_then_resume_gives_the_uninterrupted_result(doom, tmp_path):
    path = tmp_path / "killed"
    command = (
        "from wmlib.data.rollouts import collect; "
        f"collect('doom_take_cover', 'held', path={str(path)!r}, num_envs=3, **{SETTINGS})"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", command], env=environment, cwd=tmp_path)
    index = path / "index.jsonl"
    wait_until(lambda: index.exists() and len(index.read_text().splitlines()) >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = RolloutStore(path)
    assert 0 < len(before) < 10
    with open(index, "a") as file:
        file.write('{"episode": 7, "se')  # as if killed within a line
    (path / "episodes/000009/frames").mkdir(parents=True, exist_ok=True)  # or within an episode
    resumed = collect("doom_take_cover", "held", path=path, num_envs=2, progress=False, **SETTINGS)
    assert_same(doom, resumed)
    assert_same(doom, RolloutStore(path))
    wait_until(lambda: living(tmp_path) == [], 10)  # its workers and games are gone


def test_ctrl_c_keeps_what_is_stored_and_ends_the_workers(tmp_path):
    path = tmp_path / "stopped"
    command = (
        # A shell's background jobs ignore SIGINT, and so would what they start.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from wmlib.data.rollouts import collect; "
        f"collect('doom_take_cover', 'held', 1000, 100_000, {str(path)!r})"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    index = path / "index.jsonl"
    wait_until(lambda: index.exists() and len(index.read_text().splitlines()) >= 2)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    _, said = process.communicate(timeout=120)
    assert said.strip().endswith("KeyboardInterrupt")
    assert said.count("Traceback") == 1, said  # the parent's own, none from the workers
    assert living(tmp_path) == []
    store = RolloutStore(path)
    assert len(store) >= 2
    assert store.frames(0).shape[0] == store.index[0]["length"]


def test_recorded_extras_belong_to_their_frames(tmp_path):
    store = collect("doom_take_cover", "held", 2, 100_000, tmp_path, record=("x",), progress=False)
    env = gym.make("wmlib/DoomTakeCover-v1")
    _, info = env.reset(seed=100_001)
    for a, x in zip(store.actions(1), store.extra(1, "x")):
        assert info["x"] == pytest.approx(x)
        *_, info = env.step(a)
    env.close()
    with pytest.raises(ValueError, match="the game's info has no 'speed'"):
        collect("doom_take_cover", "held", 3, 1, tmp_path / "b", record=("speed",), progress=False)


def test_a_full_disk_is_one_line_and_damages_nothing(tmp_path):
    store = RolloutStore(tmp_path / "store", {"task": "made"})
    store.append(made(0, 60), "none")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # the system refuses larger files
    try:
        with pytest.raises(UserError, match="1 episodes are safe; make room") as error:
            store.append(made(1, 60), "none")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    again = RolloutStore(tmp_path / "store")
    assert [row["episode"] for row in again.index] == [0]
    np.testing.assert_array_equal(again.frames(0), made(0, 60).frames)
    store.append(made(1, 60), "none")  # room again: the same store goes on
    np.testing.assert_array_equal(store.frames(1), made(1, 60).frames)


def test_other_settings_and_a_second_writer_are_refused(tmp_path):
    store = RolloutStore(tmp_path, {"task": "made", "policy": "held"})
    with pytest.raises(UserError, match="another process is collecting"):
        RolloutStore(tmp_path, {"task": "made", "policy": "held"})
    store.close()
    with pytest.raises(UserError, match="holds rollouts with policy held, not brownian") as kept:
        RolloutStore(tmp_path, {"task": "made", "policy": "brownian"})
    RolloutStore(tmp_path, {"task": "made", "policy": "held"}).close()  # it has let go of the lock
    assert kept.value  # though the exception is alive, as Jupyter keeps the last one
    with pytest.raises(UserError, match="holds no rollouts: run collect first"):
        RolloutStore(tmp_path / "nothing")


NAMES = ("frames", "actions", "rewards")


@pytest.mark.parametrize("lost", ["frames", "frames/c", "actions", "actions/c", "rewards/c", ""])
def test_a_lost_part_of_an_episode_is_named_and_never_read_as_black(tmp_path, lost):
    store = RolloutStore(tmp_path, {"task": "made"})
    for number in range(2):
        store.append(made(number, 60), "none")
    shutil.rmtree(tmp_path / "episodes/000001" / lost)
    assert store.frames(0).any()
    assert not store.actions(0).any()  # zeros that were stored
    read = getattr(store, lost.split("/")[0] or "frames")
    with pytest.raises(UserError, match=r"delete the line of episode 1 .* plays it again"):
        read(1)


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_anywhere_in_an_episode_is_noticed_or_harmless(tmp_path, name):
    store = RolloutStore(tmp_path, {"task": "made"})
    store.append(made(1, 60), "none")
    good = getattr(store, name)(0)
    rng = np.random.default_rng(0)
    for file in (p for p in (tmp_path / "episodes/000001" / name).rglob("*") if p.is_file()):
        sound = file.read_bytes()
        for bit in rng.integers(8 * len(sound), size=60):
            data = bytearray(sound)
            data[bit // 8] ^= 1 << (bit % 8)
            file.write_bytes(data)
            with contextlib.suppress(UserError):
                np.testing.assert_array_equal(getattr(RolloutStore(tmp_path), name)(0), good)
        file.write_bytes(sound)
    data = bytearray(sound := file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    if file.name != "zarr.json":
        with pytest.raises(UserError, match="is lost or damaged"):
            getattr(store, name)(0)


def test_episodes_of_another_place_are_not_taken_for_ones_own(tmp_path):
    store = RolloutStore(tmp_path, {"task": "made"})
    for number in range(2):
        store.append(made(number, 60), "none")
    shutil.copytree(tmp_path / "episodes/000000", tmp_path / "episodes/000001", dirs_exist_ok=True)
    for read in (store.frames, store.actions):
        with pytest.raises(UserError, match="is lost or damaged"):
            read(1)


def test_black_pictures_are_data(tmp_path):
    store = RolloutStore(tmp_path, {"task": "made"})
    black = made(0, 30)
    black.frames = list(np.zeros((30, 64, 64, 3), np.uint8))
    store.append(black, "none")
    assert store.frames(0).shape == (30, 64, 64, 3)
    assert not store.frames(0).any()
    (tmp_path / "episodes/000000/frames/c/0/0/0/0").stat()  # written all the same


def test_a_store_of_version_0_1_0_is_read(tmp_path):
    store = RolloutStore(tmp_path, {"task": "made"})
    store.append(made(3, 60), "none")
    index = tmp_path / "index.jsonl"
    row = json.loads(index.read_text())
    assert set(row.pop("crc32")) == set(NAMES)
    index.write_text(json.dumps(row) + "\n")
    store.refresh()
    np.testing.assert_array_equal(store.frames(0), made(3, 60).frames)
    shutil.rmtree(tmp_path / "episodes/000003/frames/c")
    with pytest.raises(UserError, match="is lost or damaged"):
        store.frames(0)


def test_a_row_of_the_index_that_is_none_is_refused(tmp_path):
    store = RolloutStore(tmp_path, {"task": "made"})
    store.append(made(0, 5), "none")
    (tmp_path / "index.jsonl").write_text("7\n")
    with pytest.raises(UserError, match="line 1 of 1 is damaged: delete that line"):
        store.refresh()


def test_a_training_of_v_does_not_go_on_with_other_frames(tmp_path):
    store = RolloutStore(tmp_path / "rollouts", {"task": "car_racing"})
    for number in range(2):
        store.append(made(number, 60), "none")
    folder, config = tmp_path / "vision", PRESETS["car_racing"]["tiny"].vision
    folder.mkdir()
    with (
        contextlib.suppress(KeyboardInterrupt),
        Stage(folder, "vision", config, 0, {"episodes": 1}),
    ):
        (folder / "metrics.jsonl").write_text("{}")  # something was made
        raise KeyboardInterrupt
    with pytest.raises(UserError, match=r"made from other data .*episodes 1 → 2"):
        train_vision(RunFolder(tmp_path), config, 0, torch.device("cpu"), get_task("car_racing"))


LENGTHS = {2: 70, 0: 5, 1: 130}  # in the order in which they were played


def test_sample_frames_draws_different_frames_from_everywhere(tmp_path):
    store = RolloutStore(tmp_path, {"task": "made"})
    for number, length in LENGTHS.items():
        store.append(made(number, length), "none")
    sample = sample_frames(store, 150, seed=1)
    assert sample.shape == (150, 64, 64, 3)
    names = [(int(x[0, 0, 0]), int(x[0, 0, 1])) for x in sample]
    assert len(set(names)) == 150
    for x, (number, t) in list(zip(sample, names))[:20]:
        np.testing.assert_array_equal(x, made(number, LENGTHS[number]).frames[t])
    assert {n for n, _ in names} == {0, 1, 2}
    assert names != sorted(names)  # in random order
    np.testing.assert_array_equal(sample, sample_frames(store, 150, seed=1))
    assert len(sample_frames(store, 999, seed=1)) == 205
    assert len(store.frames(2)) == 70  # not a multiple of the chunk
    assert 70 % CHUNK


def test_index_lines_are_plain_json(doom):
    lines = (doom.path / "index.jsonl").read_text().splitlines()
    assert {json.loads(line)["policy"] for line in lines} == {"held"}
    assert doom.facts["picture"] == "rgb64-area-v1"


def test_a_damaged_index_or_store_is_one_line(tmp_path):
    store = RolloutStore(tmp_path / "s", {"task": "x"})
    for number in range(3):
        store.append(made(number, 5), "held")
    store.close()
    index = tmp_path / "s" / "index.jsonl"
    lines = index.read_text().splitlines(keepends=True)
    index.write_text(lines[0] + lines[1][:20] + "\n" + lines[2])
    with pytest.raises(UserError, match="line 2 of 3 is damaged: delete that line"):
        RolloutStore(tmp_path / "s")
    index.write_text(lines[0] + lines[2])  # as told
    assert [row["episode"] for row in RolloutStore(tmp_path / "s").index] == [0, 2]
    (tmp_path / "s" / "zarr.json").write_text("{")
    with pytest.raises(UserError, match=r"zarr\.json is damaged: .* delete that file alone"):
        RolloutStore(tmp_path / "s")
    (tmp_path / "s" / "zarr.json").unlink()  # as told
    again = RolloutStore(tmp_path / "s", {"task": "x"})
    np.testing.assert_array_equal(again.frames(1), made(2, 5).frames)


def test_older_agents_and_those_of_now_do_not_mix_in_a_store(tmp_path):
    agent = random_agent(get_task("pendulum"), ITERATE_PRESETS["pendulum"]["tiny"], 0)
    player, rules = ExploringPolicy(agent, 0.5), {"num_envs": 1, "progress": False}
    collect("pendulum", "held", 1, 100_000, tmp_path, **rules)
    store = collect("pendulum", player, 2, 100_000, tmp_path, **rules)  # rules do not matter
    assert [row["policy"] for row in store.index] == ["held", "iterative"]
    collect("pendulum", player, 3, 100_000, tmp_path, **rules)
    facts = json.loads((tmp_path / "zarr.json").read_text())
    del facts["attributes"]["agents"]  # as a store of version 0.1.0
    (tmp_path / "zarr.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="agents that acted by an older rule"):
        collect("pendulum", player, 4, 100_000, tmp_path, **rules)
