"""wmlib: the code behind the World Models book."""

from wmlib import envs as _envs  # importing registers the environments with gymnasium

__version__ = "0.1.0"

_envs.register_all()
