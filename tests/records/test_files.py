"""Files are whole or absent, and say in one line what is wrong with them."""

import errno
import json
import os
import resource
import subprocess
from pathlib import Path

import pytest
import torch

from wmlib.device import pick_device
from wmlib.errors import UserError
from wmlib.records import files, run_folder, weights
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder


def test_weights_survive_as_float16_with_their_facts(tmp_path):
    w = torch.randn(4, 3)
    weights.save_weights(tmp_path / "w.safetensors", {"w": w}, task="car_racing")
    tensors, facts = weights.load_weights(tmp_path / "w.safetensors")
    assert torch.equal(tensors["w"], w.half().float())
    assert facts["task"] == "car_racing"
    assert facts["shapes"] == {"w": [4, 3]}
    # PyPI's wheel calls itself 2.13.0 and says 2.13.0+cu130 when asked.
    assert torch.__version__.split("+")[0] == facts["versions"]["torch"].split("+")[0]


def test_a_flipped_byte_is_found(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save_weights(path, {"w": torch.randn(100)})
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        weights.load_weights(path)


def test_weights_that_have_diverged_are_not_published(tmp_path):
    with pytest.raises(UserError, match=r"w has grown beyond .* lower learning rate"):
        weights.save_weights(tmp_path / "w.safetensors", {"w": torch.tensor([1.0, 1e30])})
    assert not list(tmp_path.iterdir())


def test_weights_for_other_pictures_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save_weights(path, {"w": torch.randn(3)})
    facts = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(facts | {"picture": "other"}))
    with pytest.raises(UserError, match="trained on pictures 'other'"):
        weights.load_weights(path)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(UserError, match=r"weight: file \(2, 2\), model \(5, 4\)"):
        weights.fit_weights(torch.nn.Linear(4, 5), {"weight": torch.zeros(2, 2)}, "x")


def test_a_training_is_restored_exactly(tmp_path):
    def step(model, optimizer, x):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()

    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.Adam(model.parameters())
    step(model, optimizer, torch.ones(3, 4))
    tensors = weights.training_tensors(model, optimizer)
    weights.save_checkpoint(tmp_path / "c.safetensors", tensors, {"update": 1})
    step(model, optimizer, torch.ones(3, 4))

    twin = torch.nn.Linear(4, 2)
    twin_optimizer = torch.optim.Adam(twin.parameters())
    tensors, state = weights.load_checkpoint(tmp_path / "c.safetensors")
    weights.restore_training(twin, twin_optimizer, tensors)
    assert state == {"update": 1}
    step(twin, twin_optimizer, torch.ones(3, 4))
    assert torch.equal(model.weight, twin.weight)


def test_metrics_skip_a_torn_line_and_cut_back_to_a_checkpoint(tmp_path):
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for update in range(1, 5):
        metrics.append(update=update, loss=1 / update)
    with open(metrics.path, "a") as file:
        file.write('{"update": 5, "lo')
    assert [row["update"] for row in metrics.read()] == [1, 2, 3, 4]
    metrics.resume_at("update", 2)
    assert [row["update"] for row in metrics.read()] == [1, 2]


def test_a_damaged_line_in_the_middle_of_a_log_is_not_passed_over(tmp_path):
    log = Metrics(tmp_path / "metrics.jsonl")
    for update in range(3):
        log.append(update=update)
    whole = log.path.read_text()
    log.path.write_text(whole + '{"upd')
    assert [row["update"] for row in log.read()] == [0, 1, 2]  # torn at the end: a crash
    log.path.write_text(whole.replace('{"update": 1}', '{"upda'))
    with pytest.raises(UserError, match="line 2 of 3 is damaged"):
        log.resume_at("update", 2)
    assert log.path.read_text().count("\n") == 3  # and nothing was cut off
    for damage in (b"\xff", b"7", b'"row"'):
        log.path.write_bytes(whole.encode().replace(b'{"update": 1}', damage))
        with pytest.raises(UserError, match="line 2 of 3 is damaged"):
            log.read()
    log.path.write_text(whole.replace('"update": 1', '"other": 1'))
    with pytest.raises(UserError, match="no whole 'update'"):
        log.resume_at("update", 2)


def test_the_commit_of_another_project_is_not_ours(tmp_path, monkeypatch):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    for place, ours in (("wmlib", True), ("lib/wmlib", False)):
        (tmp_path / place).mkdir(parents=True)
        monkeypatch.setattr(
            run_folder, "__file__", str(tmp_path / place / "records" / "run_folder.py")
        )
        assert (run_folder.git_commit() is not None) == ours


def test_a_missing_stage_names_the_command_to_run(tmp_path):
    with pytest.raises(UserError, match=r"train-memory needs latents.*run train-vision"):
        RunFolder(tmp_path).require("latents", "train-memory")


def test_a_disk_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    files.write_json(path, {"n": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # stands for a disk that is full
    try:
        with pytest.raises(UserError, match="nothing was changed"):
            files.write_json(path, {"returns": list(range(1000))})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files.read_json(path) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_disk_that_may_not_be_written_is_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(files, "open", refuse, raising=False)
    monkeypatch.setattr(Path, "unlink", refuse)  # as Linux does, though there is no such file
    with pytest.raises(UserError, match="Read-only file system; nothing was changed"):
        files.write_json(tmp_path / "x.json", {"n": 1})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "it is not an object"),
        ("null", "it is not an object"),
        ('{"config": "word", "sha256": "", "n": 1}', "it has no valid config"),
        ('{"config": {}, "sha256": -1, "n": 2.5}', "it has no valid sha256, n"),
        ('{"n": 2}', "it has no config, sha256"),
    ],
)
def test_json_of_another_kind_is_one_line(tmp_path, text, told):
    (tmp_path / "manifest.json").write_text(text)
    kinds = {"config": dict, "sha256": (str, dict), "n": int}
    with pytest.raises(UserError, match=rf"manifest\.json is damaged \({told}\): restore it"):
        files.read_json(tmp_path / "manifest.json", **kinds)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_a_gpu_is_refused():
    with pytest.raises(UserError, match="torch sees no CUDA device"):
        pick_device("cuda")
