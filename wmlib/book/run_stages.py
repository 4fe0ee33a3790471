"""What lies in a run folder, stage by stage, finished or under way, for the page of the run."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from wmlib.errors import UserError
from wmlib.records.files import read_json
from wmlib.records.metrics import Metrics, read_rows
from wmlib.records.run_folder import RunFolder, is_finished
from wmlib.records.stage import CLAIM

SHARED = ("rollouts", "vision", "latents", "memory")
TITLES = {
    "rollouts": "Episodes",
    "vision": "V",
    "latents": "Latents",
    "memory": "M",
}
_TOTALS = {"generation": "generations", "member": "team", "update": "updates"}
"""what a row of a training counts, and the setting that says how many there will be"""


@dataclass(frozen=True)
class Part:
    """One stage's folder."""

    name: str
    folder: Path

    @cached_property
    def finished(self) -> bool:
        """Whether its manifest is there."""
        return is_finished(self.folder)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The manifest, or what the stage began with."""
        path = self.folder / ("manifest.json" if self.finished else CLAIM)
        return read_json(path)

    @property
    def config(self) -> dict[str, Any]:
        """Its settings."""
        return self.facts.get("config", {})

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return Metrics(self.folder / "metrics.jsonl").read()

    @property
    def seconds(self) -> float:
        """Its wall time, as far as it is known while it goes on."""
        if self.finished:
            return self.facts.get("seconds", 0.0)
        if not self.rows:
            return 0.0
        each = [row.get("seconds", 0.0) for row in self.rows]
        return sum(each) if "generation" in self.rows[-1] else each[-1]

    @property
    def done(self) -> str:
        """How far it is: "finished", or "generation 3 of 40"."""
        if self.finished:
            return "finished"
        if self.name == "rollouts":
            index = read_rows(self.folder / "index.jsonl", lambda row: True, "look at it")
            kept = sum(bool(row.get("kept")) for row in index)
            return f"episode {kept} of {self.config.get('episodes', '?')}"
        for key, total in _TOTALS.items():
            if self.rows and key in self.rows[-1]:
                return f"{key} {self.rows[-1][key]} of {self.config.get(total, '?')}"
        return "begun"


def parts_of(run: RunFolder) -> list[Part]:
    """The stages that there are: those that all runs share, then every controller by name."""
    found = [Part(name, run.stage(name)) for name in SHARED]
    if run.path.is_dir():
        others = sorted(p for p in run.path.iterdir() if p.is_dir() and p.name not in SHARED)
        found += [Part(p.name, p) for p in others if not p.name.startswith("round_")]
    return [p for p in found if any((p.folder / f).is_file() for f in ("manifest.json", CLAIM))]


def scores_of(run: RunFolder) -> dict[str, dict[str, Any]]:
    """Finished scores in the real game by the name of their file."""
    files = sorted(run.path.glob("*.json"))
    ours = [path for path in files if not path.read_text().lstrip().startswith("[")]  # no list is
    found = {path.stem: read_json(path) for path in ours}
    return {name: score for name, score in found.items() if {"returns", "mean"} <= score.keys()}


def scores_under_way(run: RunFolder) -> dict[str, int]:
    """Episodes played so far of scores that are not finished, by name."""
    logs = sorted(run.path.glob("*.episodes.jsonl"))
    return {p.name.removesuffix(".episodes.jsonl"): len(Metrics(p).read()) for p in logs}


def task_of(run: RunFolder) -> str:
    """The name of the game that the run is about."""
    places = [run.path / "evaluation.json", run.stage("rollouts") / "zarr.json"]
    places += [run.stage(part) / f"{part}.json" for part in ("vision", "memory")]
    for path in places:
        if path.is_file():
            try:
                facts = json.loads(path.read_text())
            except ValueError:
                continue  # being written, or damaged: another may tell it
            for where in (facts, facts.get("attributes", {})):
                if "task" in where:
                    return where["task"]
    raise UserError(f"{run.path} is no run folder, or nothing is in it yet: run collect first")
