"""The gradient through the dream is the derivative of what the dream itself pays."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from waiting import wait_until

from wmlib.agent import packaged_folder, pretrained_folder
from wmlib.configs import DreamWorld, GradientConfig
from wmlib.learning.dream_gradient import ascend, dream_return
from wmlib.learning.iterative import random_agent
from wmlib.model.controller import Controller, load_controllers
from wmlib.model.memory import MDNRNN
from wmlib.presets import ITERATE_PRESETS
from wmlib.records import keeper
from wmlib.records.metrics import Metrics
from wmlib.tasks import get_task
from wmlib.worlds.dream import DreamEnv

SEEDS = range(100, 108)


@pytest.fixture
def agent():
    return random_agent(get_task("pendulum"), ITERATE_PRESETS["pendulum"]["tiny"], seed=3)


def value(agent, params, horizon=6):
    return dream_return(agent.dream(8), agent.controller, params, horizon, SEEDS)


def test_it_agrees_with_finite_differences_in_every_direction(agent):
    """Along random directions and single parameters; M's outputs are float32, hence the bounds."""
    torch.manual_seed(0)
    size = agent.controller.n_params
    params = (agent.params * 0.3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(value(agent, params), params)
    assert (gradient != 0).float().mean() > 0.9
    ways = torch.cat([torch.eye(size)[::25], torch.randn(20, size)])
    ways = ways / ways.norm(dim=1, keepdim=True)
    with torch.no_grad():
        slopes = torch.stack(
            [
                (value(agent, params + 1e-2 * w) - value(agent, params - 1e-2 * w)) / 2e-2
                for w in ways
            ]
        )
    torch.testing.assert_close(ways @ gradient, slopes, atol=5e-3 * float(gradient.norm()), rtol=0)


def test_it_is_what_the_dream_pays(agent):
    """Step for step the same dreams: same starts, same noise, same rewards."""
    env = agent.dream(8)
    features, _ = env.reset(seed=list(SEEDS))
    paid = 0.0
    for _ in range(30):
        features, reward, *_ = env.step(agent.act(features))
        paid += reward.mean()
    with torch.no_grad():
        assert float(value(agent, agent.params, 30)) == pytest.approx(paid, rel=1e-5)


def test_where_a_dream_can_end_a_step_counts_by_the_chance_to_be_alive():
    torch.manual_seed(0)
    task = get_task("doom_take_cover")
    memory = MDNRNN(4, 1, 8, heads=("end",), end_weight=5.0)
    with torch.no_grad():
        memory.output.weight[-1] = 0
        memory.output.bias[-1] = float(np.log(5 * 0.1 / 0.9))  # a risk of 0.1 at each step
    env = DreamEnv(task, memory, (torch.zeros(2, 4), torch.zeros(2, 4)), num_envs=3)
    controller = Controller(task, "linear", 4, 20)
    with torch.no_grad():
        found = dream_return(env, controller, torch.zeros(controller.n_params), 4, range(3))
    alive = 0.9 ** np.arange(4)
    assert float(found) == pytest.approx(np.log(0.9) * alive.sum(), rel=1e-4)


def test_ascent_raises_the_predicted_return_and_leaves_m_alone(agent, tmp_path):
    before = agent.memory.output.weight.clone()
    config = GradientConfig(updates=30, dreams=16, horizon=10, check_every=10)
    ascend(agent.dream(16), agent.controller, agent.params, config, tmp_path, seed=1)
    rows = Metrics(tmp_path / "metrics.jsonl").read()
    assert len(rows) == 30
    assert rows[-1]["dream_return"] > rows[0]["dream_return"]
    assert torch.equal(agent.memory.output.weight, before)
    _, named, _ = load_controllers(tmp_path / "controller.safetensors", agent.task)
    assert set(named) == {"update_00010", "update_00020", "update_00030", "params"}


def test_the_best_in_the_real_game_is_kept(agent, tmp_path):
    scores = iter([3.0, 9.0, 5.0])

    def check(params):
        return {"mean_return": 0.0, "sem": 1.0, "real_return": next(scores), "real_sem": 1.0}

    config = GradientConfig(updates=3, dreams=4, horizon=2, check_every=1)
    env = agent.dream(4)
    found = ascend(env, agent.controller, agent.params, config, tmp_path, 1, check)
    assert (found["update"], found["real_return"]) == (2, 9.0)


def test_a_stopped_ascent_goes_on_to_the_same_weights(agent, tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "CHECKPOINT_SECONDS", 0.0)
    config = GradientConfig(updates=12, dreams=4, horizon=5, check_every=4)
    for name, stop_at in (("whole", None), ("cut", 6)):
        (tmp_path / name).mkdir()
        count = keeper.Keeper.save_if_due

        def stop(self, count=count, stop_at=stop_at, **extra):
            count(self, **extra)
            if self.update == stop_at:
                raise KeyboardInterrupt

        arguments = agent.dream(4), agent.controller, agent.params, config, tmp_path / name, 1
        with monkeypatch.context() as patched:
            patched.setattr(keeper.Keeper, "save_if_due", stop)
            if stop_at:
                with pytest.raises(KeyboardInterrupt):
                    ascend(*arguments)
        ascend(*arguments)
    files = [tmp_path / name / "controller.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_m_without_rewards_is_refused(capsys, tmp_path):
    from wmlib.cli import main as cli

    command = ["dream-gradient", "--task", "car_racing", "--run-dir", str(tmp_path)]
    (tmp_path / "latents").symlink_to(pretrained_folder("car_racing") / "latents")
    for name in ("vision", "memory"):
        (tmp_path / name).mkdir()
        for file in (pretrained_folder("car_racing") / name).iterdir():
            (tmp_path / name / file.name).symlink_to(file)
        (tmp_path / name / "manifest.json").write_text("{}")
    assert cli.main(command) == 2
    assert "needs an M that predicts rewards" in capsys.readouterr().err
    assert not (tmp_path / "gradient").exists()


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_dream_gradient_goes_on_to_the_same_weights(tmp_path, blow):
    flags = "--updates 400 --dreams 8 --horizon 10 --check-every 100 --real-episodes 0"
    command = [sys.executable, "-m", "wmlib", "dream-gradient", "--task", "pendulum"]
    for name in ("whole", "cut"):
        for part in ("vision", "memory", "latents"):
            (tmp_path / name / part).mkdir(parents=True)
            for file in (packaged_folder("pendulum") / "round_04" / part).iterdir():
                (tmp_path / name / part / file.name).write_bytes(file.read_bytes())
        (tmp_path / name / "memory/manifest.json").write_text("{}")
    whole, cut = (
        [*command, *flags.split(), "--run-dir", str(tmp_path / n)] for n in ("whole", "cut")
    )
    subprocess.run(whole, check=True, capture_output=True)
    process = subprocess.Popen(cut, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    log = tmp_path / "cut/gradient/metrics.jsonl"
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) > 20)
    process.send_signal(blow)
    assert process.wait(60) != 0
    assert not (tmp_path / "cut/gradient/controller.safetensors").exists()
    told = subprocess.run(cut, check=True, capture_output=True, text=True).stdout
    assert json.loads(told)["update"] in (100, 200, 300, 400)
    files = [tmp_path / name / "gradient/controller.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_horizon_of_a_dream_is_not_its_cap(agent):
    env = agent.world(DreamWorld(max_episode_steps=3), 8)
    with torch.no_grad():
        longer = dream_return(env, agent.controller, agent.params, 6, SEEDS)
        assert float(longer) == pytest.approx(float(value(agent, agent.params, 6)))
