"""Runs the widgets' own JavaScript modules in node, for the tests."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from wmlib.book.widgets.bundle import FOLDER

needs_node = pytest.mark.skipif(
    not shutil.which("node") and not os.environ.get("CI"), reason="needs Node.js"
)

PROLOGUE = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync("given.json"), (key, value) =>
  value && value.bytes !== undefined ? new Uint8Array(Buffer.from(value.bytes, "base64")) : value);
const answer = (value) => console.log(JSON.stringify(value, (key, v) =>
  ArrayBuffer.isView(v) ? Array.from(v) : v));
"""


def run_js(code: str, **given: Any) -> Any:
    """What `code` passes to `answer(…)`; it may import "./MODULE.js" and read `given`.

    bytes arrive as Uint8Array; typed arrays come back as lists.
    """
    packed = {
        name: {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in given.items()
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in FOLDER.glob("*.js"):
            shutil.copy(path, folder)
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "given.json").write_text(json.dumps(packed))
        (folder / "main.js").write_text(PROLOGUE + code)
        done = subprocess.run(
            ["node", "main.js"], cwd=folder, capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
