"""One decorator for every compiled function of this package, with a cache that cannot go stale.

Numba's `cache=True` notices an edit of the function's own file but not of the modules it calls
into, and would then run old machine code. So the cache lives in a folder whose name is a digest
of all sources of this package: edit any of them and the old folder is never looked at again.

The cache saves time and nothing else: whatever is wrong with it, the functions are compiled.
"""

import contextlib
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
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache


def source_digest(folder: Path) -> str:
    """Digest of all Python sources below `folder` and of the compilers' versions."""
    digest = hashlib.sha256(
        f"{sys.version} {numba.__version__} {llvmlite.__version__} {np.__version__}".encode()
    )
    sources = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    for name in sorted(sources):
        digest.update(name.encode() + b"\0" + sources[name].read_bytes())
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
    return folder if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else None


_DIGEST = source_digest(Path(__file__).parent)
_FOLDER = cache_folder()
_told: set[str] = set()


def _tell(topic: str, message: str) -> None:
    """Write a line to stderr, once for each topic."""
    if topic not in _told:
        _told.add(topic)
        print(f"wmlib: {message}", file=sys.stderr, flush=True)


def _tell_of_compiling(folder: Path | None) -> None:
    """On a terminal, say what takes so long."""
    if sys.stderr.isatty():
        kept = "once" if folder else "at each start, as no folder can keep the result"
        _tell("compiling", f"compiling the simulator, {kept}, about 30 s")


class _CheckedFiles(IndexDataCacheFile):
    """Numba's files, with a digest behind each: a damaged one would run as machine code."""

    def _dump(self, obj: Any) -> bytes:
        blob = super()._dump(obj)
        return blob + hashlib.sha256(blob).digest()  # whoever unpickles stops before it

    def _load_data(self, name: str) -> Any:
        blob = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(blob[:-32]).digest() != blob[-32:]:
            raise ValueError(f"{name} is damaged")
        return super()._load_data(name)


class _Cache(FunctionCache):
    """Numba's cache of one function, which only ever fails by finding nothing."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = None
        try:
            found = super().load_overload(sig, target_context)
        except Exception as error:
            self._tell_of_trouble(error)
        if found is None:
            _tell_of_compiling(_FOLDER)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            self._tell_of_trouble(error)
            with contextlib.suppress(Exception):  # a broken index is in the way: begin a new one
                self.flush()
                super().save_overload(sig, data)

    def _tell_of_trouble(self, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}"
        _tell("trouble", f"the compile cache {self.cache_path} is not usable ({what}): compiling")


class _NoCache(NullCache):
    """Where no folder can keep anything: says that each start compiles."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        _tell_of_compiling(None)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile with Numba, without the GIL, so that plain Python threads can share the cars.

    Threads of our own instead of `parallel=True`: OpenMP's threads wait actively and starve
    PyTorch's on busy cores, Numba's own pool aborts when two threads enter it at once, and the
    parallel compilation would double the first start.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    if dispatcher is not function:  # NUMBA_DISABLE_JIT gives the function back
        dispatcher._cache = _new_cache(function)
    return dispatcher


def _new_cache(function: Callable[..., Any]) -> _Cache | _NoCache:
    """A cache in our folder, or none where that cannot be."""
    if _FOLDER is None:
        return _NoCache()
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_FOLDER)  # read while the cache is made, by numba.core.caching
    try:
        return _Cache(function)
    except Exception as error:
        _tell("trouble", f"{_FOLDER} keeps no compiled functions ({error}): compiling")
        return _NoCache()
    finally:
        config.CACHE_DIR = before
