"""Look, remember, act, imagine: told once, so all who do it must do the same."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import wmlib
from wmlib.book import video
from wmlib.book.video import panels
from wmlib.data.exploring import ExploringPolicy
from wmlib.device import autocast
from wmlib.errors import UserError
from wmlib.model.imagine import imagine, log_survival, worth
from wmlib.model.memory import MDNRNN, Prediction
from wmlib.model.vision import decode_pictures
from wmlib.worlds import noise
from wmlib.worlds.features import CHOICE_NOISE, Z_NOISE, Mind


@pytest.mark.parametrize("task", ["car_racing", "doom_take_cover"])
def test_the_agent_that_collects_is_the_one_that_is_evaluated(task):
    """Without noise, step by step, over whole pictures, in slots that begin at other times."""
    agent = wmlib.load_pretrained(task)
    env = agent.real(2, 40, "batched" if task == "car_racing" else "reference")
    policy = ExploringPolicy(agent, exploration=0.0)
    seeds, every = [100_001, 100_002], np.array([True, True])
    features, _ = env.reset(seed=seeds)
    policy.reset(seeds, every)
    for t in range(25):
        if t == 10:
            seeds, mask = [100_009, 100_002], np.array([True, False])
            features, _ = env.reset(seed=seeds, options={"reset_mask": mask})
            policy.reset(seeds, mask)
        a = agent.act(features)
        pressed = policy.act(env.pictures)  # it looks, acts and remembers
        assert torch.equal(torch.from_numpy(pressed), a)
        assert torch.equal(policy.mind.z, env.z)
        features, *_ = env.step(a)
        assert all(torch.equal(x, y) for x, y in zip(policy.mind.state, env.state))
    env.close()


@pytest.mark.parametrize("task", ["doom_take_cover", "pendulum"])
def test_the_dream_plays_one_step_of_imagination(task):
    agent = wmlib.load_pretrained(task)
    env = agent.dream(3, tau=1.15)
    features, _ = env.reset(seed=[5, 6, 7])
    seeds, restart = torch.tensor([5, 6, 7]), torch.ones(3)
    for t in range(5):
        z, state, a = env.z, env.state, agent.act(features)
        u, eps = noise.uniform_and_normal(
            seeds, torch.full((3,), t + 1), z.shape[1], (CHOICE_NOISE, Z_NOISE)
        )
        half = env.memory.output.weight.dtype == torch.bfloat16
        with torch.no_grad(), autocast("cpu", enabled=half):
            out, z, state = imagine(env.memory, z, a, restart, state, 1.15, u, eps)
        features, *_ = env.step(a)
        assert torch.equal(z, env.z)
        assert torch.equal(state[0], env.state[0])
        assert torch.equal(out.mu, env.said.mu)
        restart = torch.zeros(3)


def test_imagination_is_pure_and_differentiable():
    torch.manual_seed(0)
    memory = MDNRNN(3, 1, 8, heads=("reward",))
    z, a = torch.randn(2, 3, requires_grad=True), torch.randn(2, 1, requires_grad=True)
    state = tuple(torch.randn(2, 8, requires_grad=True) for _ in range(2))
    u, eps = torch.rand(2, 3), torch.randn(2, 3)
    before = [x.clone() for x in (z, a, *state, u, eps)]
    first = imagine(memory, z, a, torch.zeros(2), state, 0.7, u, eps)
    again = imagine(memory, z, a, torch.zeros(2), state, 0.7, u, eps)
    assert torch.equal(first[1], again[1])
    assert all(torch.equal(x, y) for x, y in zip((z, a, *state, u, eps), before))
    gradients = torch.autograd.grad(first[1].sum() + first[0].reward.sum(), (z, a, *state))
    assert all((g != 0).any() for g in gradients)


@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_what_a_step_is_worth(weight):
    memory = MDNRNN(2, 1, 4, heads=("end", "reward"), end_weight=weight)
    nothing = torch.zeros(3, 2, 1)
    risk = torch.tensor([0.0001, 0.2, 0.9])
    logit = torch.logit(risk) + np.log(weight)  # as the head says it after such a training
    out = Prediction(nothing, nothing, nothing, logit, torch.tensor([1.0, 2.0, 3.0]), None)
    torch.testing.assert_close(log_survival(memory, out).exp(), 1 - risk)
    assert worth(memory, out).tolist() == [1.0, 2.0, 3.0]
    torch.testing.assert_close(worth(memory, out._replace(reward=None)), torch.log1p(-risk))
    assert log_survival(memory, out._replace(end_logit=None)).tolist() == [0.0] * 3


def test_the_film_shows_the_dream():
    """Never woken, it shows what the dream from the same first picture shows, step by step."""
    agent, steps = wmlib.load_pretrained("doom_take_cover"), 12
    film = list(panels(agent, 10_000, steps, wake_every=10**9))
    env = agent.real(1, steps)
    features, _ = env.reset(seed=[10_000])
    dream = agent.dream(1, tau=1.0)
    dream.reset(seed=[10_000])
    dream.restore(env.mind.snapshot())
    for real, seen, dreamed, _, _ in film[:-1]:
        assert np.array_equal(real, env.pictures[0])
        assert np.array_equal(seen, decode_pictures(agent.vision, env.z)[0])
        assert np.array_equal(dreamed, dream.render()[0])
        a = agent.act(features)
        dream.step(a)
        features, *_ = env.step(a)
    env.close()
    assert [age for *_, age in film] == list(range(steps + 1))
    assert not np.array_equal(film[-1][1], film[-1][2])


def test_the_film_wakes_the_dream():
    agent = wmlib.load_pretrained("doom_take_cover")
    ages, same = [], []
    for _, seen, dreamed, _, age in panels(agent, 10_000, 9, wake_every=4):
        ages.append(age)
        same.append(np.array_equal(seen, dreamed))
    assert ages == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert [t for t in range(9) if same[t]] == [0, 4, 8]


def test_a_film_where_nothing_may_be_written_is_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(video, "_film", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # as Linux does, though there is no such file
    with pytest.raises(UserError, match=r"cannot write .*film\.mp4: Read-only file system"):
        video.write_video(None, 0, tmp_path / "film.mp4", 1)


def test_a_mind_goes_back_to_where_it_was():
    agent = wmlib.load_pretrained("pendulum")
    mind = Mind(agent.task, agent.memory, 2, torch.device("cpu"), agent.vision)
    mind.begin(torch.tensor([1, 2]), torch.tensor([True, True]))
    mind.look(np.array([[1, 0, 0.5], [0, 1, -2]], np.float32))
    kept = {name: tensor.clone() for name, tensor in mind.snapshot().items()}
    later = [mind.imagine(torch.zeros(2, 1), 1.0).mu for _ in range(3)]
    mind.restore(kept)
    again = [mind.imagine(torch.zeros(2, 1), 1.0).mu for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(later, again))
