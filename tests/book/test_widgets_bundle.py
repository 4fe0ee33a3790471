"""The live widgets' modules become one correct script."""

import json
import os
import re
import shutil
import subprocess

import pytest
from run_js import needs_node

from wmlib.book.widgets import bundle, page

MODULES = sorted(path.stem for path in bundle.FOLDER.glob("*.js"))
TOP_LEVEL = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class|const|let|var) (\w+)", re.M)


def test_names_are_unique_over_all_modules():
    names = [
        (name, module) for module in MODULES for name in TOP_LEVEL.findall(bundle.source(module))
    ]
    homes: dict[str, list[str]] = {}
    for name, module in names:
        homes.setdefault(name, []).append(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


@pytest.mark.parametrize("module", MODULES)
def test_modules_use_only_what_the_bundle_understands(module):
    text = bundle.source(module)
    understood = bundle._IMPORT.findall(text)
    assert len(re.findall(r"^import\b", text, re.M)) == len(understood)
    assert not [names for names, _ in understood if re.search(r"\bas\b", names)], "no renaming"
    assert not re.findall(
        r"^export (?!default \w+;$|(?:async )?function|class|const|let)", text, re.M
    )
    assert "https://" not in re.sub(r"^\s*(?://|\*|/\*).*$", "", text, flags=re.M), (
        "fetches nothing"
    )


@pytest.mark.parametrize("module", MODULES)
def test_nothing_happens_at_the_top_level(module):
    """Every line that is not indented begins a declaration, ends one, or is a comment."""
    allowed = re.compile(
        r"^(?:$|\s|/[/*]|\}|\]|\)|import |export |(?:async )?function|class |const |let |`)"
    )
    lines = bundle.source(module).splitlines()
    assert [line for line in lines if not allowed.match(line)] == []


@needs_node
@pytest.mark.parametrize("module", bundle.widget_modules())
def test_bundle_is_an_anywidget_module(module, tmp_path):
    path = tmp_path / "widget.mjs"
    path.write_text(bundle.for_jupyter(module), encoding="utf-8")
    check = "import(process.argv[1]).then(m => console.log(typeof m.default.render))"
    assert node("-e", check, str(path)) == "function"


@needs_node
def test_page_bundle_parses(tmp_path):
    (tmp_path / "widgets.js").write_text(bundle.for_page(), encoding="utf-8")
    node("--check", str(tmp_path / "widgets.js"))


def test_circles_are_refused(monkeypatch):
    texts = {"one": 'import { b } from "./two.js";\n', "two": 'import { a } from "./one.js";\n'}
    monkeypatch.setattr(bundle, "source", texts.__getitem__)
    with pytest.raises(ValueError, match="one -> two -> one"):
        bundle.in_order(["one"])


def test_views_become_places_and_lose_code_and_styles():
    own = {"_anywidget_id": "wmlib.x", "_esm": "CODE", "_css": "STYLE", "module": "batter",
           "still": "<figure>F</figure>", "layout": "IPY_1", "age": 0.2}  # fmt: skip
    other = {"state": {"description": "d"}, "model_name": "FloatSliderModel"}
    layout = {"state": {}, "model_name": "LayoutModel"}
    states = {"1": {"state": own, "model_name": "AnyModel"}, "2": other, "3": layout}
    kind = "application/vnd.jupyter.widget-view+json"
    view = '<script type="{}">{{"version_major": 2, "model_id": "{}"}}</script>'
    body = page.with_places(view.format(kind, 1) + view.format(kind, 2), states)
    assert body.count(kind) == 1
    assert "<figure>F</figure><script" in body
    traits = re.search(r'json">(.*?)</script>', body)
    assert traits is not None
    assert json.loads(traits[1]) == {"age": 0.2}
    assert page.without_live(states) == {"2": other, "3": layout}
    assert page.without_live({"1": states["1"], "3": layout}) == {}


def node(*arguments: str) -> str:
    done = subprocess.run(["node", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(
    not shutil.which("tsc") and not os.environ.get("CI"),
    reason="needs tsc: tools/install_system.sh",
)
def test_types_are_sound():
    flags = "--noEmit --allowJs --checkJs --noImplicitAny --target es2022 --module es2022"
    more = "--moduleResolution bundler --lib dom,dom.iterable,es2022"
    files = [str(bundle.FOLDER / f"{module}.js") for module in MODULES]
    done = subprocess.run(
        ["tsc", *flags.split(), *more.split(), *files], capture_output=True, text=True, timeout=300
    )
    assert done.stdout == ""
