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


def test_a_c_with_hidden_units_lives_longer_than_any_linear_one():
    names = ("deep", "main", "practised", "practised_again")
    deep, *linear = (report.load_run("doom_take_cover", name).evaluation for name in names)
    for row in (deep, *linear):
        assert (row["n"], row["first_seed"], row["seeds"]) == (500, 1000, "test")
    for row in linear:
        assert deep["mean"] - row["mean"] > 3 * np.hypot(deep["sem"], row["sem"])


def test_the_deep_c_of_the_package_is_the_one_that_was_scored():
    folder = pretrained_folder("doom_take_cover")
    scored = report.load_run("doom_take_cover", "deep").evaluation["weights"]
    shipped = folder / "controllers/deep" / report.CONTROLLER
    assert scored["controller"] == sha256(shipped)
    assert scored["memory"] == sha256(folder / "memory/memory.safetensors")
    agent = load_agent("pretrained", "doom_take_cover", "controllers/deep")
    assert agent.controller.kind == "deep"


def test_the_figure_of_practice_counts_tics_as_they_were_played():
    folder = report.PUBLISHED / "doom_take_cover"
    linear = read_json(folder / "practised/rounds.json", rounds=list)["config"]["practice"]
    deep = read_json(folder / "deep/practice.json")["config"]
    assert [(c["dreams"], c["steps"]) for c in (linear, deep)] == [(64, 128), (64, 256)]


def test_deaths_become_fewer_with_hidden_units_and_stay_with_a_linear_c():
    deep, linear = (
        [row["lost"] for row in Metrics(folder / "metrics.jsonl").read()]
        for folder in (report.PUBLISHED / "doom_take_cover" / n for n in ("deep", "practised"))
    )
    assert np.mean(deep[-8:]) < 0.9 * np.mean(deep[:8])
    assert np.mean(deep[-8:]) < 0.85 * np.mean(linear[-8:])
    assert abs(np.mean(linear[-20:]) - np.mean(linear[-40:-20])) < 0.1
