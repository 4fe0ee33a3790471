"""One script out of small ES modules.

Browsers do not load ES modules from file://, and Jupyter wants the code of a widget as one string.
So the modules under `js/` are put one after the other, imported ones first, without their `import`
and `export` words. That is correct as long as no two modules use one name at the top level, which a
test watches over.
"""

import re
from functools import cache
from pathlib import Path

from IPython.display import Markdown

FOLDER = Path(__file__).parent / "js"
LOADER = "static_page"
"""The module that only the static page uses: it finds the widgets of a page and starts them."""
JUPYTER = "in_jupyter"
"""The module that only Jupyter uses: it leaves a widget its keys."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.M)
_DEFAULT = re.compile(r"^export default (\w+);\n", re.M)


def source(module: str) -> str:
    """The text of a module as it lies in `js/`."""
    return (FOLDER / f"{module}.js").read_text(encoding="utf-8")


def listing(module: str) -> Markdown:
    """A module to be read in a chapter: `listing("memory")` is M as the browser runs it."""
    return Markdown(f"```javascript\n{source(module)}```")


def widget_modules() -> list[str]:
    """The modules that are widgets, those with a default export."""
    every = sorted(path.stem for path in FOLDER.glob("*.js"))
    return [name for name in every if _DEFAULT.search(source(name))]


def imports(module: str) -> list[str]:
    """The modules that this one imports, in its order."""
    return [found[1] for found in _IMPORT.findall(source(module))]


def in_order(modules: list[str]) -> list[str]:
    """The modules and all that they import, each once and after what it imports itself."""
    order: list[str] = []

    def add(module: str, above: tuple[str, ...]) -> None:
        if module in above:
            raise ValueError("modules import each other: " + " -> ".join((*above, module)))
        if module not in order:
            for wanted in imports(module):
                add(wanted, (*above, module))
            order.append(module)

    for module in modules:
        add(module, ())
    return order


def _plain(module: str) -> str:
    """A module's code without imports and exports; its widget becomes `widget_NAME`."""
    code = _EXPORT.sub("", _IMPORT.sub("", source(module)))
    return _DEFAULT.sub(rf"const widget_{module} = \1;\n", code)


@cache
def for_jupyter(module: str) -> str:
    """The widget as one ES module, what anywidget calls `_esm`."""
    parts = [_plain(name) for name in in_order([JUPYTER, module])]
    return "\n".join([*parts, f"export default keepKeys(widget_{module});\n"])


def for_page() -> str:
    """All widgets and the loader as one classic script for the book's pages."""
    names = widget_modules()
    parts = [_plain(name) for name in in_order([*names, LOADER])]
    table = ", ".join(f"{name}: widget_{name}" for name in names)
    body = "\n".join([*parts, f"startWidgets({{ {table} }});"])
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'
