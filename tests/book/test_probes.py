"""Linear probes: known weights come back, and nothing is read out where there is nothing."""

import numpy as np
import pytest

from wmlib.agent import load_pretrained, pretrained_folder
from wmlib.book.probes import (
    CountProbe,
    fit_counts,
    fit_ridge,
    jackknife_error,
    load_probe,
    read_out,
    save_probe,
)
from wmlib.records.files import read_json, sha256


def test_ridge_finds_the_weights_whatever_the_scale() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)) * [1.0, 100.0, 0.01] + [0.0, 50.0, 3.0]
    y = x @ [2.0, -0.03, 40.0] + 7.0
    probe = fit_ridge(x, y, penalty=1e-9)
    assert np.allclose(probe.weight, [2.0, -0.03, 40.0], rtol=1e-5)
    assert np.allclose(probe(x), y, atol=1e-4)


def test_ridge_equals_the_normal_equations_and_ignores_a_constant_feature() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=50)
    u = (x - x.mean(0)) / x.std(0)
    expected = np.linalg.solve(u.T @ u + 5.0 * np.eye(4), u.T @ (y - y.mean())) / x.std(0)
    with_constant = np.hstack([x, np.full((50, 1), 3.0)])
    probe = fit_ridge(with_constant, y, penalty=0.1)
    assert np.allclose(probe.weight[:4], expected)
    assert probe.weight[4] == 0


def test_read_out_is_honest_about_episodes() -> None:
    # A feature that only names the episode predicts within it, and nothing on a new episode.
    rng = np.random.default_rng(3)
    episode = np.repeat(np.arange(12), 50)
    level = rng.normal(size=12)
    names = np.eye(12)[episode]
    y = level[episode] + 0.1 * rng.normal(size=600)
    assert fit_ridge(names, y, 1e-6)(names) == pytest.approx(y, abs=0.6)
    assert read_out(names, y, episode).r2 < 0.05
    x = np.column_stack([y + 0.1 * rng.normal(size=600), rng.normal(size=600)])
    found = read_out(x, y, episode)
    assert 0.9 < found.r2 < 1.0  # the levels of a new episode may lie beyond those fitted
    assert 0.0 < found.sem < 0.05


def test_nothing_is_predicted_beyond_what_was_fitted() -> None:
    rng = np.random.default_rng(6)
    episode, x = np.repeat(np.arange(12), 50), rng.normal(size=(600, 1))
    y = x[:, 0] + 0.3 * rng.normal(size=600)
    plain = read_out(x, y, episode)
    x[episode == 7] *= 20  # unlike all others: a line would run far beyond every y
    strange = read_out(x, y, episode)
    assert y.min() <= strange.predicted.min()
    assert strange.predicted.max() <= y.max()
    gain = plain.r2 - strange.r2
    assert gain > 0.01
    assert 0 < jackknife_error(plain.without - strange.without) < 0.5


def test_counts_are_found_and_scored() -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(size=(4000, 5))
    counts = np.digitize(z[:, 0] + 0.05 * rng.normal(size=4000), [-0.5, 0.5, 1.0])
    probe = fit_counts(z[:3000], counts[:3000], most=3)
    assert (probe(z[3000:]) == counts[3000:]).mean() > 0.9
    scores = probe.scores(z[3000:], counts[3000:])
    assert min(scores["precision"], scores["recall"], scores["correlation"]) > 0.95
    blind = CountProbe(((np.zeros((1, 5)), np.array([1.0])),))  # says "one" to everything
    found = blind.scores(z, counts)
    assert found["recall"] == 1.0
    assert found["precision"] == pytest.approx((counts > 0).mean())


def test_a_stored_probe_counts_the_same(tmp_path) -> None:
    rng = np.random.default_rng(5)
    first = rng.normal(size=(6, 8)), rng.normal(size=6)
    probe = CountProbe((first, (rng.normal(size=(3, 6)), rng.normal(size=3))))
    save_probe(tmp_path / "p.safetensors", probe, task="doom_take_cover")
    loaded = load_probe(tmp_path / "p.safetensors")
    z = rng.normal(size=(100, 8))
    np.testing.assert_allclose(loaded.log_odds(z), probe.log_odds(z), atol=0.05)


def test_the_published_probe_was_fitted_to_the_published_v() -> None:
    folder = pretrained_folder("doom_take_cover")
    facts = read_json(folder / "probes" / "fireballs.json")
    assert facts["vision_sha256"] == sha256(folder / "vision" / "vision.safetensors")
    n_z = load_pretrained("doom_take_cover").vision.n_z
    assert load_probe().layers[0][0].shape[1] == n_z
    assert min(facts["held_out"]["precision"], facts["held_out"]["recall"]) > 0.6


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"x \(n, D\)"):
        fit_ridge(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="at least 3 episodes"):
        read_out(np.zeros((4, 1)), np.zeros(4), np.array([0, 0, 1, 1]))
