"""The iterative procedure runs, stores every round as a run folder, and resumes."""

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import av
import gymnasium as gym
import numpy as np
import pytest
import torch
from waiting import wait_until

import wmlib
from wmlib.agent import load_agent, pretrained_folder
from wmlib.cli.main import main
from wmlib.configs import (
    DreamWorld,
    EvolveConfig,
    GradientConfig,
    IterateConfig,
    MemoryConfig,
    PolicyConfig,
    RealWorld,
    VisionConfig,
)
from wmlib.data.exploring import ExploringPolicy
from wmlib.data.latents import load_latents
from wmlib.data.store import RolloutStore
from wmlib.errors import UserError
from wmlib.learning import iterative, policy_gradient
from wmlib.learning.iterative import iterate, random_agent
from wmlib.learning.lives import Dreams, Games
from wmlib.learning.policy_gradient import WARM_UP, learn_policy
from wmlib.model.controller import Controller, load_controllers
from wmlib.model.vision import StateVision
from wmlib.presets import ITERATE_PRESETS
from wmlib.records.files import read_json
from wmlib.records.keeper import CHECKPOINT
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder
from wmlib.records.weights import load_checkpoint
from wmlib.seeds import RUNS, VALIDATION
from wmlib.tasks import get_task

TASK, CPU = get_task("pendulum"), torch.device("cpu")
TINY = ITERATE_PRESETS["pendulum"]["tiny"]
SHORT = replace(
    TINY,
    iterations=2,
    episodes=2,
    memory=replace(TINY.memory, updates=5, batch_size=2),
    evolve=replace(TINY.evolve, generations=2, population=4, evaluate_every=1, slots=8),
)


def test_state_vision_scales_and_blurs_a_little():
    mu, logvar = StateVision(TASK.state_scale).encode(torch.tensor([[0.5, -0.5, 4.0]]))
    assert mu.tolist() == [[0.5, -0.5, 2.0]]
    assert torch.allclose(torch.exp(logvar / 2), torch.tensor(0.0183), atol=1e-3)


def test_exploration_noise_lasts_and_depends_on_the_seed_alone():
    agent = random_agent(TASK, TINY, seed=0)
    agent.controllers = {"params": torch.zeros_like(agent.params)}  # what is left is the noise

    def play(slot_seeds):
        policy = ExploringPolicy(agent, exploration=0.3)
        policy.reset(slot_seeds, np.array([True, True]))
        return np.stack([policy.act(np.zeros((2, 3), np.float32)) for _ in range(400)])

    a, b = play([7, 8]), play([8, 7])
    assert np.array_equal(a, b[:, ::-1])
    changes = (np.diff(a[..., 0], axis=0) != 0).mean()
    assert 0.08 < changes < 0.17  # 1 / HOLD


