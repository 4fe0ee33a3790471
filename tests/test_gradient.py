"""The gradient through the dream is the derivative of the return it predicts."""

import pytest
import torch

from wmlib.configs import GradientConfig
from wmlib.learning.dream_gradient import ascend, dream_return
from wmlib.learning.iterative import random_agent
from wmlib.presets import ITERATE_PRESETS
from wmlib.tasks import get_task


@pytest.fixture
def agent():
    return random_agent(get_task("pendulum"), ITERATE_PRESETS["tiny"], seed=3)


def value(agent, params, horizon=6):
    return dream_return(agent, params, 8, horizon, torch.Generator().manual_seed(0), 1.0)


def test_it_agrees_with_finite_differences(agent):
    for module in (agent.memory, agent.vision):
        module.double()
    agent.starts = tuple(s.double() for s in agent.starts)
    torch.set_default_dtype(torch.float64)
    try:
        params = (agent.params.double() * 0.3).requires_grad_(True)
        (gradient,) = torch.autograd.grad(value(agent, params), params)
        for i in (0, 60, 150, 200):
            step = torch.zeros_like(params)
            step[i] = 1e-4
            with torch.no_grad():
                slope = (value(agent, params + step) - value(agent, params - step)) / 2e-4
            # M's outputs are float32, which limits the precision of the difference.
            assert abs(slope - gradient[i]) < 2e-2 * gradient.abs().max()
    finally:
        torch.set_default_dtype(torch.float32)


def test_ascent_raises_the_predicted_return_and_leaves_m_alone(agent):
    before = agent.memory.output.weight.clone()
    config = GradientConfig(updates=30, dreams=16, horizon=10)
    _, rows = ascend(agent, agent.params, config, seed=1)
    assert rows[-1]["dream_return"] > rows[0]["dream_return"]
    assert torch.equal(agent.memory.output.weight, before)


def test_an_m_without_rewards_is_refused(agent):
    agent.memory.heads = ()
    with pytest.raises(ValueError, match="reward head"):
        value(agent, agent.params)
