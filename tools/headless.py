"""A headless Chromium, for the tools and the tests: the machine's own, or playwright's."""

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # tests that need no browser run without playwright
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


def start_chromium(playwright: "Playwright") -> "Browser":
    """Without one on the machine, the one that `playwright install chromium` has fetched."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
