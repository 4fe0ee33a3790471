"""The run folder: where each stage of the pipeline leaves what the next one reads.

    RUN/rollouts     episodes of the real game               (chapter 3)
    RUN/vision       V: weights, metrics, manifest           (chapter 4)
    RUN/latents      (mu, logvar) of every frame, actions, rewards, ends
    RUN/memory       M                                       (chapter 5)
    RUN/controller   C and its learning curve                (chapters 6 to 9)
    RUN/evaluation.json   scores in the real game            (chapter 7)

Every folder has a `manifest.json` (what was run, with which settings, versions and seeds, on which
device, for how long, and the hash of what came out) and a `metrics.jsonl` (one JSON object a line).
Files are replaced whole (written beside, then renamed), so a crash never leaves half a file, and
nothing is pickled: tensors live in safetensors (wmlib.weights), everything else in JSON.
"""

import dataclasses
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PICTURE_ID = "rgb64-area-v1"
"""Names the way frames are cut and shrunk; weights made for other pictures are refused."""


class UserError(Exception):
    """Something the user can mend: the CLI prints it as one line and exits with code 2."""


NEEDS = {
    "rollouts": "collect",
    "vision": "train-vision",
    "latents": "train-vision",
    "memory": "train-memory",
    "controller": "evolve",
}


class RunFolder:
    """The folder of one run; knows where each stage lives and which command makes it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def stage(self, name: str, create: bool = False) -> Path:
        """The folder of a stage; with `create` it exists afterwards."""
        folder = self.path / name
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
        return folder

    def require(self, name: str, for_command: str) -> Path:
        """The folder of a finished stage, or a UserError that names the command to run first."""
        folder = self.path / name
        if not is_finished(folder):
            raise UserError(
                f"{for_command} needs {name}, and {folder} has none that is finished: "
                f"run {NEEDS[name]} with the same --run-dir first"
            )
        return folder


def is_finished(folder: Path) -> bool:
    """A stage is finished when its manifest, written last, is there."""
    return (folder / "manifest.json").is_file()


# ---------------------------------------------------------------- small files, written whole


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file in one step: readers see the old one or the new one, never a half."""
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file, or say in one line what is wrong with it."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): delete it and run again") from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Metrics:
    """Append-only numbers of a training, one JSON object a line.

    `resume_at(key, value)` drops the lines written after the checkpoint that training goes on
    from, so that an interrupted and an uninterrupted run leave the same file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, **row: Any) -> None:
        """Add one line and flush it."""
        try:
            with open(self.path, "a") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; a torn last line (a crash while writing) is left out."""
        if not self.path.exists():
            return []
        rows = []
        for line in self.path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def resume_at(self, key: str, value: int) -> None:
        """Keep only the lines whose `key` is at most `value`."""
        rows = [row for row in self.read() if row[key] <= value]
        write_bytes(self.path, "".join(json.dumps(row) + "\n" for row in rows).encode())


# ---------------------------------------------------------------- manifests


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    names = ["wmlib", "torch", "numpy", "gymnasium", "box2d", "vizdoom", "cma", "numba", "zarr"]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    """The commit of the package's source, where it runs from a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def device_name(device: torch.device | str) -> str:
    """A name for the hardware that a reader of a results table understands."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU, {cores} cores"


@contextmanager
def stage_manifest(
    folder: Path, stage: str, config: Any, seed: int, device: torch.device | str
) -> Iterator[dict[str, Any]]:
    """Time a stage and write its manifest at the end, if it ends without an error.

    Yields a dict; what the stage puts in is stored under "result". Wall time adds up over
    interruptions: `progress.json` keeps the seconds spent so far, and a stage that logs its time
    itself says it as "seconds", which even kill -9 cannot make forget.
    """
    start = time.perf_counter()
    spent_file = folder / "progress.json"
    spent = read_json(spent_file)["seconds"] if spent_file.exists() else 0.0
    result: dict[str, Any] = {}
    try:
        yield result
    except BaseException:
        write_json(spent_file, {"seconds": spent + time.perf_counter() - start})
        raise
    outputs = sorted(set(folder.glob("*.safetensors")) - {folder / "checkpoint.safetensors"})
    write_json(
        folder / "manifest.json",
        {
            "stage": stage,
            "command": " ".join(["python -m wmlib", *sys.argv[1:]]),
            "config": dataclasses.asdict(config),
            "seed": seed,
            "device": device_name(device),
            "seconds": round(result.pop("seconds", spent + time.perf_counter() - start), 1),
            "versions": versions(),
            "git_commit": _git_commit(),
            "sha256": {p.name: sha256(p) for p in outputs},
            "result": result,
        },
    )
    spent_file.unlink(missing_ok=True)


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; asking for CUDA without one is a UserError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
    if name not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: choose auto, cpu or cuda")
    return torch.device(name)


ONLY_SPEED = ("num_envs", "slots", "workers")
"""Settings that decide how fast a stage is and nothing else."""


def begin_stage(folder: Path, config: Any, seed: int) -> bool:
    """Claim a stage's folder for these settings; True if they are already finished there.

    A folder started with other settings is refused, so that a resumed training never mixes two.
    How many games are played side by side changes no result, and so may change; what a config
    names in GROWS (episodes to collect, generations) may become more, and what it names in
    CHANGES (the policy that plays the new episodes) may be another then.
    """
    fields = {k: v for k, v in dataclasses.asdict(config).items() if k not in ONLY_SPEED}
    wanted = json.loads(json.dumps({"config": fields, "seed": seed}))
    claim = folder / "config.json"
    if not claim.exists():
        write_json(claim, wanted)
        return False
    started = read_json(claim)
    # A field that is newer than the folder had its default then.
    defaults = {f.name: f.default for f in dataclasses.fields(config) if f.name in fields}
    started["config"] = {k: started["config"].get(k, defaults.get(k)) for k in wanted["config"]}
    if started != wanted:
        old, new = ({**s["config"], "seed": s["seed"]} for s in (started, wanted))
        changed = [key for key in new if old.get(key) != new[key]]
        grows, changes = (set(getattr(config, name, ())) for name in ("GROWS", "CHANGES"))
        grown = [key for key in changed if key in grows and new[key] > old[key]]
        if grown and set(changed) <= {*grown, *changes}:
            (folder / "manifest.json").unlink(missing_ok=True)  # it goes on, so it is not finished
            write_json(claim, wanted)
            return False
        told = ", ".join(f"{key} {old.get(key)} → {new[key]}" for key in changed)
        raise UserError(
            f"{folder} was started with other settings ({told}): "
            "use another --run-dir, or delete that folder to start again"
        )
    if is_finished(folder):
        print(f"{folder}: already finished", file=sys.stderr)
        return True
    return False
