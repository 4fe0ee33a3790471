"""Builds js/kernels_wasm.js from kernels.c: `python -m wmlib.book.widgets.kernels`.

The result is committed, so that nobody needs a compiler; its digest of the source tells a test
whether it is stale.
"""

import base64
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from wmlib.book.widgets.bundle import FOLDER

SOURCE = FOLDER.parent / "kernels.c"
TARGET = FOLDER / "kernels_wasm.js"
FLAGS = [
    "--target=wasm32",
    "-O3",
    "-msimd128",
    "-ffast-math",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--import-memory",
    "-Wl,--strip-all",
    "-Wl,-z,stack-size=1024",
]


def digest() -> str:
    """SHA-256 of the source."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def build() -> bytes:
    """Compile the source to WebAssembly."""
    if not shutil.which("clang"):
        raise SystemExit("needs clang and wasm-ld: apt-get install clang lld")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "kernels.wasm"
        subprocess.run(["clang", *FLAGS, "-o", str(out), str(SOURCE)], check=True)
        return out.read_bytes()


def main() -> None:
    """Write the module that holds the compiled kernels."""
    code = base64.b64encode(build()).decode()
    TARGET.write_text(
        "// Compiled from kernels.c by `python -m wmlib.book.widgets.kernels`: do not edit.\n"
        "/** SHA-256 of that source. */\n"
        f'export const KERNELS_SOURCE = "{digest()}";\n'
        f'/** WebAssembly in base64. */\nexport const KERNELS_WASM = "{code}";\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
