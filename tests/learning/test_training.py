"""Trainings survive whatever stops them: the same weights come out as without the interruption."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from waiting import wait_until

from wmlib.data.prefetch import Prefetch
from wmlib.data.store import Episode, RolloutStore
from wmlib.errors import UserError
from wmlib.records import keeper as keeper_module
from wmlib.records.keeper import Keeper, hand_on
from wmlib.records.run_folder import RunFolder
from wmlib.records.weights import load_weights, save_checkpoint, save_weights

# ---------------------------------------------------------------- batches made ahead


def test_prefetch_keeps_the_order_and_makes_each_batch_once():
    made = []
    with Prefetch(lambda i: made.append(i) or i * i, 3, 9) as batches:
        assert list(batches) == [9, 16, 25, 36, 49, 64]
    assert made == [3, 4, 5, 6, 7, 8]


def test_prefetch_passes_an_error_on():
    def make(i):
        if i == 2:
            raise RuntimeError("disk gone")
        return i

    seen = []
    with pytest.raises(RuntimeError, match="disk gone"), Prefetch(make, 0, 5) as batches:
        seen.extend(batches)
    assert seen == [0, 1]


def test_prefetch_ends_its_thread_when_the_loop_breaks_off():
    with Prefetch(lambda i: i, 0, 1_000_000) as batches:
        assert next(iter(batches)) == 0
    assert not batches._thread.is_alive()


def test_prefetch_counts_the_time_it_lets_its_user_wait():
    with Prefetch(lambda i: time.sleep(0.05), 0, 4) as slow:
        list(slow)
    assert slow.waited > 0.1
    with Prefetch(lambda i: i, 0, 4) as fast:
        time.sleep(0.2)  # all batches lie ready by now
        list(fast)
    assert fast.waited < slow.waited


# ---------------------------------------------------------------- the keeper


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    keeper, _ = small_training(tmp_path)
    with keeper:
        keeper._ask_to_stop()
        with pytest.raises(KeyboardInterrupt, match="at once"):
            keeper._ask_to_stop()


def small_training(folder: Path, total: int = 10) -> tuple[Keeper, torch.nn.Module]:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    return Keeper(folder, model, optimizer, total, log_every=2), model


def test_a_loss_that_is_not_finite_names_stage_and_update(tmp_path):
    folder = tmp_path / "vision"
    folder.mkdir()
    keeper, _ = small_training(folder)
    with keeper:
        keeper.count({"loss": torch.tensor(1.0)})
        with pytest.raises(UserError, match=r"vision: recon = nan at update 1"):
            keeper.count({"loss": torch.tensor(1.0), "recon": torch.tensor(float("nan"))})


def test_weights_that_are_not_finite_do_not_replace_a_sound_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper_module, "CHECKPOINT_SECONDS", 0.0)
    keeper, model = small_training(tmp_path)

    def update(number):
        model(torch.full((1, 2), number)).sum().backward()
        keeper.optimizer.step()
        keeper.count({"loss": torch.tensor(1.0)})  # of before the step: it is finite
        keeper.save_if_due()

    with keeper:
        update(1.0)
        sound = keeper.path.read_bytes()
        with pytest.raises(UserError, match=r"model/weight, .* not finite at update 2; the last"):
            update(float("nan"))
    assert keeper.path.read_bytes() == sound


def test_metrics_are_means_since_the_last_row(tmp_path):
    keeper, _ = small_training(tmp_path, total=5)
    with keeper:
        for value in (1.0, 2.0, 5.0, 7.0, 11.0):
            keeper.count({"loss": torch.tensor(value)})
            if keeper.due:
                keeper.log(waited=0.0)
    rows = keeper.metrics.read()
    assert [(row["update"], row["loss"]) for row in rows] == [(2, 1.5), (4, 6.0), (5, 11.0)]


def test_each_rate_falls_by_its_factor_with_every_update(tmp_path):
    keeper, _ = small_training(tmp_path)
    keeper.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    with keeper:
        for _ in range(3):
            keeper.decay(0.5, 0.8, 0.2)
            keeper.count({"loss": torch.tensor(1.0)})
        keeper.decay(0.5, 0.8, 0.2)
    rates = [group["lr"] for group in keeper.optimizer.param_groups]
    assert rates == pytest.approx([0.1, 0.025])


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    keeper, model = small_training(tmp_path)
    state = {"update": 3, "seconds": 1.0, "sums": {}, "counted": 0}
    save_checkpoint(keeper.path, {"weight": torch.zeros(1, 2)}, state)
    with pytest.raises(UserError, match=r"bias: file has none, model \(1,\)"):
        small_training(tmp_path)
    save_weights(keeper.path, model.state_dict())  # V's weights copied to the wrong name
    with pytest.raises(UserError, match="no checkpoint of this training"):
        small_training(tmp_path)


def test_ctrl_c_finishes_the_update_and_saves(tmp_path):
    keeper, model = small_training(tmp_path)

    def train():
        for _ in range(10):
            keeper.count({"loss": torch.tensor(1.0)})
            if keeper.update == 3:
                signal.raise_signal(signal.SIGINT)
            keeper.save_if_due(h=torch.ones(2))

    with pytest.raises(KeyboardInterrupt), keeper:
        train()
    assert keeper.update == 3
    again, other = small_training(tmp_path)
    assert again.update == 3
    assert torch.equal(again.extra["h"], torch.ones(2))
    assert torch.equal(other.weight, model.weight)


def test_a_signal_that_is_ignored_stops_no_training(tmp_path):
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        keeper, _ = small_training(tmp_path)
        with keeper:
            signal.raise_signal(signal.SIGHUP)
            keeper.count({"loss": torch.tensor(1.0)})
            keeper.save_if_due()
        assert keeper.update == 1
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)


def test_a_training_is_handed_on_with_all_but_what_it_carried(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    keeper, model = small_training(before, total=4)
    with keeper:
        for _ in range(4):
            model(torch.ones(2)).sum().backward()
            keeper.optimizer.step()
            keeper.count({"loss": torch.tensor(1.0)})
            keeper.save_if_due(h=torch.ones(2))
    hand_on(before, after)
    again, other = small_training(after, total=6)
    assert (again.update, again.extra, again.metrics.read()) == (4, {}, [])
    assert torch.equal(other.weight, model.weight)
    steps = [state["step"].item() for state in again.optimizer.state.values()]
    assert steps == [4, 4]


# ---------------------------------------------------------------- kill and resume

SCRIPT = """
import sys, torch
import wmlib.records.keeper
from dataclasses import replace
from wmlib.data.latents import encode_run
from wmlib.learning.memory import train_memory
from wmlib.presets import get_preset
from wmlib.tasks import get_task
from wmlib.data.store import RolloutStore
from wmlib.records.run_folder import RunFolder
from wmlib.learning.vision import train_vision

