"""The iterative procedure runs, stores every round, and resumes without playing anything twice."""

import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from wmlib.cli.main import main
from wmlib.data.exploring import ExploringPolicy
from wmlib.data.store import RolloutStore
from wmlib.learning.iterative import finished_rounds, iterate, published_round, random_agent
from wmlib.model.vision import StateVision
from wmlib.presets import ITERATE_PRESETS
from wmlib.records.files import Metrics, RunFolder
from wmlib.tasks import get_task

TINY = ITERATE_PRESETS["tiny"]
SHORT = replace(
    TINY,
    iterations=2,
    episodes=2,
    memory=replace(TINY.memory, updates=5, batch_size=2),
    evolve=replace(TINY.evolve, generations=2, population=4, evaluate_every=1, slots=8),
)


def test_state_vision_scales_and_blurs_a_little():
    mu, logvar = StateVision().encode(torch.tensor([[0.5, -0.5, 4.0]]))
    assert mu.tolist() == [[0.5, -0.5, 2.0]]
    assert torch.allclose(torch.exp(logvar / 2), torch.tensor(0.0183), atol=1e-3)


def test_exploration_noise_lasts_and_depends_on_the_seed_alone():
    agent = random_agent(get_task("pendulum"), TINY, seed=0)
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
def test_rounds_add_data_and_a_second_call_adds_nothing(tmp_path):
    tmp_path /= "made/by/iterate"
    run = RunFolder(tmp_path)
    rows = iterate(run, SHORT, seed=0, device=torch.device("cpu"))
    assert [row["real_steps"] for row in rows] == [400, 800]
    store = RolloutStore(tmp_path / "rollouts")
    assert len(store) == 4
    assert store.frames(0).shape == (200, 3)
    assert (store.frames(0)[0, 0] < -0.9).all()  # it begins hanging
    first = (tmp_path / "round_02/controller/controller.safetensors").read_bytes()
    assert iterate(run, SHORT, seed=0, device=torch.device("cpu")) == rows
    assert (tmp_path / "round_02/controller/controller.safetensors").read_bytes() == first


@pytest.mark.slow
def test_a_finished_round_can_be_dreamed_and_climbed(tmp_path, capsys):
    iterate(RunFolder(tmp_path), replace(SHORT, iterations=1), 0, torch.device("cpu"))
    dreams = gym.make_vec("wmlib/PendulumHangingDream-v0", num_envs=3, weights=tmp_path)
    features, _ = dreams.reset(seed=[1, 2, 3])
    assert features.shape == (3, 3 + SHORT.memory.n_h)
    flags = ("--updates", "5", "--dreams", "8", "--horizon", "5")
    command = ["dream-gradient", "--task", "pendulum", "--run-dir", str(tmp_path), *flags]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert set(json.loads(first)) >= {"dream_return", "real_return", "evolved_real_return", "n"}
    assert len(Metrics(tmp_path / "gradient/metrics.jsonl").read()) == 5
    assert main(command) == 0  # finished: the same line again
    assert capsys.readouterr().out == first


def test_the_hundredth_round_comes_after_the_ninety_ninth(tmp_path):
    for name in ("round_100", "round_99", "round_07", "round_07_old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    names = [path.name for path in finished_rounds(tmp_path)]
    assert names == ["round_07", "round_99", "round_100"]


def test_of_the_published_rounds_only_the_last_knows_the_upper_half():
    first, last = published_round(1), published_round(4)
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
