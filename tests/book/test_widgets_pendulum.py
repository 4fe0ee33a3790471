"""The pendulum lab's models: the very JavaScript, under Node, against Gymnasium and torch."""

import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from javascript import javascript
from run_js import needs_node

from wmlib.agent import load_agent, pretrained_folder
from wmlib.book.pendulum_figures import STEPS_PER_SECOND
from wmlib.book.report import PUBLISHED
from wmlib.book.widgets.bundle import FOLDER
from wmlib.book.widgets.pendulum_lab import PendulumLab, packed_round
from wmlib.errors import UserError
from wmlib.model.memory import MDNRNN
from wmlib.records.files import read_json, write_json

pytestmark = needs_node


def published(number):
    return load_agent(pretrained_folder("pendulum") / f"round_{number:02d}", "pendulum")


def test_pendulum_is_gymnasiums():
    from gymnasium.envs.classic_control.pendulum import PendulumEnv

    env, rng = PendulumEnv(), np.random.default_rng(2)
    env.reset(seed=0)
    env.state, torques = np.array([3.1, 0.05]), rng.uniform(-3, 3, 400)
    torques[:150] = 2 * np.sign(np.sin(np.arange(150) / 6))  # swings it up, and round
    states, rewards = [], []
    for u in torques:
        _, reward, *_ = env.step(np.array([u]))
        states.append(env.state.tolist())
        rewards.append(reward)
    assert max(abs(s[1]) for s in states) == 8  # the fastest it may turn was met
    told = javascript(
        {"pendulum.js": "pendulumStep"},
        "let state = { angle: 3.1, speed: 0.05 };"
        "return data.map((u) => { const next = pendulumStep(state, u); state = next.state;"
        " return [state.angle, state.speed, next.reward]; });",
        torques.tolist(),
    )
    np.testing.assert_allclose(told, np.column_stack([states, rewards]), rtol=1e-6, atol=1e-6)


def memory_for_js(memory):
    lstm, output = memory.lstm, memory.output
    tensors = {
        "weight_ih": lstm.weight_ih_l0,
        "weight_hh": lstm.weight_hh_l0,
        "bias": lstm.bias_ih_l0,
        "output": output.weight,
        "outputBias": output.bias,
    }
    return {name: t.detach().flatten().tolist() for name, t in tensors.items()}