wmlib.records.keeper.CHECKPOINT_SECONDS = 0.3
stage, run, task = sys.argv[1], RunFolder(sys.argv[2]), get_task("doom_take_cover")
preset, cpu = get_preset("doom_take_cover", "tiny"), torch.device("cpu")
if stage == "vision":
    config = replace(preset.vision, n_z=4, frames=160, batch_size=8, epochs=2)
    train_vision(run, config, 1, cpu, task)
elif stage == "latents":
    vae = train_vision(run, replace(preset.vision, n_z=4, frames=8, batch_size=8), 1, cpu, task)
    encode_run(run, vae, RolloutStore(run.stage("rollouts")), cpu)
else:
    config = replace(preset.memory, n_h=128, updates=1500, batch_size=4, window=30)
    train_memory(run, replace(config, batching=stage), 1, cpu, task)
"""


@dataclass
class Training:
    """A training in a process of its own, on one thread so that sums are added in one order."""

    stage: str
    folder: Path

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, self.stage, str(self.folder)],
            env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> None:
        process = self.start()
        _, errors = process.communicate(timeout=500)
        assert process.returncode == 0, errors[-2000:]

    def results(self) -> tuple[dict, list]:
        """Weights, and metrics without what depends on the clock."""
        stage = "vision" if self.stage == "vision" else "memory"
        weights, _ = load_weights(self.folder / stage / f"{stage}.safetensors")
        lines = (self.folder / stage / "metrics.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        clock = ("seconds", "waiting_share")
        return weights, [{k: v for k, v in row.items() if k not in clock} for row in rows]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A run with rollouts and latents, made once."""
    folder = tmp_path_factory.mktemp("run")
    run = RunFolder(folder)
    store = RolloutStore(run.stage("rollouts"), {"task": "doom_take_cover"})
    rng = np.random.default_rng(0)
    for i in range(12):
        frames = np.zeros((40, 64, 64, 3), dtype=np.uint8)
        frames[:, i : i + 20, 10:40] = rng.integers(80, 255, (40, 1, 1, 3))
        episode = Episode(i, i, frames, rng.uniform(-1, 1, (40, 1)), np.ones(40))
        episode.terminated = True
        store.append(episode, "test")
    store.close()
    Training("latents", folder).finish()
    return folder


def copied(prepared: Path, folder: Path, *stages: str) -> Path:
    for stage in stages:
        (folder / stage).parent.mkdir(parents=True, exist_ok=True)
        (folder / stage).symlink_to(prepared / stage)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "with_signal"),
    [
        ("vision", signal.SIGKILL),
        ("vision", signal.SIGINT),
        ("vision", signal.SIGTERM),
        ("streams", signal.SIGKILL),
        ("episodes", signal.SIGKILL),
    ],
)
def test_a_killed_training_goes_on_to_the_same_weights(prepared, tmp_path, stage, with_signal):
    needs = "rollouts" if stage == "vision" else "latents"
    whole = Training(stage, copied(prepared, tmp_path / "whole", needs))
    whole.finish()
    broken = Training(stage, copied(prepared, tmp_path / "broken", needs))
    process = broken.start()
    name = "vision" if stage == "vision" else "memory"
    checkpoint = broken.folder / name / "checkpoint.safetensors"
    wait_until(checkpoint.exists, 300)
    time.sleep(0.05)  # some updates are done after the checkpoint, and lost
    process.send_signal(with_signal)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert checkpoint.exists()
    assert not (broken.folder / name / f"{name}.safetensors").exists()
    broken.finish()
    (weights, rows), (expected, expected_rows) = broken.results(), whole.results()
    assert weights.keys() == expected.keys()
    for key in expected:
        assert torch.equal(weights[key], expected[key]), key
    assert rows == expected_rows
    assert not checkpoint.exists()
