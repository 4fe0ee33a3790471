"""What chapter 10 says about its stored runs, and about the published Cs and Ms of one of them."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch

from wmlib.agent import load_agent, pretrained_folder, weights_of
from wmlib.book import doom_figures, report
from wmlib.book.pendulum_films import dreamed_widths, rises
from wmlib.configs import IterateConfig
from wmlib.presets import get_settings
from wmlib.records.files import read_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder

PENDULUM = report.PUBLISHED / "pendulum"
SOLVED = read_json(PENDULUM / "solved.json")
RUNS = [run["rounds"] for run in SOLVED["runs"]]
LAST = [rounds[-1] for rounds in RUNS]
BEST = SOLVED["best_policy"]["mean"]


def is_solved(row):
    return row["test"]["mean"] >= -400 and row["test"]["upright"] >= 90


def from_nothing():
    """What is stored of the car that began with nothing."""
    return read_json(report.PUBLISHED / "car_racing/from_nothing/rounds.json", rounds=list)


@pytest.fixture(scope="module")
def stored():
    folder = pretrained_folder("pendulum")
    return [load_agent(folder / f"round_{k:02d}", "pendulum") for k in range(1, 7)]


def lived(agent, env):
    """z (200, 3) and actions (200, 1) of one episode from hanging."""
    features, _ = env.reset(seed=[1000])
    rows = []
    for _ in range(200):
        a = agent.act(features)
        rows.append((env.z[0], a[0]))
        features, *_ = env.step(a)
    env.close()
    return [torch.stack(part) for part in zip(*rows)]


def test_all_five_runs_solve_it_within_19200_steps():
    assert len(RUNS) == 5
    assert all(is_solved(row) and row["test"]["upright"] == row["test"]["n"] == 100 for row in LAST)
    assert max(row["real_steps"] for row in LAST) < 20_000


def test_one_is_done_after_one_round_and_the_slowest_is_that_of_the_films():
    first = [next(i for i, row in enumerate(rounds, 1) if is_solved(row)) for rounds in RUNS]
    assert sorted(first)[0] == 1
    assert first[0] == max(first)
    assert [row["test"]["upright"] for row in RUNS[0]] == [0, 0, 0, 0, 100, 100]
    published = read_json(PENDULUM / "main/rounds.json")["rounds"]
    assert [row["real_return"] for row in published] == [row["real_return"] for row in RUNS[0]]


def test_in_the_last_round_every_dream_promises_more_than_anyone_could_get():
    assert all(row["dream_return"] > BEST > row["test"]["mean"] for row in LAST)


def test_in_four_of_five_runs_the_random_c_passes_the_top_and_in_one_that_is_enough():
    passes = [rounds[0]["highest"] > 0.99 for rounds in RUNS]
    assert sorted(passes) == [False, True, True, True, True]
    assert not passes[0]  # the run in the films
    done = [rounds[0]["test"]["mean"] > -400 for rounds in RUNS]
    assert sum(done) == 1


def test_the_exercise_counts_the_steps_of_a_round():
    tiny = get_settings("pendulum", "tiny", "iterate")
    search = tiny.evolve
    dreamed = search.generations * search.population * search.episodes
    assert dreamed * search.world.max_episode_steps == 960_000
    assert tiny.episodes * 200 == 3_200


def test_standard_errors_are_smaller_than_the_dots():
    assert max(row["test"]["sem"] for rounds in RUNS for row in rounds) < 15


def test_for_four_rounds_it_whirls_which_costs_less_than_hanging_and_then_it_stands(stored):
    speed = []
    for agent in stored:
        z, _ = lived(agent, agent.real(1))
        speed.append(float((z[100:, 2] / agent.vision.scale[2]).abs().median()))
    assert min(speed[:4]) > 5
    assert max(speed[4:]) < 0.5
    assert all(row["test"]["mean"] > -200 * np.pi**2 for row in RUNS[0][:4])


def test_the_first_m_is_lost_in_the_upper_half_and_the_second_is_not(stored):
    z, a = (torch.stack(part) for part in zip(*(lived(c, c.real(1)) for c in stored)))
    up, errors = z[:, :-1, 0] > 0, []
    for agent in stored:
        with torch.no_grad():
            mu = agent.memory(z, a, torch.zeros(z.shape[:2]))[0].mu[..., 0]
        errors.append(float((mu[:, :-1] - z[:, 1:]).norm(dim=-1)[up].mean()))
    assert errors[0] > 8 * errors[1] > 8 * errors[5]


def test_the_dreamed_pendulum_is_up_earlier_and_both_stay(stored):
    agent, first = stored[-1], {}
    for name, env in (("real", agent.real(1)), ("dream", agent.dream(1))):
        z, _ = lived(agent, env)
        height = z[:, 0] / agent.vision.scale[0]
        first[name] = int((height > 0.95).int().argmax())
        assert (height[100:] > 0.9).all()
    assert first["dream"] < first["real"]


def test_its_head_start_is_gone_once_m_has_watched_five_steps(stored):
    real, dream = rises(stored[-1])
    assert dream.seconds < real.seconds - 0.5
    surplus = dream.mean_return - real.mean_return
    real, dream = rises(stored[-1], watched=5)
    assert abs(dream.seconds - real.seconds) < 0.15
    assert dream.mean_return - real.mean_return < 0.2 * surplus, "nearly all of it is gone"


def test_at_its_first_step_m_guesses_widely_and_lifts_many_a_rod(stored):
    agent = stored[-1]
    first, *_, sixth = dreamed_widths(agent, 6)
    assert first > 10 * sixth
    with closing(agent.dream(64)) as env:
        env.reset(seed=list(range(64)))
        hung = env.z[:, 0].clone()
        env.step(torch.zeros(64, 1))
    assert float((env.z[:, 0] > hung + 0.2).float().mean()) > 0.5


ACTION = read_json(PENDULUM / "next_action.json")["rows"]


def of(kind, *keys):
    """(5,) one number of each training with the head or without, ordered by seed."""
    found = []
    for row in sorted((r for r in ACTION if r["kind"] == kind), key=lambda r: r["seed"]):
        for key in keys:
            row = row[key]
        found.append(row)
    assert len(found) == 5
    return np.array(found)


def test_whole_runs_with_the_head_are_those_without_it_but_for_the_head():
    with_it, without = (
        read_json(PENDULUM / f"{name}.json", runs=list)["runs"]
        for name in ("solved_with_action", "solved")
    )
    assert [r["seed"] for r in with_it] == [r["seed"] for r in without] == list(range(5))
    for a, b in zip(with_it, without):
        assert set(a["config"]["memory"]["heads"]) == {"reward", "action"}
        assert len(a["rounds"]) == len(b["rounds"]) == 6
    ends = [r["rounds"][-1]["test"] for r in with_it]
    assert sorted(t["mean"] >= -400 for t in ends) == [False, True, True, True, True]
    assert {t["n"] for t in ends} == {t["upright"] for t in ends} == {100}
    assert all(r["rounds"][-1]["test"]["mean"] >= -400 for r in without)


def test_the_head_knows_more_than_a_constant_and_than_the_last_action():
    share, last = of("with", "predicts", "head"), of("with", "predicts", "goes_on")
    assert (share < last).all()
    assert (last < 1).all()


def test_m_alone_never_makes_the_pendulum_stand_though_its_teacher_did():
    assert of("with", "reflex", "upright").sum() == 0
    assert RUNS[0][4]["test"]["upright"] == 100


def test_five_of_the_six_players_in_the_data_could_not_do_it():
    assert sum(row["test"]["upright"] == 0 for row in RUNS[0][:4]) + 1 == 5  # and the random one


def test_the_head_costs_z_likelihood_with_every_seed():
    assert (of("with", "likelihood", "val_nll") > of("without", "likelihood", "val_nll")).all()


def test_c_is_neither_better_nor_worse_for_it():
    difference = of("with", "test", "mean") - of("without", "test", "mean")
    assert abs(difference.mean()) < 2 * difference.std(ddof=1) / np.sqrt(5)


def test_the_car_that_dreams_began_with_nothing_and_was_scored_once_on_test_tracks():
    folder = report.PUBLISHED / "car_racing/from_nothing"
    rows = from_nothing()["rounds"]
    test = read_json(folder / "evaluation.json", returns=list)
    assert rows[0]["real_return"] < 0
    assert test["seeds"] == "test"
    assert test["reference"]
    assert test["n"] == 100
    best = report.load_run("car_racing", "main")
    assert best.curve[-1]["total_steps"] > 1000 * rows[-1]["real_steps"]
    assert best.evaluation["mean"] > test["mean"] > 500


def test_it_rose_fell_and_rose_again_while_the_dream_promised():
    rows = from_nothing()["rounds"]
    scored = {row["round"]: row["real_return"] for row in rows if "real_return" in row}
    assert scored[3] > 400
    assert min(scored[8], scored[16]) < 50
    promised = {row["round"]: row["dream_return"] for row in rows}
    assert promised[17] == max(promised.values())
    assert [row["round"] for row in rows if not row["goes_on"]] == [1, 20, 21, 22]


def test_the_last_round_was_the_best_of_seven_on_validation_tracks():
    chosen = from_nothing()["chosen"]
    means = {row["round"]: row["mean"] for row in chosen["means"]}
    assert len(means) == 7
    assert max(means, key=means.get) == chosen["round"] == 22


def test_the_cars_discount_and_rate_were_lowered_and_put_back():
    rows = from_nothing()["rounds"]
    discount = [row["policy"]["discount"] for row in rows]
    rate = [row["policy"]["learning_rate"] for row in rows]
    steps = [row["policy"]["steps"] for row in rows]
    assert discount == [0.998] * 3 + [0.995] * 16 + [0.998] * 3
    assert rate == [1e-3] * 3 + [2e-4] * 16 + [1e-3] * 3
    assert steps == [32] * 19 + [64] * 3
    assert {row["n"] for row in rows if "n" in row} == {4, 8}


def test_the_packaged_dreamer_is_the_one_scored_and_beats_the_one_from_nothing():
    shipped = report.load_run("car_racing", "dreamed")
    before = read_json(report.PUBLISHED / "car_racing/from_nothing/evaluation.json", returns=list)
    test = shipped.evaluation
    assert (test["n"], test["seeds"], test["reference"]) == (100, "test", True)
    assert test["first_seed"] == before["first_seed"]
    assert test["mean"] - test["sem"] > before["mean"] + before["sem"]
    weights = weights_of(RunFolder(pretrained_folder("car_racing", "dreamed")), "controller")
    assert test["weights"] == weights
    main = report.load_run("car_racing", "main").evaluation
    assert weights["vision"] == main["weights"]["vision"]
    taught = shipped.manifest("controller")["config"]
    assert taught["dream_patience"] > 0 < taught["lost_costs"]
    seeds = read_json(report.PUBLISHED / "car_racing/dreamed/seeds.json")
    assert seeds["weights"]["memory"] == weights["memory"]
    configs = [r["config"] | {"updates": 0} for r in seeds["trainings"]]
    assert all(config == configs[0] for config in configs)
    assert len({r["seed"] for r in seeds["trainings"]}) == len(configs) == 5
    best = max(seeds["trainings"], key=lambda r: max(c["mean"] for c in r["kept"]))
    chosen = max(best["kept"], key=lambda c: c["mean"])
    assert (best["seed"], chosen["name"]) == (
        shipped.manifest("controller")["seed"],
        f"update_{shipped.manifest('controller')['result']['update']:05d}",
    )
    assert all(not row["policy"].get("lost_costs") for row in from_nothing()["rounds"])


def test_half_of_vs_episodes_were_an_agents():
    second, main = (report.load_run("car_racing", name) for name in ("second_round", "main"))
    players = second.manifest("rollouts")["config"]["policy"].split(",")
    assert 2 * players.count("pretrained") == len(players)
    assert second.manifest("vision")["sha256"] == main.manifest("vision")["sha256"]


def test_up_to_800_tics_the_second_dream_is_as_hard_as_the_game_and_beyond_half():
    ages = (0, 400, 800, 2100)
    rounds = doom_figures.stored("loop/lives")["rounds"]
    loop = read_json(report.PUBLISHED / "doom_take_cover/loop/rounds.json", rounds=list)["rounds"]
    assert [r["real_steps"] for r in rounds] == [r["real_steps"] for r in loop]
    clock = report.load_run("doom_take_cover", "random_sweep").evaluation["lengths"]
    game, error = doom_figures.deaths_by_age(clock, ages)
    dream, other = doom_figures.deaths_by_age(rounds[1]["dreams"]["random_sweep"]["lengths"], ages)
    assert np.all(abs(game - dream)[:2] < np.hypot(error, other)[:2])
    assert 0.4 < dream[2] / game[2] < 0.6
    for r in rounds:
        assert r["dreams"]["main"]["n"] == 512
        own, _ = doom_figures.deaths_by_age(r["dreams"]["main"]["lengths"], ages)
        real, _ = doom_figures.deaths_by_age(r["game"]["lengths"], ages)
        assert np.all(own < real)


def test_dooms_second_round_is_no_better_than_noise_and_its_dream_promises_less():
    stored = read_json(report.PUBLISHED / "doom_take_cover/loop/rounds.json", rounds=list)
    small = get_settings("doom_take_cover", "small", "iterate")
    played = replace(small, iterations=2, vision_from="pretrained")
    told = IterateConfig.of(stored["config"])
    assert not told.also_real
    unused = {name: getattr(small, name) for name in ("practice", "gradient", "evolve")}
    assert replace(told, **unused) == played
    one, two = stored["rounds"]
    difference = two["real_return"] - one["real_return"]
    assert abs(difference) < np.hypot(one["real_sem"], two["real_sem"])
    assert two["dream_return"] < one["dream_return"] - 300
    own = (two["real_steps"] - one["real_steps"]) / two["real_steps"]
    assert 0.38 < own < 0.42
    alone = report.load_run("doom_take_cover", "main")
    assert alone.evaluation["mean"] > two["real_return"] + 2 * two["real_sem"]
    assert alone.manifest("rollouts")["result"]["policies"]["agent"] > 0  # its V saw agents play


def test_doom_also_practised_from_where_the_loop_stood():
    folder = report.PUBLISHED / "doom_take_cover/practised"
    stored = read_json(folder / "rounds.json", rounds=list)
    loop = read_json(report.PUBLISHED / "doom_take_cover/loop/rounds.json", rounds=list)
    assert stored["rounds"][0] == loop["rounds"][0]
    row, before = stored["rounds"][1], loop["rounds"][1]
    assert row["real_steps"] - row["practised"] == before["real_steps"]
    practice = IterateConfig.of(stored["config"]).practice
    assert row["practised"] == practice.updates * practice.dreams * practice.steps
    rows = [r for r in Metrics(folder / "metrics.jsonl").read() if "mean_return" in r]
    assert {r["update"] % practice.check_every for r in rows[:-1]} == {0}
    test = read_json(folder / "evaluation.json", returns=list)
    assert (test["n"], test["seeds"], test["first_seed"]) == (500, "test", 1000)
    gain = test["mean"] - before["real_return"]
    assert gain > 2 * np.hypot(test["sem"], before["real_sem"])


def test_a_third_round_of_practice_adds_nothing_to_doom():
    folders = [
        report.PUBLISHED / "doom_take_cover" / name for name in ("practised", "practised_again")
    ]
    first, again = (read_json(folder / "evaluation.json", returns=list) for folder in folders)
    assert (again["n"], again["seeds"], again["first_seed"]) == (500, "test", 1000)
    assert again["mean"] < first["mean"]
    stored = read_json(folders[1] / "rounds.json", rounds=list)
    second, third = stored["rounds"][1:]
    practice = IterateConfig.of(stored["config"]).practice
    steps = practice.updates * practice.dreams * practice.steps
    assert third["practised"] - second["practised"] == steps
    assert practice.learning_rate_decay < 1
    assert third["collected_return"] > second["collected_return"]  # of the practised C


def test_the_mean_of_a_team_is_better_than_most_of_its_members():
    told = read_json(report.PUBLISHED / "car_racing/teams.json", scores=list)
    shipped = report.load_run("car_racing", "dreamed")
    known = shipped.evaluation["weights"]
    assert all(told["weights"][part] == known[part] for part in ("vision", "memory"))
    theirs, ours = shipped.manifest("controller")["config"], told["config"]
    assert {k for k in theirs if theirs[k] != ours[k]} == {"updates"}
    alone = np.array([row["mean"] for row in told["scores"] if len(row["members"]) == 1])
    means = {len(row["members"]): row for row in told["scores"] if len(row["members"]) > 1}
    assert (len(alone), told["tracks"]) == (20, 32)
    assert -100 < alone.min() < 0 < 700 < alone.max() < 780  # as the figure's alt text has it
    assert means[4]["mean"] == pytest.approx(530, abs=10)
    assert min(means[k]["mean"] for k in (2, 8, 20)) > 700
    every = means[20]
    assert every["members"] == list(range(20))
    assert every["mean"] - 2 * every["sem"] > alone.mean()
    assert (alone < every["mean"] - every["sem"]).sum() == 18
    test = told["evaluation"]
    assert (test["n"], test["first_seed"]) == (100, shipped.evaluation["first_seed"])
    assert test["mean"] < shipped.evaluation["mean"] + shipped.evaluation["sem"]


def test_the_mean_of_linear_cs_says_the_mean_of_what_they_say():
    agent = load_agent("pretrained/dreamed", "car_racing")
    some = torch.stack([agent.controllers[name] for name in sorted(agent.controllers)])
    features = torch.randn(16, agent.controller.n_features)
    said = torch.stack([agent.controller.outputs(params, features) for params in some])
    torch.testing.assert_close(
        agent.controller.outputs(some.mean(0), features), said.mean(0), rtol=1e-4, atol=1e-4
    )
