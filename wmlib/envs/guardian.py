"""No game outlives the program that plays it, not even one that was killed.

ViZDoom runs as a process of its own and waits for its next command for ever, though nobody may be
left to give one. So a small shell watches: it reads from a pipe that closes when this process
ends, in whatever way. Then it ends the game, which it knows by the folder in its command line,
and removes that folder.
"""

import contextlib
import os
import subprocess

# The folder comes in the environment, so that the shell's own command line does not hold it. The
# game is looked for more than once, as it may just be starting.
WATCH = """
read line && exit
for pause in 0 0.2 1; do
    sleep $pause
    if [ -d /proc/self ]; then
        for file in $(grep -lsF -- "$GAME_FOLDER" /proc/[0-9]*/cmdline); do
            pid=${file#/proc/}
            kill -9 "${pid%/cmdline}"
        done
    else
        pkill -9 -f -- "$GAME_FOLDER"
    fi
done
rm -rf "$GAME_FOLDER"
"""


class Guardian:
    """Ends processes that name `folder`, and removes it, once this process has died."""

    def __init__(self, folder: str) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", WATCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=os.environ | {"GAME_FOLDER": folder},
            start_new_session=True,  # Ctrl-C is not for it
        )

    def dismiss(self) -> None:
        """The game has been closed in good order: there is nothing to guard any more."""
        with contextlib.suppress(OSError):  # it was ended by someone else
            self._shell.communicate(b"done\n")
