"""wmlib: the code behind the World Models book."""

import os
from typing import Any

# Torch's threads else wait for each other by spinning: beside anything else that computes (a
# browser will do) a step then takes many times as long. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from wmlib import envs as _envs  # importing registers the environments with gymnasium

__version__ = "0.1.0"

_envs.register_all()


def __getattr__(name: str) -> Any:
    # Agents without importing torch for those who only want the environments.
    if name in ("load_pretrained", "load_agent"):
        from wmlib import agent

        return getattr(agent, name)
    raise AttributeError(f"module 'wmlib' has no attribute '{name}'")
