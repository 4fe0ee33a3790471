"""What chapter 12 says about stored costs and speeds."""

import numpy as np
import pytest
import torch

from wmlib import load_pretrained
from wmlib.agent import load_agent, pretrained_folder
from wmlib.book import paper, report
from wmlib.records.files import read_json, sha256
from wmlib.records.metrics import Metrics

LOGGED = 4_029_137 / 3600 / 1800  # hours of a generation of the paper's search
SPEEDS = read_json(report.PUBLISHED / "simulator" / "networks.json")


def minutes(task, name):
    run = report.load_run(task, name)
    found = [s for s in report.STAGES if (run.folder / s / "manifest.json").is_file()]
    return {stage: run.manifest(stage)["seconds"] / 60 for stage in found}


def test_the_second_search_began_at_the_c_of_the_first():
    first, second = (report.load_run("car_racing", name) for name in ("cooled_late", "main"))
    start = second.manifest("controller")["inputs"]["start"]
    assert start == first.manifest("controller")["sha256"][report.CONTROLLER]


def test_the_first_search_ran_on_two_cores_and_the_second_on_a_gpu():
    made = [
        report.load_run("car_racing", name).manifest("controller")
        for name in ("cooled_late", "main")
    ]
    assert made[0]["device"] == "CPU, 2 cores"
    assert "NVIDIA" in made[1]["device"]
    assert [m["config"]["evaluate_episodes"] for m in made] == [128, 512]


def test_our_agents_score_differs_little_from_the_papers():
    ours = report.load_run("car_racing", "main").evaluation
    assert ours["n"] == 100
    error = np.hypot(ours["sem"], paper.CAR_BEST[1] / np.sqrt(100))
    assert abs(ours["mean"] - paper.CAR_BEST[0]) < 2 * error


def test_the_last_points_of_the_papers_search_cost_most():
    assert paper.CAR_CURVE[50] > 0.95 * paper.CAR_CURVE[1800]
    assert 1750 * LOGGED > 30 * 50 * LOGGED


def test_a_batch_of_dreams_makes_a_gpu_thousands_of_times_faster():
    rate = {int(n): r for n, r in SPEEDS["dream_steps_per_second"].items()}
    assert max(rate.values()) == rate[16384]
    assert rate[16384] > 1000 * rate[1]


def test_v_learns_faster_from_larger_batches_on_a_gpu():
    rate = SPEEDS["vision_frames_per_second"]
    assert rate["1000"] > 3 * rate["100"]


def test_only_the_first_rounds_began_with_nothing():
    for task in ("car_racing", "doom_take_cover"):
        found = minutes(task, "first_round")
        assert set(found) == set(report.STAGES)


def test_c_takes_the_largest_part_of_the_cars_first_round():
    found = minutes("car_racing", "first_round")
    assert max(found, key=found.get) == "controller"
    kept = minutes("car_racing", "main")  # exercise: there it is V
    assert max(kept, key=kept.get) == "vision"


def test_a_free_dream_would_make_dooms_run_little_faster():
    rows = report.load_run("doom_take_cover", "evolved").metrics("controller")
    plain = np.mean([row["seconds"] for row in rows if "mean_return" not in row])
    whole = minutes("doom_take_cover", "main") | minutes("doom_take_cover", "evolved")
    share = plain * len(rows) / 60 / sum(whole.values())
    assert 1 / (1 - share) < 1.25


def test_one_look_of_v_costs_about_nine_steps_of_m():
    agent = load_pretrained("doom_take_cover")
    layers = [m for m in agent.vision.modules() if isinstance(m, torch.nn.Conv2d)]
    side, looking = 64, 2 * 1024 * 64
    for layer in layers:
        side = (side - layer.kernel_size[0]) // layer.stride[0] + 1
        looking += side**2 * layer.weight.numel()
    assert side == 2
    assert looking / sum(p.numel() for p in agent.memory.parameters()) == pytest.approx(9, abs=0.5)


def test_workers_wait_for_the_longest_chunk_then_for_the_driver():
    searches = read_json(report.PUBLISHED / "cluster.json")["searches"]
    rows = {
        task: {(row["population"], row["workers"]): row for row in found["rows"]}
        for task, found in searches.items()
    }
    busy = {
        task: {at: row["efficiency"] for at, row in found.items()} for task, found in rows.items()
    }
    car, doom = busy["car_racing"], busy["doom_take_cover"]
    assert car[64, 64] > 0.9
    assert car[64, 512] < 0.25
    assert car[1024, 512] > 4 * car[64, 512]
    assert all(doom[at] < car[at] for at in car)
    most = rows["car_racing"][1024, 4096]
    assert most["with_a_driver_that_takes_no_time"] > 2 * most["efficiency"]


