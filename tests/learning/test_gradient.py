"""The gradient through the dream is the derivative of what the dream itself pays."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from waiting import wait_until

from wmlib.agent import pretrained_folder
from wmlib.configs import DreamWorld, GradientConfig
from wmlib.errors import UserError
from wmlib.learning.dream_gradient import Climber, ascend, dream_return, dreamed, first_try
from wmlib.learning.iterative import random_agent
from wmlib.model.controller import Controller, load_controllers
from wmlib.model.memory import MDNRNN
from wmlib.presets import ITERATE_PRESETS
from wmlib.records import keeper
from wmlib.records.keeper import update_generator
from wmlib.records.metrics import Metrics
from wmlib.seeds import update_rng
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


def test_a_diverged_c_is_told_and_does_not_dream(agent, tmp_path):
    config = GradientConfig(updates=2, dreams=4, horizon=2, check_every=1, learning_rate=1e30)
    with pytest.raises(UserError, match="largest_weight = inf at update 0"):
        ascend(agent.dream(4), agent.controller, agent.params, config, tmp_path, seed=1)


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
    assert "needs an M with a reward head" in capsys.readouterr().err
    assert not (tmp_path / "gradient").exists()


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_dream_gradient_goes_on_to_the_same_weights(tmp_path, blow):
    flags = "--updates 400 --dreams 8 --horizon 10 --check-every 100 --real-episodes 0"
    flags += " --starts first"
    command = [sys.executable, "-m", "wmlib", "dream-gradient", "--task", "pendulum"]
    for name in ("whole", "cut"):
        for part in ("vision", "memory", "latents"):
            (tmp_path / name / part).mkdir(parents=True)
            for file in (pretrained_folder("pendulum") / "round_06" / part).iterdir():
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


CHOICES = ("held", "relaxed", "implicit", "score")


@pytest.fixture
def chancy():
    """8,000 dreams of an M in which C's actions move the weights of 3 Gaussians far apart."""
    torch.manual_seed(0)
    memory = MDNRNN(3, 1, 8, n_mixtures=3, heads=("reward",))
    with torch.no_grad():
        memory.lstm.weight_ih_l0 *= 4
        memory.lstm.weight_hh_l0 *= 2
        memory.output.weight[:9] *= 15
        memory.output.bias[9:18] = torch.tensor([-1.0, 0.0, 1.0] * 3)
        memory.output.bias[18:27] = -1
        memory.output.weight[-1] *= 4
    starts = torch.zeros(2, 3), torch.zeros(2, 3)
    return DreamEnv(get_task("pendulum"), memory, starts, num_envs=8000)


def test_held_choices_leave_something_out_and_the_dream_is_the_same_in_any_case(chancy):
    """The slope of the mean of 8,000 dreams, against differences of the same."""
    controller, params = Controller(chancy.task, "z", 3, 11), torch.tensor([0.5, -0.5, 0.8, 0.1])
    totals, slopes = {}, {}
    for choice in CHOICES:
        climber = Climber(params, controller.n_features, GradientConfig(choice=choice))
        seen = dreamed(chancy, controller, climber.params, 4, range(8000), choice)
        totals[choice] = float(seen.total.detach())
        (slopes[choice],) = torch.autograd.grad(climber.goal(seen), climber.params)
    assert list(totals.values()) == pytest.approx([totals["held"]] * 4, rel=1e-5)
    with torch.no_grad():
        ends = [
            dream_return(chancy, controller, params + sign * 0.2 * way, 4, range(8000))
            for way in torch.eye(4)
            for sign in (1, -1)
        ]
    by_differences = (torch.stack(ends[::2]) - torch.stack(ends[1::2])) / 0.4
    far = {name: float((slope - by_differences).norm()) for name, slope in slopes.items()}
    assert far["held"] > 0.4
    assert all(far[name] < 0.2 for name in ("relaxed", "implicit", "score")), far


def test_a_value_behind_the_horizon_learns_what_follows(agent, tmp_path):
    config = GradientConfig(
        updates=40, dreams=16, horizon=5, check_every=40, critic_units=8, discount=0.9,
        critic_learning_rate=0.02,
    )  # fmt: skip
    ascend(agent.dream(16), agent.controller, agent.params, config, tmp_path, seed=1)
    rows = Metrics(tmp_path / "metrics.jsonl").read()
    assert rows[-1]["critic"] < 0.7 * rows[0]["critic"]


def test_returns_are_discounted_sums_with_the_values_word_at_the_end(agent):
    climber = Climber(agent.params, agent.controller.n_features, GradientConfig(discount=0.5))
    seen = dreamed(agent.dream(8), agent.controller, climber.params, 3, SEEDS)
    first, second, third = seen.worth
    torch.testing.assert_close(climber.returns(seen)[0], first + second / 2 + third / 4)
    assert not climber.returns(seen)[-1].any()


def test_an_endless_value_without_discount_is_refused():
    with pytest.raises(UserError, match="--discount"):
        GradientConfig(critic_units=8)


def test_the_best_of_several_random_cs_is_taken(agent):
    env, config = (
        agent.world(DreamWorld(max_episode_steps=20), 8),
        GradientConfig(tries=8, scale=1.0),
    )
    found = first_try(env, agent.controller, config, 5)
    tried = torch.randn(8, agent.controller.n_params, generator=update_generator(5, 0))
    dreams = update_rng(5, 0).integers(2**31, size=8)
    with torch.no_grad():
        paid = [float(dream_return(env, agent.controller, p, 20, dreams)) for p in tried]
    assert paid[0] < max(paid)
    assert torch.equal(found, tried[int(np.argmax(paid))])
