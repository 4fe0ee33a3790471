"""Published by one push: addresses, the set-up cell, the workflows, and what makes pages a site."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import address
import nbformat
import pytest
import yaml
from conftest import BOOK_OF_THE_TESTS
from packaging.requirements import Requirement
from stamp_release import absolute
from sync_notebooks import generated, notebook, setup_cell, synced_page, version

from wmlib.book import colab

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "chapters").glob("*.md"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
HOME = f"https://github.com/{BOOK_OF_THE_TESTS}"
NOWHERE = {"GITHUB_REPOSITORY": "", "GIT_DIR": "/nonexistent"}  # not told, and no remote


# --- the address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/reader/a-fork",
        "https://github.com/reader/a-fork.git\n",
        "https://name:token@github.com/reader/a-fork.git",
        "git@github.com:reader/a-fork.git",
        "ssh://git@github.com/reader/a-fork",
        "ssh://git@github.com:22/reader/a-fork.git",
    ],
)
def test_a_remote_is_read_without_its_secrets(remote):
    assert address.from_remote(remote) == HOME


@pytest.mark.parametrize(
    "remote", ["/srv/book", "https://gitlab.com/a/b", "github.com.evil.io:a/b"]
)
def test_other_remotes_are_no_address(remote):
    assert address.from_remote(remote) is None


def test_the_address_is_told_or_found_or_missing(tmp_path):
    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    assert address.repository({}, tmp_path) is None
    git("remote", "add", "origin", "git@github.com:someone/their-book.git")
    assert address.repository({}, tmp_path) == "https://github.com/someone/their-book"
    assert address.repository({"GITHUB_REPOSITORY": BOOK_OF_THE_TESTS}, tmp_path) == HOME


@pytest.mark.parametrize(
    ("environment", "site"),
    [
        ({"GITHUB_REPOSITORY": "Reader/A-Fork"}, "https://reader.github.io/A-Fork/"),
        ({"GITHUB_REPOSITORY": "reader/reader.github.io"}, "https://reader.github.io/"),
        ({"BOOK_SITE": "https://book.example.org"}, "https://book.example.org/"),
    ],
)
def test_where_pages_show_the_book(environment, site, tmp_path):
    assert address.site(environment, tmp_path) == site
    assert address.site({}, tmp_path) is None


def test_no_file_names_an_account():
    """Of nobody: a fork's links are its own. Other projects may be linked to."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    placeholder = "YOUR" + "_ACCOUNT"
    ours = re.compile(placeholder + r"|github\.(?:com/[\w.-]+|io)/world-models-book")
    files = [ROOT / path for path in listed if path and (ROOT / path).is_file()]
    assert [f for f in files if ours.search(f.read_text("utf-8", errors="ignore"))] == []


@pytest.mark.parametrize("name", ["welcome", "07_car_racing"])
def test_notebooks_in_the_tree_are_the_same_in_every_fork(name, monkeypatch):
    page = ROOT / "chapters" / f"{name}.md"
    monkeypatch.setenv("GITHUB_REPOSITORY", BOOK_OF_THE_TESTS)
    here = generated(page)[page.with_suffix(".ipynb")]
    assert here == page.with_suffix(".ipynb").read_text("utf-8")
    published = notebook(page, synced_page(page), HOME)
    assert f"{HOME}/archive/HEAD.tar.gz" in published
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", published)
    assert pictures
    for picture in pictures:
        inside = picture.removeprefix(
            f"https://raw.githubusercontent.com/{BOOK_OF_THE_TESTS}/HEAD/"
        )
        assert (ROOT / inside).is_file(), picture


