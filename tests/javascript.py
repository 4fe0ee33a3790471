"""One expression of the widgets' JavaScript, for tests that compare it with Python."""

from typing import Any

from run_js import run_js


def javascript(modules: dict[str, str], body: str, data: object = None) -> Any:
    """Import names from our modules ({file: names}) and run `body`, which returns what is wanted.

    `body` sees Python's `data`.
    """
    lines = [f'import {{ {names} }} from "./{file}";' for file, names in modules.items()]
    lines += ["const data = given.data;", f"answer((() => {{ {body} }})());"]
    return run_js("\n".join(lines) + "\n", data=data)
