"""What chapter 8 says about the stored runs of Doom."""

import numpy as np
import pytest

from wmlib.book import doom_figures, paper, report
from wmlib.configs import EvolveConfig, PolicyConfig
from wmlib.data.policies import SWEEP

TASK = "doom_take_cover"
BARS = ("even_odds", "second_round")


def run(name):
    return report.load_run(TASK, name)


def score(name):
    return run(name).evaluation


def difference(one, other):
    """Mean of one score minus another's, and its standard error."""
    return one["mean"] - other["mean"], np.hypot(one["sem"], other["sem"])


def gain(rows, key, error):
    first, last = rows[0], rows[-1]
    return last[key] - first[key], np.hypot(first[error], last[error])


def test_the_searched_ones_dream_score_rises_and_the_games_does_not():
    curve = run("evolved").curve
    dream, dream_error = gain(curve, "mean_return", "sem")
    real, real_error = gain(curve, "real_return", "real_sem")
    assert dream > 3 * dream_error
    assert abs(real) < real_error
    assert run("evolved").manifest("controller")["config"]["end_above"] < 0.5
    assert curve[0]["mean_return"] < curve[0]["real_return"]  # its dreams are short


def test_risk_teaches_what_the_game_pays():
    rows = [row for row in run("main").metrics("controller") if "real_return" in row]
    assert (rows[0]["update"], rows[-1]["update"], len(rows)) == (250, 1500, 6)
    gained, error = gain(rows, "real_return", "real_sem")
    assert gained > 3 * error
    assert PolicyConfig.of(run("main").manifest("controller")["config"]).world.tau == 1.15


def test_the_published_c_is_better_than_the_clock_and_the_evolved_one_is_not():
    gap, error = difference(score("main"), score("random_sweep"))
    assert gap > 5 * error
    gap, error = difference(score("evolved"), score("random_sweep"))
    assert abs(gap) < error


def test_the_clock_solves_the_task():
    clock = score("random_sweep")
    assert clock["mean"] - 2 * clock["sem"] > paper.DOOM_SOLVED


def test_evolution_had_half_as_many_dreamed_tics():
    c = PolicyConfig.of(run("main").manifest("controller")["config"])
    searched = sum(row["steps"] for row in run("evolved").metrics("controller"))
    assert searched / (c.updates * c.dreams * c.steps) == pytest.approx(0.5, abs=0.05)
    assert run("evolved").manifest("controller")["config"]["tau"] == 1.0


def test_nothing_is_decided_between_our_agent_and_the_papers():
    ours = score("main")
    for mean, std in (paper.DOOM_BEST, paper.DOOM_AGAIN):
        error = np.hypot(ours["sem"], std / paper.EPISODES**0.5)
        assert abs(ours["mean"] - mean) < 3 * error
    assert score("main")["n"] >= 500
    assert all(score(name)["n"] >= 500 for _, name, _ in doom_figures.SCORES if name)


def test_all_was_done_on_two_cores():
    assert {run("main").manifest(s)["device"] for s in report.STAGES} == {"CPU, 2 cores"}
    teachers = {run(name).manifest("controller")["stage"] for name in ("main", "tau_1.15_seed_0")}
    assert teachers == {"policy-gradient"}


def test_monsters_aim_at_where_the_player_is():
    off = np.abs(doom_figures.stored("flights")["evolved"]["aimed_off"])
    assert np.percentile(off, 90) < 5  # of a wall of more than 700


def test_deaths_come_half_a_flight_after_a_turn():
    flown, habits = (doom_figures.stored(n)["evolved"] for n in ("flights", "habits"))
    assert flown["weights"] == habits["weights"] == score("evolved")["weights"]
    half = np.median(flown["flight"]) / 2
    assert np.median(habits["from_turn_to_death"]) == pytest.approx(half, abs=4)
    quarters = np.percentile(habits["from_turn_to_death"], [25, 75])
    assert np.ptp(quarters) < 0.1 * np.median(habits["from_turn_to_turn"])


def test_the_life_that_is_drawn_ends_soon_after_a_turn():
    shown = doom_figures.stored("flights")["evolved"]["shown"]
    assert shown["died"]
    steps = np.sign(np.diff(shown["x"][-60:]))
    moving = steps[np.abs(np.diff(shown["x"][-60:])) > 0.5]
    assert set(moving) == {-1.0, 1.0}


def test_the_one_taught_by_risk_turns_more_often_and_less_regularly():
    habits = doom_figures.stored("habits")
    spread = {}
    for name in ("main", "evolved"):
        gaps, since = (np.array(habits[name][f"from_turn_to_{e}"]) for e in ("turn", "death"))
        spread[name] = np.median(gaps), np.ptp(np.percentile(gaps, [25, 75])), since.std()
    assert spread["main"][0] < spread["evolved"][0]
    assert spread["main"][1] > spread["evolved"][1]
    assert spread["main"][2] > spread["evolved"][2]


def test_the_end_head_misses_one_death_in_four():
    end = doom_figures.stored("dream_checks")["end_head"]
    assert end["window"] == 10
    assert end["announced"] == pytest.approx(0.75, abs=0.04)
    checked = doom_figures.stored("dream_checks")["weights"]
    assert checked == score("main")["weights"]


def test_near_balls_are_seen_better_than_far_ones():
    row = doom_figures.stored("ball_places")["rows"][-1]
    assert row["vision_sha256"] == score("main")["weights"]["vision"]
    r2 = [found["r2"] for found in row["classes"]]
    assert r2 == sorted(r2)


def test_most_of_the_data_were_collected_by_random_players():
    played = run("main").manifest("rollouts")["result"]
    assert 2 * played["policies"]["agent"] < played["episodes"]
    assert len([r for group in report.temperature_runs().values() for r in group]) == 10


# --- the laboratory notes ------------------------------------------------------------------------


def test_the_published_c_outlives_its_recordings_and_the_evolved_one_does_not():
    gains = {}
    for name, row in doom_figures.stored("blind_players")["controllers"].items():
        assert row["weights"] == score(name)["weights"]
        own, replayed = (np.array(row[who]["lengths"]) for who in ("own", "replayed"))
        ends = np.roll(own, -1)
        gain = np.minimum(own, ends) - np.minimum(replayed, ends)
        gains[name] = gain.mean() / (gain.std(ddof=1) / np.sqrt(len(gain)))
    assert gains["main"] > 3
    assert abs(gains["evolved"]) < 1


def test_the_published_clock_has_the_best_period():
    clocks = doom_figures.stored("blind_players")["clocks"]
    assert max(clocks, key=lambda period: clocks[period]["mean"]) == str(SWEEP)


def test_two_bars_reach_the_same_score():
    configs = [run(name).manifest("controller")["config"] for name in BARS]
    bars = [EvolveConfig.of(config).world.end_above for config in configs]
    assert bars[0] == 0.5 > bars[1]
    gap, error = difference(score(BARS[1]), score(BARS[0]))
    assert abs(gap) < 2 * error
    weights = [score(name)["weights"] for name in BARS]
    assert weights[0]["memory"] == weights[1]["memory"]
