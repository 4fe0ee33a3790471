"""The iterative procedure runs, stores every round, and resumes without playing anything twice."""

from dataclasses import replace

import pytest
import torch

from wmlib.iterative import StateVision, iterate
from wmlib.presets import ITERATE_PRESETS
from wmlib.runs import RunFolder
from wmlib.store import RolloutStore

TINY = ITERATE_PRESETS["tiny"]
SHORT = replace(
    TINY,
    iterations=2,
    episodes=2,
    memory=replace(TINY.memory, updates=5, batch_size=2),
    evolve=replace(TINY.evolve, generations=2, population=4, evaluate_every=1, slots=8),
)


def test_state_vision_scales_and_is_certain():
    mu, logvar = StateVision().encode(torch.tensor([[0.5, -0.5, 4.0]]))
    assert mu.tolist() == [[0.5, -0.5, 2.0]]
    assert (torch.exp(logvar / 2) < 1e-4).all()


@pytest.mark.slow
def test_rounds_add_data_and_a_second_call_adds_nothing(tmp_path):
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
