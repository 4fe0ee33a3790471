"""The lamp game: every closed form of chapter 2 against measurement, and the learners."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wmlib.book import credit
from wmlib.book.credit import LampTask


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("delay", "pixels"), [(0, 4), (7, 4), (7, 32), (30, 32)])
def test_reinforce_noise_equals_its_closed_form(delay, pixels):
    task = LampTask(delay, pixels)
    g, _ = credit.reinforce_gradients(task, np.zeros(pixels), 4000, rng())
    signal, noise = credit.reinforce_noise(task)
    measured, se = credit.noise_of(g, task.u / 2)
    assert abs(measured - noise) < 4 * se
    assert signal == pytest.approx(np.sum((task.u / 2) ** 2))
    along = g @ task.u / task.strength  # its mean is |gradient| = sqrt(signal)
    assert abs(along.mean() - signal**0.5) < 4 * along.std() / len(g) ** 0.5


def test_reinforce_noise_with_discount_offset_encoder_and_background():
    task = credit.learn_encoder(LampTask(6, 16, background=1.5), 3, 2000, rng(1))
    g, R = credit.reinforce_gradients(task, np.zeros(3), 40_000, rng(2), gamma=0.8, offset=2.0)
    _, noise = credit.reinforce_noise(task, gamma=0.8, offset=2.0)
    truth = 0.8**6 * task.encoder @ task.u / 2
    measured, se = credit.noise_of(g, truth)
    assert abs(measured - noise) < 4 * se
    assert abs(R.mean() - 2.0) < 0.05


def test_the_gradient_is_the_slope_of_the_expected_return():
    """Away from theta = 0, against common random numbers and finite differences."""
    task = LampTask(2, 4)
    theta = np.array([0.5, -0.2, 0.3, 0.1])
    g, _ = credit.reinforce_gradients(task, theta, 200_000, rng(3))
    c, x = task.observe(400_000, rng(4))

    def value(w):
        return np.mean(c * np.tanh(x @ w / 2))  # 2 sigmoid - 1

    slope = [(value(theta + e) - value(theta - e)) / 2e-3 for e in 1e-3 * np.eye(4)]
    assert np.all(np.abs(g.mean(0) - slope) < 5 * g.std(0) / len(g) ** 0.5)


def test_evolution_noise_does_not_depend_on_the_delay():
    task, r = LampTask(3, 32), rng(5)
    eps = r.standard_normal((20_000, 32))
    c, x = task.observe(20_000, r)  # the presses after the first do not change the return
    R = c * np.sign(np.sum(0.5 * eps * x, axis=1))
    g = R[:, None] * eps / 0.5
    signal, noise = credit.evolution_noise(task, sigma=0.5)
    measured, se = credit.noise_of(g, signal**0.5 * task.u / task.strength)
    assert abs(measured - noise) < 4 * se
    assert noise + signal == pytest.approx(32 / 0.25)
    assert credit.evolution_noise(replace(task, delay=300), 0.5) == (signal, noise)


def test_success_is_the_frequency_of_right_presses():
    task = credit.learn_encoder(LampTask(0, 16, background=2.0), 4, 1000, rng(6))
    theta = rng(7).standard_normal(4) + task.encoder @ task.u
    c, z = task.observe(100_000, rng(8))
    assert np.mean(np.sign(z @ theta) == c) == pytest.approx(task.success(theta), abs=0.005)
    assert task.success(np.zeros(4)) == 0.5


def test_mlp_gradients_are_those_of_autograd():
    """Replays the same random numbers in the same order, and lets torch differentiate."""
    task, hidden, n = LampTask(2, 8), 3, 5
    mine = credit.mlp_gradients(task, hidden, n, rng(9))
    r = rng(9)
    W = torch.tensor(r.standard_normal((hidden, 8)) / np.sqrt(8), requires_grad=True)
    v = torch.tensor(r.standard_normal(hidden) / np.sqrt(hidden), requires_grad=True)
    logp = torch.zeros(n, dtype=torch.float64)
    for t in range(3):
        c, x = task.observe(n, r)
        p = torch.sigmoid(torch.tanh(torch.tensor(x) @ W.T) @ v)
        a = r.random(n) < p.detach().numpy()
        logp = logp + torch.where(torch.tensor(a), p, 1 - p).log()
        if t == 0:
            R = np.where(a == (c > 0), 1.0, -1.0)
    for i in range(n):
        gW, gv = torch.autograd.grad(R[i] * logp[i], (W, v), retain_graph=True)
        np.testing.assert_allclose(mine[i], torch.cat([gW.flatten(), gv]).numpy(), atol=1e-12)


def test_autoencoder_gradients_are_those_of_autograd():
    task = LampTask(3, 8)
    w0 = rng(10).standard_normal(8)
    mine = credit.autoencoder_gradients(task, w0, 2, rng(11)).mean(0)
    r, w = rng(11), torch.tensor(w0, requires_grad=True)
    loss = 0
    for _ in range(4):
        x = torch.tensor(task.observe(2, r)[1])
        loss = loss + ((x - (x @ w)[:, None] * w) ** 2).sum() / 2 / 2
    np.testing.assert_allclose(mine, torch.autograd.grad(loss, w)[0].numpy(), atol=1e-12)


def test_signal_and_noise_are_unbiased():
    mean = np.array([0.3, 0.0, -0.1])
    pairs = [credit.signal_and_noise(mean + rng(i).standard_normal((20, 3))) for i in range(2000)]
    signal, noise = np.mean(pairs, axis=0)
    assert signal == pytest.approx(0.1, abs=0.02)
    assert noise == pytest.approx(3.0, rel=0.02)


def test_the_encoder_makes_the_small_controller_learn_where_the_large_one_fails():
    """The claim of chapter 2: same game, same episodes, same evolution."""
    game = LampTask(delay=100, pixels=256)
    seen = credit.learn_encoder(game, 4, 2000, rng(12))
    large = credit.learn_by_evolution(game, 30, 16, 16, rng(13))
    small = credit.learn_by_evolution(seen, 30, 16, 16, rng(13))
    assert small[-1] > 0.93
    assert large[-1] < 0.8
    assert seen.success(seen.encoder @ game.u) > 0.97


def test_a_background_louder_than_the_lamp_pushes_it_out_of_a_narrow_encoder():
    game = LampTask(0, 64, strength=2.0, background=6.0)
    narrow = credit.learn_encoder(game, 1, 2000, rng(14))
    wide = credit.learn_encoder(game, 2, 2000, rng(14))
    assert narrow.success(narrow.encoder @ game.u) < 0.65
    assert wide.success(wide.encoder @ game.u) > 0.95


def test_reinforce_learns_and_is_reproducible():
    task = LampTask(3, 8)
    curves = [credit.learn_by_reinforce(task, 30, 64, 0.1, rng(15)) for _ in range(2)]
    np.testing.assert_array_equal(*curves)
    assert curves[0][-1] > 0.9


def test_evolution_leaves_numpys_global_generator_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    curves = [credit.learn_by_evolution(LampTask(1, 8), 3, 8, 4, rng(16)) for _ in range(2)]
    np.testing.assert_array_equal(*curves)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("wrong", [{"delay": -1}, {"pixels": 6}, {"encoder": np.eye(3)}])
def test_wrong_games_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must have shape|needs delay"):
        LampTask(**wrong)