def test_published_notebooks_need_an_address(tmp_path):
    command = [sys.executable, str(ROOT / "tools/sync_notebooks.py"), "--publish", str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin"}
    told = subprocess.run(
        command, env=environment | {"GITHUB_REPOSITORY": BOOK_OF_THE_TESTS}, capture_output=True
    )
    assert told.returncode == 0
    assert len(list((tmp_path / "chapters").glob("*.ipynb"))) == len(PAGES)
    lost = subprocess.run(command, env=environment | NOWHERE, capture_output=True, text=True)
    assert lost.returncode == 1
    assert "set GITHUB_REPOSITORY" in lost.stderr


# --- the set-up cell -----------------------------------------------------------------------------


def play_cell(home, monkeypatch, succeed_at):
    """Execute the cell on a pretended Colab whose n-th installation succeeds; what was tried."""
    tried = []

    def fake_run(command, **options):
        tried.append(command)
        return subprocess.CompletedProcess(command, 0 if len(tried) > succeed_at else 1)

    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(subprocess, "run", fake_run)
    exec(compile(setup_cell(home), "cell", "exec"), {})
    return [command[-1] for command in tried]


def test_the_cell_takes_its_own_release_then_the_tag_then_the_repository(monkeypatch, capsys):
    wheel = f"{HOME}/releases/download/v{version()}/wmlib-{version()}-py3-none-any.whl"
    tag, newest = (f"{HOME}/archive/{what}.tar.gz" for what in (f"refs/tags/v{version()}", "HEAD"))
    sources = [wheel, tag, newest]
    for place in range(3):
        tried = play_cell(HOME, monkeypatch, place)
        assert tried == [*sources[: place + 1], "wmlib.book.colab"]
    assert f"wmlib {version()}" in capsys.readouterr().out


@pytest.mark.parametrize("home", [HOME, None])
def test_the_cell_says_in_a_line_what_to_do_when_nothing_is_there(home, monkeypatch):
    with pytest.raises(
        SystemExit, match=r"was not found at \S+\. Try again later, or upload"
    ) as stop:
        play_cell(home, monkeypatch, 99)
    assert "\n" not in str(stop.value)


def test_without_an_address_the_cell_asks_pypi_alone(monkeypatch):
    assert play_cell(None, monkeypatch, 0) == [f"wmlib=={version()}", "wmlib.book.colab"]


def test_every_notebook_has_the_cell_behind_its_title_and_no_page_has_it():
    for page in PAGES:
        book = nbformat.read(page.with_suffix(".ipynb"), as_version=4)
        assert book.cells[0].source.startswith("# ")
        assert book.cells[1].source == setup_cell(None)
        assert book.cells[1].metadata["cellView"] == "form"  # folded in Colab
        assert sum("google.colab" in cell.source for cell in book.cells) == 1
        text = page.read_text("utf-8")
        assert "google.colab" not in text, f"{page.name}: the set-up cell is the notebook's alone"
    assert setup_cell(HOME).count("\n") < 25


def test_what_colab_has_and_is_not_too_old_is_kept():
    wanted = ["torch>=2.5", "gymnasium<1.5,>=1.4", "cma>=4.0", 'pygame-ce>=2.5; python_version>"3"']
    installed = {"torch": "2.11.0+cu128", "gymnasium": "1.3.0", "pygame": "2.6.1", "pandas": "2.2"}
    assert colab.kept(wanted, installed) == {"torch": "2.11.0+cu128"}
    plan = [("gymnasium", "1.4.0"), ("pygame-ce", "2.5.8"), ("cma", "4.5.0")]
    assert colab.to_install(plan, installed) == ["gymnasium==1.4.0", "cma==4.5.0"]
    assert colab.to_install(plan, {}) == ["gymnasium==1.4.0", "pygame-ce==2.5.8", "cma==4.5.0"]


def test_the_installer_starts_before_anything_is_installed():
    """On Colab it runs when wmlib's other needs are not there yet."""
    there = "('gymnasium', 'numpy', 'packaging', 'cloudpickle', 'farama_notifications', 'wmlib')"
    code = f"""
import sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names and top not in {there} and top != "typing_extensions":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Bare())
import wmlib.book.colab
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-600:]


def requirements(extra):
    """What the package needs with an extra, from lines as its metadata has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for name, needed in project["optional-dependencies"].items():
        lines += [f'{line}; extra == "{name}"' for line in needed]
    return colab.required(lines, [extra])


def test_an_extra_brings_those_that_it_names():
    base, agent, book, gpu = (
        {Requirement(line).name for line in requirements(extra)}
        for extra in ("", "agent", "book", "cuda12")
    )
    assert base < agent < book
    assert {"torch", "matplotlib"} <= book - base
    assert not {"matplotlib", "numba-cuda"} & agent
    assert gpu == agent | {"numba-cuda"}
    assert not {"ipykernel", "jupyter-book", "wmlib"} & book


def test_colabs_packages_are_new_enough_but_one():
    lines = (ROOT / ".github/colab.txt").read_text().splitlines()
    listed = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    needs = [Requirement(line) for line in requirements("book")]
    old = [n.name for n in needs if n.name in listed and listed[n.name] not in n.specifier]
    assert old == ["gymnasium"]  # 1.3 draws the car's score differently
    assert {"torch", "numpy", "numba", "matplotlib", "ipywidgets"} <= colab.kept(
        requirements("book"), listed
    ).keys()


# --- workflows and releases ----------------------------------------------------------------------


def steps(workflow: Path):
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_there(workflow):
    plan = yaml.safe_load(workflow.read_text())
    assert plan["permissions"] == {"contents": "read"}  # a job that needs more says so
    for job in plan["jobs"].values():
        assert "timeout-minutes" in job or len(job["steps"]) <= 3
    makefile = (ROOT / "Makefile").read_text()
    for step in steps(workflow):
        command = step.get("run", "")
        for target in re.findall(r"\bmake ([\w-]+)", command):
            assert re.search(rf"^{target}:", makefile, re.M), f"no target {target}"
        for script in re.findall(r"\b(?:tools|tests|\.github)/[\w./-]+\.\w+", command):
            assert (ROOT / script).is_file(), script
        assert re.search(r"@(v\d|release/v\d)", step.get("uses", "@v0")), step


def test_pull_requests_are_checked_on_both_systems_and_three_pythons():
    plan = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())
    assert "pull_request" in plan[True]  # YAML reads `on` so
    assert set(plan["jobs"]) == {"fast", "slow", "book"}
    matrix = plan["jobs"]["fast"]["strategy"]["matrix"]
    assert matrix == {
        "os": ["ubuntu-latest", "macos-latest"],
        "python": ["3.11", "3.12", "3.13"],
    }


