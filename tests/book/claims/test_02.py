"""What chapter 2 says about its live runs, tried with other random numbers."""

from dataclasses import replace

import numpy as np
import pytest

from wmlib.book import credit

GAME = credit.LampTask(delay=10, pixels=64)
PIXELS = credit.LampTask(delay=100, pixels=144)
LATENTS = credit.learn_encoder(PIXELS, 4, 2000, np.random.default_rng(70))


def price(task, **changed):
    signal, noise = credit.reinforce_noise(task, **changed)
    return noise / signal


def price_of_evolution(task):
    signal, noise = credit.evolution_noise(task)
    return noise / signal


@pytest.mark.parametrize(("delay", "pixels"), [(0, 16), (9, 64), (99, 256)])
def test_the_price_is_that_of_the_equation(delay, pixels):
    task = credit.LampTask(delay, pixels)
    assert price(task) == pytest.approx((delay + 1) * (1 + pixels / task.strength**2) - 1)


def test_the_noise_of_a_small_gradient_is_measured_as_calculated():
    task = replace(GAME, pixels=16)
    g, _ = credit.reinforce_gradients(task, np.zeros(16), 1000, np.random.default_rng(30))
    noise, error = credit.noise_of(g, task.u / 2)
    assert abs(noise - credit.reinforce_noise(task)[1]) < 4 * error


def test_without_a_baseline_the_noise_is_far_larger():
    assert price(GAME, offset=10.0) > 50 * price(GAME)


def test_a_discount_makes_a_late_bell_worse():
    prices = [price(GAME, gamma=gamma) for gamma in (1.0, 0.99, 0.95, 0.9, 0.8)]
    assert prices == sorted(prices)


def test_sixty_four_times_as_many_weights_do_not_lower_the_ratio():
    task, rng = credit.LampTask(delay=10, pixels=16), np.random.default_rng(20)
    small, large = (
        [
            np.divide(*credit.signal_and_noise(credit.mlp_gradients(task, hidden, 1000, rng)))
            for _ in range(6)
        ]
        for hidden in (4, 256)
    )
    error = np.sqrt((np.var(small, ddof=1) + np.var(large, ddof=1)) / 6)
    assert np.mean(large) > np.mean(small) - 2 * error


def test_evolution_is_cheaper_in_long_episodes_with_small_controllers():
    assert price_of_evolution(GAME) == price_of_evolution(replace(GAME, delay=1000))
    assert price_of_evolution(GAME) > price(GAME)
    assert price_of_evolution(replace(GAME, delay=1000)) < price(replace(GAME, delay=1000))
    crossing = round(np.pi / 2 * GAME.pixels)
    assert price_of_evolution(GAME) == pytest.approx(price(replace(GAME, delay=crossing)), rel=0.05)


def test_a_longer_episode_teaches_a_model_more_and_a_controller_less():
    w, model = np.random.default_rng(3).standard_normal(64) / 8, []
    for delay in (0, 9, 99):
        task = replace(GAME, delay=delay)
        g = credit.autoencoder_gradients(task, w, 1000, np.random.default_rng(50))
        model.append(np.divide(*credit.signal_and_noise(g)))
    assert model == sorted(model)
    assert price(replace(GAME, delay=99)) > price(GAME) > price(replace(GAME, delay=0))


def test_with_vs_latents_both_learners_are_near_the_best_and_with_pixels_neither():
    best, found = PIXELS.success(PIXELS.u), {}
    for name, task in (("pixels", PIXELS), ("latents", LATENTS)):
        rng = np.random.default_rng(60)
        evolved = [credit.learn_by_evolution(task, 10, 16, 16, rng)[-1] for _ in range(4)]
        reinforced = [credit.learn_by_reinforce(task, 20, 128, 0.03, rng)[-1] for _ in range(2)]
        found[name] = np.mean(evolved), np.mean(reinforced)
    assert min(found["latents"]) > best - 0.04
    assert found["pixels"][0] + 0.1 < found["pixels"][1] < best - 0.05


def test_evolution_on_latents_is_the_cheapest_of_the_four():
    prices = {
        "evolution, latents": price_of_evolution(LATENTS),
        "evolution, pixels": price_of_evolution(PIXELS),
        "gradient, latents": price(LATENTS),
        "gradient, pixels": price(PIXELS),
    }
    assert min(prices, key=prices.get) == "evolution, latents"
    assert price(LATENTS) < price(PIXELS) / 10


def test_a_loud_background_takes_the_only_latent():
    loud = credit.LampTask(delay=0, pixels=64, background=6.0)
    right = {}
    for k in (1, 2):
        seen = credit.learn_encoder(loud, k, 2000, np.random.default_rng(80))
        right[k] = seen.success(seen.encoder @ loud.u)
    assert right[1] < 0.65
    assert right[2] > 0.95
