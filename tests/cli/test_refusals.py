"""A finished run meets damage, mistakes and deaths: one line, nothing lost, nothing written."""

import errno
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_run import command

from wmlib.cli import main as cli
from wmlib.cli import summary
from wmlib.envs.pool import GameDied, WorkerError
from wmlib.errors import UserError
from wmlib.learning.refusals import check_run
from wmlib.presets import get_preset
from wmlib.records.files import read_json, sha256, write_json
from wmlib.records.run_folder import RunFolder
from wmlib.records.stage import Stage
from wmlib.tasks import get_task

TINY = command()
SCORE = ["evaluate", "--task", "pendulum", "--episodes", "1", "--max-episode-steps", "20"]


def call(capsys, *args):
    """(exit code, standard output, standard error)."""
    code = cli.main([str(a) for a in args])
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert cli.main([*TINY, "--run-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def contents(folder):
    """What lies in a folder, with times: nothing may have been touched."""
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--collect.episodes", "6"], r"memory was made from other data .*episodes 4 → 6"),
        (["--memory.n-h", "9"], r"memory was started with other settings \(n_h 8 → 9\)"),
        (["--collect.episodes", "6", "--evolve.population", "5"], "other"),
        (["--seed", "1"], "seed 0 → 1"),
    ],
)
def test_settings_that_cannot_follow_are_refused_before_any_work(capsys, run, flags, told):
    before = contents(run)
    code, out, err = call(capsys, *TINY, "--run-dir", run, *flags)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    import re

    assert re.search(told, err)
    assert contents(run) == before


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--task", "car_racing", "--evolve.world", "dream"], "needs an M with a reward head"),
        (["--evolve.scaled", "--evolve.controller", "z"], "--scaled is for a linear C"),
        (["--evolve.evaluate-episodes", "5000"], "5,000 episodes to choose by"),
        (["--evolve.start", "nobody"], "no controller 'nobody'"),
        (["--evolve.world", "real", "--evolve.game", "batched"], "no batched simulator"),
        (["--collect.episodes", "1"], "one is held out"),
    ],
)
def test_what_a_late_stage_would_refuse_is_refused_before_the_first(capsys, tmp_path, flags, told):
    task = [] if "--task" in flags else ["--task", "pendulum"]
    code, _, err = call(
        capsys, "run", *task, "--preset", "tiny", "--run-dir", tmp_path / "a", *flags
    )
    assert (code, len(err.splitlines())) == (2, 1)
    assert told in err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["iterate", "--task", "car_racing", "--start", "pretrained"], "pretrained/dreamed"),
        (
            [
                "iterate",
                "--task",
                "car_racing",
                "--start",
                "pretrained/dreamed",
                "--memory.n-h",
                "9",
            ],
            "n_h 256, not 9",
        ),
        (["iterate", "--task", "car_racing", "--score-episodes", "5000"], "5,000 episodes"),
        (["dream-gradient", "--task", "pendulum", "--world", "real"], "in the dream alone"),
    ],
)
def test_rounds_that_cannot_be_are_refused_before_a_game_is_played(capsys, tmp_path, flags, told):
    code, _, err = call(capsys, *flags, "--run-dir", tmp_path / "a")
    assert (code, len(err.splitlines())) == (2, 1)
    assert told in err
    assert not (tmp_path / "a").exists()


def test_run_says_at_once_that_scores_are_not_spread_from_a_gpu(tmp_path):
    stages = get_preset("pendulum", "tiny")
    stages = replace(stages, evaluate=replace(stages.evaluate, cluster="auto"))
    with pytest.raises(UserError, match=r"--evaluate.cluster"):
        check_run(RunFolder(tmp_path), get_task("pendulum"), stages, 0, torch.device("cuda"))


def test_more_episodes_for_a_v_that_is_half_trained_are_refused_at_once(tmp_path):
    stages, run = get_preset("car_racing", "tiny"), RunFolder(tmp_path)
    begun = Stage(run.stage("vision", create=True), "vision", stages.vision, 0, {"episodes": 3})
    (run.stage("vision") / "checkpoint.safetensors").write_bytes(b"half of it")
    with pytest.raises(KeyboardInterrupt), begun:
        raise KeyboardInterrupt
    with pytest.raises(UserError, match="episodes 3 →"):
        check_run(run, get_task("car_racing"), stages, 0, torch.device("cpu"))


def test_run_ends_with_its_own_score_and_not_an_older_one(capsys, run):
    (run / "evaluation.json").unlink()
    assert call(capsys, *SCORE, "--run-dir", run, "--seed", "10000")[0] == 0
    code, out, err = call(capsys, *TINY, "--run-dir", run)
    assert code == 0
    mean = json.loads(out.splitlines()[-1])["mean"]
    assert mean != read_json(run / "evaluation.json")["mean"]
    assert f"score in the game: {mean:.0f} (n = 1);" in err  # one has no standard error


def test_the_summary_counts_the_time_of_the_run_s_own_stages(capsys, run):
    own = [read_json(p)["seconds"] for p in run.glob("*/manifest.json")]
    (run / "another").mkdir()
    write_json(run / "another" / "manifest.json", {"seconds": 6e5})
    _, _, err = call(capsys, *TINY, "--run-dir", run)
    assert f"its stages took {sum(own) / 60:.1f} minutes" in err


def test_an_error_is_told_where_there_are_several_episodes():
    score = {"mean": -1500.4, "sem": 2.6, "n": 4}
    told = summary.of_run(RunFolder("a"), get_task("pendulum"), "tiny", score)
    assert "score in the game: -1500 ± 3 (standard error, n = 4);" in told
    for n, words in ((4, "-1500 ± 3 (standard error, n = 4)"), (1, "-1500 (n = 1)")):
        row = {"round": 2, "real_return": -1500.4, "real_sem": 2.6, "n": n}
        told = summary.of_iteration(RunFolder("a"), get_task("pendulum"), [row])
        assert f"round 2 scores {words} in the game" in told


