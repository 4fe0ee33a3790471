"""The browser's V, M and C compute what torch computes, from the same weights."""

import hashlib
import shutil
from itertools import islice

import numpy as np
import pytest
import torch
from run_js import needs_node, run_js

import wmlib
from wmlib.book import samples
from wmlib.book.probes import load_probe
from wmlib.book.widgets import dreams, kernels, weights
from wmlib.model.mixture import sample_mixture
from wmlib.worlds import noise

pytestmark = needs_node
WITHIN = 2e-3


@pytest.fixture(scope="module", params=("car_racing", "doom_take_cover"))
def agent(request):
    return wmlib.load_pretrained(request.param)


@pytest.fixture(scope="module")
def memory_bytes(agent):
    return weights.memory_file(agent.task, agent.memory, agent.starts)


@pytest.fixture(scope="module")
def real(agent):
    """Real latents mu (8, N_z) and actions (8, A)."""
    latents = samples.load(agent.task.name).latents
    return latents.mu[::97][:8].astype(np.float32), latents.actions[::97][:8]


def close(got, wanted, within=WITHIN) -> bool:
    wanted = np.asarray(wanted, dtype=np.float64).ravel()
    got = np.asarray(got, dtype=np.float64).ravel()
    assert got.shape == wanted.shape
    return bool(np.abs(got - wanted).max() < within)


DECODE = """
import { readNetwork } from "./networks.js";
import { makeDecoder } from "./vision.js";
import { makeKernels, makePlainKernels } from "./kernels.js";
const result = {};
for (const [name, make] of [["plain", makePlainKernels], ["compiled", makeKernels]]) {
  const decode = await makeDecoder(await readNetwork(given.file), make);
  result[name] = given.z.map((z) => decode(z).slice());
}
answer(result);
"""


def test_decoder_plain_and_compiled(agent, real):
    z = torch.from_numpy(real[0][:3])
    with torch.no_grad():
        wanted = agent.vision.decode(z).permute(0, 2, 3, 1)
    got = run_js(DECODE, file=weights.decoder_file(agent.vision), z=z.tolist())
    assert wanted.std() > 0.03, "a picture of nothing proves nothing"
    assert close(got["compiled"], wanted)
    assert close(got["plain"], got["compiled"], 1e-5)


ENCODE = """
import { readNetwork } from "./networks.js";
import { makeEncoder } from "./vision.js";
import { makeKernels, makePlainKernels } from "./kernels.js";
const result = {};
for (const [name, make] of [["plain", makePlainKernels], ["compiled", makeKernels]]) {
  const encode = await makeEncoder(await readNetwork(given.file), make);
  result[name] = given.pictures.map((picture) => encode(picture));
}
answer(result);
"""


def test_encoder_plain_and_compiled(agent):
    frames = samples.load(agent.task.name).frames[[0, 40]]
    with torch.no_grad():
        mu, logvar = agent.vision.encode(torch.from_numpy(frames))
    pictures = (frames / 255).reshape(2, -1).tolist()
    got = run_js(ENCODE, file=weights.encoder_file(agent.vision), pictures=pictures)
    for kind in ("plain", "compiled"):
        assert close([g["mu"] for g in got[kind]], mu)
        assert close([g["logvar"] for g in got[kind]], logvar)


MEMORY = """
import { readNetwork } from "./networks.js";
import { makeMemory } from "./memory.js";
const memory = await makeMemory(await readNetwork(given.file));
let state = memory.initialState(), said;
given.z.forEach((z, t) => {
  state = memory.advance(Float32Array.from(z), given.a[t], t === 0 ? 1 : 0, state);
  said = memory.predict(state);
});
answer({ ...state, ...said });
"""


def test_memory(agent, memory_bytes, real):
    z, a = (torch.from_numpy(array) for array in real)
    state = agent.memory.initial_state(1)
    with torch.no_grad():
        for t in range(len(z)):
            restart = torch.tensor([1.0 if t == 0 else 0.0])
            out, state = agent.memory.step(z[t : t + 1], a[t : t + 1], restart, state)
    got = run_js(MEMORY, file=memory_bytes, z=z.tolist(), a=a.tolist())
    wanted = {"h": state[0], "c": state[1], "logpi": out.logpi, "mu": out.mu, "logstd": out.logstd}
    assert all(close(got[name], tensor) for name, tensor in wanted.items())
    if out.end_logit is None:
        assert got["endLogit"] is None
    else:
        assert close(got["endLogit"], out.end_logit)


