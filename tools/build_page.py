"""Build the book afresh, or one page of it for its writer: `python tools/build_page.py 04_vision`.

Unlike `make book` nothing is taken from the execution cache, which does not notice changes in
wmlib. A page goes to _build/page-NAME/; links to other pages are then missing, so it only warns.
Its numbers go into the notebook beside it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import glued_numbers
import sync_notebooks
import yaml

ROOT = Path(__file__).resolve().parents[1]


def build(out: Path, page: str | None = None, **environment: str) -> int:
    """Execute and build everything (warnings are errors) or one page into `out`; the exit code.

    `environment` is added to the process's, for example GITHUB_REPOSITORY (see address.py).
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["execute_notebooks"] = "force"
    names = config["sphinx"]["local_extensions"]
    config["sphinx"]["local_extensions"] = dict.fromkeys(names, str(ROOT / "tools"))
    (out / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    toc, flags = ROOT / "_toc.yml", ["-W", "--keep-going", "-n"]
    if page:
        toc, flags = out / "_toc.yml", ["--keep-going"]
        toc.write_text(
            f"format: jb-book\nroot: chapters/{page}\nchapters:\n  - file: chapters/E_references\n"
        )
    command = [
        str(Path(sys.executable).parent / "jupyter-book"),
        "build",
        str(ROOT),
        "--toc",
        str(toc),
        "--config",
        str(out / "_config.yml"),
        "--path-output",
        str(out),
        "--all",
        *flags,
    ]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment).returncode


def main(page: str) -> int:
    """Build one page and say where it is."""
    if not (ROOT / "chapters" / f"{page}.md").exists():
        pages = ", ".join(sorted(p.stem for p in (ROOT / "chapters").glob("*.md")))
        print(f"no page {page}; there are {pages}", file=sys.stderr)
        return 2
    out = ROOT / "_build" / f"page-{page}"
    code = build(out, page)
    glued_numbers.keep(out / "_build")
    sync_notebooks.main([page])
    print(f"page: {out}/_build/html/chapters/{page}.html")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
