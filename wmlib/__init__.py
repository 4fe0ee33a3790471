"""wmlib: the code behind the World Models book.

The names below are all that most chapters need; they are loaded when they are first used, so that
`import wmlib` only registers the games.
"""

import importlib
import os
from typing import Any

# Torch's threads else wait for each other by spinning: beside anything else that computes (a
# browser will do) a step then takes many times as long. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from wmlib import envs as _envs  # importing registers the environments with gymnasium
from wmlib.errors import needing as _needing

__version__ = "0.2.0.dev0"

_envs.register_all()

_HOMES = {
    "wmlib.agent": ("Agent", "load_agent", "load_pretrained"),
    "wmlib.model.vision": ("VAE",),
    "wmlib.model.memory": ("MDNRNN",),
    "wmlib.model.controller": ("Controller",),
    "wmlib.worlds.dream": ("DreamEnv",),
    "wmlib.worlds.real": ("GameFeatures",),
    "wmlib.worlds.evaluate": ("evaluate",),
    "wmlib.data.rollouts": ("collect",),
    "wmlib.learning.evolution": ("evolve",),
    "wmlib.learning.iterative": ("iterate",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        with _needing(f"wmlib.{name}"):
            return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'wmlib' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