CONTROL = """
import { makeController } from "./controller.js";
answer(given.features.map((f) =>
  makeController(given.facts, given.kind, given.params)(Float32Array.from(f))));
"""


@pytest.mark.parametrize("kind", ["linear", "z", "hidden", "deep"])
def test_controllers(agent, kind):
    controller = agent.new_controller(kind)
    generator = torch.Generator().manual_seed(1)
    params = torch.randn(controller.n_params, generator=generator) * 0.2
    seen = torch.randn(6, controller.n_features, generator=generator)
    wanted = controller.act(params.expand(6, -1), seen)
    task = agent.task
    facts = {"n_z": agent.memory.n_z, "n_a": task.n_actions, "squash": task.squash}
    facts |= {"scale": task.action_scale, "bias": task.bias}
    got = run_js(CONTROL, features=seen.tolist(), params=params.tolist(), facts=facts, kind=kind)
    assert close(got, wanted, 1e-5)


NOISE = """
import { normals, uniforms } from "./noise.js";
answer(given.seeds.map((seed) =>
  [uniforms(seed, given.step, 33, 1), normals(seed, given.step, 33, 0)]));
"""


def test_noise_is_the_same_bit_for_bit():
    seeds = [0, 1, 1000, 2**31 - 1]
    tensor, steps = torch.tensor(seeds), torch.full((4,), 77)
    got = run_js(NOISE, seeds=seeds, step=77)
    assert np.array_equal([g[0] for g in got], noise.uniform(tensor, steps, 33, 1).tolist())
    assert close([g[1] for g in got], noise.normal(tensor, steps, 33, 0), 1e-5)


SAMPLE = """
import { sampleMixture } from "./mixture.js";
const mixture = { k: 3, ...Object.fromEntries(["logpi", "mu", "logstd"].map(
  (name) => [name, Float32Array.from(given[name])])) };
answer(given.taus.map((tau) =>
  sampleMixture(mixture, tau, Float32Array.from(given.u), Float32Array.from(given.eps))));
"""


def test_sampling_at_tau_and_its_limits():
    """The samples are torch's; tau -> 0 gives the heaviest mean; the spread is the mixture's."""
    n, generator = 4000, torch.Generator().manual_seed(3)
    logpi = torch.log(torch.tensor([0.5, 0.3, 0.2])).expand(n, 3)
    mu, logstd = torch.tensor([-1.0, 0.0, 2.0]).expand(n, 3), torch.full((n, 3), -1.0)
    u, eps = torch.rand(n, generator=generator), torch.randn(n, generator=generator)
    taus = [1e-4, 0.5, 1.0, 1.3]
    given = {"logpi": logpi, "mu": mu, "logstd": logstd, "u": u, "eps": eps}
    got = run_js(SAMPLE, taus=taus, **{key: t.flatten().tolist() for key, t in given.items()})
    for tau, samples_ in zip(taus, got):
        assert close(samples_, sample_mixture(logpi, mu, logstd, tau, u, eps), 1e-4)
    assert close(got[0], -np.ones(n), 0.1)  # sigma * sqrt(tau) is 0.004
    mean = float((logpi[0].exp() * mu[0]).sum())
    variance = float((logpi[0].exp() * mu[0] ** 2).sum() - mean**2 + np.exp(-2))
    assert abs(np.mean(got[2]) - mean) < 4 * np.sqrt(variance / n)
    assert abs(np.var(got[2]) / variance - 1) < 0.1
    assert np.var(got[0]) < np.var(got[1]) < np.var(got[2]) < np.var(got[3])


