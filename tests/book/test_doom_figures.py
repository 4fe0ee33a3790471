"""Deaths by age are counted as a closed form says."""

import numpy as np
import pytest

from wmlib.book import doom_figures


def test_a_constant_risk_is_found_at_every_age():
    risk = 0.002
    lives = np.random.default_rng(0).geometric(risk, 20_000).clip(max=doom_figures.CAP)
    rate, error = doom_figures.deaths_by_age(lives)
    assert (np.abs(rate - 1000 * risk) < 4 * error).all()
    assert (error < 0.1).all()


def test_who_reaches_the_cap_has_not_died():
    rate, error = doom_figures.deaths_by_age([100, 300, 300, 300], (0, 200, 300))
    assert rate == pytest.approx([1000 / 700, 0])
    assert error == pytest.approx([1000 / 700, 0])
