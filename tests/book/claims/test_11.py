"""What chapter 11 says about the stored trainings through the dream of the pendulum."""

import numpy as np
import pytest

from wmlib.book import report
from wmlib.records.files import read_json

PENDULUM = report.PUBLISHED / "pendulum"
STORED = read_json(PENDULUM / "gradients.json")
BEST = read_json(PENDULUM / "solved.json")["best_policy"]["mean"]
CONSTANT_PUSH = -1496
"""return of full torque to one side: the pendulum leans against it and stays there"""
SHORT, LONG, EVOLUTION, POLICY = "short, value", "long", "evolution", "policy gradient"


def rows(name):
    return [row for row in STORED["learners"] if row["learner"] == name]


def stands(row):
    return row["test"]["upright"] >= 90


def by_praise(name):
    return max(rows(name), key=lambda row: row["dream"]["mean"])


def chosen(choice, key):
    found = [row[key] for row in STORED["choices"] if row["choice"] == choice]
    assert len(found) == 8
    return np.mean(found)


@pytest.mark.parametrize("name", [SHORT, LONG, EVOLUTION, POLICY])
def test_each_learner_has_three_trainings_of_100_test_episodes(name):
    assert sorted(row["seed"] for row in rows(name)) == [0, 1, 2]
    assert {row["test"]["n"] for row in rows(name)} == {100}


def test_a_constant_push_gets_what_the_text_compares_with():
    from wmlib.tasks import get_task
    from wmlib.worlds.real import make_games

    games = make_games(get_task("pendulum"), 2, 200)
    games.reset(seed=[1000, 1001])
    paid = sum(games.step(np.full((2, 1), 2, np.float32))[1] for _ in range(200))
    games.close()
    assert np.mean(paid) == pytest.approx(CONSTANT_PUSH, abs=5)


def test_through_whole_dreams_no_pendulum_stands_and_a_constant_push_gets_as_much():
    assert not any(stands(row) for row in rows(LONG))
    assert all(abs(row["test"]["mean"] - CONSTANT_PUSH) < 100 for row in rows(LONG))


def test_the_cars_gradients_stand_behind_the_m_of_the_dreamed_car():
    stored = read_json(report.PUBLISHED / "car_racing/teachers.json")
    seeds = read_json(report.PUBLISHED / "car_racing/dreamed/seeds.json")
    assert stored["weights"] == seeds["weights"]
    climbs = [r for r in stored["rows"] if r["learner"] == "gradient"]
    assert sorted(r["seed"] for r in climbs) == [0, 1, 2]
    assert len({tuple(c["steps"] for c in r["curve"]) for r in climbs}) == 1
    best = max(c["mean"] for r in seeds["trainings"] for c in r["kept"])
    assert best > max(c["mean"] + 2 * c["sem"] for r in climbs for c in r["curve"])


@pytest.mark.parametrize(("name", "tries"), [("long, large start", 1), ("long, best of 16", 16)])
def test_other_starts_of_whole_dreams_end_elsewhere_and_nobody_stands(name, tries):
    assert sorted(row["seed"] for row in rows(name)) == [0, 1, 2]
    assert not any(stands(row) for row in rows(name))
    for row in rows(name):
        before = rows(LONG)[0]["config"] | {"scale": 10 * rows(LONG)[0]["config"]["scale"]}
        assert row["config"] == before | {"tries": tries}


def test_the_best_of_many_starts_is_better_than_the_small_one():
    assert min(r["test"]["mean"] for r in rows("long, best of 16")) > max(
        r["test"]["mean"] for r in rows(LONG)
    )


def test_the_two_that_stand_are_praised_alike():
    one, two = (r["dream"] for r in rows(SHORT) if stands(r))
    assert abs(one["mean"] - two["mean"]) < np.hypot(one["sem"], two["sem"])


def test_evolution_stands_in_all_trainings_and_short_dreams_do_not():
    assert all(stands(row) for row in rows(EVOLUTION))
    assert 0 < sum(stands(row) for row in rows(SHORT)) < 3
    assert all(row["test"]["mean"] < -1000 for row in rows(SHORT) if not stands(row))


def test_where_short_dreams_find_the_top_no_other_learner_gets_so_much():
    others = [row["test"] for name in (LONG, EVOLUTION, POLICY) for row in rows(name)]
    assert all(
        row["test"]["mean"] - 2 * row["test"]["sem"] > max(t["mean"] + 2 * t["sem"] for t in others)
        for row in rows(SHORT)
        if stands(row)
    )