def test_two_workers_are_nearly_twice_as_fast_where_all_jobs_are_alike():
    found = read_json(report.PUBLISHED / "simulator" / "cluster.json")["searches"]
    for row in found.values():
        assert row["ratio"] == np.median([r["one"] / r["two"] for r in row["rounds"]])
        assert len(row["rounds"]) == 5
    assert found["car_racing"]["ratio"] >= 1.7
    assert 1.5 < found["doom_take_cover"]["ratio"] < found["car_racing"]["ratio"]


LARGER = read_json(report.PUBLISHED / "doom_take_cover/larger_linear.json", practice=list)


def deaths(*, units):
    """Of the published C that practises: update -> deaths in 1,000 tics."""
    deep = Metrics(report.PUBLISHED / "doom_take_cover/deep/metrics.jsonl").read()
    return {row["update"]: row["lost"] for row in (deep if units else LARGER["practice"])}


def test_practice_helps_both_cs():
    deep, main = (report.load_run("doom_take_cover", name).evaluation for name in ("deep", "main"))
    for row in (deep, LARGER["evaluation"]):
        assert (row["n"], row["first_seed"]) == (500, 1000)
        assert row["mean"] - main["mean"] > 2 * np.hypot(row["sem"], main["sem"])


def test_that_the_units_help_does_not_show():
    deep = report.load_run("doom_take_cover", "deep").evaluation
    linear = LARGER["evaluation"]
    gap, error = deep["mean"] - linear["mean"], np.hypot(deep["sem"], linear["sem"])
    assert 0 < gap < 2 * error
    assert list(deaths(units=True))[-1] > list(deaths(units=False))[-1]  # it practised longer


def test_with_and_without_hidden_units_deaths_fall_alike():
    deep, linear = (deaths(units=units) for units in (True, False))
    both = [k for k in linear if 100 < k <= 200]
    assert len(both) == 10
    gap = np.array([linear[k] - deep[k] for k in both])
    assert abs(gap.mean()) < 2 * gap.std(ddof=1) / np.sqrt(len(gap))
    for curve in (deep, linear):
        first = np.mean([lost for k, lost in curve.items() if k <= 40])
        assert first == pytest.approx(0.75, abs=0.05)
        assert np.mean([curve[k] for k in both[-5:]]) < 0.93 * first
    assert np.mean(list(deep.values())[-4:]) == pytest.approx(0.56, abs=0.01)


def test_the_two_practise_from_the_same_start_as_the_figure_counts():
    deep = read_json(report.PUBLISHED / "doom_take_cover/deep/practice.json")["config"]
    linear = LARGER["config"]
    same = ("dreams", "steps", "batch_size", "epochs", "entropy", "critic_units", "average")
    assert [deep[name] for name in same] == [linear[name] for name in same]
    assert (linear["dreams"], linear["steps"]) == (64, 256)
    assert (linear["controller"], deep["start"]) == ("linear", "pretrained")
    assert deep["learning_rates"]["hidden"] == linear["learning_rate"]
    assert deep["learning_rates"]["linear"] < linear["learning_rate"]


def test_practice_beyond_brings_the_larger_c_nothing():
    folder = report.PUBLISHED / "doom_take_cover"
    longer = read_json(folder / "longer_deep.json", practice=list)
    deep = report.load_run("doom_take_cover", "deep").evaluation
    error = np.hypot(deep["sem"], longer["evaluation"]["sem"])
    assert abs(longer["evaluation"]["mean"] - deep["mean"]) < error
    assert longer["evaluation"]["first_seed"] == deep["first_seed"]  # the same episodes
    assert longer["config"]["updates"] == longer["practice"][-1]["update"] > 280


def test_the_deep_c_of_the_package_is_the_one_that_was_scored():
    folder = pretrained_folder("doom_take_cover")
    scored = report.load_run("doom_take_cover", "deep").evaluation["weights"]
    shipped = folder / "controllers/deep" / report.CONTROLLER
    assert scored["controller"] == sha256(shipped)
    assert scored["memory"] == sha256(folder / "memory/memory.safetensors")
    agent = load_agent("pretrained", "doom_take_cover", "controllers/deep")
    assert agent.controller.kind == "deep"