@pytest.mark.parametrize("number", [1, 6])
def test_memory_and_controller_say_what_torch_says(number):
    agent, draw = published(number), torch.Generator().manual_seed(0)
    z = torch.randn(60, 3, generator=draw) * torch.tensor([0.7, 0.7, 1.5])
    a = 4 * torch.rand(60, 1, generator=draw) - 2
    with torch.no_grad():
        out, (h, c) = agent.memory(z[None], a[None], torch.zeros(1, 60))
        features = torch.cat([z, torch.zeros(60, 48)], 1)
        torque = agent.controller.act(agent.params.expand(60, -1), features)[:, 0]
    told = javascript(
        {"pendulum_dream.js": "PendulumMemory", "pendulum.js": "controllerTorque"},
        "const memory = new PendulumMemory(data.weights), state = memory.empty();"
        "const said = data.z.map((z, t) => { memory.advance(state, z, data.a[t][0]);"
        " const { mu, logstd, reward } = memory.predict(state.h);"
        " return [...mu, ...logstd, reward]; });"
        "return { said, ...state, torque: data.z.map((z) => controllerTorque(data.params, z)) };",
        {
            "weights": memory_for_js(agent.memory),
            "z": z.tolist(),
            "a": a.tolist(),
            "params": agent.params.tolist(),
        },
    )
    parts = [out.mu[0, :, :, 0], out.logstd[0, :, :, 0], out.reward[0, :, None]]
    np.testing.assert_allclose(told["said"], torch.cat(parts, 1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(told["h"], h[0], atol=1e-5)
    np.testing.assert_allclose(told["c"], c[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(told["torque"], torque, atol=1e-5)


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_the_dream_draws_what_memory_predicts(tau):
    """One step from one start, 4,000 times: mean and variance; and tau scales the variance."""
    agent = published(6)
    weights = memory_for_js(agent.memory) | {"starts": [-1.0, 0.02, 0.1], "startLogVariance": -40}
    drawn = np.array(
        javascript(
            {
                "pendulum_dream.js": "PendulumMemory, PendulumDream",
                "chance.js": "Chance",
            },
            "const chance = new Chance(7), memory = new PendulumMemory(data.weights);"
            "return Array.from({ length: 4000 }, () => {"
            " const dream = new PendulumDream(memory, chance, data.tau);"
            " const reward = dream.step(1.5); return [...dream.z, reward]; });",
            {"weights": weights, "tau": tau},
        )
    )
    z, a = torch.tensor([[-1.0, 0.02, 0.1]]), torch.tensor([[1.5]])
    with torch.no_grad():
        out, _ = agent.memory.step(z, a, torch.zeros(1), agent.memory.initial_state(1))
    mu, deviation = out.mu[0, :, 0].numpy(), out.logstd[0, :, 0].exp().numpy() * math.sqrt(tau)
    assert (np.abs(drawn[:, :3].mean(0) - mu) < 5 * deviation / math.sqrt(4000)).all()
    np.testing.assert_allclose(drawn[:, :3].std(0), deviation, rtol=0.06)
    np.testing.assert_allclose(drawn[:, 3], float(out.reward), rtol=1e-4)


def packed(number):
    return packed_round(f"round {number}", published(number))


def test_packed_weights_are_the_packages_and_lose_only_float16():
    agent = published(6)
    told = javascript(
        {"pendulum_round.js": "unpackedRound"},
        "const { memory, controller } = unpackedRound(data);"
        "return { ...memory.w, units: memory.units, controller };",
        packed(6),
    )
    assert told["units"] == 48
    for name, numbers in memory_for_js(agent.memory).items():
        np.testing.assert_allclose(told[name], numbers, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(told["controller"], agent.params, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(told["starts"], agent.starts[0].flatten(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("number", "apart"), [(1, (0.15, 1)), (6, (0, 0.1))])
def test_pushed_alike_the_dream_swings_as_the_game_does_once_m_knows_it(number, apart):
    """40 times pushed to and fro for four seconds; M has watched the real one first."""
    heights = javascript(
        {"pendulum_round.js": "unpackedRound", "two_pendulums.js": "TwoPendulums"},
        "const worlds = new TwoPendulums(unpackedRound(data), 1);"
        "return [...Array(40).keys()].map((k) => { worlds.hang(); for (let t = 0; t < 80; t++) {"
        " const torque = Math.floor((t + k) / 12) % 2 ? 2 : -2; worlds.step(() => torque); }"
        " return [worlds.heights.real, worlds.heights.dream]; });",
        packed(number),
    )
    real, dream = np.moveaxis(np.array(heights), 1, 0)  # each (40, 80)
    assert abs(real - dream)[:, 0].mean() < 0.05  # it begins without a jump
    assert apart[0] < abs(real - dream)[:, 40:50].mean() < apart[1]


def test_m_watches_for_the_quarter_of_a_second_that_chapter_11_tells():
    steps = re.search(r"const LOOKED_ON = (\d+);", (FOLDER / "two_pendulums.js").read_text("utf-8"))
    assert int(steps[1]) / STEPS_PER_SECOND == 0.25


def test_published_controller_gets_in_the_browser_what_it_gets_in_python():
    """Returns of the C of the last round: 48 episodes of the real game, 200 dreams of M."""
    real, dreamed = javascript(
        {"pendulum_round.js": "unpackedRound", "dream_evolution.js": "DreamEvolution, realReturn"},
        "const { memory, controller } = unpackedRound(data);"
        "const evolution = new DreamEvolution(memory, 1, 1), seeds = [...Array(200).keys()];"
        "return [seeds.slice(0, 48).map((seed) => realReturn(controller, seed)),"
        " seeds.map((seed) => evolution.dreamed(controller, seed))];",
        packed(6),
    )
    agent = published(6)
    score = read_json(PUBLISHED / "pendulum/main/rounds.json")["rounds"][-1]
    error = math.hypot(np.std(real) / math.sqrt(48), score["real_sem"])
    assert abs(np.mean(real) - score["real_return"]) < 4 * error
    dream = agent.dream(200, 1.0, max_episode_steps=150)
    features, _ = dream.reset(seed=1)
    returns = np.zeros(200)
    for _ in range(150):
        features, reward, *_ = dream.step(agent.act(features))
        returns += reward
    error = math.hypot(returns.std(), np.std(dreamed)) / math.sqrt(200)
    assert abs(np.mean(dreamed) - returns.mean()) < 4 * error


def test_a_controller_evolves_in_the_dream_and_the_same_seed_repeats_it():
    rows, again = javascript(
        {"pendulum_round.js": "unpackedRound", "dream_evolution.js": "DreamEvolution"},
        "const { memory } = unpackedRound(data);"
        "const run = () => { const evolution = new DreamEvolution(memory, 3, 1);"
        " while (evolution.rows.length < 12) evolution.work.next();"
        " return [evolution.rows, evolution.best]; };"
        "return [run(), run()];",
        packed(1),
    )
    assert rows == again
    rows, best = rows
    assert np.mean([r["dream"] for r in rows[-3:]]) > np.mean([r["dream"] for r in rows[:3]])
    assert (best["generation"], best["dream"]) == (10, rows[9]["dream"])


def test_lab_offers_the_rounds_of_a_readers_own_run(tmp_path):
    with pytest.raises(UserError, match="no finished round"):
        PendulumLab(tmp_path)
    for number in (2, 10):
        target = tmp_path / f"round_{number:02d}"
        shutil.copytree(pretrained_folder("pendulum") / "round_06", target)
        write_json(target / "manifest.json", {"result": {}, "finished": True})
    lab = PendulumLab(tmp_path, round=1)
    assert [offered["name"] for offered in lab.rounds] == ["round 2", "round 10"]
    assert lab.rounds[1]["weights"] == PendulumLab().rounds[-1]["weights"]
    assert (lab.round, lab.who) == (1, "round")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"heads": ("end", "reward")}, "--memory.heads reward"),
        ({"n_mixtures": 5}, "--memory.n-mixtures 1"),
    ],
)
def test_lab_refuses_an_m_that_the_page_cannot_read(change, told):
    agent = load_agent(pretrained_folder("pendulum"), "pendulum")
    shape = agent.memory.shape | change
    with pytest.raises(UserError, match=told):
        packed_round("round 1", replace(agent, memory=MDNRNN(**shape)))
