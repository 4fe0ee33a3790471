"""What is loaded, and when: the games and the help do not wait for torch, M not for zarr."""

import json
import subprocess
import sys

import pytest

import wmlib

HEAVY = {"torch", "zarr", "matplotlib", "Box2D", "vizdoom", "pygame", "numba", "cv2", "cma"}


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh Python has after `code`."""
    tell = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(told.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import wmlib",
        "from wmlib.cli.main import main; main(['--help'])",
        "import contextlib\nfrom wmlib.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['evolve', '--task', 'car_racing', '--help'])",
    ],
)
def test_without_work_nothing_heavy_is_loaded(code):
    assert not loaded(code) & HEAVY


def test_m_is_loaded_without_zarr():
    code = "import wmlib\nwmlib.load_pretrained('doom_take_cover')"
    assert "torch" in loaded(code)
    assert not loaded(code) & {"zarr", "matplotlib", "Box2D", "vizdoom", "cma"}


def test_the_main_names_are_loaded_when_they_are_used():
    for name in wmlib.__all__:
        assert getattr(wmlib, name) is not None
    assert set(wmlib.__all__) <= set(dir(wmlib))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        wmlib.Nothing  # noqa: B018
