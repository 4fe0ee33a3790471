"""What chapter 9 says about temperatures, dreams and deaths."""

from itertools import combinations

import numpy as np
import pytest

from wmlib.book import doom_figures, paper, report

TASK = "doom_take_cover"


def run(name):
    return report.load_run(TASK, name)


@pytest.fixture(scope="module")
def groups():
    return report.temperature_runs()


@pytest.fixture(scope="module")
def scores(groups):
    return report.temperature_scores(groups)


def held():
    return doom_figures.stored("dream_checks")["fireballs"]["held"]


def test_all_files_are_of_this_pages_agent(groups):
    weights = run("main").evaluation["weights"]
    assert doom_figures.stored("dream_checks")["weights"] == weights
    assert doom_figures.stored("dream_lives")["weights"] == weights
    matrix = doom_figures.stored("temperature_matrix")
    runs = [r for group in groups.values() for r in group]
    assert {r.evaluation["weights"]["memory"] for r in runs} == {weights["memory"]}
    assert matrix["weights"]["memory"] == weights["memory"]
    assert matrix["controllers"].keys() == {r.name for r in runs}


def test_the_colder_dream_has_fewer_balls_and_is_not_empty():
    shares = [row["share_with_fireball"] for row in held().values()]
    births = [row["births_per_100_steps"] for row in held().values()]
    assert shares == sorted(shares)
    assert births == sorted(births)
    assert births[0] > 1


def test_the_game_lies_between_the_cold_and_the_fair_dream():
    real = doom_figures.stored("dream_checks")["fireballs"]["probe, held"]
    assert held()["0.10"]["share_with_fireball"] < real["share_with_fireball"]
    assert held()["1.00"]["share_with_fireball"] > 1.2 * real["share_with_fireball"]


def test_one_step_ahead_the_count_is_right():
    t = doom_figures.stored("dream_checks")["teacher_forced"]
    assert t["fireballs_dreamed"] == pytest.approx(t["fireballs_real"], rel=0.02)


def test_the_papers_cold_player_lives_in_a_world_that_does_not_exist():
    dream, game = paper.DOOM_TAU[0.1]
    assert dream[0] > 0.95 * doom_figures.CAP
    chance = run("random_uniform").evaluation["mean"]
    assert game[0] < chance
    best = max(paper.DOOM_TAU, key=lambda tau: paper.DOOM_TAU[tau][1][0])
    assert best == 1.15
    assert paper.DOOM_TAU[best][0][0] < paper.DOOM_TAU[best][1][0]  # harder than the game


def test_our_dream_scores_fall_with_the_temperature(scores):
    dream = [found.mean for found in scores[0].values()]
    assert dream[0] > dream[1] > max(dream[2:])
    assert dream[-1] == min(dream)


def test_the_cold_pair_is_worse_in_the_game_than_those_of_warm_dreams(scores):
    game = scores[1]
    cold = game[0.1].each
    warm = [mean for tau, found in game.items() if tau >= 1 for mean in found.each]
    assert (len(cold), len(warm)) == (2, 6)
    error = game[0.1].sem * np.sqrt(len(cold)) * np.sqrt(1 / len(cold) + 1 / len(warm))
    assert np.mean(warm) - np.mean(cold) > 2 * error
    draws = [np.mean(pair) for pair in combinations([*cold, *warm], 2)]
    assert sum(mean <= np.mean(cold) for mean in draws) == 1
    assert len(draws) == 28


def test_the_cold_ones_live_as_long_as_the_clock(groups):
    clock = run("random_sweep").evaluation
    for cold in groups[0.1]:
        gap = cold.evaluation["mean"] - clock["mean"]
        assert abs(gap) < 2 * np.hypot(cold.evaluation["sem"], clock["sem"])


def test_all_live_longer_in_their_dream_than_in_the_game(scores):
    dream, game = scores
    assert all(dream[tau].mean > game[tau].mean for tau in game)


