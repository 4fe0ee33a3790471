"""The score of an agent: whole episodes of given seeds, their returns, and what their spread tells.

RUN/evaluation.json            the finished score (RUN/NAME.json for another controller)
RUN/evaluation.episodes.jsonl  while it is being played: one line for each episode

Of one agent the first score keeps the plain name; one on other seeds, or cut at another step, is
written beside it: RUN/evaluation.from_10000_cut_1000.json.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wmlib.model.controller import Controller
from wmlib.records.files import read_json, write_json
from wmlib.records.metrics import Metrics
from wmlib.records.progress import tell
from wmlib.records.run_folder import versions
from wmlib.worlds.features import FeatureVectorEnv
from wmlib.worlds.play import Arena, standard_error


def evaluate(
    world: FeatureVectorEnv | Arena,
    controller: Controller,
    params: Tensor,
    episodes: int,
    first_seed: int,
    progress: Callable[[int], object] = lambda steps: None,
    known: dict[int, tuple[float, int]] | None = None,
    keep: Callable[[int, float, int], object] = lambda seed, total, length: None,
) -> dict[str, Any]:
    """Play seeds first_seed, first_seed + 1, … once each; mean, std, standard error, returns.

    `world` is one vector environment, or an arena whose workers share the episodes.
    `known` are (return, length) of seeds that need not be played again; `keep` is called with
    (seed, return, length) of every episode that ends.
    """
    every, known = range(first_seed, first_seed + episodes), dict(known or {})
    jobs = [(0, seed) for seed in every if seed not in known]

    def finished(job: int, total: float, length: int) -> None:
        known[jobs[job][1]] = total, length
        keep(jobs[job][1], total, length)

    if jobs:
        arena = world if isinstance(world, Arena) else Arena(lambda: world)
        arena.play(controller, params[None], jobs, progress, finished)
    returns = np.array([known[seed][0] for seed in every])
    return {
        "task": controller.task.name,
        "mean": float(returns.mean()),
        "std": float(returns.std(ddof=1)) if episodes > 1 else 0.0,
        "sem": standard_error(returns),
        "n": episodes,
        "first_seed": first_seed,
        "returns": returns.round(4).tolist(),
        "lengths": [known[seed][1] for seed in every],
    }


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
        self.known, self.finished = dict[int, tuple[float, int]](), None
        if {key: self._before.get(key) for key in wanted} == wanted:
            tell(f"{self.path}: already finished")
            self.finished = self._before  # where nothing may be written, too
        else:
            self._take_up()

    def _take_up(self) -> None:
        """Go on from the episodes that the log holds."""
        self._log.resume_at("seed", sys.maxsize)  # a torn last line would spoil the next
        self.known = {
            row["seed"]: (row["return"], row["length"])
            for row in self._log.read()
            if {"of", "return", "length"} <= row.keys() and row["of"] == self._of
        }

    def _read(self) -> dict[str, Any]:
        return read_json(self.path, n=int, first_seed=int) if self.path.is_file() else {}

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
            tell(f"{self.path} keeps its {self._before['n']} episodes; these are only printed")
        else:
            write_json(self.path, result)
        if not set(self.known) - set(range(self._first, self._first + result["n"])):
            self._log.path.unlink(missing_ok=True)  # else a longer scoring may want the others
        return result
