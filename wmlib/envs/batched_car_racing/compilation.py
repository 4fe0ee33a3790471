"""One decorator for every compiled function of this package, with a cache that cannot go stale.

Numba's `cache=True` notices an edit of the function's own file but not of the modules it calls
into, and would then run old machine code. So the cache lives in a folder whose name is a digest
of all sources of this package: edit any of them and the old folder is never looked at again.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config


def source_digest(folder: Path) -> str:
    """Digest of all Python sources in `folder` and of the compilers' versions."""
    digest = hashlib.sha256(
        f"{sys.version} {numba.__version__} {llvmlite.__version__} {np.__version__}".encode()
    )
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """Where this version's machine code is kept (below NUMBA_CACHE_DIR if that is set).

    None where nothing can be written (a container without a home): each start then compiles.
    """
    try:
        base = Path(config.CACHE_DIR) if config.CACHE_DIR else Path.home() / ".cache" / "wmlib"
        folder = base / f"car-racing-{_DIGEST}"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home at all
        return None
    return folder if os.access(folder, os.W_OK) else None


_DIGEST = source_digest(Path(__file__).parent)
_FOLDER = cache_folder()


def compiled(function: Callable[..., Any]) -> Any:
    """Compile with Numba, without the GIL, so that plain Python threads can share the cars.

    Threads of our own instead of `parallel=True`: OpenMP's threads wait actively and starve
    PyTorch's on busy cores, Numba's own pool aborts when two threads enter it at once, and the
    parallel compilation would double the first start.
    """
    before = config.CACHE_DIR
    kept = _FOLDER is not None
    config.CACHE_DIR = str(_FOLDER or "")  # read while decorating, by numba.core.caching
    try:
        return numba.njit(cache=kept, nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = before
