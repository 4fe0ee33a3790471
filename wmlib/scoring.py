"""Keeps the episodes of a scoring as they end, so that it can be stopped and go on.

RUN/evaluation.json            the finished score (RUN/NAME.json for another controller)
RUN/evaluation.episodes.jsonl  while it is being played: one line for each episode

Of one agent the first score keeps the plain name; one on other seeds, or cut at another step, is
written beside it: RUN/evaluation.from_10000_cut_1000.json.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from wmlib.runs import Metrics, read_json, versions, write_json


class Scores:
    """The score of one agent in its run folder.

    `facts` say what is scored and how (hashes, step limit): episodes of anything else are not
    taken over. `known` maps the seeds played so far to (return, length); `finished` is the stored
    result where it is just the one wanted.
    """

    def __init__(
        self, folder: Path, controller: str, facts: dict[str, Any], first_seed: int, episodes: int
    ) -> None:
        name = "evaluation" if controller == "controller" else controller
        self.path, self._log = folder / f"{name}.json", Metrics(folder / f"{name}.episodes.jsonl")
        wanted = facts | {"first_seed": first_seed, "n": episodes}
        self._before = self._read()
        other = [k for k in ("first_seed", "max_episode_steps") if self._before.get(k) != wanted[k]]
        if other and self._before.get("weights") == facts["weights"]:
            self.path = folder / f"{name}.from_{first_seed}_cut_{facts['max_episode_steps']}.json"
            self._before = self._read()
        self._facts, self._first = facts, first_seed
        self._of = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
        self._log.resume_at("seed", sys.maxsize)  # a torn last line would spoil the next
        self.known = {
            row["seed"]: (row["return"], row["length"])
            for row in self._log.read()
            if {"of", "return", "length"} <= row.keys() and row["of"] == self._of
        }
        self.finished = None
        if {key: self._before.get(key) for key in wanted} == wanted:
            print(f"{self.path}: already finished", file=sys.stderr)
            self.finished = self._before

    def _read(self) -> dict[str, Any]:
        return read_json(self.path, "n", "first_seed") if self.path.is_file() else {}

    def keep(self, seed: int, total: float, length: int) -> None:
        """One more episode was played."""
        self._log.append(of=self._of, seed=seed, length=length, **{"return": total})

    def store(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write the finished score, unless one of more episodes is there. Returns it."""
        result |= self._facts | {
            "versions": versions(),
            "command": " ".join(["python -m wmlib", *sys.argv[1:]]),
        }
        same = self._before.get("weights", self._facts["weights"]) == self._facts["weights"]
        if same and self._before.get("n", 0) > result["n"]:
            print(
                f"{self.path} keeps its {self._before['n']} episodes; these are only printed",
                file=sys.stderr,
            )
        else:
            write_json(self.path, result)
        if not set(self.known) - set(range(self._first, self._first + result["n"])):
            self._log.path.unlink(missing_ok=True)  # else a longer scoring may want the others
        return result
