"""What Gymnasium asks of the entry points that games are registered with."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from gymnasium.envs.registration import EnvSpec
from gymnasium.error import Error

Maker = TypeVar("Maker", bound=Callable[..., Any])


def can_render(metadata: dict[str, Any]) -> Callable[[Maker], Maker]:
    """Write a game's metadata on the function that makes it.

    `gymnasium.make` looks there, before there is a game, for the rendering modes: a mode that the
    game lacks ("human" where it only draws pictures, any "..._list") is then made by a wrapper.
    """

    def mark(make: Maker) -> Maker:
        make.metadata = metadata  # type: ignore[attr-defined]
        return make

    return mark


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
