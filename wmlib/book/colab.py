"""Install what the book needs on a machine whose own packages must stay as they are: Colab.

`python -m wmlib.book.colab`, after `pip install --no-deps wmlib`; extras of the package that are
named beside it (`cuda12`) come too. It may import nothing but the standard library and packaging:
the rest is what it is about to install.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

# Two distributions that write the same files: the second would overwrite the first.
TWINS = {"pygame-ce": "pygame", "opencv-python-headless": "opencv-python"}


def required(lines: Iterable[str], extras: Iterable[str]) -> list[str]:
    """Those of wmlib's requirements that hold with `extras`, which may name further extras."""
    needs, todo, found = [Requirement(line) for line in lines], ["", *extras], dict[str, None]()
    for extra in todo:
        for need in needs:
            if need.marker is not None and not need.marker.evaluate({"extra": extra}):
                continue
            if need.name == "wmlib":
                todo += sorted(need.extras - set(todo))
            else:
                found[str(need).partition(";")[0].strip()] = None
    return list(found)


def kept(wanted: Iterable[str], installed: Mapping[str, str]) -> dict[str, str]:
    """Name -> version of what is wanted, is there, and is not too old for us."""
    needs = [Requirement(line) for line in wanted]
    return {
        need.name: installed[need.name]
        for need in needs
        if need.name in installed and need.specifier.contains(installed[need.name])
    }


def to_install(planned: Iterable[tuple[str, str]], installed: Mapping[str, str]) -> list[str]:
    """`name==version` of what pip plans, less what a twin of the same import name provides."""
    return [f"{name}=={version}" for name, version in planned if TWINS.get(name) not in installed]


def _pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "install", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pip could not install what wmlib needs: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def main() -> None:
    """Let pip plan with everything kept fixed, then install the plan."""
    installed = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    wanted = required(requires("wmlib") or [], ["book", *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "kept.txt"
        lines = (f"{name}=={version}\n" for name, version in kept(wanted, installed).items())
        constraints.write_text("".join(lines))
        report = _pip("--dry-run", "--report", "-", "-c", str(constraints), *wanted)
    plan = [
        (item["metadata"]["name"].lower().replace("_", "-"), item["metadata"]["version"])
        for item in json.loads(report)["install"]
    ]
    packages = to_install(plan, installed)
    if packages:
        _pip("--no-deps", *packages)
    print("installed beside what was there:", ", ".join(packages) or "nothing")


if __name__ == "__main__":
    main()