@pytest.mark.slow
def test_rounds_add_data_and_a_second_call_adds_nothing(tmp_path, capsys):
    tmp_path /= "made/by/iterate"
    run = RunFolder(tmp_path)
    rows = iterate(run, TASK, SHORT, seed=0, device=CPU)
    assert [row["real_steps"] for row in rows] == [400, 800]
    store = RolloutStore(tmp_path / "rollouts")
    assert len(store) == 4
    assert store.frames(0).shape == (200, 3)
    assert (store.frames(0)[0, 0] < -0.9).all()  # it begins hanging
    first = (tmp_path / "round_02/controller/controller.safetensors").read_bytes()
    assert iterate(run, TASK, SHORT, seed=0, device=CPU) == rows
    assert (tmp_path / "round_02/controller/controller.safetensors").read_bytes() == first
    assert json.loads((tmp_path / "rounds.json").read_text())["rounds"] == rows
    one = load_agent(tmp_path / "round_01", TASK)
    last = load_agent(tmp_path, TASK)  # of a whole iteration: its last round
    assert not torch.equal(one.params, last.params)
    assert torch.equal(last.params, load_agent(tmp_path / "round_02", TASK).params)
    capsys.readouterr()
    flags = ["--task", "pendulum", "--run-dir", str(tmp_path)]
    assert main(["evaluate", *flags, "--episodes", "2"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["n"] == 2
    scored = read_json(tmp_path / "round_02/evaluation.json")
    assert scored["first_seed"] == VALIDATION.stop - scored["n"]  # its C was chosen by the first
    three = iterate(run, TASK, replace(SHORT, iterations=3), seed=0, device=CPU)
    assert three[:2] == rows  # it grows


@pytest.mark.slow
def test_a_finished_iteration_makes_again_what_it_has_lost(tmp_path, capsys):
    run, told, last = RunFolder(tmp_path), tmp_path / "rounds.json", tmp_path / "round_02"
    rows = iterate(run, TASK, SHORT, seed=0, device=CPU)
    whole, weights = told.read_bytes(), last / "controller/controller.safetensors"
    first = weights.read_bytes()
    for damage in (told.unlink, lambda: told.write_text('{"rounds": []}')):
        damage()
        assert iterate(run, TASK, SHORT, seed=0, device=CPU) == rows
        assert told.read_bytes() == whole
    for damage in (lambda: shutil.rmtree(last), weights.unlink):
        damage()
        assert iterate(run, TASK, SHORT, seed=0, device=CPU) == rows
        assert "has lost rounds" in capsys.readouterr().err
        assert weights.read_bytes() == first
    shutil.rmtree(tmp_path / "round_01")
    with pytest.raises(UserError, match=r"round_01 is lost, and .*rollouts has games of later"):
        iterate(run, TASK, SHORT, seed=0, device=CPU)


def going_on(iterations=2):
    """Rounds whose M and C go on where the last ones ended."""
    dreams = DreamWorld(max_episode_steps=30, starts="anywhere")
    policy = PolicyConfig(
        dreams, updates=3, dreams=4, steps=8, horizon=8, batch_size=16, evaluate_episodes=2
    )
    memory = replace(SHORT.memory, updates=6, recent=2)
    more = {"memory_goes_on": 2, "go_on": 1.0, "learner": "policy", "policy": policy}
    return replace(SHORT, iterations=iterations, episodes=3, memory=memory, varied=True, **more)


@pytest.mark.slow
def test_m_and_c_go_on_where_the_last_round_left_them(tmp_path):
    whole, cut = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "cut")
    rows = iterate(whole, TASK, going_on(), 0, CPU)
    trained = {"memory": [6, 8], "controller": [3, 6]}
    for stage, updates in trained.items():
        for number, wanted in enumerate(updates, start=1):
            tensors, state = load_checkpoint(whole.path / f"round_0{number}/{stage}" / CHECKPOINT)
            assert state["update"] == wanted
            steps = [int(t) for name, t in tensors.items() if name.endswith("/step")]
            assert steps
            assert max(steps) >= wanted  # Adam has not begun anew
    first, second = (load_agent(whole.round(k).path, TASK) for k in (1, 2))
    moved = [
        (a - b).norm() / b.norm() for a, b in zip(*(x.memory.parameters() for x in (second, first)))
    ]
    assert 0 < max(moved) < 0.5  # no new M
    with pytest.raises(RuntimeError), monkey_stop():
        iterate(cut, TASK, going_on(), 0, CPU)
    assert iterate(cut, TASK, going_on(), 0, CPU) == rows  # in round 2, after M


def also_real():
    """Rounds whose C practises in the game as well."""
    practice = replace(going_on().policy, world=RealWorld(max_episode_steps=30), dreams=2)
    return replace(going_on(), also_real=True, practice=practice)


@pytest.mark.slow
@pytest.mark.parametrize("team", [1, 2])
def test_later_rounds_may_practise_where_the_first_did_not(tmp_path, team):
    run = RunFolder(tmp_path)
    first = replace(also_real(), iterations=1, also_real=False, practice=SHORT.practice)
    (row,) = iterate(run, TASK, first, 0, CPU)
    assert "practised" not in row
    (_, row) = iterate(run, TASK, replace_practice(team=team), 0, CPU)
    assert row["practised"] == team * (3 + 1) * 2 * 8


def replace_practice(**more):
    config = also_real()
    return replace(config, practice=replace(config.practice, **more))


def growing(**more):
    """The same, with a C that grows before it practises."""
    config = also_real()
    practice = replace(config.practice, controller="deep", learning_rate=1e-4)
    return replace(config, practice=practice, **{"go_on": 0.0} | more)


@pytest.mark.slow
def test_a_linear_c_may_grow_before_it_practises(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_gradient, "WARM_UP", 0)
    run = RunFolder(tmp_path)
    iterate(run, TASK, growing(), 0, CPU)
    dreamed = load_agent(run.round(2).path, TASK, iterative.BEFORE)
    grown = load_agent(run.round(2).path, TASK)
    assert (dreamed.controller.kind, grown.controller.kind) == ("linear", "deep")
    changed = (grown.params[: len(dreamed.params)] - dreamed.params).abs().max()
    assert 0 < changed < 0.1  # it goes on from the linear one
    (_, inner, outer) = grown.controller.matrices(grown.params)
    assert outer[0].abs().max() > 0
    assert inner[0].std() > 0


@pytest.mark.slow
def test_c_goes_on_in_the_game_and_a_stop_there_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_gradient, "WARM_UP", 1)
    config = also_real()
    whole, cut = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "cut")
    rows = iterate(whole, TASK, config, 0, CPU)
    played = [3 * 200, 6 * 200]
    once = (3 + 1) * 2 * 8  # before the first of 3 updates all play, too
    assert [row["practised"] for row in rows] == [once, 2 * once]
    stages = [read_json(whole.round(k).stage("controller") / "manifest.json") for k in (1, 2)]
    assert [stage["seed"] for stage in stages] == [0, RUNS]  # no round plays the last one's games
    assert [row["real_steps"] - row["practised"] for row in rows] == played
    dreamed, practised = (
        [load_agent(whole.round(k).path, TASK, output).params for k in (1, 2)]
        for output in (iterative.BEFORE, "controller")
    )
    steps = [dreamed[0], practised[0], dreamed[1], practised[1]]
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(steps))
    far = [float((a - b).norm()) for a, b in itertools.pairwise(steps)]
    assert max(far) < float(steps[-1].norm())  # each goes on from the one before

    told = Games.told

    def stopped(games, seen):
        if cut.round(2).stage("controller").exists() and not asked:
            asked.append(os.kill(os.getpid(), signal.SIGINT))
        return told(games, seen)

    asked = []
    monkeypatch.setattr(Games, "told", stopped)
    with pytest.raises(KeyboardInterrupt):
        iterate(cut, TASK, config, 0, CPU)
    assert load_checkpoint(cut.round(2).stage("controller") / CHECKPOINT)[1]["update"] == 1
    assert iterate(cut, TASK, config, 0, CPU) == rows


