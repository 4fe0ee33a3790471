"""The policies that collect the first data, before there is an agent (chapter 3).

Each plays N slots at once. A slot's randomness comes from its episode's seed alone, so an episode
is the same whichever slot plays it and whatever the others do. N slots, A action dims.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from wmlib.errors import UserError
from wmlib.model.actions import car_action

Actions = NDArray[np.float32]


class Policy(Protocol):
    """Anything that can play: told which slots begin an episode, asked for the next actions."""

    name: str
    is_agent: bool
    """whether a trained agent plays, instead of a rule"""

    def reset(self, seeds: list[int], mask: NDArray[np.bool_]) -> None:
        """Slots where `mask` (N,) holds begin the episodes with these seeds (list of length N)."""

    def act(self, observations: NDArray) -> Actions:
        """Actions (N, A) after the observations (N, ...)."""


class Slotted:
    """A policy made of N independent action generators, one for each episode being played."""

    is_agent = False

    def __init__(self, name: str, space: Box) -> None:
        self.name = name
        self.space = space
        self.slots: dict[int, Callable[[], Actions]] = {}

    def reset(self, seeds: list[int], mask: NDArray[np.bool_]) -> None:
        for slot in np.flatnonzero(mask).tolist():
            # The second number keeps this stream apart from the game's own, which has the same
            # seed: otherwise the first action would be a function of the track.
            rng = np.random.default_rng((seeds[slot], 1))
            self.slots[slot] = POLICIES[self.name](self.space, rng)

    def act(self, observations: NDArray) -> Actions:
        return np.stack([self.slots[slot]() for slot in range(len(observations))])


def _draw(space: Box, rng: np.random.Generator) -> Actions:
    return rng.uniform(space.low, space.high).astype(np.float32)


def uniform(space: Box, rng: np.random.Generator) -> Callable[[], Actions]:
    """A new uniform action at each step. The car hardly moves: its brake is the stronger pedal."""
    return lambda: _draw(space, rng)


def held(space: Box, rng: np.random.Generator) -> Callable[[], Actions]:
    """A uniform action held for 1 to 10 steps, as the original does in Doom."""
    action, left = _draw(space, rng), 0

    def act() -> Actions:
        nonlocal action, left
        if left == 0:
            action, left = _draw(space, rng), int(rng.integers(1, 11))
        left -= 1
        return action

    return act


def brownian(space: Box, rng: np.random.Generator) -> Callable[[], Actions]:
    """A random walk through the action box, clipped at its walls.

    One unit in one second of 50 frames, after ctallec's replication.
    """
    action = _draw(space, rng)

    def act() -> Actions:
        nonlocal action
        step = rng.normal(size=space.shape) * np.sqrt(1 / 50)
        action = np.clip(action + step, space.low, space.high).astype(np.float32)
        return action

    return act


def original(space: Box, rng: np.random.Generator) -> Callable[[], Actions]:
    """The original's car: an untrained agent with heavy-tailed weights, not uniform noise.

    The released code divides the random weights of V and M by 10,000. So z is fresh N(0, I) noise
    and h is 0, and only C acts: a = tanh(W z + b), its weights Cauchy times a scale drawn from
    U(0, 0.01) for each episode. Half throttle, nearly straight, with jitter: the car moves.
    Departure: the original ignored `done` and always recorded 1,000 frames; our episodes end.
    """
    if space.shape != (3,):
        raise UserError("the policy 'original' drives the car; for other games choose 'held'")
    weights = rng.standard_cauchy((3, 33)) * rng.uniform(0, 0.01)

    def act() -> Actions:
        z = rng.normal(size=32)
        return np.array(car_action(np.tanh(weights[:, :32] @ z + weights[:, 32])), np.float32)

    return act


def still(space: Box, rng: np.random.Generator) -> Callable[[], Actions]:
    """Nothing pressed."""
    nothing = np.zeros(space.shape, np.float32)
    return lambda: nothing


SWEEP = 120
"""Steps from turn to turn of `sweep`: about what Doom's room takes from wall to wall."""


def sweep(space: Box, rng: np.random.Generator, period: int = SWEEP) -> Callable[[], Actions]:
    """To and fro like a clock, first to a random side; never looks. What Doom's C has to beat.

    A turn every `period` steps.
    """
    if space.shape != (1,):
        raise UserError("the policy 'sweep' runs to and fro in Doom; for other games choose 'held'")
    side = rng.choice([space.low, space.high])
    steps = itertools.count(period // 2)  # the player starts in the middle of the room

    def act() -> Actions:
        return side * np.float32((-1) ** (next(steps) // period))

    return act


POLICIES = {f.__name__: f for f in (uniform, held, brownian, original, still, sweep)}


class Mixture:
    """Several policies that take turns: episode seed s is played by member s mod their number.

    Every member follows every slot, and the slot's seed decides whose action is played.
    """

    def __init__(self, members: Sequence[Policy]) -> None:
        self.members = list(members)
        self.name = ",".join(member.name for member in members)
        self.is_agent = any(member.is_agent for member in members)
        self.player = np.zeros(0, dtype=int)

    def member(self, seed: int) -> Policy:
        """Who plays the episode with this seed."""
        return self.members[seed % len(self.members)]

    def reset(self, seeds: list[int], mask: NDArray[np.bool_]) -> None:
        self.player = np.array(seeds) % len(self.members)
        for member in self.members:
            member.reset(seeds, mask)

    def act(self, observations: NDArray) -> Actions:
        proposed = np.stack([member.act(observations) for member in self.members])  # (M, N, A)
        return proposed[self.player, np.arange(len(observations))]


def make_policy(name: str, space: gym.Space) -> Slotted:
    """The policy of that name for a game whose single action space is `space`, a Box."""
    assert isinstance(space, Box)
    if name not in POLICIES:
        raise UserError(
            f"no policy '{name}': choose from {', '.join(POLICIES)}, or name a run folder or "
            "'pretrained' for an agent that explores"
        )
    POLICIES[name](space, np.random.default_rng())  # refuses a game that it cannot play
    return Slotted(name, space)
