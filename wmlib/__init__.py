"""wmlib: the code behind the World Models book."""

from typing import Any

from wmlib import envs as _envs  # importing registers the environments with gymnasium

__version__ = "0.1.0"

_envs.register_all()


def __getattr__(name: str) -> Any:
    # wmlib.load_pretrained without importing torch for those who only want the environments.
    if name == "load_pretrained":
        from wmlib.agent import load_pretrained

        return load_pretrained
    raise AttributeError(f"module 'wmlib' has no attribute '{name}'")