@pytest.mark.slow
def test_later_rounds_may_end_to_practise(tmp_path):
    """C then goes on in dreams with a critic of dreams, not with the game's."""
    run, config = RunFolder(tmp_path), also_real()
    iterate(run, TASK, replace(config, iterations=1), 0, CPU)
    iterate(run, TASK, replace(config, also_real=False, iterations=3), 0, CPU)
    updates = [
        Metrics(run.round(k).path / "controller/metrics.jsonl").read()[-1]["update"] for k in (2, 3)
    ]
    assert updates == [config.policy.updates, 2 * config.policy.updates]  # as many in each


@pytest.mark.slow
def test_c_that_goes_on_keeps_its_last_rate_and_noise(tmp_path, monkeypatch):
    policy = replace(going_on().policy, learning_rate_decay=0.5, noise_decay=0.9)
    given = []
    learn = iterative.LEARN["policy"]
    monkeypatch.setitem(
        iterative.LEARN,
        "policy",
        lambda *means, **more: given.append(means[3]) or learn(*means, **more),
    )
    iterate(RunFolder(tmp_path), TASK, replace(going_on(3), policy=policy), 0, CPU)
    rate, noise = policy.learning_rate, policy.noise
    told = [
        (p.updates, p.learning_rate * p.learning_rate_decay**3, p.noise * p.noise_decay**3)
        for p in given
    ]
    assert told == [
        (3 * k, pytest.approx(rate / 8), pytest.approx(noise * 0.9**3)) for k in (1, 2, 3)
    ]


