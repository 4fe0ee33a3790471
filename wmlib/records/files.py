"""Small files, written whole: a crash never leaves half a file, and nothing is ever pickled."""

import contextlib
import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from wmlib.errors import UserError

Kind = type | tuple[type, ...]


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
        with contextlib.suppress(OSError):  # a read-only disk refuses this, too
            temporary.unlink()
        raise UserError(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path, **keys: Kind) -> dict[str, Any]:
    """Read a JSON object that has these keys, of these kinds, or say in one line what is wrong."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): restore it, or delete it") from None
    if not isinstance(found, dict):
        wrong = "it is not an object"
    elif missing := [key for key in keys if key not in found]:
        wrong = f"it has no {', '.join(missing)}"
    elif odd := [key for key, kind in keys.items() if not isinstance(found[key], kind)]:
        wrong = f"it has no valid {', '.join(odd)}"
    else:
        return found
    raise UserError(f"{path} is damaged ({wrong}): restore it, or delete it")


def sha256(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def crc32(values: np.ndarray, before: int = 0) -> int:
    """The CRC-32 of an array's bytes; of several behind one another with that of those `before`."""
    return zlib.crc32(np.ascontiguousarray(values).data, before)


def hold(path: Path, busy: str) -> FileLock:
    """The lock `path`, held from now on; a UserError that says `busy` where another holds it."""
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(busy) from None
    except OSError as error:
        raise UserError(f"cannot write to {path.parent}: {error.strerror}") from error
    return lock
