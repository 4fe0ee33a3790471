"""What goes wrong and can be mended by the user."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """Something the user can mend: the CLI prints it as one line and exits with code 2."""


class MissingExtra(UserError, ImportError):
    """A part of wmlib is used without the packages that it needs."""


class NothingKept(KeyboardInterrupt):
    """What was stopped has no place where its beginning could be kept."""


@contextlib.contextmanager
def keeping_nothing() -> Iterator[None]:
    """Inside, Ctrl-C is `NothingKept`."""
    try:
        yield
    except KeyboardInterrupt:
        raise NothingKept from None


EXTRAS = {
    "agent": ("torch", "zarr", "safetensors", "cma", "av"),
    "book": ("matplotlib", "PIL", "IPython", "traitlets", "ipywidgets", "anywidget"),
    "ray": ("ray",),
}
"""The modules that an extra of the package brings (pyproject.toml)."""


@contextlib.contextmanager
def needing(what: str, extra: str | None = None) -> Iterator[None]:
    """Where `what` fails because a package is not installed, say in one line what to install.

    `extra` is the one to name, where it is not the one that brings the missing package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        brings = next((name for name, modules in EXTRAS.items() if module in modules), None)
        if brings is None:
            raise
        told = f"{what} needs {module}, which is not installed"
        raise MissingExtra(f"{told}: pip install 'wmlib[{extra or brings}]'") from None