def test_who_asks_in_the_first_round_is_sent_back_to_iterate(tmp_path, capsys):
    (tmp_path / "round_01").mkdir()
    for command in ("evaluate", "train-memory", "evolve", "dream-gradient"):
        assert main([command, "--task", "pendulum", "--run-dir", str(tmp_path)]) == 2
        assert "the first round of iterate is not finished" in capsys.readouterr().err


def test_the_folder_of_another_kind_of_run_is_refused(tmp_path, capsys):
    (tmp_path / "run/rollouts").mkdir(parents=True)
    (tmp_path / "run/rollouts/config.json").write_text("{}")
    with pytest.raises(UserError, match="holds the stages of `run`"):
        iterate(RunFolder(tmp_path / "run"), TASK, SHORT, 0, CPU)
    (tmp_path / "rounds/round_01").mkdir(parents=True)
    flags = ["--task", "pendulum", "--preset", "tiny", "--run-dir", str(tmp_path / "rounds")]
    for command in ("collect", "run"):
        assert main([command, *flags]) == 2
        assert "holds the rounds of iterate" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "rounds").iterdir()] == ["round_01"]


def test_a_killed_copy_of_v_is_made_again(tmp_path):
    before, here = RunFolder(tmp_path / "round_01"), RunFolder(tmp_path / "round_02")
    for stage in ("vision", "latents"):
        source = before.stage(stage, create=True)
        (source / "manifest.json").write_text("{}")
        (source / "weights").write_bytes(b"all of them")
        half = here.stage(f"{stage}.part", create=True)
        (half / "manifest.json").write_text("{}")
    iterative._keep_seeing(before, here)
    assert (here.stage("vision") / "weights").read_bytes() == b"all of them"
    assert sorted(path.name for path in here.path.iterdir()) == ["latents", "vision"]


@contextlib.contextmanager
def monkey_stop():
    """The second round's C fails to begin."""
    with pytest.MonkeyPatch.context() as patch:
        before = dict(iterative.LEARN)

        def learn(here, *rest):
            if here.path.name == "round_02":
                raise RuntimeError("stopped")
            return before["policy"](here, *rest)

        patch.setitem(iterative.LEARN, "policy", learn)
        yield


