"""What Gymnasium asks of the entry points that games are registered with."""

from typing import Any, NoReturn

from gymnasium.envs.registration import EnvSpec
from gymnasium.error import Error


def only_vector(**kwargs: Any) -> NoReturn:
    """The entry point of ids that are many games at once: says how to make them."""
    raise Error(
        "this id is a vector environment, many games at once: make it with "
        "gymnasium.make_vec(ID, num_envs=N) instead of gymnasium.make(ID)"
    )


class TellsItsLimit:
    """For vector environments: a `spec` whose `max_episode_steps` is the limit that holds.

    `gymnasium.make_vec` writes the registered limit there, even where another was asked for.
    """

    _spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """What the environment was made from."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None and "max_episode_steps" in spec.kwargs:
            spec.max_episode_steps = spec.kwargs["max_episode_steps"]
        self._spec = spec
