"""The wheel holds everything: installed in a clean environment it plays from another folder."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command, cwd):
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_plays_from_another_folder(tmp_path):
    pip = [sys.executable, "-m", "pip"]
    run(*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", tmp_path, cwd=tmp_path)
    wheel = next(tmp_path.glob("wmlib-*.whl"))
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
    where = run(python, "-c", "import wmlib; print(wmlib.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(home)
    code = (
        "import wmlib; from wmlib.book import report, samples; "
        "print(wmlib.load_pretrained('car_racing').controller.n_params, "
        "len(samples.load('doom_take_cover').frames), "
        "report.load_run('car_racing', 'main').evaluation['n'])"
    )
    n_params, frames, n = run(python, "-c", code, cwd=tmp_path).split()
    assert n_params == "867"
    assert int(frames) > 100
    assert n == "100"
    out = run(
        python,
        "-m",
        "wmlib",
        "evaluate",
        "--task",
        "doom_take_cover",
        "--weights",
        "pretrained",
        "--episodes",
        "1",
        "--seed",
        "10000",
        cwd=tmp_path,
    )
    assert json.loads(out.splitlines()[-1])["n"] == 1


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
