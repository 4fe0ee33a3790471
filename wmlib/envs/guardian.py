"""No game outlives the program that plays it, not even one that was killed.

ViZDoom runs as a process of its own, which waits for its next command for ever, without a command
from anyone if need be. So a small shell watches over it: it holds the other end of a pipe, which
closes when this process ends, in whatever way; then it ends the game and removes its folder.
"""

import contextlib
import os
import subprocess
from pathlib import Path

# `read` gives a line when the game was closed in good order, and fails when the pipe closes.
WATCH = 'read line || { kill -9 $0 2>/dev/null; rm -rf "$1"; }'


def children(name: str) -> set[int]:
    """The processes called `name` that this one has started (their ids)."""
    if not Path("/proc/self").exists():  # macOS
        done = subprocess.run(["pgrep", "-P", str(os.getpid()), name], capture_output=True)
        return {int(pid) for pid in done.stdout.split()}
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread, or the process, has just ended
            for pid in map(int, path.read_text().split()):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.add(pid)
    return found


class Guardian:
    """Ends the processes `pids` and removes `folder` once this process has died."""

    def __init__(self, pids: set[int], folder: str) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, " ".join(map(str, sorted(pids))), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C is not for it
        )

    def dismiss(self) -> None:
        """The game has been closed: there is nothing to guard any more."""
        with contextlib.suppress(OSError):  # it was ended by someone else
            self._shell.communicate(b"done\n")
