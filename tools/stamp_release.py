"""Write the repository's address into a release: `python tools/stamp_release.py v0.1.0`.

PyPI shows README.md without the files beside it, and knows a project's home only from
pyproject.toml; the tree names no address (see address.py). So the release workflow runs this on its
own checkout. It stops when the tag is not the package's version.
"""

import re
import sys

import address
from sync_notebooks import ROOT, version


def absolute(readme: str, home: str, tag: str) -> str:
    """README with links and pictures that work from anywhere."""
    raw = home.replace("github.com", "raw.githubusercontent.com")
    readme = re.sub(r'(?<=src=")(?!https?:)', f"{raw}/{tag}/", readme)
    readme = re.sub(r"(!\[[^\]]*\]\()(?!https?:)", rf"\g<1>{raw}/{tag}/", readme)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!https?:|#)", rf"\g<1>{home}/blob/{tag}/", readme)


def main(tag: str) -> None:
    """Change README.md, pyproject.toml and CITATION.cff of this checkout."""
    home, site = address.repository(), address.site()
    if tag != f"v{version()}":
        raise SystemExit(f"the tag is {tag}, but wmlib/__init__.py says {version()}")
    if home is None:
        raise SystemExit("no repository on GitHub: set GITHUB_REPOSITORY=owner/name, or `origin`")
    readme, project = ROOT / "README.md", ROOT / "pyproject.toml"
    readme.write_text(absolute(readme.read_text("utf-8"), home, tag), "utf-8")
    urls = f'[project.urls]\nRepository = "{home}"\nBook = "{site}"\n\n'
    head = "[tool.setuptools.packages.find]"
    project.write_text(project.read_text("utf-8").replace(head, urls + head, 1), "utf-8")
    citation = ROOT / "CITATION.cff"
    text = re.sub(r"^version: .*", f"version: {version()}", citation.read_text("utf-8"), flags=re.M)
    citation.write_text(f'{text}repository-code: "{home}"\nurl: "{site}"\n', "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