@pytest.mark.parametrize("name", ["../other", "/tmp/other", "..", "", "controller/../../other"])
def test_a_controller_outside_the_run_is_refused(capsys, run, name):
    shutil.copytree(run / "controller", run.parent / "other")
    before = contents(run.parent)
    code, _, err = call(capsys, *SCORE, "--run-dir", run, "--controller", name)
    assert code == 2
    assert "name a folder inside the run folder" in err
    assert contents(run.parent) == before


@pytest.mark.parametrize("part", ["vision", "memory", "controller"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_weights_that_are_no_numbers_are_refused_before_anything_is_played(
    capsys, run, part, number, monkeypatch
):
    path = run / part / f"{part}.safetensors"
    tensors = load_file(path)
    for tensor in tensors.values():
        tensor.view(-1)[0] = float(number)
    save_file(tensors, path)
    facts = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), facts | {"sha256": sha256(path)})
    monkeypatch.setattr("wmlib.worlds.real.make_games", None)
    (run / "evaluation.json").unlink()
    code, _, err = call(capsys, *SCORE, "--run-dir", run)
    assert code == 2
    assert "no numbers (NaN or infinity): restore it, or delete that file" in err


@pytest.mark.parametrize("part", ["memory", "controller"])
def test_damaged_weights_are_made_again_as_told(capsys, run, part):
    path = run / part / f"{part}.safetensors"
    sound = {name: t.clone() for name, t in load_file(path).items()}  # not mapped to the file
    path.write_bytes(path.read_bytes()[:-4] + b"oops")
    code, _, err = call(capsys, *SCORE, "--run-dir", run)
    assert code == 2
    assert "delete that file, and the command that made it makes it again" in err
    path.unlink()  # as told
    assert call(capsys, *TINY, "--run-dir", run)[0] == 0
    again = load_file(path)
    assert all(torch.equal(sound[name], again[name]) for name in sound)


def test_a_finished_score_is_read_where_nothing_may_be_written(capsys, run, monkeypatch):
    def refuse(path, data):
        raise AssertionError(f"{path} was written")

    for module in ("files", "metrics"):
        monkeypatch.setattr(f"wmlib.records.{module}.write_bytes", refuse)
    before = contents(run)
    code, out, err = call(capsys, *SCORE, "--run-dir", run)
    assert code == 0
    assert "already finished" in err
    assert json.loads(out)["mean"] == read_json(run / "evaluation.json")["mean"]
    assert contents(run) == before


def test_a_finished_run_is_passed_over_where_nothing_may_be_written(capsys, run, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, f"{path} was touched")

    for module in ("files", "metrics", "weights"):
        monkeypatch.setattr(f"wmlib.records.{module}.write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    before = contents(run)
    code, _, err = call(capsys, *TINY, "--run-dir", run)
    assert code == 0
    assert err.count("already finished") == 4  # V, which is the state, has no stage of its own
    assert contents(run) == before


@pytest.mark.parametrize("lost", ["vision.json", "vision.safetensors"])
def test_half_of_a_v_that_is_not_trained_is_written_again(capsys, run, lost):
    whole = (run / "vision/vision.safetensors").read_bytes()
    (run / "vision" / lost).unlink()
    assert call(capsys, *TINY, "--run-dir", run)[0] == 0
    assert (run / "vision/vision.safetensors").read_bytes() == whole
    facts = read_json(run / "vision/vision.json")
    assert facts["sha256"] == sha256(run / "vision/vision.safetensors")


def test_a_report_of_nothing_leaves_the_readme_alone(capsys, tmp_path, run):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results:begin -->\n\nnumbers\n\n<!-- results:end -->\n")
    code, _, err = call(capsys, "report", "--results", run.parent, "--readme", readme)
    assert code == 2
    assert "holds no published run" in err
    assert "numbers" in readme.read_text()


def test_settings_that_need_more_memory_than_there_is_are_one_line(capsys, run):
    shutil.rmtree(run / "memory")
    flags = ["train-memory", "--task", "pendulum", "--preset", "tiny", "--run-dir", run]
    code, _, err = call(capsys, *flags, "--n-h", "10000000")
    assert code == 2
    assert "not enough memory for these settings" in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            WorkerError("worker 0 of 2 (pid 7) lost its game: it died"),
            "lost its game: it died; the",
        ),
        (GameDied("ViZDoom's process has died"), "has died; the same command goes on"),
        (MemoryError(), "not enough memory"),
        (torch.OutOfMemoryError("CUDA out of memory.\nTried to"), "out of memory. Tried to"),
    ],
)
def test_what_dies_underneath_is_one_line(capsys, monkeypatch, error, told):
    def die(flags):
        raise error

    monkeypatch.setattr(cli, "_dispatch", die)
    code, _, err = call(capsys, *SCORE)
    assert (code, len(err.splitlines())) == (2, 1)
    assert told in err


def test_a_mistake_of_ours_is_still_a_traceback(monkeypatch):
    def die(flags):
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "_dispatch", die)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(SCORE)


@pytest.mark.parametrize("letters", ["latin-1", "ascii"])
def test_help_does_not_die_of_its_letters(letters):
    environment = {"PYTHONIOENCODING": letters, "PATH": "/usr/bin:/bin"}
    for words in (["evaluate", "--help"], ["policy-gradient", "--help"], ["--help"]):
        program = [sys.executable, "-m", "wmlib", *words]
        told = subprocess.run(program, env=environment, capture_output=True, check=False)
        assert (told.returncode, told.stderr) == (0, b"")
        assert b"usage" in told.stdout