def test_the_three_jobs_together_run_every_test():
    """`slow` leaves out the files of BOOK_TESTS, and `book` runs what is slow in them."""
    makefile = (ROOT / "Makefile").read_text()
    named = re.search(r"BOOK_TESTS := \$\(addprefix tests/,([^)]*)\)", makefile)
    assert named
    files = [f"tests/{name}" for name in named[1].replace("\\\n", " ").split()]
    assert all((ROOT / file).is_file() for file in files)
    browser = re.compile(r"^(?:@|    )pytest\.mark\.browser", re.M)
    found = [p for p in (ROOT / "tests").rglob("test_*.py") if browser.search(p.read_text())]
    assert {p.relative_to(ROOT).as_posix() for p in found} <= set(files)
    markers = {
        name: re.search(rf"^{name}: .*\n(?:\t.*\n)*?\t.*-m \"([^\"]+)\"", makefile, re.M)
        for name in ("test-fast", "test-slow", "test-book")
    }
    assert {name: found and found[1] for name, found in markers.items()} == {
        "test-fast": "not slow and not nightly and not browser",
        "test-slow": "slow and not nightly and not browser",
        "test-book": "slow and not nightly",
    }


def test_a_release_has_absolute_links_and_one_version():
    readme = absolute((ROOT / "README.md").read_text("utf-8"), HOME, "v9.9.9")
    links = re.findall(r'(?:\]\(|src=")([^)"#]+)', readme)
    assert len(links) >= 4
    assert [link for link in links if not link.startswith("https://")] == []
    raw = f"https://raw.githubusercontent.com/{BOOK_OF_THE_TESTS}/v9.9.9/"
    for link in links:
        if link.startswith(raw):
            assert (ROOT / link.removeprefix(raw)).is_file(), link
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"] == version()


def test_a_checkout_with_crlf_has_lf(tmp_path):
    """As Git for Windows sets it up: scripts must start and generated files compare equal."""
    clone = [
        *["git", "clone", "--quiet", "--shared", "--no-checkout", "-c", "core.autocrlf=true"],
        str(ROOT),
    ]
    subprocess.run([*clone, str(tmp_path / "book")], check=True)
    paths = [".gitattributes", ".ci", "Makefile", "tools", "chapters", "wmlib/__init__.py"]
    subprocess.run(["git", "checkout", "HEAD", "--", *paths], cwd=tmp_path / "book", check=True)
    files = [p for p in (tmp_path / "book").rglob("*") if p.is_file() and ".git" not in p.parts]
    assert len(files) > 40
    assert [p.name for p in files if b"\r\n" in p.read_bytes()] == []
