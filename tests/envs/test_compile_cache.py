"""The cache of compiled functions saves time and nothing else: whatever is wrong, it compiles."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wmlib.envs.batched_car_racing import compilation

# A package of its own with two small functions, because the simulator takes long to compile.
FUNCTIONS = """
from tiny.compilation import compiled

@compiled
def double(x):
    return 2 * x

@compiled
def shifted(x):
    return double(x) + 1
"""
RUN = """
import sys
from tiny.functions import shifted
print(shifted(3.0), sum(shifted.stats.cache_hits.values()))
"""


@pytest.fixture
def tiny(tmp_path):
    """A folder with the package, and the cache's folder, filled by one run."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "functions.py").write_text(FUNCTIONS)
    shutil.copy(compilation.__file__, tmp_path / "tiny")
    assert run(tmp_path) == ("7.0 0", [])
    return tmp_path


def run(folder: Path) -> tuple[str, list[str]]:
    """What a fresh interpreter prints: the result with the cache's hits, and lines of stderr."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr.splitlines()


def files(folder: Path, ending: str) -> list[Path]:
    found = list((folder / "cache").rglob(f"*shifted*{ending}"))
    assert found
    return found


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_a_whole_cache_is_used(tiny):
    assert run(tiny) == ("7.0 1", [])


@pytest.mark.parametrize("damage", [empty, cut, flip, replace_by_folder])
@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_a_damaged_file_means_compiling_and_one_line(tiny, ending, damage):
    for path in files(tiny, ending):
        damage(path)
    result, lines = run(tiny)
    assert result in ("7.0 0", "7.0 1")  # a flipped bit of the index may mean nothing
    assert len(lines) <= 1
    if (ending, damage) != (".nbi", flip) and (ending, damage) != (".nbc", replace_by_folder):
        assert len(lines) == 1
        assert "compile cache" in lines[0]
    if damage != replace_by_folder:  # which no file can replace
        assert run(tiny) == ("7.0 1", []), "the damage is mended"


def test_a_folder_in_which_nothing_can_be_kept(tiny):
    shutil.rmtree(tiny / "cache")
    (tiny / "cache").write_text("no folder")
    assert run(tiny) == ("7.0 0", [])


def test_files_that_are_gone_are_made_again(tiny):
    for path in files(tiny, ".nbc"):
        path.unlink()
    assert run(tiny) == ("7.0 0", [])
    assert run(tiny) == ("7.0 1", [])


def test_a_terminal_is_told_what_takes_so_long(tiny):
    shutil.rmtree(tiny / "cache")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tiny / "cache")}
    said = []
    for _ in range(2):
        main, terminal = pty.openpty()
        subprocess.run([sys.executable, "-c", RUN], cwd=tiny, env=environment, stderr=terminal)
        os.close(terminal)
        os.set_blocking(main, False)
        try:
            said.append(os.read(main, 1000).decode())
        except OSError:  # nothing was written
            said.append("")
        os.close(main)
    assert said == ["wmlib: compiling the simulator, once, about 30 s\r\n", ""]


def test_the_digest_sees_sources_in_subfolders(tmp_path):
    (tmp_path / "below").mkdir()
    digests = []
    for text in ("a = 1", "a = 2"):
        (tmp_path / "below" / "module.py").write_text(text)
        digests.append(compilation.source_digest(tmp_path))
    (tmp_path / "below" / "module.py").rename(tmp_path / "module.py")
    digests.append(compilation.source_digest(tmp_path))
    assert len(set(digests)) == 3
