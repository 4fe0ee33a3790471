"""Fixtures that several test modules share."""

import re
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium

# Started in the background, or by nohup, the tests and their children would ignore these.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest.register_assert_rewrite("contract")  # its assertions, too, say what they saw
BOOK_OF_THE_TESTS = "reader/a-fork"  # the repository that built pages link to


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Side by side (`pytest -n 2`) a file's tests stay together, for what they share, and so do
    those of all files that need the whole book: it is built once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "book" if needs_book(config.rootpath / file) else file

    return ByFile(config, log)


@cache
def needs_book(file: Path) -> bool:
    """Whether a test of the file takes the fixture `book`."""
    return bool(re.search(r"^def \w+\([^)]*\bbook\b", file.read_text(encoding="utf-8"), re.M))


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole book, executed and built once with warnings as errors: its folder of pages."""
    from build_page import build

    out = tmp_path_factory.mktemp("book") / "out"
    assert build(out, GITHUB_REPOSITORY=BOOK_OF_THE_TESTS) == 0, (
        "the book does not build: see the warnings above"
    )
    return out / "_build" / "html"


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A headless Chromium, playwright's."""
    with chromium() as started:
        yield started
