"""M: the original's sizes, one step equals the sequence, and it learns what it should."""

import numpy as np
import pytest
import torch

from wmlib.data.batches import EpisodeBatches
from wmlib.data.latents import Latents
from wmlib.learning.memory import validate
from wmlib.model.memory import MDNRNN

CAR = {"n_z": 32, "n_a": 3, "n_h": 256}
DOOM = {"n_z": 64, "n_a": 1, "n_h": 512, "restart_input": True, "heads": ("end",)}


def trainable(memory):
    return [p for p in memory.parameters() if p.requires_grad]


def toy_latents(episodes=24, seed=0):
    """z' = 0.9 z + a with a ~ U(-1, 1); the episode ends right after an action above 0.9."""
    rng = np.random.default_rng(seed)
    z, a, first, ended = [], [], [0], []
    for _ in range(episodes):
        x = rng.normal(size=2)
        for t in range(40):
            action = rng.uniform(-1, 1)
            z.append(x)
            a.append([action])
            x = 0.9 * x + action
            if action > 0.9 and t > 0:
                break
        first.append(len(z))
        ended.append(action > 0.9)
    return Latents(
        mu=np.array(z, dtype=np.float16),
        logvar=np.full((len(z), 2), -6, dtype=np.float16),
        actions=np.array(a, dtype=np.float32),
        rewards=np.array(a, dtype=np.float32)[:, 0] * 2,
        first=np.array(first),
        terminated=np.array(ended),
    )


@pytest.mark.parametrize(("shape", "count"), [(CAR, 422_368), (DOOM, 1_678_785)])
def test_parameter_count_is_the_originals(shape, count):
    memory = MDNRNN(**shape)
    assert sum(p.numel() for p in trainable(memory)) == count
    frozen = [p for p in memory.parameters() if not p.requires_grad]
    assert [tuple(p.shape) for p in frozen] == [(4 * shape["n_h"],)]
    assert not frozen[0].any()  # PyTorch's second bias


@pytest.mark.parametrize("heads", [(), ("end",), ("action", "end", "reward")])
@pytest.mark.parametrize("restart_input", [False, True])
def test_steps_equal_the_sequence(heads, restart_input):
    torch.manual_seed(0)
    memory = MDNRNN(4, 2, 16, restart_input=restart_input, heads=heads)
    z, a, restart = torch.randn(3, 9, 4), torch.randn(3, 9, 2), torch.zeros(3, 9)
    restart[:, 0] = restart[1, 5] = 1
    whole, last = memory(z, a, restart)
    state = memory.initial_state(3)
    for t in range(9):
        out, state = memory.step(z[:, t], a[:, t], restart[:, t], state)
        for one, many in zip(out, whole):
            if many is None:
                assert one is None
            else:
                torch.testing.assert_close(one, many[:, t], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=1e-4, atol=1e-5)


def test_carrying_the_state_equals_one_long_sequence():
    torch.manual_seed(0)
    memory = MDNRNN(4, 2, 16)
    z, a, restart = torch.randn(3, 10, 4), torch.randn(3, 10, 2), torch.zeros(3, 10)
    whole, _ = memory(z, a, restart)
    _, state = memory(z[:, :6], a[:, :6], restart[:, :6])
    rest, _ = memory(z[:, 6:], a[:, 6:], restart[:, 6:], state)
    torch.testing.assert_close(rest.mu, whole.mu[:, 6:], rtol=1e-4, atol=1e-5)


def test_restart_flag_reaches_m_only_where_it_should():
    z, a = torch.randn(2, 3, 4), torch.randn(2, 3, 2)
    for reads in (False, True):
        memory = MDNRNN(4, 2, 8, restart_input=reads)
        differs = memory(z, a, torch.ones(2, 3))[0].mu != memory(z, a, torch.zeros(2, 3))[0].mu
        assert bool(differs.any()) == reads


def test_unknown_head_is_refused():
    with pytest.raises(ValueError, match="unknown heads"):
        MDNRNN(4, 2, 8, heads=("lives",))


def test_mixture_is_normalised_and_sigma_bounded():
    memory = MDNRNN(4, 2, 8)
    with torch.no_grad():
        memory.output.weight.mul_(1000)
    out = memory.predict(torch.randn(5, 8))
    torch.testing.assert_close(out.logpi.exp().sum(-1), torch.ones(5, 4))
    assert out.logstd.abs().max() <= 7


