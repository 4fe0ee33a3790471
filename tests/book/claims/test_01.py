"""What chapter 1 says about its batters and its loop, from the chapter's own cells."""

import numpy as np
import pytest
import torch
from chapter_cells import names_of

from wmlib import GameFeatures
from wmlib.worlds.real import make_games

CHAPTER = "01_a_model_in_the_head"
SEEDS = range(5)


@pytest.fixture(scope="module")
def batter():
    cells = ("DISTANCE, SPEED =", "def height(", "def with_one(", "def contact(")
    return names_of(CHAPTER, *cells, np=np)


def contacts(batter, seed, **thrown):
    """Contact of the four batters with 2,000 pitches, after a thousand watched."""
    rng = np.random.default_rng(seed)
    model = batter["learn"](batter["pitches"](1000, rng), rng)
    return batter["contact"](batter["pitches"](2000, rng, **thrown), rng, model)


def test_without_a_model_the_batter_nearly_always_misses(batter):
    for seed in SEEDS:
        score = contacts(batter, seed)
        assert max(score["no model"], score["straight line"]) < 0.005


def test_the_learned_model_hits_three_in_four_and_more_than_given_physics(batter):
    for seed in SEEDS:
        score = contacts(batter, seed)
        assert 0.72 < score["learned model"] < 0.80
        assert score["learned model"] - score["given physics"] > 0.04


def test_the_learned_model_misses_almost_everything_it_has_never_seen(batter):
    for seed in SEEDS:
        assert contacts(batter, seed, spin=(-4.0, 1.0))["learned model"] < 0.005


def test_an_old_picture_costs_most_without_a_model_and_the_learned_one_is_always_best(batter):
    """The first exercise: mean errors for fresh and for old pictures."""
    errors = {}
    for until in (0.25, 0.15, 0.05):
        rng = np.random.default_rng(0)
        balls = batter["pitches"](1000, rng)
        _, seen = batter["look"](balls, rng, until)
        arrival = batter["height"](batter["FLIGHT"], *balls)
        model = np.linalg.lstsq(batter["with_one"](seen), arrival, rcond=None)[0]
        balls = batter["pitches"](2000, rng)
        arrival = batter["height"](batter["FLIGHT"], *balls)
        swings = batter["swing"](*batter["look"](balls, rng, until), model)
        errors[until] = {name: np.abs(y - arrival).mean() for name, y in swings.items()}
    lost = {name: errors[0.05][name] - errors[0.25][name] for name in errors[0.05]}
    assert max(lost, key=lost.get) == "no model"
    assert {min(error, key=error.get) for error in errors.values()} == {"learned model"}
    assert lost["given physics"] < 0.06
    assert errors[0.25]["no model"] > 0.3


def test_a_batter_of_two_worlds_hits_about_half_in_each(batter):
    """The second exercise."""
    rng = np.random.default_rng(0)
    both = [batter["pitches"](500, rng, spin=(spin, 1.0)) for spin in (4.0, -4.0)]
    model = batter["learn"](tuple(np.concatenate(pair) for pair in zip(*both)), rng)
    for spin in (4.0, -4.0):
        balls = batter["pitches"](2000, rng, spin=(spin, 1.0))
        assert 0.4 < batter["contact"](balls, rng, model)["learned model"] < 0.6


def test_c_is_less_than_a_five_thousandth_of_the_whole(capsys):
    names_of(CHAPTER, "import torch")
    for line in capsys.readouterr().out.splitlines():
        v, m, c = (int(word.replace(",", "")) for word in line.split() if word[0].isdigit())
        assert c / (v + m + c) < 1 / 5000


def test_the_chapters_loop_lives_through_the_same_steps_as_the_package(capsys):
    made = names_of(CHAPTER, "import torch", "from wmlib.worlds import noise")
    torch.manual_seed(1)
    params = 0.1 * torch.randn(made["controller"].n_params)
    game = make_games(made["task"], num_envs=1, max_episode_steps=2100)
    diary = made["live"](game, params, seed=100_000, steps=30)
    game.close()
    games = make_games(made["task"], num_envs=1, max_episode_steps=2100)
    package = GameFeatures(made["task"], games, made["vision"], made["memory"])
    features, _ = package.reset(seed=[100_000])
    for t in range(30):
        # The package calculates in 16-bit numbers where that is faster.
        torch.testing.assert_close(features[0], diary[t], atol=0.02, rtol=0)
        features, *_ = package.step(made["controller"].act(params[None], features))
    package.close()
