"""Build one page of the book, for its writer: `python tools/build_page.py 04_vision`.

The page is executed afresh and built with warnings as errors (links to other pages excepted), into
_build/page-NAME/.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def main(name: str) -> int:
    """Run Sphinx on the page alone; returns its exit code."""
    if not (ROOT / "chapters" / f"{name}.md").exists():
        pages = ", ".join(sorted(p.stem for p in (ROOT / "chapters").glob("*.md")))
        print(f"no page {name}; there are {pages}", file=sys.stderr)
        return 2
    out = ROOT / "_build" / f"page-{name}"
    shutil.rmtree(out, ignore_errors=True)
    toc = out / "_toc.yml"
    out.mkdir(parents=True, exist_ok=True)
    toc.write_text(
        f"format: jb-book\nroot: chapters/{name}\nchapters:\n  - file: chapters/E_references\n"
    )
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["execute_notebooks"] = "force"  # the cache does not notice changes in wmlib
    config["sphinx"]["local_extensions"] = {"book_pages": str(ROOT / "tools")}
    (out / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [
        str(Path(sys.executable).parent / "jupyter-book"), "build", str(ROOT),
        "--toc", str(toc),
        "--config", str(out / "_config.yml"), "--path-output", str(out), "--keep-going", "--all",
    ]
    code = subprocess.run(command, cwd=ROOT).returncode
    print(f"page: {out}/_build/html/chapters/{name}.html")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
