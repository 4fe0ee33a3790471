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

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from wmlib.envs.pool import cores

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
    """A stage is finished when its manifest, written last, is there, and what that names."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return False
    made = read_json(manifest).get("sha256", {})
    return all((folder / name).is_file() for name in made)


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


KINDS: dict[str, Any] = {
    **dict.fromkeys(("config", "inputs", "result"), dict),
    **dict.fromkeys(("n", "first_seed", "n_z", "n_a", "n_h", "n_mixtures", "n_features"), int),
    "seconds": (int, float),
    "sha256": (str, dict),  # of one file, or of several by name
    "heads": list,
}
"""What stands under these names, in whichever file of a run they occur."""


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object that has these keys, or say in one line what is wrong with it."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not valid JSON ({error}): restore it, or delete the folder {path.parent} "
            "and make it again"
        ) from None
    if not isinstance(found, dict):
        wrong = "it is not an object"
    elif missing := [key for key in keys if key not in found]:
        wrong = f"it has no {', '.join(missing)}"
    elif odd := [k for k, v in found.items() if k in KINDS and not isinstance(v, KINDS[k])]:
        wrong = f"it has no valid {', '.join(odd)}"
    else:
        return found
    raise UserError(
        f"{path} is damaged ({wrong}): restore it, or delete the folder {path.parent} and make "
        "it again"
    )


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
        """All whole lines; a torn last line (a crash while writing) is left out.

        A damaged line elsewhere is a UserError: what follows it must not be lost in silence.
        """
        if not self.path.exists():
            return []
        rows = []
        lines = self.path.read_text(errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("a row is an object")
                rows.append(row)
            except ValueError:
                if number < len(lines):
                    raise UserError(
                        f"{self.path}: line {number} of {len(lines)} is damaged: mend it, or cut "
                        "the file off there to go on from that point"
                    ) from None
        return rows

    def resume_at(self, key: str, value: int) -> None:
        """Keep only the lines whose `key` is at most `value`."""
        rows = self.read()
        if not all(isinstance(row.get(key), int) for row in rows):
            raise UserError(f"{self.path}: a row has no whole '{key}': mend it, or delete the file")
        rows = [row for row in rows if row[key] <= value]
        write_bytes(self.path, "".join(json.dumps(row) + "\n" for row in rows).encode())


# ---------------------------------------------------------------- manifests


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    names = ["wmlib", "torch", "numpy", "gymnasium", "box2d", "vizdoom", "cma", "numba"]
    names += ["numba-cuda", "zarr"]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the package's source, where it runs from a checkout."""
    source = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(source), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        top, commit = told.splitlines()
        # Installed somewhere inside another project it would be that project's commit.
        return commit if Path(top) == source else None
    except (OSError, subprocess.CalledProcessError):
        return None


def device_name(device: torch.device | str) -> str:
    """A name for the hardware that a reader of a results table understands."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {cores()} cores"


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; asking for CUDA without one is a UserError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
    if name not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: choose auto, cpu or cuda")
    return torch.device(name)
