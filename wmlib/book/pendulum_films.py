"""The pendulum filmed: the rod, and beside it the path of its state through the phase plane."""

from contextlib import closing
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from wmlib.agent import Agent
from wmlib.book.pendulum_figures import STEPS_PER_SECOND
from wmlib.book.video import DREAM_RGB, REAL_RGB
from wmlib.model.vision import StateVision
from wmlib.seeds import VALIDATION
from wmlib.worlds.features import FeatureVectorEnv

SIDE, SCALE, FASTEST = 200, 3, 8.0
"""pixels of a square; how much larger it is drawn than shown; rad/s at the plane's edge"""
INK, PALE, PAPER = (60, 60, 60), (205, 208, 211), (255, 255, 255)


def lived(agent: Agent, env: FeatureVectorEnv, seed: int) -> NDArray[np.floating]:
    """States (200, 3) of an episode of C in `env`, which is one game or one dream; closes it."""
    assert isinstance(agent.vision, StateVision)
    states = []
    with closing(env):
        features, _ = env.reset(seed=[seed])  # type: ignore[arg-type]
        for _ in range(agent.task.max_episode_steps):
            states.append((env.z[0] / agent.vision.scale).numpy())
            features, *_ = env.step(agent.act(features))
    return np.array(states)


@torch.no_grad()
def dreamed_widths(agent: Agent, steps: int, dreams: int = 64) -> list[float]:
    """Standard deviation of M's Gaussian of the height at the first steps of C's dreams."""
    widths = []
    with closing(agent.dream(dreams)) as env:
        features, _ = env.reset(seed=list(range(dreams)))
        for _ in range(steps):
            told = env.imagine(agent.act(features))
            widths.append(float(told.logstd[:, 0, 0].exp().mean()))
            features = env.features()
    return widths


class Rise(NamedTuple):
    """How C swings it up: mean seconds until it is upright, mean return of the episode's rest."""

    seconds: float
    mean_return: float


@torch.no_grad()
def rises(agent: Agent, watched: int = 0, episodes: int = 64) -> tuple[Rise, Rise]:
    """C in the game, and in dreams that go on from its moments.

    For the first `watched` steps the game's pendulum is left alone, and M looks on.
    """
    seeds = list(range(VALIDATION.start, VALIDATION.start + episodes))
    with closing(agent.real(episodes)) as real, closing(agent.dream(episodes)) as dream:
        for env in (real, dream):
            env.reset(seed=seeds)
        for _ in range(watched):
            real.step(torch.zeros(episodes, agent.task.n_actions))
        dream.mind.restore(real.mind.snapshot())
        steps = agent.task.max_episode_steps - watched
        return _rise(agent, real, steps), _rise(agent, dream, steps)


def _rise(agent: Agent, env: FeatureVectorEnv, steps: int) -> Rise:
    first, paid = np.full(env.num_envs, steps), 0.0
    for step in range(1, steps + 1):
        _, reward, *_ = env.step(agent.act(env.features()))
        paid += float(torch.as_tensor(reward).mean())
        up = (env.z[:, 0] > 0.95).numpy()
        first[up] = np.minimum(first[up], step)
    return Rise(float(first.mean()) / STEPS_PER_SECOND, paid)


def phase_film(states: NDArray[np.floating], dream: bool = False) -> NDArray[np.uint8]:
    """uint8 (T, 200, 400, 3): an episode's states (T, 3), cos, sin and angular velocity.

    Left the rod, whose angle counts leftwards; right the plane: across the angle, from upright over
    hanging (middle) to upright, upwards the velocity. A dream's path is orange, a real one's blue.
    """
    colour = DREAM_RGB if dream else REAL_RGB
    angle = np.arctan2(-states[:, 1], -states[:, 0])
    places = np.stack([angle / np.pi, -states[:, 2] / FASTEST], 1)
    places = np.rint((0.5 + 0.42 * places) * SIDE * SCALE).astype(int)  # (T, 2) x, y
    plane = _plane()
    frames = []
    for t, place in enumerate(places):
        if t and abs(place[0] - places[t - 1, 0]) < SIDE * SCALE / 2:  # not from edge to edge
            cv2.line(plane, places[t - 1].tolist(), place.tolist(), colour, 2 * SCALE, cv2.LINE_AA)
        now = plane.copy()
        cv2.circle(now, place.tolist(), 6 * SCALE, colour, -1, cv2.LINE_AA)
        both = np.concatenate([_rod(states[t], colour), now], 1)
        frames.append(cv2.resize(both, (2 * SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return np.stack(frames).astype(np.uint8)


def _plane() -> NDArray[np.uint8]:
    """The empty phase plane, large."""
    side = SIDE * SCALE
    plane = np.full((side, side, 3), PAPER, np.uint8)
    low, middle, high = (round(x * side) for x in (0.08, 0.5, 0.92))
    cv2.rectangle(plane, (low, low), (high, high), PALE, SCALE)
    cv2.line(plane, (low, middle), (high, middle), PALE, SCALE)
    cv2.line(plane, (middle, low), (middle, high), PALE, SCALE)
    for word, x in (("up", low), ("hanging", middle), ("up", high)):
        size = 0.42 * SCALE
        (width, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, size, SCALE)
        place = (min(max(x - width // 2, 2), side - width - 2), side - 5 * SCALE)
        cv2.putText(plane, word, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, SCALE, cv2.LINE_AA)
    return plane


def _rod(state: NDArray[np.floating], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The pendulum, large."""
    side = SIDE * SCALE
    picture = np.full((side, side, 3), PAPER, np.uint8)
    middle, length = side // 2, 0.4 * side
    cos, sin = state[:2] / max(float(np.hypot(*state[:2])), 1e-6)
    tip = round(middle - length * sin), round(middle - length * cos)
    cv2.circle(picture, (middle, middle), round(length), PALE, SCALE, cv2.LINE_AA)
    cv2.line(picture, (middle, middle), tip, colour, 8 * SCALE, cv2.LINE_AA)
    cv2.circle(picture, tip, 11 * SCALE, colour, -1, cv2.LINE_AA)
    cv2.circle(picture, (middle, middle), 4 * SCALE, INK, -1, cv2.LINE_AA)
    return picture