def test_the_published_c_learned_three_times_as_long_at_1_15(groups):
    updates = {
        r.manifest("controller")["config"]["updates"] for group in groups.values() for r in group
    }
    longer = run("main").manifest("controller")["config"]
    assert updates == {500}
    assert (longer["updates"], longer["tau"]) == (1500, 1.15)


def test_the_dream_is_kinder_to_the_clock_and_kinder_still_to_the_c_that_learned_in_it():
    clock, learned = doom_figures.kindness("random_sweep"), doom_figures.kindness("main")
    assert clock.times > 1 + 3 * clock.error
    assert learned.times - clock.times > 2 * np.hypot(learned.error, clock.error)


def rates(name):
    """Deaths by age in the game and in the dream, each (rates, errors)."""
    dream = doom_figures.stored("dream_lives")["dreams"]["1.15"][name]["lengths"]
    lives = run(name).evaluation["lengths"], dream
    return [doom_figures.deaths_by_age(lengths) for lengths in lives]


def test_at_nearly_every_age_it_is_kinder_to_the_c():
    times = [game[0] / dream[0] for game, dream in map(rates, ("main", "random_sweep"))]
    assert sum(times[0] > times[1]) >= len(doom_figures.AGES) - 2


@pytest.mark.parametrize("name", ["main", "random_sweep"])
def test_the_game_hardens_with_age_and_the_dream_hardly(name):
    (game, game_error), (dream, dream_error) = rates(name)
    assert game[-1] - game[1] > 2 * np.hypot(game_error[-1], game_error[1])
    assert abs(dream[-1] - dream[1]) < np.hypot(dream_error[-1], dream_error[1])
    assert game[-1] > 4 * game[0]


def test_to_the_random_policy_the_dream_is_the_harder_world():
    dream = doom_figures.stored("dream_lives")["dreams"]["1.15"]["random_held"]
    game = run("random_held").evaluation
    assert dream["mean"] + 5 * dream["sem"] < game["mean"]
    assert game["mean"] < doom_figures.AGES[1]  # it dies before the room is full


def test_the_coldest_dream_gives_all_the_same_mark_and_the_warm_one_the_cold_pair_the_lowest():
    rows = doom_figures.stored("temperature_matrix")["controllers"]
    assert min(row["0.10"]["mean"] for row in rows.values()) > 0.9 * doom_figures.CAP
    last = sorted(rows, key=lambda name: rows[name]["1.15"]["mean"])[:2]
    assert {name[:8] for name in last} == {"tau_0.10"}


def test_the_papers_spread_shrinks_at_1_30_and_ours_does_not(groups):
    mean, std = paper.DOOM_TAU[1.3][1]
    assert std < paper.DOOM_TAU[1.15][1][1] / 3
    assert (500 - mean) / std < -1.5
    assert (1000 - mean) / std > 1.5
    assert all(r.evaluation["std"] > 3 * std for r in groups[1.3])


# --- the laboratory notes ------------------------------------------------------------------------


def test_warmer_dreams_put_the_cold_pair_below_the_others(groups):
    rows = doom_figures.stored("temperature_matrix")["controllers"]
    for tau in ("0.50", "1.00", "1.15", "1.30"):
        means = {t: np.mean([rows[r.name][tau]["mean"] for r in g]) for t, g in groups.items()}
        assert min(means, key=means.get) == 0.1


def test_fewer_passes_over_more_deaths_are_learned_less_by_heart():
    rows = doom_figures.stored("end_heads")["rows"]
    assert rows[-1]["memory_sha256"] == run("main").evaluation["weights"]["memory"]
    ratios = [row["held_out"]["end"] / row["trained"]["end"] for row in rows]
    assert ratios[-1] == min(ratios)
    assert ratios[1] == max(ratios)
    assert rows[-1]["passes"] == min(row["passes"] for row in rows)


def test_a_hit_is_the_throw_of_an_eight_sided_die():
    before, taken = np.array(doom_figures.stored("habits")["main"]["hits"]).T
    unit = np.gcd.reduce(taken)
    assert np.mean(taken <= 8 * unit) > 0.95  # more are two balls in one tic
    assert 0 < np.mean(taken[before == 100] >= 100) < 1
