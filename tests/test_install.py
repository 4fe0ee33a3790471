"""What is installed plays: the wheel from another folder, the games without the extras."""

import importlib
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from wmlib.book.paper import PUBLISHED
from wmlib.errors import EXTRAS, needing

ROOT = Path(__file__).resolve().parents[1]


def run(*command, cwd, limit=500):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if Path(command[0]) == Path(sys.executable):
        environment = dict(os.environ)  # this tree, wherever it is imported from
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def build_wheel(folder: Path) -> Path:
    """The wheel of this tree, in `folder`."""
    pip = [sys.executable, "-m", "pip"]
    run(*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", folder, cwd=folder)
    return next(folder.glob("wmlib-*.whl"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_plays_from_another_folder(tmp_path):
    wheel = build_wheel(tmp_path)
    home = tmp_path / "clean"
    run(sys.executable, "-m", "venv", home, cwd=tmp_path)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-deps", wheel, cwd=tmp_path)
    # The libraries come from the environment of the tests; a path in a .pth file brings its
    # packages but not its own .pth files, so the editable wmlib stays out.
    packages = Path(
        run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip()
    )
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = (
        "import wmlib; from wmlib.book import report, samples; print(wmlib.__file__, "
        "report.PUBLISHED, wmlib.load_pretrained('car_racing').controller.n_params, "
        "len(samples.load('doom_take_cover').frames), "
        "report.load_run('car_racing', 'main').evaluation['n'])"
    )
    where, published, n_params, frames, n = run(python, "-c", code, cwd=tmp_path).split()
    assert Path(where).is_relative_to(home)
    assert Path(published) == packages / "wmlib" / "published"
    assert n_params == "867"
    assert int(frames) > 100
    assert n == "100"
    assert scored(python, tmp_path) == 1


def scored(python: Path, cwd: Path) -> int:
    """How many episodes `evaluate` played, as it was asked to play one of Doom."""
    command = [python, "-m", "wmlib", "evaluate", "--task", "doom_take_cover"]
    options = ["--weights", "pretrained", "--episodes", "1", "--seed", "10000"]
    return json.loads(run(*command, *options, cwd=cwd).splitlines()[-1])["n"]


def test_a_checkout_has_no_link_and_finds_its_results():
    links = [p for p in (ROOT / "wmlib").rglob("*") if p.is_symlink()]
    assert links == []
    assert PUBLISHED == ROOT / "results"


# --- the extras ----------------------------------------------------------------------------------

PLAY = """
import gymnasium as gym, numpy as np, wmlib
from gymnasium.vector import AutoresetMode
for name in ("CarRacingBatched-v3", "CarRacing-v3", "DoomTakeCover-v1", "PendulumHanging-v1"):
    options = {"autoreset_mode": AutoresetMode.DISABLED, "max_episode_steps": 60}
    games = gym.make_vec("wmlib/" + name, num_envs=2, **options,
                         vectorization_mode="vector_entry_point")
    games.reset(seed=[1, 2])
    for _ in range(5):
        x, *_ = games.step(games.action_space.sample())
    assert len(x) == 2 and np.isfinite(x).all()
    games.close()
from wmlib.cli.main import main
assert main(["--help"]) == 0
"""
"""What `pip install wmlib` alone can do."""

WITHOUT = "import sys; sys.modules.update(dict.fromkeys({modules}))\n"
"""Python in which these modules are not installed."""


@pytest.mark.slow
def test_games_and_simulator_need_no_extra():
    missing = [module for modules in EXTRAS.values() for module in modules]
    run(sys.executable, "-c", WITHOUT.format(modules=missing) + PLAY, cwd=ROOT)


@pytest.mark.parametrize(
    ("missing", "code", "told"),
    [
        ("torch", "import wmlib; wmlib.load_pretrained", "an agent needs torch"),
        ("torch", "import wmlib; wmlib.MDNRNN", "wmlib.MDNRNN needs torch"),
        ("zarr", "import wmlib; wmlib.collect", "wmlib.collect needs zarr"),
        ("cma", "import wmlib; wmlib.evolve", "wmlib.evolve needs cma"),
        ("matplotlib", "from wmlib.book import plots", "wmlib.book needs matplotlib"),
        ("anywidget", "from wmlib.book import widgets", "wmlib.book.widgets needs anywidget"),
    ],
)
def test_a_missing_extra_is_told_in_one_line(missing, code, told):
    command = [sys.executable, "-c", WITHOUT.format(modules=[missing]) + code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    extra = "book" if "book" in code else "agent"
    advice = f"{told}, which is not installed: pip install 'wmlib[{extra}]'"
    assert done.stderr.splitlines()[-1] == f"wmlib.errors.MissingExtra: {advice}"


def test_a_command_without_its_extra_ends_in_one_line():
    code = "from wmlib.cli.main import main; sys.exit(main(['run', '--task', 'car_racing']))"
    command = [sys.executable, "-c", WITHOUT.format(modules=["torch"]) + code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == (
        "error: python -m wmlib run needs torch, which is not installed: "
        "pip install 'wmlib[agent]'\n"
    )


def test_another_missing_module_is_not_ours_to_explain():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), needing("this"):
        importlib.import_module("no_such_module")


FILM = ["play", "--task", "doom_take_cover", "--weights", "pretrained", "--steps", "20"]
DRAW = """
from wmlib.book import plots, report, widgets
plots.use_house_style()
print(report.cost_table())
assert "<img" in widgets.DreamPlayer("car_racing").still
"""


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("extra", ["", "agent", "book"])
def test_alone_in_a_clean_environment_it_plays(extra, tmp_path):
    """With what pip brings from the index and nothing else."""
    wheel, python = build_wheel(tmp_path), tmp_path / "clean" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "clean", cwd=tmp_path)
    wanted = f"{wheel}[{extra}]" if extra else wheel
    run(python, "-m", "pip", "install", "--quiet", wanted, cwd=tmp_path, limit=2400)
    there = json.loads(run(python, "-m", "pip", "list", "--format", "json", cwd=tmp_path))
    names = {package["name"].lower() for package in there}
    assert not names & {"ipykernel", "jupyter-book", "sphinx"}
    assert ("torch" in names, "matplotlib" in names) == (extra != "", extra == "book")
    run(python, "-c", PLAY, cwd=tmp_path)
    if extra:
        assert scored(python, tmp_path) == 1
        run(python, "-m", "wmlib", *FILM, cwd=tmp_path)
    if extra == "book":
        run(python, "-c", DRAW, cwd=tmp_path)


def test_every_module_can_be_the_first_that_is_imported():
    """No circle of imports that only works from one side."""
    code = """
import importlib, pkgutil, sys, warnings
import wmlib
warnings.simplefilter("ignore")  # the games are registered again
names = [m.name for m in pkgutil.walk_packages(wmlib.__path__, "wmlib.")]
for name in names:
    if name == "wmlib.__main__" or "cuda" in name:
        continue
    for loaded in [m for m in sys.modules if m.split(".")[0] == "wmlib"]:
        del sys.modules[loaded]
    importlib.import_module(name)
print(len(names))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-800:]
    assert int(done.stdout) > 40
