"""What the interlude says about stored runs, read from the runs."""

import pytest

from wmlib.book.report import PUBLISHED, Run, load_run
from wmlib.records.files import read_json

EARLY = 2_048_000
"""game steps, of which the text speaks first"""


def run(name: str) -> Run:
    return load_run("car_racing", name)


LEARNED = ("learned_seed_0", "learned_seed_1")


def test_the_gradient_is_far_ahead_early_on():
    ahead = [r for name in LEARNED for r in run(name).curve if r["total_steps"] == EARLY]
    assert len(ahead) == 2
    level = min(row["mean_return"] for row in ahead)
    behind = next(r for r in run("second_round").curve if r["total_steps"] >= EARLY)
    assert level > behind["mean_return"] + 5 * behind["sem"]
    other = run("cooled_late").curve  # the slower of the two
    there = [r["total_steps"] for r in other if r["mean_return"] >= behind["mean_return"]]
    assert min(there) > behind["total_steps"]


@pytest.mark.parametrize(("name", "deeply"), list(zip(LEARNED, (False, True))))
def test_one_curve_ends_deeply_below_its_best_of_the_other_the_checks_do_not_tell(name, deeply):
    best, end = run(name).chosen, run(name).curve[-1]
    fall = best["mean_return"] - end["mean_return"]
    assert (fall > 200) == deeply
    assert (fall > 3 * (best["sem"] ** 2 + end["sem"] ** 2) ** 0.5) == deeply


def test_evolution_passes_both_and_ends_higher():
    best = max(run(name).chosen["mean_return"] for name in LEARNED)
    large = run("cooled_late")
    assert large.curve[-1]["mean_return"] > best
    tests = [run(name).evaluation["mean"] for name in LEARNED]
    assert large.evaluation["mean"] > max(tests)
    assert run("main").evaluation["mean"] > large.evaluation["mean"]


def test_a_best_check_flatters():
    assert run(LEARNED[1]).evaluation["mean"] < run(LEARNED[1]).chosen["mean_return"] - 20


def test_a_standing_car_is_taken_off_before_the_discount_has_forgotten_it():
    config = run("learned_seed_0").manifest("controller")["config"]
    assert config["patience"] < 1 / (1 - config["discount"])
    assert config["lost_costs"] > 0


def test_the_two_trainings_differ_in_their_random_numbers_only():
    one, other = (run(name).manifest("controller") for name in LEARNED)
    assert one["config"] == other["config"]
    assert one["seed"] != other["seed"]
    assert one["device"] == run("cooled_late").manifest("controller")["device"] == "CPU, 2 cores"


def test_the_discount_is_the_one_of_the_exercise():
    config = run("learned_seed_0").manifest("controller")["config"]
    assert (config["discount"], config["reward_discount"]) == (0.998, 0.97)
    assert config["clip"] == 0.2  # "a fifth", says the card


def test_one_part_shows_beyond_the_luck_of_the_seed_and_one_cannot_be_told_from_it():
    stored = read_json(PUBLISHED / "car_racing" / "policy_gradient_parts.json")
    final = {
        name: [rows[-1]["mean_return"] for rows in seeds] for name, seeds in stored["rows"].items()
    }
    below = {name: sum(x < 0 for x in each) for name, each in final.items()}
    assert below["lambda = 0"] > below["lambda = 1, no critic"] > 0
    assert sum(below.values()) == below["lambda = 0"] + below["lambda = 1, no critic"]
    whole = final["whole"]
    assert below["lambda = 0"] == 4
    assert 2 * below["lambda = 1, no critic"] < len(whole)  # of 5 against 0 of 5: p = 0.44
    for name in ("lambda = 1", "future in seconds", "one pass"):
        middle = sum(final[name]) / len(final[name])
        assert min(whole) < middle < max(whole)
    assert stored["weights"]["memory"] == run("learned_seed_0").evaluation["weights"]["memory"]


def test_in_doom_this_teacher_trains_the_better_player():
    learned, evolved = (load_run("doom_take_cover", n).evaluation for n in ("main", "evolved"))
    error = (learned["sem"] ** 2 + evolved["sem"] ** 2) ** 0.5
    assert learned["mean"] > evolved["mean"] + 3 * error
