"""wmlib: the code behind the World Models book."""

from typing import Any

from wmlib import envs as _envs  # importing registers the environments with gymnasium

__version__ = "0.1.0"

_envs.register_all()


def __getattr__(name: str) -> Any:
    # Agents without importing torch for those who only want the environments.
    if name in ("load_pretrained", "load_agent"):
        from wmlib import agent

        return getattr(agent, name)
    raise AttributeError(f"module 'wmlib' has no attribute '{name}'")
