"""Several Cs learn apart from each other, and what is published is their mean."""

from dataclasses import replace

import pytest
import torch

from wmlib import seeds
from wmlib.configs import DreamWorld, PolicyConfig
from wmlib.errors import UserError
from wmlib.learning import team
from wmlib.learning.control import check_learning
from wmlib.learning.lives import Dreams
from wmlib.learning.policy_gradient import learn_policy
from wmlib.model.controller import Controller, load_controllers
from wmlib.model.memory import MDNRNN
from wmlib.records import keeper
from wmlib.records.metrics import Metrics
from wmlib.tasks import get_task
from wmlib.worlds.dream import DreamEnv

TASK = get_task("doom_take_cover")
WORLD = DreamWorld(tau=1.15, max_episode_steps=40)
FEW = PolicyConfig(WORLD, team=3, updates=4, dreams=8, steps=16, batch_size=64, learning_rate=0.02)
CONTROLLER = Controller(TASK, "linear", 4, 20)


@pytest.fixture
def env():
    """Eight dreams of a small untrained M."""
    torch.manual_seed(0)
    memory = MDNRNN(n_z=4, n_a=1, n_h=8, restart_input=True, heads=("end",))
    starts = torch.zeros(5, 4), torch.zeros(5, 4)
    return DreamEnv(TASK, memory, starts, WORLD, num_envs=8)


def learn(env, folder, config=FEW, check=lambda params: {}, **more):
    folder.mkdir(exist_ok=True)
    return team.learn(env, CONTROLLER, config, folder, 7, check, **more)


def weights(folder):
    return load_controllers(folder / "controller.safetensors", TASK)[1]


def test_each_member_learns_as_it_would_alone_and_their_mean_is_published(env, tmp_path):
    checked = []

    def check(params):
        checked.append(params)
        return {"mean_return": 5.0, "sem": 1.0}

    told = learn(env, tmp_path / "team", check=check)
    found = weights(tmp_path / "team")
    assert set(found) == {"member_01", "member_02", "member_03", "params"}
    for number in range(3):
        alone = tmp_path / f"alone_{number}"
        alone.mkdir()
        seed = 7 + seeds.RUNS * number
        learn_policy(Dreams(env, FEW), CONTROLLER, replace(FEW, team=1), alone, seed)
        assert torch.equal(weights(alone)["params"], found[f"member_{number + 1:02d}"])
    members = torch.stack([found[f"member_{number:02d}"] for number in (1, 2, 3)])
    assert (members.std(0) > 0).any()
    torch.testing.assert_close(found["params"], members.mean(0), rtol=1e-3, atol=1e-4)
    assert len(checked) == 1
    torch.testing.assert_close(checked[0], found["params"])
    assert (told["update"], told["mean_return"]) == (12, 5.0)


def test_a_team_of_one_is_the_training_of_one(env, tmp_path):
    learn(env, tmp_path / "team", replace(FEW, team=1))
    (tmp_path / "alone").mkdir()
    learn_policy(Dreams(env, FEW), CONTROLLER, FEW, tmp_path / "alone", 7)
    first, second = (tmp_path / name / "controller.safetensors" for name in ("team", "alone"))
    assert first.read_bytes() == second.read_bytes()


def test_a_team_that_was_stopped_goes_on_and_tells_no_row_twice(env, tmp_path, monkeypatch):
    learn(env, tmp_path / "once")
    monkeypatch.setattr(keeper, "CHECKPOINT_SECONDS", 0.0)
    play, calls = Dreams.play, []

    def stops(self, *args):
        calls.append(1)
        if len(calls) == 8:  # within the second member
            raise KeyboardInterrupt
        return play(self, *args)

    with monkeypatch.context() as broken:
        broken.setattr(Dreams, "play", stops)
        with pytest.raises(KeyboardInterrupt):
            learn(env, tmp_path / "twice")
    learn(env, tmp_path / "twice")
    made = [tmp_path / name / "controller.safetensors" for name in ("once", "twice")]
    assert made[0].read_bytes() == made[1].read_bytes()
    rows = Metrics(tmp_path / "twice" / "metrics.jsonl").read()
    assert [row["update"] for row in rows] == [4, 8, 12]
    assert [row["member"] for row in rows] == [1, 2, 3]
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)


def test_no_team_can_end_before_its_longest_member(env, tmp_path):
    assert team.least(tmp_path, FEW) == 1
    learn(env, tmp_path)
    assert team.least(tmp_path, FEW) == 4


def test_a_team_of_deep_cs_is_refused():
    deep = replace(FEW, controller="deep")
    with pytest.raises(UserError, match="mean of deep Cs"):
        check_learning(TASK, deep, ("end",), torch.device("cpu"))
    check_learning(TASK, replace(deep, team=1), ("end",), torch.device("cpu"))