def test_far_away_latents_give_a_finite_loss():
    memory = MDNRNN(2, 1, 8, heads=("end", "reward", "action"))
    batch = EpisodeBatches(toy_latents(), np.arange(8), 8, 40, seed=0).make(0)
    loss, parts, _ = memory.loss(batch._replace(z_next=torch.full_like(batch.z_next, 50.0)))
    loss.backward()
    assert all(torch.isfinite(value) for value in parts.values())
    assert all(torch.isfinite(p.grad).all() for p in trainable(memory))


def test_padding_changes_nothing():
    torch.manual_seed(0)
    memory = MDNRNN(2, 1, 8, heads=("end", "reward", "action"))
    batch = EpisodeBatches(toy_latents(), np.arange(8), 8, 40, seed=0).make(0)
    assert not batch.valid.all()
    spoiled = batch._replace(
        z_next=torch.where(batch.has_next[..., None] > 0, batch.z_next, 9.0),
        a_next=torch.where(batch.has_next[..., None] > 0, batch.a_next, 9.0),
        reward=torch.where(batch.valid > 0, batch.reward, 9.0),
    )
    torch.testing.assert_close(memory.loss(spoiled)[1], memory.loss(batch)[1])


def test_the_reward_s_error_weighs_as_it_is_told():
    memory = MDNRNN(2, 1, 8, heads=("reward",))
    batch = EpisodeBatches(toy_latents(), np.arange(8), 8, 40, seed=0).make(0)
    (one, parts, _), (three, weighed, _) = (memory.loss(batch, None, w) for w in (1.0, 3.0))
    torch.testing.assert_close(weighed["reward"], 3 * parts["reward"])
    torch.testing.assert_close(three - one, 2 * parts["reward"])


def test_forget_gates_start_open():
    torch.manual_seed(0)
    memory = MDNRNN(2, 1, 8)
    torch.manual_seed(0)
    usual = torch.nn.LSTM(3, 8, batch_first=True)
    moved = memory.lstm.bias_ih_l0 - usual.bias_ih_l0
    torch.testing.assert_close(moved, torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(8))


def test_ends_weigh_ten_times():
    memory = MDNRNN(2, 1, 8, heads=("end",))
    batch = EpisodeBatches(toy_latents(), np.arange(8), 8, 40, seed=0).make(0)
    out, _ = memory(batch.z, batch.a, batch.restart)
    p = torch.sigmoid(out.end_logit)
    each = -(10 * batch.end * p.log() + (1 - batch.end) * (1 - p).log()) * batch.valid
    expected = each.sum() / batch.valid.sum()
    torch.testing.assert_close(memory.loss(batch)[1]["end"], expected, rtol=1e-4, atol=1e-6)


def test_learns_dynamics_end_reward_and_only_with_the_right_alignment():
    """One action too late, 0.69 nats per dim would be lost and no end foreseen."""
    torch.manual_seed(0)
    latents = toy_latents(160)
    train, held_out = latents.split()
    memory = MDNRNN(2, 1, 32, heads=("end", "reward"))
    data = EpisodeBatches(latents, train, 32, 40, seed=0)
    optimizer = torch.optim.Adam(trainable(memory), 1e-2)
    for update in range(250):
        loss, parts, _ = memory.loss(data.make(update))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(trainable(memory), 1.0)
        optimizer.step()
    found = validate(memory, latents, held_out, torch.device("cpu"))
    assert found["val_floor"] == pytest.approx(1.4189 - 3, abs=1e-3)
    assert found["val_floor"] < found["val_nll"] < found["val_floor"] + 0.6
    assert found["val_ends"] >= 2
    assert found["val_end_recall"] > 0.9
    assert found["val_end_precision"] > 0.3  # ends weigh ten times: a false alarm is cheap
    same = EpisodeBatches(latents, held_out, len(held_out), 40, seed=0).make(0)
    assert found["val_end"] == pytest.approx(float(memory.loss(same)[1]["end"]), rel=1e-4)
    assert parts["reward"] < 0.1  # its variance is 1.3
    reward = latents.rewards.astype(float)
    rows = np.concatenate([np.arange(*latents.first[[i, i + 1]]) for i in held_out])
    missed = float(memory.loss(same)[1]["reward"])
    assert found["val_reward"] == pytest.approx(missed / reward[rows].var(), rel=1e-3)
