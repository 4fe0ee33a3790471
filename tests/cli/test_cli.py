"""The command line: what a user can get wrong is one line and exit code 2, and nothing is lost."""

import contextlib
import json
import shutil
from dataclasses import replace

import pytest
import torch

from wmlib.agent import pretrained_folder
from wmlib.cli import main as cli
from wmlib.data.rollouts import collect
from wmlib.presets import PRESETS
from wmlib.records.files import read_json, write_json
from wmlib.records.metrics import Metrics
from wmlib.records.stage import Stage
from wmlib.records.weights import load_weights
from wmlib.tasks import TASKS


def call(capsys, *args):
    """(exit code, standard output, standard error) of `python -m wmlib ARGS`."""
    try:
        code = cli.main([str(a) for a in args])
    except SystemExit as stop:  # tyro's own errors and --help
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def published_run(tmp_path):
    """A copy of the published car agent, as a run folder."""
    folder = tmp_path / "published"
    shutil.copytree(pretrained_folder("car_racing"), folder)
    for stage in ("latents", "memory"):
        (folder / stage).mkdir(exist_ok=True)
        write_json(folder / stage / "manifest.json", {})
    return folder


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["fly"], "no command 'fly': choose one of collect"),
        (["collect", "--task", "pong"], "no task 'pong': choose one of car_racing"),
        (["collect", "--task", "car_racing", "--preset", "big"], "no preset 'big'"),
        (["train-vision", "--task", "car_racing"], "needs rollouts.*run collect"),
        (["train-memory", "--task", "car_racing"], "needs latents.*run train-vision"),
        (["evolve", "--task", "car_racing"], "needs memory.*run train-memory"),
        (["evaluate", "--task", "car_racing", "--weights", "nowhere"], "not a folder"),
        (
            ["evaluate", "--task", "car_racing", "--episodes", "0"],
            "--episodes 0: must be at least 1",
        ),
        (
            ["iterate", "--task", "car_racing", "--preset", "paper"],
            "no preset 'paper' for iterate of car_racing: choose one of tiny, small",
        ),
        (["dream-gradient", "--task", "car_racing"], "needs memory.*run train-memory"),
        (["iterate", "--task", "pendulum", "--seed", "40"], "--seed 40: choose 0 to 39"),
        (["train-vision", "--task", "car_racing", "--device", "tpu"], "choose auto, cpu or cuda"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(capsys, tmp_path, args, message):
    where = [] if args[0] == "fly" or "--weights" in args else ["--run-dir", tmp_path]
    if "tpu" in args:
        write_json(tmp_path / "manifest.json", {})
        (tmp_path / "rollouts").mkdir()
        write_json(tmp_path / "rollouts" / "manifest.json", {})
    code, out, err = call(capsys, *args, *where)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    import re

    assert re.search(message, err)


@pytest.mark.parametrize(
    ("command", "flag", "value", "rule"),
    [
        ("evolve", "--tau", "0", "above 0"),
        ("evolve", "--population", "2", "at least 3"),
        ("evolve", "--end-above", "1.5", "above 0 and below 1"),
        ("evolve", "--slots", "0", "at least 1"),
        ("evolve", "--workers", "-1", "at least 0"),
        ("evolve", "--max-episode-steps", "-3", "at least 1"),
        ("collect", "--episodes", "-5", "at least 1"),
        ("train-vision", "--epochs", "0", "at least 1"),
        ("train-memory", "--learning-rate", "nan", "a finite number"),
        ("evolve", "--sigma0", "inf", "a finite number"),
        ("collect", "--exploration", "nan", "a finite number"),
        ("collect", "--min-episode-steps", "3000", "every episode would be dropped"),
        ("collect", "--seed", "40", "choose 0 to 39"),
        ("evolve", "--seed", "-1", "choose 0 to 2,147,483,647"),
        ("evaluate", "--seed", "99999999999999", "choose 0 to 2,147,483,647"),
        ("collect", "--episodes", "1000000", "there are 800,000 training games"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_made(
    capsys, tmp_path, command, flag, value, rule
):
    where = ["--task", "doom_take_cover", "--run-dir", tmp_path]
    code, _, err = call(capsys, command, *where, flag, value)
    assert code == 2
    assert err.startswith(f"error: {flag} {value}")
    assert rule in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mistake", [["--game", "batched"], ["--policy", "original"]])
def test_a_refused_collect_leaves_no_store_behind(capsys, tmp_path, mistake):
    where = ["--task", "doom_take_cover", "--preset", "tiny", "--run-dir", tmp_path]
    code, _, err = call(capsys, "collect", *where, *mistake)
    assert code == 2
    assert "--game reference" in err or "choose 'held'" in err
    assert not (tmp_path / "rollouts" / "zarr.json").exists()
    code, _, err = call(capsys, "collect", *where, "--episodes", "1", "--num-envs", "1")
    assert code == 0, err


def test_a_mistake_in_going_on_leaves_a_finished_collection_finished(capsys, tmp_path):
    where = ["collect", "--task", "car_racing", "--preset", "tiny", "--run-dir", tmp_path]
    where += ["--game", "batched", "--num-envs", "1"]
    assert call(capsys, *where, "--policy", "uniform", "--episodes", "1")[0] == 0
    code, _, err = call(capsys, *where, "--policy", "nobody", "--episodes", "2")
    assert code == 2
    assert "no policy 'nobody'" in err
    assert (tmp_path / "rollouts" / "manifest.json").exists()
    assert call(capsys, *where, "--policy", "uniform", "--episodes", "1")[0] == 0
    code, _, err = call(capsys, *where, "--policy", "still", "--episodes", "2")
    assert code == 0, err


@pytest.mark.parametrize("command", ["evolve", "policy-gradient"])
def test_too_many_episodes_to_choose_by_are_refused_at_once(capsys, published_run, command):
    where = ["--task", "car_racing", "--run-dir", published_run]
    code, _, err = call(capsys, command, *where, "--output", "new", "--evaluate-episodes", "1024")
    assert code == 2
    assert "1,024 episodes to choose by" in err
    assert not (published_run / "new").exists()


@pytest.mark.parametrize("command", ["policy-gradient", "play"])
def test_a_game_of_ones_own_has_every_command(capsys, monkeypatch, command):
    own = replace(TASKS["doom_take_cover"], name="own")
    monkeypatch.setitem(TASKS, "own", own)
    monkeypatch.setitem(PRESETS, "own", PRESETS["doom_take_cover"])
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--task", "own", "--help"])
    assert ended.value.code == 0


FOLDERS = ("", "..", ".hidden", "memory", "a/b", "dreamed", "round_02")
FILES = ("evaluation", "config", "manifest", "progress", "round", "rounds")  # NAME.json: its score


@pytest.mark.parametrize("output", [*FOLDERS, *FILES])
def test_a_controller_gets_a_folder_of_its_own(capsys, published_run, output):
    before = sorted(path.name for path in published_run.iterdir())
    where = ["--task", "car_racing", "--run-dir", published_run]
    code, _, err = call(capsys, "evolve", *where, "--output", output)
    assert code == 2
    assert "give a plain name" in err
    assert sorted(path.name for path in published_run.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--start", "controller"], "need another folder, --output NAME"),
        (["--start", "nobody", "--output", "new"], "no controller 'nobody'"),
        (["--start", "controller", "--output", "new", "--controller", "z"], "--controller linear"),
    ],
)
def test_a_search_begins_only_where_it_can(capsys, published_run, options, told):
    where = ["--task", "car_racing", "--run-dir", published_run]
    code, _, err = call(capsys, "evolve", *where, *options)
    assert code == 2
    assert told in err
    assert not (published_run / "new").exists()


@pytest.mark.slow
def test_a_search_goes_on_from_a_controller(capsys, published_run):
    where = ["--task", "car_racing", "--preset", "tiny", "--run-dir", published_run]
    search = [
        "--start",
        "controller",
        "--output",
        "finer",
        "--sigma0",
        "1e-9",
        "--generations",
        "1",
    ]
    code, _, err = call(capsys, "evolve", *where, *search)
    assert code == 0, err
    old, new = (
        load_weights(published_run / name / "controller.safetensors")[0]["params"]
        for name in ("controller", "finer")
    )
    torch.testing.assert_close(new, old, atol=1e-3, rtol=1e-3)
    inputs = json.loads((published_run / "finer" / "config.json").read_text())["inputs"]
    assert set(inputs) == {"vision", "memory", "start"}


def test_a_game_without_a_reward_head_cannot_be_dreamed(capsys, published_run):
    where = ["--task", "car_racing", "--run-dir", published_run]
    code, _, err = call(capsys, "evolve", *where, "--world", "dream", "--output", "in_dreams")
    assert code == 2
    assert "train M with --heads end reward" in err
    assert not (published_run / "in_dreams").exists()


def test_lost_episodes_are_played_again(capsys, tmp_path):
    flags = ["collect", "--task", "doom_take_cover", "--run-dir", tmp_path, "--policy", "still"]
    flags += ["--episodes", "2", "--max-episode-steps", "20", "--min-episode-steps", "1"]
    assert call(capsys, *flags)[0] == 0
    index = tmp_path / "rollouts" / "index.jsonl"
    rows = index.read_text()
    index.write_text(rows.split("\n", 1)[1])
    code, _, err = call(capsys, *flags)
    assert code == 0
    assert "lost episodes" in err
    assert sorted(index.read_text().splitlines()) == sorted(rows.splitlines())


def test_another_game_s_data_are_not_learned_from(capsys, tmp_path, published_run):
    collect("doom_take_cover", "still", 1, 100_000, tmp_path / "rollouts", max_episode_steps=20)
    write_json(tmp_path / "rollouts" / "manifest.json", {})
    code, _, err = call(capsys, "train-vision", "--task", "car_racing", "--run-dir", tmp_path)
    assert code == 2
    assert "holds games of doom_take_cover, not of car_racing" in err
    code, _, err = call(capsys, "collect", "--task", "car_racing", "--run-dir", tmp_path)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "holds games of doom_take_cover, not of car_racing" in err
    where = ["--task", "doom_take_cover", "--run-dir", published_run]
    code, _, err = call(capsys, "train-memory", *where)
    assert code == 2
    assert "vision.safetensors is for car_racing, not for" in err


def test_a_flag_that_does_not_exist_is_refused(capsys):
    code, _, err = call(capsys, "collect", "--task", "car_racing", "--epochs", 3)
    assert code == 2
    assert "--epochs" in err


@pytest.mark.parametrize("task", PRESETS)
@pytest.mark.parametrize("preset", ["tiny", "small", "paper"])
def test_help_shows_the_numbers_of_the_preset(capsys, task, preset):
    code, out, _ = call(capsys, "evolve", "--task", task, "--preset", preset, "--help")
    assert code == 0
    evolve = PRESETS[task][preset].evolve
    assert f"(default: {evolve.generations})" in out
    assert f"(default: {evolve.population})" in out
    assert "candidate" in out


def test_usage_names_every_command(capsys):
    code, out, _ = call(capsys)
    assert code == 0
    assert all(name in out for name in cli.COMMANDS)


def test_a_damaged_file_is_named(capsys, tmp_path):
    for stage in ("rollouts", "vision", "latents", "memory"):
        (tmp_path / stage).mkdir()
        write_json(tmp_path / stage / "manifest.json", {})
        (tmp_path / stage / f"{stage}.safetensors").touch()
    (tmp_path / "vision" / "vision.json").write_text("{ not json")
    code, _, err = call(capsys, "evolve", "--task", "doom_take_cover", "--run-dir", tmp_path)
    assert code == 2
    assert "vision.json is not valid JSON" in err


def test_other_settings_in_a_started_folder_are_refused(capsys, tmp_path):
    folder = tmp_path / "rollouts"
    folder.mkdir()
    stage = Stage(folder, "collect", PRESETS["doom_take_cover"]["tiny"].collect, seed=0)
    with contextlib.suppress(KeyboardInterrupt), stage:
        (folder / "zarr.json").write_text("{}")  # something was made
        raise KeyboardInterrupt
    code, _, err = call(
        capsys,
        "collect",
        "--task",
        "doom_take_cover",
        "--preset",
        "tiny",
        "--run-dir",
        tmp_path,
        "--min-episode-steps",
        50,
    )
    assert code == 2
    assert "min_episode_steps 101 → 50" in err


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("task", ["car_racing", "doom_take_cover"])
def test_the_tiny_pipeline_on_the_real_game(capsys, tmp_path, task):
    """collect → V → M → C → the real game, as a user runs it; then once more: nothing to do."""
    code, out, _ = call(capsys, "run", "--task", task, "--preset", "tiny", "--run-dir", tmp_path)
    assert code == 0
    score = json.loads(out.strip().splitlines()[-1])
    assert score["task"] == task
    assert score["n"] == PRESETS[task]["tiny"].evaluate.episodes
    assert set(score) == {"task", "mean", "std", "sem", "n"}
    for stage in ("rollouts", "vision", "latents", "memory", "controller"):
        manifest = read_json(tmp_path / stage / "manifest.json")
        assert manifest["seconds"] > 0
        assert manifest["versions"]["torch"]
    vision = Metrics(tmp_path / "vision" / "metrics.jsonl").read()
    assert vision[-1]["loss"] < vision[0]["loss"]

    code, again, err = call(
        capsys, "run", "--task", task, "--preset", "tiny", "--run-dir", tmp_path
    )
    assert code == 0
    assert err.count("already finished") == 5
    second = json.loads(again.strip().splitlines()[-1])
    assert second == score


@pytest.mark.slow
def test_play_writes_a_film_of_the_published_agent(capsys, tmp_path):
    import av

    path = tmp_path / "film.mp4"
    code, out, _ = call(
        capsys,
        "play",
        "--task",
        "doom_take_cover",
        "--weights",
        "pretrained",
        "--output",
        path,
        "--steps",
        40,
    )
    assert code == 0
    assert "return" in out
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 41  # the last picture twice, as the last reward comes after it
    assert "return 40.0" in out
    assert frames[0].std() > 10
    assert (frames[0].astype(int) != frames[-1]).any()
