"""At the terminal: which run is meant, what is said meanwhile and in the end, how mistakes read."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wmlib
from wmlib.cli import main as cli
from wmlib.cli.commands import Evaluate, Evolve, PolicyGradient, Run
from wmlib.cli.parsing import parse
from wmlib.errors import UserError
from wmlib.presets import get_settings
from wmlib.records.metrics import Metrics, write_events


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_only_run_of_a_task_is_used_with_its_preset_and_that_is_said(here, capsys):
    (here / "runs" / "car_racing-tiny").mkdir(parents=True)
    (here / "runs" / "pendulum-paper").mkdir()
    flags = parse("evaluate", Evaluate, ["--task", "car_racing"])
    assert flags.run.path == Path("runs/car_racing-tiny")
    assert flags.evaluate == get_settings("car_racing", "tiny", "evaluate")
    assert "using runs/car_racing-tiny, and preset tiny" in capsys.readouterr().err
    flags = parse("evaluate", Evaluate, ["--task", "car_racing", "--preset", "paper"])
    assert flags.run.path == Path("runs/car_racing-tiny")
    assert flags.evaluate == get_settings("car_racing", "paper", "evaluate")


def test_the_run_that_is_asked_for_goes_first(here, capsys):
    for name in ("tiny", "small"):
        (here / "runs" / f"car_racing-{name}").mkdir(parents=True)
    flags = parse("evaluate", Evaluate, ["--task", "car_racing"])
    assert flags.run.path == Path("runs/car_racing-small")
    assert capsys.readouterr().err == ""


def test_several_runs_are_named_in_one_line(here):
    for name in ("tiny", "mine"):
        (here / "runs" / f"car_racing-{name}").mkdir(parents=True)
    with pytest.raises(UserError, match="one of runs/car_racing-mine, runs/car_racing-tiny"):
        parse("evaluate", Evaluate, ["--task", "car_racing"])


def test_what_makes_a_run_takes_no_other(here):
    (here / "runs" / "car_racing-tiny").mkdir(parents=True)
    flags = parse("run", Run, ["--task", "car_racing"])
    assert flags.run.path == Path("runs/car_racing-small")


@pytest.mark.parametrize("dream", [["--world", "dream"], ["--world=dream"]])
@pytest.mark.parametrize("real", [["--world", "real"], ["--world=real"]])
def test_of_a_world_that_is_given_twice_the_last_counts(here, dream, real):
    command = ["--task", "doom_take_cover", "--run-dir", "a"]
    flags = parse("evolve", Evolve, [*command, *real, *real, *dream, "--tau", "1.3"])
    assert (flags.evolve.world.kind, flags.evolve.world.tau) == ("dream", 1.3)
    flags = parse("evolve", Evolve, [*command, *dream, *real, "--game", "reference"])
    assert flags.evolve.world.kind == "real"


def test_weights_and_a_run_folder_are_one_too_many(here, capsys):
    args = ["evaluate", "--task", "car_racing", "--weights", "a", "--run-dir", "b"]
    assert cli.main(args) == 2
    assert "leave --run-dir out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("collect --task car_racing --episods 3", "no flag --episods; the nearest is --episodes"),
        ("run --task pendulum --evolve.generation 5", "the nearest is --evolve.generations"),
        ("run --task pendulum --generations 5", "the nearest is --evolve.generations"),
        ("run --task car_racing --tau 1", "--evolve.tau belongs to --evolve.world dream"),
        ("collect --task car_racing --qwxyz 3", "no flag --qwxyz; .* --help lists them"),
        ("collect --task car_racing hello", "'hello' belongs to no flag"),
        ("collect", "collect needs --task: choose one of car_racing"),
        ("evolve --task car_racing --tau 1", "--tau belongs to --world dream"),
        ("evolve --task car_racing --controller foo", "invalid choice 'foo'.*'hidden'"),
        ("evolve --task car_racing --generations", "Missing value.*--generations"),
        ("evolve --task car_racing --generations x", "--generations.*'x'"),
        ("policy-gradient --task car_racing --preset big", "no preset 'big'.*tiny, small, paper"),
        ("show nowhere", "nowhere is not a folder"),
        ("show --task nowhere", "show has no flag --task"),
        ("show", "Missing.*run folder"),
    ],
)
def test_a_mistake_in_flags_is_one_line_without_a_box(here, capsys, args, told):
    assert cli.main(args.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("error: ")
    assert re.search(told, err)
    assert "─" not in err


def test_the_version_is_told(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"wmlib {wmlib.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_can_complete_every_command_and_its_flags(capsys, shell):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--tyro-print-completion", shell])
    assert not ended.value.code
    script = capsys.readouterr().out
    assert all(name in script for name in cli.COMMANDS)
    assert "--cool-from" in script


@pytest.mark.parametrize("task", ["car_racing", "doom_take_cover"])
def test_a_tiny_policy_gradient_is_a_hundredth_of_the_small_one(here, task):
    tiny, small = (
        parse("policy-gradient", PolicyGradient, ["--task", task, "--preset", preset]).policy
        for preset in ("tiny", "small")
    )
    steps = [c.updates * c.dreams * c.steps for c in (tiny, small)]
    checks = [
        c.updates / c.check_every * c.evaluate_episodes * c.world.max_episode_steps
        for c in (tiny, small)
    ]
    assert steps[0] < steps[1] / 100
    assert checks[0] < checks[1] / 100


@pytest.mark.slow
def test_run_counts_its_stages_and_ends_with_a_summary(here, capsys):
    small = "--evolve.generations 2 --evolve.population 4 --collect.episodes 4 --memory.updates 5"
    small += " --evaluate.episodes 2 --evolve.evaluate-every 1"
    args = ["run", "--task", "pendulum", "--preset", "tiny", *small.split()]
    assert cli.main(args) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["n"] == 2
    assert [f"stage {i} of 5" in err for i in range(1, 6)] == [True] * 5
    assert "runs/pendulum-tiny holds everything" in err
    assert "random play" in err
    assert "show runs/pendulum-tiny" in err
    assert "\r" not in err  # a log file
    assert cli.main([*args, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_tensorboard_that_is_not_there_is_asked_for_in_one_line(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'wmlib\[tensorboard\]'"):
        write_events(True)


def test_metrics_become_events_where_that_is_wanted(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_events(True)
    try:
        metrics = Metrics(tmp_path / "metrics.jsonl")
        metrics.append(update=1, loss=2.5)
        metrics.append(update=2, loss=1.5)
    finally:
        write_events(False)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(1, 2.5), (2, 1.5)]


def test_the_package_can_be_started_by_its_name():
    source = Path(wmlib.__file__).parents[1] / "pyproject.toml"
    if not source.is_file():
        pytest.skip("an installed package")
    assert 'wmlib = "wmlib.cli.main:main"' in source.read_text()
    told = subprocess.run(
        [sys.executable, "-m", "wmlib", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("wmlib ")
