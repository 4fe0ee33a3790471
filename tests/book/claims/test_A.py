"""What appendix A says about the published runs."""

import numpy as np
import pytest

from wmlib.book import report
from wmlib.records.files import read_json


@pytest.mark.parametrize("task", ["car_racing", "doom_take_cover"])
def test_vs_kl_ends_just_above_its_floor(task):
    run = report.load_run(task, "main")
    config = run.manifest("vision")["config"]
    floor, kl = config["kl_tolerance"] * config["n_z"], run.metrics("vision")[-1]["kl"]
    assert floor < kl < 1.1 * floor


def test_the_nll_of_dooms_m_ends_somewhat_above_vs_entropy():
    found = read_json(report.PUBLISHED / "doom_take_cover" / "dream_checks.json")["teacher_forced"]
    assert found["val_floor"] < found["val_nll"] < found["val_floor"] + 0.5


def test_in_doom_the_standard_deviation_is_about_half_of_the_mean():
    score = report.load_run("doom_take_cover", "main").evaluation
    assert 0.35 < score["std"] / score["mean"] < 0.65


def test_the_cars_first_generation_scores_between_minus_60_and_minus_20():
    first = report.load_run("car_racing", "cooled_late").metrics("controller")[0]
    assert -60 < np.mean(first["fitness"]) < -20


def test_the_papers_five_temperatures_are_measured_and_1_25_is_not():
    assert set(report.temperature_runs()) == {0.1, 0.5, 1.0, 1.15, 1.3}
