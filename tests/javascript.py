"""Run the book's JavaScript under Node, for tests that compare it with Python."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).resolve().parents[1] / "wmlib/book/widgets/js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node.js")


def run_js(modules: dict[str, str], body: str, data: object = None) -> object:
    """Import names from our modules ({file: names}), run `body`, which returns JSON, on `data`."""
    imports = "".join(
        f'import {{ {names} }} from "{(JS / file).as_uri()}";\n' for file, names in modules.items()
    )
    script = (
        f"{imports}import {{ readFileSync }} from 'node:fs';\n"
        "import { runInNewContext } from 'node:vm';\n"
        "const data = JSON.parse(readFileSync(0, 'utf8'));\n"
        f"const main = () => {{ {body} }};\n"
        "const plain = (k, v) => ArrayBuffer.isView(v) ? Array.from(v) : v;\n"
        "process.stdout.write(JSON.stringify(await main(), plain));\n"
    )
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", script],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
