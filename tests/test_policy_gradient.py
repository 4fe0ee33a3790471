"""The policy gradient credits the right actions, and can be stopped at any moment."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from wmlib import agent, cli, training
from wmlib.arena import play
from wmlib.configs import PolicyConfig
from wmlib.controller import Controller, load_controllers
from wmlib.dream import DreamEnv
from wmlib.memory import MDNRNN
from wmlib.policy_gradient import Dreams, Experience, Learner, advantages, learn_policy
from wmlib.presets import get_task
from wmlib.runs import read_json
from wmlib.training import update_rng

TASK = get_task("doom_take_cover")


@pytest.fixture
def env():
    """Eight dreams of a small M whose end head fires where the last action was to the left."""
    torch.manual_seed(0)
    memory = MDNRNN(n_z=4, n_a=1, n_h=8, restart_input=True, heads=("end",))
    with torch.no_grad():
        for weight in memory.lstm.parameters():
            weight *= 0.3
        w_x, *_ = memory.lstm.all_weights[0]
        w_x[:, 4] = 0
        w_x[16, 4], w_x[24, 4] = 3.0, 3.0  # unit 0 (candidate, output gate) reads the action
        memory.output.weight[-1] = 0
        memory.output.weight[-1, 0], memory.output.bias[-1] = -6.0, 0.0
    starts = torch.zeros(5, 4), torch.zeros(5, 4)
    return DreamEnv(TASK, memory, starts, num_envs=8, max_episode_steps=40)


def config(**changes):
    few = {"updates": 30, "dreams": 8, "steps": 16, "batch_size": 64, "check_every": 10}
    return PolicyConfig(**few | {"max_episode_steps": 40, "learning_rate": 0.02} | changes)


def test_it_learns_to_press_where_the_risk_is_lower(env, tmp_path):
    controller = Controller(TASK, "linear", 4, 20)
    learn_policy(env, controller, config(updates=60), tmp_path, seed=0)
    _, named, facts = load_controllers(tmp_path / "controller.safetensors", TASK)
    assert {"update_00010", "update_00060", "params"} <= set(named)
    assert facts["chosen"]["update"] == 60
    assert torch.equal(named["params"], named["update_00060"])
    features, _ = env.reset(seed=list(range(8)))
    pressed = []
    for _ in range(20):
        pressed.append(controller.act(named["params"].expand(8, -1), features))
        features, *_ = env.step(pressed[-1])
    assert torch.stack(pressed[3:]).mean() > 0.5


def test_a_finished_training_goes_on_to_more_updates(env, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    controller = Controller(TASK, "linear", 4, 20)
    for name, lengths in (("once", [40]), ("twice", [20, 40])):
        (tmp_path / name).mkdir()
        for updates in lengths:
            learn_policy(env, controller, config(updates=updates), tmp_path / name, seed=0)
    weights = [tmp_path / name / "controller.safetensors" for name in ("once", "twice")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_generalised_advantage_is_the_weighted_sum_of_errors():
    rng = np.random.default_rng(0)
    reward, value = torch.tensor(rng.normal(size=(6, 3))), torch.tensor(rng.normal(size=(7, 3)))
    over = torch.zeros(6, 3)
    over[2, 1] = 1
    none = torch.zeros(0)
    found = advantages(Experience(none, none, none, reward, over), value, 0.9, 0.8)
    for i in range(3):
        for t in range(6):
            total, weight = 0.0, 1.0
            for k in range(t, 6):
                following = value[k, i] if over[k, i] else value[k + 1, i]
                total += weight * float(reward[k, i] + 0.9 * following - value[k, i])
                weight *= 0.9 * 0.8
                if over[k, i]:
                    break
            assert float(found[t, i]) == pytest.approx(total, abs=1e-6)


def test_the_risk_is_the_end_heads_without_its_weight(env):
    """An M trained with ends weighted w says odds that are w times too high."""
    memory = env.memory
    with torch.no_grad():
        memory.output.weight[-1] = 0
        memory.output.bias[-1] = float(np.log(10 * 0.02 / 0.98))
    dreams = Dreams(env, config())
    seen = dreams.play(Learner(Controller(TASK, "linear", 4, 20)), update_rng(0, 0))
    assert torch.allclose(-seen.reward, torch.tensor(2.0), rtol=0.02)
    assert torch.allclose(dreams.alive, torch.tensor(0.98) ** 16, rtol=0.02)
    assert torch.allclose(seen.log_prob, torch.tensor(0.5).log())  # from zeros: a fair coin


def test_the_best_on_real_episodes_is_published(env, tmp_path):
    scores = iter([5.0, 9.0, 7.0])
    check = lambda params: {"real_return": next(scores), "real_sem": 1.0}  # noqa: E731
    controller = Controller(TASK, "linear", 4, 20)
    found = learn_policy(env, controller, config(), tmp_path, 0, check)
    _, named, _ = load_controllers(tmp_path / "controller.safetensors", TASK)
    assert (found["update"], found["real_return"]) == (20, 9.0)
    assert torch.equal(named["params"], named["update_00020"])


def run_folder(path, task):
    """A run whose V and M are the published ones."""
    for stage in ("vision", "memory", "latents"):
        shutil.copytree(agent.pretrained_folder(task) / stage, path / stage)
    (path / "memory" / "manifest.json").write_text("{}")
    return path


FLAGS = (
    "--task doom_take_cover --dreams 8 --steps 8 --batch-size 32 --updates 120 --check-every 50 "
    "--max-episode-steps 60 --evaluate-episodes 12"
)


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, blow):
    for name in ("whole", "cut"):
        run_folder(tmp_path / name, "doom_take_cover")
    command = [sys.executable, "-m", "wmlib", "policy-gradient", *FLAGS.split()]
    subprocess.run([*command, "--run-dir", tmp_path / "whole"], check=True, capture_output=True)
    started = subprocess.Popen([*command, "--run-dir", tmp_path / "cut"], stderr=subprocess.DEVNULL)
    metrics = tmp_path / "cut" / "policy" / "metrics.jsonl"
    while not (metrics.is_file() and len(metrics.read_text().splitlines()) > 2):
        time.sleep(0.05)
    started.send_signal(blow)
    assert started.wait(60) != 0
    subprocess.run([*command, "--run-dir", tmp_path / "cut"], check=True, capture_output=True)
    weights = [tmp_path / n / "policy" / "controller.safetensors" for n in ("whole", "cut")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_dreams_score_is_that_of_the_published_controller(tmp_path):
    folder = run_folder(tmp_path, "doom_take_cover")
    flags = f"{FLAGS} --updates 2 --check-every 1 --max-episode-steps 300 --run-dir {folder}"
    assert cli.main(["policy-gradient", *flags.split()]) == 0
    told = read_json(folder / "policy" / "manifest.json")["result"]
    trained = agent.load_agent(folder, TASK, controller="policy")
    dream = trained.dream(5, PolicyConfig().tau, max_episode_steps=300)
    jobs = [(0, 10_000 + i) for i in range(12)]
    returns = play(dream, trained.controller, trained.params[None], jobs).returns
    assert told["mean_return"] == returns.mean()
    assert returns.std() > 0
    assert told["sem"] == pytest.approx(returns.std(ddof=1) / 12**0.5)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--discount 2", "--discount 2.0: must be between 0 and 1"),
        ("--alive-above 0", "--alive-above 0.0: must be between 0 and 1"),
        ("--end-odds 0", "--end-odds 0.0: must be above 0"),
        ("--steps 1", "--steps 1: must be at least 2"),
    ],
)
def test_numbers_without_sense_are_refused(flags, told, capsys):
    assert cli.main(["policy-gradient", "--task", "doom_take_cover", *flags.split()]) == 2
    assert told in capsys.readouterr().err


def test_a_task_without_a_coin_is_refused(tmp_path, capsys):
    folder = str(run_folder(tmp_path, "car_racing"))
    assert cli.main(["policy-gradient", "--task", "car_racing", "--run-dir", folder]) == 2
    assert "--task doom_take_cover" in capsys.readouterr().err
