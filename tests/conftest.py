"""Fixtures that several test modules share."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))  # the book's tools are scripts, not a package


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole book, executed and built once with warnings as errors: its folder of pages."""
    from build_page import build

    out = tmp_path_factory.mktemp("book") / "out"
    assert build(out) == 0, "the book does not build: see the warnings above"
    return out / "_build" / "html"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two workers share the tests (pytest-xdist): a module stays in one, the book in another.

    So a module's fixtures are made once, and the book, which takes longest, begins first.
    """
    for item in items:
        needs_book = "book" in getattr(item, "fixturenames", ())
        name = "book" if needs_book else item.path.stem
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: "book" not in getattr(item, "fixturenames", ()))
