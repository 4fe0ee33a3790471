"""What chapter 7 says about stored runs, read from the runs."""

import numpy as np
import pytest

from wmlib.book import paper
from wmlib.book.report import PUBLISHED, Run, load_run
from wmlib.records.files import read_json


def run(name: str) -> Run:
    return load_run("car_racing", name)


def difference(a: str, b: str) -> tuple[float, float]:
    """Mean and standard error of the difference of returns, track by track."""
    gap = np.subtract(*(run(name).evaluation["returns"] for name in (a, b)))
    return float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap)))


def test_the_published_agent_scores_as_the_papers_within_the_errors():
    ours, theirs = run("main").evaluation, paper.CAR_BEST
    assert abs(ours["mean"] - theirs[0]) < 2 * ours["sem"]
    assert ours["n"] == 100
    assert ours["reference"]  # Gymnasium's own game


def test_most_laps_are_finished_and_the_worst_still_scores_hundreds():
    ours = run("main").evaluation
    finished = [length < 1000 for length in ours["lengths"]]
    assert finished == [score > 900 for score in ours["returns"]]
    assert 80 < sum(finished) < 100
    assert min(ours["returns"]) > 600


def test_most_of_the_episodes_behind_m_were_driven_by_agents_of_two_earlier_rounds():
    made = run("main").manifest("rollouts")["result"]
    assert made["policies"]["pretrained"] / made["episodes"] == 0.75


def test_the_second_search_began_at_the_first_with_larger_generations():
    main, first = run("main"), run("cooled_late")
    assert first.chosen in main.curve
    shapes = [r.manifest("controller")["config"] for r in (first, main)]
    assert shapes[0]["population"] < shapes[1]["population"]
    assert shapes[0]["episodes"] < shapes[1]["episodes"]
    devices = [r.manifest("controller")["device"] for r in (first, main)]
    assert devices[0] == "CPU, 2 cores"
    assert "NVIDIA" in devices[1]


def test_published_is_the_mean_with_the_best_validation_score_less_its_error():
    own = [row for row in run("main").curve if row not in run("cooled_late").curve]
    assert run("main").chosen == max(own, key=lambda row: row["mean_return"] - row["sem"])


SHORT = ("second_round", "random_memory", "z_only", "z_hidden")


def test_the_short_searches_had_the_same_budget_and_the_same_v():
    steps = [run(name).curve[-1]["total_steps"] for name in SHORT[1:]]
    steps.append(run("second_round").chosen["total_steps"])  # it went on, to no use
    assert max(steps) - min(steps) < 0.01 * max(steps)
    vision = run("main").evaluation["weights"]["vision"]
    assert {run(n).evaluation["weights"]["vision"] for n in SHORT[1:]} == {vision}
    keys = ("population", "episodes", "average", "sigma0")
    shapes = [[run(n).manifest("controller")["config"][k] for k in keys] for n in SHORT]
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("name", ["z_only", "random_memory"])
def test_c_loses_without_a_memory_and_with_an_untrained_one(name):
    gap, error = difference("second_round", name)
    assert gap > 3 * error


def test_an_untrained_memory_is_better_than_none():
    gap, error = difference("random_memory", "z_only")
    assert gap > 3 * error


def test_a_hidden_layer_is_no_help_here_but_in_the_paper():
    gap, error = difference("z_hidden", "z_only")
    assert gap < error
    theirs = {row.run: row.score for row in paper.CAR_RACING}
    assert theirs["z_hidden"][0] > theirs["z_only"][0] + 100


@pytest.mark.parametrize("name", ["z_hidden", "random_memory"])
def test_these_searches_were_still_improving_when_their_budget_ended(name):
    assert run(name).chosen == run(name).curve[-1]


def test_tallec_found_no_loss():
    trained, _, untrained, _ = paper.CAR_UNTRAINED
    assert untrained >= trained


def test_no_score_without_a_memory_reaches_the_full_agents():
    scores = {name: run(name).evaluation["mean"] for name in SHORT}
    assert scores["z_only"] < 650
    assert scores["z_hidden"] < 650
    assert 650 < scores["random_memory"] < 720 < scores["second_round"]


def test_c_drives_worse_on_means_than_on_samples():
    stored = read_json(PUBLISHED / "car_racing" / "without_noise.json")
    gap = stored["difference"]
    assert gap["mean"] < -3 * gap["sem"]
    assert stored["weights"] == run("main").evaluation["weights"]


def test_the_laboratory_notes_on_cooling():
    early, late = run("cooled_early"), run("cooled_late")
    for search, begin in ((early, 41), (late, 81)):
        config = search.manifest("controller")["config"]
        assert (config["cool_from"], config["cooling"]) == (begin, 0.87)
    assert early.metrics("controller")[:40] == late.metrics("controller")[:40]  # one search
    assert early.evaluation["mean"] < late.evaluation["mean"]
    fitness = [np.mean(row["fitness"]) for row in late.metrics("controller")]
    assert np.mean(fitness[-5:]) > np.mean(fitness[75:80])  # the candidates rose,
    assert late.curve[-1]["mean_return"] < late.chosen["mean_return"] + late.curve[-1]["sem"]
    assert late.chosen["generation"] == 80  # the averaged mean did not


def test_the_laboratory_notes_on_more_games():
    gap, error = difference("main", "cooled_late")
    assert gap > 2 * error
    shapes = [run(name).manifest("controller")["config"] for name in ("cooled_late", "main")]
    assert shapes[1]["population"] == 4 * shapes[0]["population"]
    assert shapes[1]["episodes"] == 2 * shapes[0]["episodes"]
    rows = run("main").metrics("controller")
    fitness = [np.mean(row["fitness"]) for row in rows]
    assert np.mean(fitness[-8:]) <= np.mean(fitness[:8])
    assert rows[-1]["sigma"] > rows[0]["sigma"]
