"""Fixtures that several test modules share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium

# Started in the background, or by nohup, the tests and their children would ignore these.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest.register_assert_rewrite("contract")  # its assertions, too, say what they saw
BOOK_OF_THE_TESTS = "reader/a-fork"  # the repository that built pages link to


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side (`-n 2 --dist loadgroup`) a file's tests stay together, for what they share;
    so do all that need the whole book, which is built once."""
    for item in items:
        needs_book = "book" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("book" if needs_book else item.path.stem))


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