@pytest.mark.slow
def test_a_finished_round_can_be_dreamed_and_climbed(tmp_path, capsys):
    iterate(RunFolder(tmp_path), TASK, replace(SHORT, iterations=1), 0, CPU)
    dreams = gym.make_vec("wmlib/PendulumHangingDream-v0", num_envs=3, weights=tmp_path)
    features, _ = dreams.reset(seed=[1, 2, 3])
    assert features.shape == (3, 3 + SHORT.memory.n_h)
    flags = ("--updates", "5", "--dreams", "8", "--horizon", "5", "--evaluate-episodes", "4")
    command = ["dream-gradient", "--task", "pendulum", "--run-dir", str(tmp_path), *flags]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert set(json.loads(first)) >= {"dream_return", "real_return", "mean_return", "update"}
    assert main(command) == 0  # finished: the same line again
    assert capsys.readouterr().out == first
    assert load_agent(tmp_path, TASK, "gradient").params.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_iteration_goes_on_to_the_same_rounds(tmp_path, blow):
    flags = "--iterations 2 --episodes 4 --memory.updates 200 --memory.batch-size 3"
    flags += " --evolve.generations 6 --evolve.population 8 --evolve.evaluate-every 2"
    command = [sys.executable, "-m", "wmlib", "iterate", "--task", "pendulum", "--preset", "tiny"]

    def start(name):
        where = ["--run-dir", str(tmp_path / name)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # A shell's background jobs ignore SIGINT, and so would what they start.
        wake = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen([*command, *flags.split(), *where], preexec_fn=wake, **quiet)

    assert start("whole").wait(300) == 0
    stops = ("round_01/memory/metrics.jsonl", "round_02/controller/metrics.jsonl")
    for stop in stops:
        process = start("cut")
        wait_until((tmp_path / "cut" / stop).exists)
        process.send_signal(blow)
        assert process.wait(60) != 0
    assert start("cut").wait(300) == 0
    told = [json.loads((tmp_path / name / "rounds.json").read_text()) for name in ("whole", "cut")]
    assert told[0]["rounds"] == told[1]["rounds"]
    for name in ("round_01/memory/memory", "round_02/controller/controller"):
        files = [tmp_path / run / f"{name}.safetensors" for run in ("whole", "cut")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_hundredth_round_comes_after_the_ninety_ninth(tmp_path):
    for name in ("round_100", "round_99", "round_07", "round_07_old", "round_101"):
        (tmp_path / name / "controller").mkdir(parents=True)
        if name != "round_101":  # not finished
            (tmp_path / name / "controller/controller.safetensors").touch()
    run = RunFolder(tmp_path)
    assert [r.path.name for r in run.rounds()] == ["round_07", "round_99", "round_100"]
    assert run.latest().path.name == "round_100"
    (tmp_path / "rollouts").mkdir()
    assert run.round(7).stage("rollouts") == tmp_path / "rollouts"  # shared by all rounds
    assert run.round(7).stage("memory") == tmp_path / "round_07/memory"


def test_of_the_published_rounds_only_the_last_knows_the_upper_half():
    rounds = (pretrained_folder("pendulum") / f"round_{k:02d}" for k in (1, 6))
    first, last = (load_agent(path, TASK) for path in rounds)
    assert torch.equal(wmlib.load_pretrained("pendulum").params, last.params)
    env = last.real(1, max_episode_steps=150)
    features, _ = env.reset(seed=[10_000])
    z, a = [], []
    for _ in range(150):
        z.append(env.z)
        a.append(last.act(features))
        features, *_ = env.step(a[-1])
    env.close()
    z, a = torch.stack(z, 1), torch.stack(a, 1)
    up = z[0, :-1, 0] > 0
    assert up.any()
    with torch.no_grad():
        said = [
            agent.memory(z, a, torch.zeros(1, 150))[0].mu[0, :-1, :, 0] for agent in (first, last)
        ]
    errors = [float((mu - z[0, 1:])[up].norm(dim=1).mean()) for mu in said]
    assert errors[1] < errors[0] / 3


def test_the_pendulum_is_filmed_and_scored_like_any_game(tmp_path, capsys):
    flags = ["--task", "pendulum", "--weights", "pretrained"]
    assert main(["evaluate", *flags, "--episodes", "4"]) == 0
    score = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (score["task"], score["n"]) == ("pendulum", 4)
    film = tmp_path / "film.mp4"
    assert main(["play", *flags, "--steps", "30", "--output", str(film)]) == 0
    with av.open(str(film)) as opened:
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    assert len(frames) == 31
    assert (frames[0].astype(int) != frames[-1]).any()


def test_an_iteration_of_an_older_version_goes_on(tmp_path):
    """Up to version 0.1.0 a round's row stood in its manifest, and V had no class."""
    published = pretrained_folder("pendulum") / "round_01"
    shutil.copytree(published, tmp_path / "round_01")
    row = {"round": 1, "real_steps": 3200, "dream_return": -1209.4, "real_return": -1574.8}
    row |= {"real_sem": 5.3, "n": 16}
    (tmp_path / "round_01/manifest.json").write_text(json.dumps({"result": row}))
    rows = iterate(RunFolder(tmp_path), TASK, replace(SHORT, iterations=1), 0, CPU)
    assert rows == [row]


def test_what_has_no_meaning_in_a_round_is_refused(tmp_path):
    for wrong, told in (
        (replace(SHORT, episodes=1), "one is held out"),
        (replace(SHORT, first="nobody"), "no policy 'nobody'"),
        (replace(SHORT, game="batched"), "no batched simulator"),
        (replace(SHORT, evolve=replace(SHORT.evolve, evaluate_episodes=9999)), "to choose by"),
        (
            replace(
                SHORT, start="pretrained", go_on=0.5, evolve=replace(SHORT.evolve, controller="z")
            ),
            "has a hidden controller and --evolve.controller is z",
        ),
        (replace(SHORT, evolve=replace(SHORT.evolve, workers=2)), "leave it at 0"),
        (replace(going_on(), memory_goes_on=0), "cannot play behind another M"),
        (replace(SHORT, learner="gradient", go_on=1.0), "the gradient begins anew"),
        (replace(SHORT, also_real=True), "--evolve.controller hidden: give both alike"),
        (growing(go_on=1.0), "--policy.controller linear: make both deep"),
        (replace(going_on(), also_real=True, practice=going_on().policy), "--practice.world dream"),
        (replace(SHORT, see=(0, 2)), "rounds count from 1"),
        (replace(SHORT, episodes=500_000), "from --seed 0 on there are 800,000 training games"),
        (
            replace(SHORT, learner="gradient", gradient=GradientConfig()),
            "--gradient.real-episodes 16",
        ),
        (replace_practice(random_memory=True), "--practice.random-memory True"),
        (replace(replace_practice(evaluate_episodes=990), score_episodes=16), "seeds for both"),
    ):
        with pytest.raises(UserError, match=told):
            iterate(RunFolder(tmp_path), TASK, wrong, 0, CPU)
    assert not list(tmp_path.iterdir())


CAR = replace(get_task("car_racing"), max_episode_steps=120)


def with_pictures(iterations=2, **more):
    """Short rounds of the car."""
    world = DreamWorld(max_episode_steps=30, starts="anywhere")
    return IterateConfig(
        iterations=iterations,
        episodes=3,
        exploration=0.3,
        memory=MemoryConfig(16, 3, heads=("end", "reward"), batch_size=2, window=50),
        evolve=EvolveConfig(world, 2, population=4, episodes=1, evaluate_episodes=2, slots=4),
        policy=PolicyConfig(
            world, updates=2, dreams=4, steps=8, batch_size=16, evaluate_episodes=2
        ),
        gradient=GradientConfig(
            updates=2, dreams=4, horizon=5, world=world, evaluate_episodes=2, real_episodes=0
        ),
        vision=VisionConfig(n_z=8, frames=300, epochs=1, batch_size=50),
        first="brownian",
        game="batched",
        score_episodes=2,
        **more,
    )


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["evolve", "policy", "gradient"])
def test_a_game_with_pictures_is_iterated_with_v_by_each_learner(tmp_path, learner):
    rows = iterate(RunFolder(tmp_path), CAR, with_pictures(learner=learner), 0, CPU)
    assert [row["round"] for row in rows] == [1, 2]
    assert rows[1]["real_steps"] > rows[0]["real_steps"] > 300
    seen = [(tmp_path / f"round_0{k}/vision/vision.safetensors").read_bytes() for k in (1, 2)]
    assert seen[0] == seen[1]  # V is trained in the rounds of `see` alone
    policies = [row["policy"] for row in RolloutStore(tmp_path / "rollouts").index]
    assert policies == ["brownian"] * 3 + ["iterative"] * 3
    agent = load_agent(tmp_path, CAR)
    assert agent.moments is not None
    assert {"end", "reward"} == set(agent.memory.heads)


@pytest.mark.slow
def test_another_runs_v_is_seen_through_and_none_is_trained(tmp_path):
    rows = iterate(RunFolder(tmp_path), CAR, with_pictures(vision_from="pretrained"), 0, CPU)
    published = (pretrained_folder("car_racing") / "vision/vision.safetensors").read_bytes()
    for k in (1, 2):
        assert (tmp_path / f"round_0{k}/vision/vision.safetensors").read_bytes() == published
        latents = load_latents(tmp_path / f"round_0{k}/latents")
        assert (latents.mu.shape[1], len(latents)) == (32, 3 * k)
        assert latents.first[-1] == rows[k - 1]["real_steps"]
    assert not list(tmp_path.glob("round_0?/vision/metrics.jsonl"))
    with pytest.raises(UserError, match="not a folder"):
        iterate(RunFolder(tmp_path / "b"), CAR, with_pictures(vision_from="nowhere"), 0, CPU)
    assert not (tmp_path / "b/rollouts").exists()  # said before anything is played


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["evolve", "policy"])
def test_a_later_round_may_see_anew_and_begins_m_and_c_behind_that_v(tmp_path, learner):
    """Rounds 1 and 2 see through the published V; round 3 trains one, which 4 keeps."""
    config = with_pictures(
        iterations=2, learner=learner, vision_from="pretrained", go_on=1.0, memory_goes_on=2
    )
    iterate(RunFolder(tmp_path), CAR, config, 0, CPU)
    sharper = replace(config.vision, n_z=6, kl_tolerance=2.0)
    later = replace(config, iterations=4, see=(1, 3), vision=sharper)
    iterate(RunFolder(tmp_path), CAR, later, 0, CPU)
    agents = [load_agent(tmp_path / f"round_0{k}", CAR) for k in (1, 2, 3, 4)]
    assert [a.vision.n_z for a in agents] == [32, 32, 6, 6]
    assert [a.memory.n_z for a in agents] == [32, 32, 6, 6]
    weights = [(tmp_path / f"round_0{k}/vision/vision.safetensors") for k in (3, 4)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    updates = [
        Metrics(tmp_path / f"round_0{k}/memory/metrics.jsonl").read()[-1]["update"]
        for k in (1, 2, 3, 4)
    ]
    assert updates == [3, 5, 3, 5]  # M begins anew with V, and then goes on
    (tmp_path / "round_04/round.json").unlink()  # round 4 is under way, and keeps V
    with pytest.raises(UserError, match=r"--see 1 3 4: .*round_04 has kept V"):
        iterate(RunFolder(tmp_path), CAR, replace(later, iterations=5, see=(1, 3, 4)), 0, CPU)
    with pytest.raises(UserError, match=r"--see 1 2 3: .*round_02 has kept V"):
        iterate(RunFolder(tmp_path), CAR, replace(later, iterations=5, see=(1, 2, 3)), 0, CPU)
    with pytest.raises(UserError, match=r"--see 1: .*round_03 has trained V anew"):
        iterate(RunFolder(tmp_path), CAR, replace(later, iterations=5, see=(1,)), 0, CPU)
    other = replace(later, iterations=5, vision=replace(sharper, epochs=2))
    iterate(RunFolder(tmp_path), CAR, other, 0, CPU)  # for V's to come: round 5 keeps the last
    kept = tmp_path / "round_05/vision/vision.safetensors"
    assert kept.read_bytes() == weights[1].read_bytes()


def begun_with(start, **more):
    """Two short rounds that go on from an agent of the same M as `with_pictures` makes."""
    config = with_pictures(start=str(start), go_on=1.0, memory_goes_on=2, **more)
    policy = replace(config.policy, learning_rate=1e-9)
    return replace(config, memory=replace(config.memory, learning_rate=1e-4), policy=policy)


@pytest.mark.slow
@pytest.mark.slow
def test_a_team_goes_on_from_its_last_mean(tmp_path):
    run, team = RunFolder(tmp_path), replace(going_on().policy, team=2)
    iterate(run, TASK, replace(going_on(), policy=team), 0, CPU)
    began = [
        read_json(run.round(k).path / "controller/manifest.json")["inputs"].get("start")
        for k in (1, 2)
    ]
    first, second = (load_agent(run.round(k).path, TASK) for k in (1, 2))
    assert began == [None, sha256(first.params.numpy().tobytes()).hexdigest()]
    assert set(second.controllers) == {"member_01", "member_02", "params"}


@pytest.mark.parametrize("learner", ["evolve", "policy"])
def test_rounds_can_begin_with_another_runs_agent(tmp_path, learner):
    iterate(RunFolder(tmp_path / "a"), CAR, with_pictures(learner="policy", iterations=1), 0, CPU)
    before = load_agent(tmp_path / "a", CAR)
    config = begun_with(tmp_path / "a", learner=learner)
    iterate(RunFolder(tmp_path / "b"), CAR, config, 0, CPU)
    index = RolloutStore(tmp_path / "b/rollouts").index
    assert [row["policy"] for row in index] == ["iterative"] * 6  # it plays the first round, too
    for k in (1, 2):
        after = load_agent(tmp_path / f"b/round_0{k}", CAR)
        pairs = zip(after.vision.state_dict().values(), before.vision.state_dict().values())
        assert all(torch.equal(*pair) for pair in pairs)
        far = (after.memory.output.weight - before.memory.output.weight).abs().max()
        assert 0 < far < 0.01  # M was trained on, a little
        if learner == "policy":
            assert torch.allclose(after.params, before.params, atol=1e-4)  # its steps are tiny
    other = replace(config, memory=replace(config.memory, n_h=17))
    with pytest.raises(UserError, match="n_h 16, not 17"):
        iterate(RunFolder(tmp_path / "c"), CAR, other, 0, CPU)
    iterate(RunFolder(tmp_path / "d"), CAR, with_pictures(learner="policy", iterations=1), 1, CPU)
    stranger = replace(config, vision_from=str(tmp_path / "d"))
    with pytest.raises(UserError, match="know its own V alone"):
        iterate(RunFolder(tmp_path / "c"), CAR, stranger, 0, CPU)


def test_a_begun_c_waits_until_its_critic_knows_it(tmp_path):
    env = load_agent(pretrained_folder("pendulum"), "pendulum").world(
        DreamWorld(max_episode_steps=50, starts="first"), 4
    )
    config = replace(going_on().policy, learning_rate=0.01, check_every=WARM_UP)
    controller = Controller(TASK, "linear", 3, env.single_observation_space.shape[0])
    begin = torch.randn(controller.n_params, generator=torch.Generator().manual_seed(0))
    for updates in (8, 4 * WARM_UP):  # a short training waits for a quarter of its updates
        folder = tmp_path / str(updates)
        folder.mkdir()
        few = replace(config, updates=updates)
        learn_policy(Dreams(env, few), controller, few, folder, 0, begin=begin)
        _, found, _ = load_controllers(folder / "controller.safetensors", TASK)
        assert not torch.allclose(found["params"], begin, atol=1e-3)
    assert torch.allclose(found[f"update_{WARM_UP:05d}"], begin, atol=1e-3)
    metrics = Metrics(folder / "metrics.jsonl").read()
    assert metrics[-1]["critic"] > 0
