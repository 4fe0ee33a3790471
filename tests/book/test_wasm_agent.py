"""The published agent plays live in the page's game as it does in Python's."""

import numpy as np
import pytest
import torch
from run_js import needs_node, run_js

import wmlib
from wmlib.book.widgets import weights
from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.physics import LAP_FINISHED
from wmlib.envs.batched_car_racing.vector_env import FAST_TOLERANCE
from wmlib.worlds.evaluate import evaluate

pytestmark = needs_node
EPISODES, FIRST_SEED = 10, 10_000  # validation seeds
PLAY = """
import { CAR_RACING } from "./car_racing_wasm.js";
import { compileCarGame } from "./car_game.js";
import { makeController } from "./controller.js";
import { makeMemory } from "./memory.js";
import { readNetwork } from "./networks.js";
import { makeSeenGame } from "./seen_game.js";
import { makeEncoder } from "./vision.js";
const memory = await makeMemory(await readNetwork(given.memory));
const encode = await makeEncoder(await readNetwork(given.encoder));
const act = makeController(memory.facts, "linear", given.params);
const seen = makeSeenGame((await compileCarGame(CAR_RACING))(), encode, memory);
answer(given.seeds.map((seed) => {
  seen.reset(seed);
  const steps = [];
  while (!seen.game.end && seen.step < given.most) {
    const { z, state: { h } } = seen, action = act(seen.features());
    steps.push(given.tell ? [z, h, action] : 0);
    seen.act(action);
  }
  return { steps, score: seen.game.score, end: seen.game.end };
}));
"""


@pytest.fixture(scope="module")
def agent():
    return wmlib.load_pretrained("car_racing")


def play(agent, seeds, most=1000, tell=False):
    files = {
        "encoder": weights.encoder_file(agent.vision),
        "memory": weights.memory_file(agent.task, agent.memory, agent.starts),
    }
    params = agent.params.tolist()
    return run_js(PLAY, **files, params=params, seeds=seeds, most=most, tell=tell)


def test_the_first_steps_are_pythons(agent):
    """V sees the same, M remembers the same, C does the same, up to torch's bfloat16."""
    [played] = play(agent, [FIRST_SEED], most=25, tell=True)
    world = agent.real(1, 1000, "batched")
    features, _ = world.reset(seed=[FIRST_SEED])
    for z, h, action in played["steps"]:
        np.testing.assert_allclose(z, features[0, : len(z)], atol=5e-2)
        np.testing.assert_allclose(h, features[0, len(z) :], atol=5e-2)
        wanted = agent.act(features)
        np.testing.assert_allclose(action, wanted[0], atol=5e-2)
        features, *_ = world.step(torch.tensor([action]))
    world.close()


@pytest.mark.slow
def test_a_whole_drive_is_pythons_with_the_same_actions(agent):
    """The fast mode against the fast mode: every reward, and so the return, to the last bit."""
    [played] = play(agent, [FIRST_SEED], tell=True)
    cars, everyone = CpuCars(1, 64, FAST_TOLERANCE, threads=1, draw=False), np.ones(1, bool)
    cars.reset(everyone, [np.random.default_rng(FIRST_SEED)])
    score = 0.0
    for _, _, action in played["steps"]:
        assert not cars.ends[0]
        cars.step(np.float32([action]), everyone)
        score += float(cars.rewards[0])
    assert played["score"] == score > 700
    assert (played["end"] == "lap") == (cars.ends[0] == LAP_FINISHED)


@pytest.mark.nightly
def test_the_agent_scores_as_in_python(agent):
    """Mean returns over ten validation seeds agree within two standard errors."""
    played = play(agent, list(range(FIRST_SEED, FIRST_SEED + EPISODES)))
    world = agent.real(EPISODES, 1000, "batched")
    wanted = evaluate(world, agent.controller, agent.params, EPISODES, FIRST_SEED)
    world.close()
    returns = np.array([episode["score"] for episode in played])
    print(returns.round(1).tolist(), wanted["returns"])
    assert returns.mean() > 800
    gap = np.hypot(returns.std(ddof=1) / EPISODES**0.5, wanted["sem"])
    assert abs(returns.mean() - wanted["mean"]) <= 2 * gap
