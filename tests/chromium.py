"""Chromium for the tests: what needs it, a folder served to it, and the browser."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from headless import CHROMIUM, start_chromium

needs_chromium = pytest.mark.skipif(
    not CHROMIUM and not os.environ.get("CI"), reason="needs Chromium"
)
in_chromium = [pytest.mark.slow, pytest.mark.browser, needs_chromium]


class QuietHandler(SimpleHTTPRequestHandler):
    """A file server that does not log each request."""

    def log_message(self, format, *args):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder over http."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def chromium() -> Iterator:
    """A headless browser, playwright's."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium on this machine: bash tools/install_system.sh"
    with sync_playwright() as playwright:
        started = start_chromium(playwright)
        yield started
        started.close()
