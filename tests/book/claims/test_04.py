"""What chapter 4 says about the published V's: their training's log and the sample episodes."""

import numpy as np
import pytest
import torch

from wmlib import load_pretrained
from wmlib.book import report, samples
from wmlib.model.vision import decode_pictures

GAMES = ("car_racing", "doom_take_cover")


@pytest.fixture(scope="module")
def vision():
    return {game: load_pretrained(game).vision for game in GAMES}


@pytest.fixture(scope="module")
def shown():
    return {game: samples.load(game) for game in GAMES}


@torch.inference_mode()
def drawn(vae, frames):
    """V's pictures of uint8 frames (B, 64, 64, 3)."""
    return decode_pictures(vae, vae.encode(torch.from_numpy(frames))[0])


def error(vae, frames):
    """Squared error of each frame (B,)."""
    return np.square((frames.astype(float) - drawn(vae, frames)) / 255).sum((1, 2, 3))


def test_one_louder_costs_half_a_nat_and_half_as_wide_a_third():
    def price(mu, sigma):
        return 0.5 * (mu**2 + sigma**2 - 1 - np.log(sigma**2))

    assert price(0, 1) == 0
    assert price(1, 1) == 0.5
    assert round(price(0, 0.5), 2) == 0.32


def test_reinforce_scatters_some_thirty_times_as_much_and_all_are_right_on_average():
    z = np.random.default_rng(0).standard_normal((4000, 32))
    f = ((z - 1) ** 2).sum(1)
    found = f * z[:, 0], (f - f.mean()) * z[:, 0], 2 * (z[:, 0] - 1)
    for estimate in found:
        assert abs(estimate.mean() + 2) < 3 * estimate.std() / len(z) ** 0.5
    assert 25 < found[0].std() / found[2].std() < 40


def test_the_kl_ends_close_to_the_floor_and_doom_s_floor_is_one_nat_a_number():
    car, doom = (report.load_run(game, "main") for game in GAMES)
    kl = np.mean([row["kl_raw"] for row in car.metrics("vision")[-20:]])
    assert 16 <= kl < 16.6
    assert car.manifest("vision")["config"]["kl_tolerance"] == 0.5
    assert doom.manifest("vision")["config"]["kl_tolerance"] == 1.0


def test_the_picture_comes_back_but_for_a_tenth_of_its_variance(vision, shown):
    frames = shown["car_racing"].frames
    variance = (frames.reshape(len(frames), -1) / 255).var(0).sum()
    assert error(vision["car_racing"], frames).mean() < 0.1 * variance


def test_an_averaged_error_leaves_about_a_hundredth_of_a_nat(shown):
    frames = shown["car_racing"].frames
    assert 0.007 < (frames.reshape(len(frames), -1) / 255).var(0).sum() / 12288 < 0.015


def test_fewer_than_half_of_the_numbers_tell_anything_and_none_tells_more_than_it_costs(shown):
    for game in GAMES:
        held = shown[game].latents
        mu, logvar = (torch.from_numpy(x.astype(np.float32)) for x in (held.mu, held.logvar))
        of_all = torch.log(mu.var(0) + logvar.exp().mean(0))
        tells = 0.5 * (of_all - logvar.mean(0))
        paid = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(0)
        assert int((tells > 0.1).sum()) < len(tells) / 2
        assert tells.sum() < paid.sum()


def test_a_frame_with_fireballs_costs_more(vision, shown):
    doom = shown["doom_take_cover"]
    wrong, balls = error(vision["doom_take_cover"], doom.frames), doom.facts["fireballs"]
    assert wrong[balls >= 2].mean() > 1.5 * wrong[balls == 0].mean()


def test_from_noise_the_car_s_v_draws_roads_and_doom_s_fires_larger_than_the_game_s(vision, shown):
    noise = torch.Generator().manual_seed(2)
    pictures = {
        game: decode_pictures(vision[game], torch.randn(60, vision[game].n_z, generator=noise))
        for game in GAMES
    }
    car, doom = (pictures[game].astype(int) for game in GAMES)
    grey = (np.abs(car[..., 0] - car[..., 1]) < 25).mean((1, 2))
    assert np.quantile(grey, 0.05) > 0.03

    def fire(frames):
        frames = frames.astype(int)
        return ((frames[..., 0] > 150) & (frames[..., 2] < frames[..., 0] - 60)).mean((1, 2))

    assert fire(doom).mean() > 3 * fire(shown["doom_take_cover"].frames).max()
