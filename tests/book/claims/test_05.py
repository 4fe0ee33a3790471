"""What chapter 5 says about the published M's, on the sample episodes that no training saw."""

import numpy as np
import pytest
import torch

from wmlib import load_pretrained
from wmlib.book import memory_looks, probes, report, samples
from wmlib.learning.memory import validate

GAMES = {"Doom": "doom_take_cover", "car": "car_racing"}


@pytest.fixture(scope="module")
def agents():
    return {name: load_pretrained(game) for name, game in GAMES.items()}


@pytest.fixture(scope="module")
def shown():
    return {name: samples.load(game) for name, game in GAMES.items()}


@pytest.fixture(scope="module")
def ladders(agents, shown):
    found = {}
    for name in GAMES:
        held, cpu = shown[name].latents, torch.device("cpu")
        every = np.arange(len(held))
        told = [validate(agents[name].memory, held, every[[e]], cpu) for e in every]
        found[name] = memory_looks.ladder(held, told)
    return found


@pytest.fixture(scope="module")
def read(agents, shown):
    """The speed read out of z, of h and of the past actions."""
    held = shown["car"].latents
    z, a, rows = memory_looks.stretch(held, int(held.lengths.min()))
    inputs = {
        "z": torch.from_numpy(held.mu[rows].astype(np.float32)),
        "h": memory_looks.states(agents["car"].memory, z, a),
        "actions": memory_looks.fading_sums(a),
    }
    speed = shown["car"].latent_facts["speed"][rows]
    return {name: memory_looks.read_speed(x, speed) for name, x in inputs.items()}


def test_m_is_better_than_as_now_which_is_better_than_a_fixed_gaussian(ladders):
    for found in ladders.values():
        cost = [values.mean() for values in found.values()]
        assert list(found) == ["N(0, 1)", "best fixed Gaussian", "as now", "M", "floor"]
        assert cost == sorted(cost, reverse=True)


def test_the_floor_follows_from_v_s_price_and_doom_s_codes_do_not_fill_the_ball(ladders, shown):
    for name, found in ladders.items():
        held = shown[name].latents
        mu, logvar = held.mu.astype(np.float64), held.logvar.astype(np.float64)
        square = (mu**2 + np.exp(logvar)).mean()
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean()
        floor = 0.5 * np.log(2 * np.pi * np.e) - kl + 0.5 * (square - 1)
        assert found["floor"].mean() == pytest.approx(floor, abs=0.01)
        if name == "Doom":
            assert square < 0.9


def test_the_car_s_m_reads_from_h_0_and_its_loss_falls_ever_more_slowly_and_not_to_0():
    run = report.load_run("car_racing", "main")
    assert run.manifest("memory")["config"]["batching"] != "streams"
    above = np.array([row["val_nll"] - row["val_floor"] for row in run.metrics("memory")])
    quarter = len(above) // 4
    assert above[0] - above[quarter] > above[quarter] - above[-1]
    assert above[-1] > 0.05


def test_a_dream_of_60_steps_is_as_far_off_as_another_episode_one_step_is_not(agents, shown):
    vision, memory = agents["Doom"].vision, agents["Doom"].memory
    found = memory_looks.drift(vision, memory, shown["Doom"].latents)
    end = found.alone[:, -1][np.isfinite(found.alone[:, -1])]
    other = found.other[:, -1]
    parts = [x.var(ddof=1) / len(x) for x in (end, other)]
    assert abs(end.mean() - other.mean()) < 2 * sum(parts) ** 0.5
    assert (found.ahead.mean(0) > found.same).all()
    assert (found.ahead.mean(0) < found.other.mean(0)).all()


def test_divided_predictions_are_rare_and_their_gain_is_a_quarter_of_what_m_predicts(
    agents, shown, ladders
):
    z, a, _ = memory_looks.stretch(shown["Doom"].latents, 100, start=80)
    share, gain = memory_looks.two_minds(agents["Doom"].memory, z, a)
    assert share < 0.1
    found = ladders["Doom"]
    assert 0.2 < gain / (found["as now"].mean() - found["M"].mean()) < 0.3


def test_z_tells_nothing_of_the_speed_and_h_more_than_the_past_actions(read):
    assert abs(read["z"].r2) < 2 * read["z"].sem
    gain = read["h"].r2 - read["actions"].r2
    error = probes.jackknife_error(read["h"].without - read["actions"].without)
    assert gain > 2 * error
    assert read["h"].r2 > 0.5


def test_laboratory_notes_two_pictures_and_an_untrained_m_tell_less_than_the_past_actions(
    agents, shown, read
):
    held, memory = shown["car"].latents, agents["car"].memory
    z, a, rows = memory_looks.stretch(held, int(held.lengths.min()))
    speed = shown["car"].latent_facts["speed"][rows]
    mu = torch.from_numpy(held.mu[rows].astype(np.float32))
    h, pressed = memory_looks.states(memory, z, a), memory_looks.fading_sums(a)
    two = memory_looks.read_speed(torch.cat([mu, mu.roll(1, 1)], -1), speed)
    both = memory_looks.read_speed(torch.cat([pressed, h], -1), speed)
    assert abs(two.r2) < 2 * two.sem
    assert both.r2 < read["h"].r2 + read["h"].sem
    for seed in (0, 1, 2):
        blank = memory_looks.states(memory.untrained_copy(seed), z, a)
        assert memory_looks.read_speed(blank, speed).r2 < read["actions"].r2
