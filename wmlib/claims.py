"""What a stage's folder says about its making: the claim at the start, the manifest at the end.

config.json    settings, seed and inputs that the folder was started with (`begin_stage`)
manifest.json  what was run, on what, for how long, and the hashes of what came out
"""

import dataclasses
import fcntl
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from wmlib.runs import (
    UserError,
    device_name,
    git_commit,
    is_finished,
    read_json,
    sha256,
    versions,
    write_json,
)

ONLY_SPEED = ("num_envs", "slots", "workers")
"""Settings that decide how fast a stage is and, but for rounding, nothing else."""
CLAIM, PROGRESS, STAGE_LOCK = "config.json", "progress.json", ".stage.lock"


def begin_stage(
    folder: Path,
    config: Any,
    seed: int,
    inputs: dict[str, Any] | None = None,
    least: int | None = None,
) -> bool:
    """Claim a stage's folder for these settings; True if they are already finished there.

    A folder started with other settings, or from other `inputs` (what the stage reads, by name:
    hashes, counts), is refused, so that a resumed training never mixes two. How many games are
    played side by side changes no result, and so may change; what a config names in GROWS
    (episodes to collect, generations) may become more, and what it names in CHANGES (the policy
    that plays the new episodes) may be another then. An unfinished stage that says at which number
    it can end, at `least`, may also end sooner.
    """
    fields = _deciding(dataclasses.asdict(config))
    wanted = json.loads(json.dumps({"config": fields, "seed": seed, "inputs": inputs or {}}))
    claim = folder / CLAIM
    if not claim.exists() or _only_claimed(folder):
        with _alone(folder):
            write_json(claim, wanted)
        return False
    started = read_json(claim, "config", "seed")
    # What is newer than the folder had its default then.
    defaults = json.loads(json.dumps({f.name: f.default for f in _with_default(config)}))
    old = _deciding(started["config"])
    started["config"] = {k: old.get(k, defaults.get(k)) for k in wanted["config"]}
    started.setdefault("inputs", wanted["inputs"])
    if started["inputs"] != wanted["inputs"]:
        told = _differences(started["inputs"], wanted["inputs"])
        raise UserError(
            f"{folder} was made from other data or weights ({told}): "
            "delete that folder to make it again, or use another --run-dir"
        )
    if started != wanted:
        old, new = ({**s["config"], "seed": s["seed"]} for s in (started, wanted))
        changed = [key for key in new if old.get(key) != new[key]]
        grows, changes = (set(getattr(config, name, ())) for name in ("GROWS", "CHANGES"))
        may_end = least is not None and not is_finished(folder)
        moved = [key for key in changed if key in grows and (new[key] > old[key] or may_end)]
        if moved and set(changed) <= {*moved, *changes}:
            for key in moved:
                if least is not None and new[key] < least:
                    raise UserError(
                        f"--{key} {new[key]}: more are done already in {folder}; to end there, "
                        f"give {least}"
                    )
            with _alone(folder):
                (folder / "manifest.json").unlink(missing_ok=True)  # it goes on: not finished
                write_json(claim, wanted)
            return False
        raise UserError(
            f"{folder} was started with other settings ({_differences(old, new)}): "
            "use another --run-dir, or delete that folder to start again"
        )
    if is_finished(folder):
        print(f"{folder}: already finished", file=sys.stderr)
        return True
    return False


def _deciding(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that change results, those inside of others too."""
    return {
        key: _deciding(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if key not in ONLY_SPEED
    }


def _only_claimed(folder: Path) -> bool:
    """A first try that failed before it made anything; its settings bind nobody."""
    made = {path.name for path in folder.iterdir() if path.is_dir() or path.stat().st_size}
    return made <= {CLAIM, PROGRESS, STAGE_LOCK}


def _with_default(config: Any) -> list[dataclasses.Field]:
    return [f for f in dataclasses.fields(config) if f.default is not dataclasses.MISSING]


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """ "name old → new" for everything that differs; hashes are shortened."""
    told = []
    for key in {**old, **new}:
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict) and before != now:
            told.append(f"{key}: {_differences(before, now)}")
        elif before != now:
            told.append(f"{key} {str(before)[:12]} → {str(now)[:12]}")
    return ", ".join(told)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a stage's folder: two trainings in one would overwrite each other."""
    with open(folder / STAGE_LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is at work in {folder}: wait, or stop it") from None
        yield


@contextmanager
def stage_manifest(
    folder: Path, stage: str, config: Any, seed: int, device: torch.device | str
) -> Iterator[dict[str, Any]]:
    """Time a stage and write its manifest at the end, if it ends without an error.

    Yields a dict; what the stage puts in is stored under "result". Wall time adds up over
    interruptions: `progress.json` keeps the seconds spent so far, and a stage that logs its time
    itself says it as "seconds", which even kill -9 cannot make forget. Raises UserError where
    another process is at work in the same folder.
    """
    start = time.perf_counter()
    spent_file = folder / PROGRESS
    spent = read_json(spent_file, "seconds")["seconds"] if spent_file.exists() else 0.0
    result: dict[str, Any] = {}
    with _alone(folder):
        try:
            yield result
        except BaseException:
            write_json(spent_file, {"seconds": spent + time.perf_counter() - start})
            raise
        claim = folder / CLAIM
        inputs = read_json(claim).get("inputs", {}) if claim.exists() else {}
        outputs = sorted(set(folder.glob("*.safetensors")) - {folder / "checkpoint.safetensors"})
        write_json(
            folder / "manifest.json",
            {
                "stage": stage,
                "command": " ".join(["python -m wmlib", *sys.argv[1:]]),
                "config": dataclasses.asdict(config),
                "seed": seed,
                "inputs": inputs,
                "device": device_name(device),
                "seconds": round(result.pop("seconds", spent + time.perf_counter() - start), 1),
                "versions": versions(),
                "git_commit": git_commit(),
                "sha256": {p.name: sha256(p) for p in outputs},
                "result": result,
            },
        )
        spent_file.unlink(missing_ok=True)