DREAM = """
import { readNetwork } from "./networks.js";
import { makeMemory } from "./memory.js";
import { makeDream } from "./dream.js";
import { makeController } from "./controller.js";
const file = await readNetwork(given.file), memory = await makeMemory(file);
const dream = makeDream(memory, file), act = makeController(memory.facts, "linear", given.params);
answer(given.seeds.map((seed) => {
  dream.reset(seed);
  const steps = [[dream.z]];
  while (steps.length <= given.steps && !dream.ended) {
    const action = act(dream.features());
    dream.act(action, given.tau);
    steps.push([dream.z, action, dream.endLogit]);
  }
  return { steps, ended: dream.ended };
}));
"""


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_a_seed_dreams_the_same_dream_as_in_torch(agent, memory_bytes, tau):
    steps, seeds = 60, [3, 4]
    params = agent.params.tolist()
    got = run_js(DREAM, file=memory_bytes, params=params, seeds=seeds, tau=tau, steps=steps)
    for seed, dream in zip(seeds, got):
        rows = list(islice(dreams.dream(agent, seed, tau), steps + 1))
        assert len(dream["steps"]) == len(rows)
        for (z, *rest), (z_, *rest_) in zip(dream["steps"][:21], rows):
            assert close(z, z_, 1e-2), "20 steps apart already"
            for one, other in zip(rest, rest_):
                assert other is None or close(one, other, 2e-2)


END = """
import { makeDream } from "./dream.js";
const zeros = (n) => new Float32Array(n);
const start = { values: zeros(2) };
const file = { arrays: { "starts.mu": start, "starts.logvar": start } };
const lived = given.logits.map((logit) => {
  const memory = {
    facts: { n_z: 2, max_steps: 9 },
    initialState: () => ({ h: zeros(1), c: zeros(1) }),
    advance: (z, a, restart, state) => state,
    predict: () => ({ k: 1, logpi: zeros(2), mu: zeros(2), logstd: zeros(2),
      endLogit: logit === "NaN" ? NaN : logit }),
  };
  const dream = makeDream(memory, file);
  dream.reset(1);
  while (!dream.ended) dream.act([0], 1);
  return dream.step;
});
answer(lived);
"""


def test_a_dream_ends_when_death_is_likelier_than_not_and_at_the_cap():
    assert run_js(END, logits=[-1e-3, 0, 1e-3, "NaN", None]) == [9, 9, 1, 1, 9]


PROBE = """
import { readNetwork } from "./networks.js";
import { makeProbe } from "./probe.js";
const count = makeProbe(await readNetwork(given.file));
answer(given.z.map((z) => count(Float32Array.from(z))));
"""


def test_probe_counts_the_same_fireballs():
    probe = load_probe()
    z = samples.load("doom_take_cover").latents.mu[::31][:80].astype(np.float32)
    wanted = probe(z)
    assert len(set(wanted.tolist())) >= 3, "nothing to count"
    assert run_js(PROBE, file=weights.probe_file(probe), z=z.tolist()) == wanted.tolist()


def test_files_are_the_same_every_time(agent, memory_bytes):
    again = weights.memory_file(agent.task, agent.memory, agent.starts)
    assert hashlib.sha256(again).digest() == hashlib.sha256(memory_bytes).digest()


def test_compiled_kernels_are_those_of_the_source():
    text = kernels.TARGET.read_text(encoding="utf-8")
    assert f'"{kernels.digest()}"' in text, "stale: python -m wmlib.book.widgets.kernels"
    if shutil.which("clang") and shutil.which("wasm-ld"):
        assert len(kernels.build()) > 1000


LIVES = """
import { readNetwork } from "./networks.js";
import { makeMemory } from "./memory.js";
import { makeDream } from "./dream.js";
import { makeController } from "./controller.js";
import { makeProbe } from "./probe.js";
import { makeLives } from "./cheating_meter.js";
const file = await readNetwork(given.memory), memory = await makeMemory(file);
const agent = { facts: memory.facts, newDream: () => makeDream(memory, file),
  controller: () => makeController(memory.facts, "linear", given.params) };
const probe = makeProbe(await readNetwork(given.probe));
answer(given.taus.map((tau) => given.seeds.map((seed) => {
  const lives = makeLives(agent, probe, "params", tau, seed);
  for (let t = 0; t < given.steps && !lives.dream.ended; t++) lives.step();
  return lives.average;
})));
"""


def test_temperature_changes_the_dream_fireballs_vanish_when_it_is_cold():
    """Over 20 seeded dreams, by the probe: the same in the browser's code as chapter 9 says."""
    agent = wmlib.load_pretrained("doom_take_cover")
    cold, hot = run_js(
        LIVES,
        memory=weights.memory_file(agent.task, agent.memory, agent.starts),
        probe=weights.probe_file(load_probe()),
        params=agent.params.tolist(),
        taus=[0.1, 1.3],
        seeds=list(range(100, 120)),
        steps=150,
    )
    assert np.mean(hot) > 2 * np.mean(cold)
    assert np.mean(hot) > 0.1
