"""Where this copy of the book lives. The address is found out, never typed, so a fork has its own.

`repository()` is the page on GitHub, `site()` the published book. Both are None in a copy without a
remote; then the pages and notebooks leave their links out, and say so in a sentence.
Colab opens notebooks from GitHub alone, so other hosts count as no address.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The branch that holds the notebooks with their address (written by .github/workflows/book.yml).
NOTEBOOKS = "notebooks"
NO_ADDRESS = (
    "This copy of the book was built without a repository on GitHub, so its pages have no links to "
    "the source or to Colab."
)


def repository(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> str | None:
    """https://github.com/OWNER/NAME: from GITHUB_REPOSITORY, else from the git remote `origin`."""
    name = environment.get("GITHUB_REPOSITORY", "").strip()
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return f"https://github.com/{name}"
    try:
        done = subprocess.run(
            ["git", "remote", "get-url", "origin"], cwd=root, capture_output=True, text=True
        )
    except FileNotFoundError:  # no git here
        return None
    return from_remote(done.stdout) if done.returncode == 0 else None


def from_remote(remote: str) -> str | None:
    """The web address behind `https://…`, `git@…` or `ssh://…`; never with a name or password."""
    found = re.fullmatch(
        r"(?:(?:https?|ssh|git)://(?:[^/@]+@)?github\.com(?::\d+)?/|(?:[^/@]+@)?github\.com:)"
        r"/?([\w.-]+)/([\w.-]+?)(?:\.git)?/?",
        remote.strip(),
    )
    return f"https://github.com/{found[1]}/{found[2]}" if found else None


def site(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> str | None:
    """Where GitHub Pages shows the book, with a slash at the end; BOOK_SITE overrides it."""
    if told := environment.get("BOOK_SITE", "").strip():
        return told.rstrip("/") + "/"
    home = repository(environment, root)
    if home is None:
        return None
    owner, name = home.removeprefix("https://github.com/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"