def test_they_dream_a_third_of_evolutions_steps_and_take_longer():
    assert rows(EVOLUTION)[0]["dreamed_steps"] == 3 * rows(SHORT)[0]["dreamed_steps"]
    assert min(r["cpu_seconds"] for r in rows(SHORT)) > max(
        r["cpu_seconds"] for r in rows(EVOLUTION)
    )


def test_the_dreams_praise_picks_a_c_that_stands():
    praised = by_praise(SHORT)
    assert stands(praised)
    assert praised["test"]["mean"] == max(row["test"]["mean"] for row in rows(SHORT))


def test_long_gradients_are_longer():
    middle = [np.median([row["norms"][2] for row in rows(name)]) for name in (LONG, SHORT)]
    assert middle[0] > 8 * middle[1]


def test_short_gradients_agree_and_long_ones_have_directions_of_their_own():
    short, long = (
        [row["cosine"] for row in STORED["agreement"] if row["horizon"] == horizon]
        for horizon in (20, 200)
    )
    assert len(short) == len(long) == 18
    assert min(short) > 0.8
    assert abs(np.mean(long)) < 0.3
    assert min(long) < -0.9


def test_holding_the_choice_loses_little_and_the_score_function_is_noisy():
    whole = chosen("implicit", "slope")
    assert abs(chosen("held", "slope") - whole) < 0.1 * whole
    assert abs(chosen("relaxed", "slope") - whole) < 0.1 * whole
    assert chosen("score", "slope") < 0.75 * whole
    assert chosen("score", "cosine") < chosen("held", "cosine") - 0.2


def test_gradient_and_evolution_are_promised_more_than_the_game_pays():
    standing = [row for row in rows(SHORT) + rows(EVOLUTION) if stands(row)]
    assert all(row["dream"]["mean"] > row["test"]["mean"] for row in standing)
    assert by_praise(SHORT)["dream"]["mean"] > BEST


def test_one_training_of_evolution_dreams_as_much_as_three_short_ones_in_a_fifth_of_their_time():
    def sums(name, key):
        return sum(row[key] for row in rows(name))

    each = len(rows(EVOLUTION))
    assert sums(SHORT, "dreamed_steps") == pytest.approx(
        sums(EVOLUTION, "dreamed_steps") / each, rel=0.02
    )
    assert 4 < sums(SHORT, "cpu_seconds") / (sums(EVOLUTION, "cpu_seconds") / each) < 6


DOOM = read_json(report.PUBLISHED / "doom_take_cover/teachers.json", rows=list)["rows"]


def test_dooms_learners_learned_behind_the_m_of_the_loops_first_round():
    first = read_json(report.PUBLISHED / "doom_take_cover/loop/rounds.json")["rounds"][0]
    (row,) = (r for r in DOOM if r["learner"] == "policy gradient")
    assert (row["curve"][-1]["mean"], row["n"]) == (first["real_return"], first["n"])


def ends(name):
    """The last scored C of each training."""
    return [row["curve"][-1] for row in DOOM if row["learner"] == name]


def test_on_doom_two_of_three_gradients_are_ahead_of_an_eighth_of_the_policy_gradients_steps():
    (marked,) = ends("policy gradient")
    climbs = ends("gradient")
    assert len(climbs) == 3
    assert sum(c["mean"] > marked["mean"] for c in climbs) == 2
    assert min(c["mean"] for c in climbs) < 0.6 * marked["mean"]
    assert marked["steps"] == 8 * climbs[0]["steps"]
    seconds = {row["learner"]: row["cpu_seconds"] for row in DOOM}
    assert seconds["gradient"] < seconds["policy gradient"] / 3
    assert {row["n"] for row in DOOM} == {64}


def test_on_doom_a_gradient_with_large_steps_is_stuck_for_good_without_a_slope():
    (stuck,) = (row for row in DOOM if row["learner"] == "gradient, large steps")
    assert len({c["mean"] for c in stuck["curve"]}) == 1
    assert stuck["norms"][-1] > 1  # there was a slope
    assert stuck["norms"][2] < 1e-3
    assert all(row["norms"][2] > 1 for row in DOOM if row["learner"] == "gradient")
    rates = {row["learner"]: row["config"].get("learning_rate") for row in DOOM}
    assert rates["gradient, large steps"] == pytest.approx(30 * rates["gradient"])
