"""What the landing page and chapters 7 and 8 say of the published scores."""

import pytest

from wmlib.book import report
from wmlib.records.files import read_json

AGAIN = read_json(report.PUBLISHED / "scores_again.json")


@pytest.mark.parametrize("task", ["car_racing", "doom_take_cover"])
def test_the_published_score_comes_back_up_to_rounding(task):
    published, again = report.load_run(task, "main").evaluation, AGAIN[task]
    assert again["n"] == published["n"]
    assert abs(again["mean"] - published["mean"]) < 0.5 * published["sem"]
    assert again["command"] == f"python -m wmlib evaluate --task {task} --weights pretrained"
    assert "CPU" in again["device"]
