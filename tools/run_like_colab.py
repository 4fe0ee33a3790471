"""Run notebooks as Colab would: `python tools/run_like_colab.py --python COLAB/bin/python welcome`.

The other Python holds exactly what .github/colab.txt lists. Each notebook (default: all) is written
with its set-up cell, opened in an empty folder and run from top to bottom. The set-up cell finds
`google.colab` and installs the package; pip gets this tree's wheel when PIP_FIND_LINKS points to
it. At the end: what was installed, how long the first set-up took, what of Colab's was replaced.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from sync_notebooks import ROOT, notebook, synced_page

# Colab's own module, as far as the set-up cell and anywidget look for it.
PRETEND = """
import sys, types
colab, output = types.ModuleType("google.colab"), types.ModuleType("google.colab.output")
output.enable_custom_widget_manager = lambda: None
colab.output = output
sys.modules["google.colab"], sys.modules["google.colab.output"] = colab, output
"""
TOO_OLD_FOR_US = {"gymnasium"}  # 1.3 draws the car's score differently


def versions(python: str) -> dict[str, str]:
    """Name -> version of what an environment holds."""
    done = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {item["name"].lower(): item["version"] for item in json.loads(done.stdout)}


def run(python: str, name: str) -> float:
    """Execute one notebook in an empty folder; the seconds that its set-up cell took."""
    path = ROOT / "chapters" / f"{name}.md"
    book = nbformat.reads(notebook(path, synced_page(path)), as_version=4)
    setup = next(k for k, cell in enumerate(book.cells) if cell.cell_type == "code")
    book.cells.insert(setup, nbformat.v4.new_code_cell(PRETEND))
    manager = AsyncKernelManager()
    manager.kernel_spec.argv[0] = python
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            book, km=manager, timeout=1800, resources={"metadata": {"path": folder}}
        )
        client.execute(cwd=folder)
    timing = book.cells[setup + 1].metadata["execution"]
    begin, end = (
        time.mktime(time.strptime(timing[key][:19], "%Y-%m-%dT%H:%M:%S"))
        for key in ("iopub.execute_input", "shell.execute_reply")
    )
    return end - begin


def main() -> int:
    """Run the notebooks; the number of those that failed, and one for each replaced package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", required=True, help="the Python that stands for Colab's")
    parser.add_argument("names", nargs="*", help="pages (default: all)")
    options = parser.parse_args()
    every = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
    before, faults = versions(options.python), 0
    for name in options.names or every:
        begin = time.monotonic()
        try:
            setup = run(options.python, name)
            print(f"{name}: ran in {time.monotonic() - begin:.0f} s (set-up {setup:.0f} s)")
        except CellExecutionError as error:
            faults += 1
            print(f"{name}: FAILED\n{str(error)[-1500:]}")
    after = versions(options.python)
    replaced = {
        package: f"{old} -> {after.get(package, 'gone')}"
        for package, old in before.items()
        if after.get(package) != old
    }
    print("installed:", ", ".join(f"{p} {v}" for p, v in after.items() if p not in before))
    print("replaced:", replaced or "nothing")
    return faults + len(replaced.keys() - TOO_OLD_FOR_US)


if __name__ == "__main__":
    sys.exit(main())
