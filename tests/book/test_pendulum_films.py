"""The filmed pendulum: its rod points where it should, its path stays in the plane."""

import numpy as np

from wmlib import load_pretrained
from wmlib.book.pendulum_films import SIDE, lived, phase_film
from wmlib.book.video import DREAM_RGB, REAL_RGB


def inked(picture, colour):
    """Rows and columns (n, 2) of a picture's pixels in a colour."""
    return np.argwhere(np.abs(picture.astype(int) - colour).sum(-1) < 30)


def test_the_rod_and_the_path_show_the_states():
    angle = np.linspace(np.pi, 0, 50)  # from hanging over the left side to upright
    states = np.stack([np.cos(angle), np.sin(angle), np.full(50, -4.0)], 1)
    film = phase_film(states)
    assert film.shape == (50, SIDE, 2 * SIDE, 3)
    rods, planes = film[:, :, :SIDE], film[:, :, SIDE:]
    hanging, left, up = (inked(rods[t], REAL_RGB).mean(0) for t in (0, 25, 49))
    assert hanging[0] > SIDE / 2 + 30
    assert up[0] < SIDE / 2 - 30
    assert left[1] < SIDE / 2 - 30
    path = inked(planes[-1], REAL_RGB)
    assert path[:, 0].min() > SIDE / 2  # a negative velocity lies below the middle
    assert np.ptp(path[:, 1]) > 0.4 * SIDE
    assert len(inked(planes[-1], REAL_RGB)) > 2 * len(inked(planes[0], REAL_RGB))


def test_a_path_over_the_top_does_not_cross_the_plane_and_a_dream_is_orange():
    angle = np.array([0.1, -0.1])
    states = np.stack([np.cos(angle), np.sin(angle), [0, 0]], 1)
    plane = phase_film(states, dream=True)[-1, :, SIDE:]
    assert len(inked(plane[:, 40:-40], DREAM_RGB)) == 0
    assert len(inked(plane, DREAM_RGB)) > 0
    assert len(inked(plane, REAL_RGB)) == 0


def test_the_published_c_lives_through_an_episode_and_stands():
    agent = load_pretrained("pendulum")
    states = lived(agent, agent.real(1), seed=1000)
    assert states.shape == (200, 3)
    assert states[0, 0] < -0.9
    assert (states[-50:, 0] > 0.9).all()
