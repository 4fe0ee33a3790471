"""The dream is M, no more and no less: same states as in training, same interface as the game."""

import numpy as np
import pytest
import torch

from wmlib.configs import DreamWorld
from wmlib.data.latents import Latents
from wmlib.device import placed
from wmlib.errors import UserError
from wmlib.learning.evolution import feature_sizes
from wmlib.learning.memory import moments
from wmlib.model.actions import action_space
from wmlib.model.memory import MDNRNN
from wmlib.tasks import TASKS
from wmlib.worlds.dream import DreamEnv
from wmlib.worlds.features import features

DOOM, CAR = TASKS["doom_take_cover"], TASKS["car_racing"]
N_Z, N_H = 6, 16


@pytest.fixture
def memory():
    torch.manual_seed(0)
    m = MDNRNN(N_Z, 1, N_H, restart_input=True, heads=("end",)).eval()
    with torch.no_grad():
        m.output.bias[-1] = -3.0  # the end head, the last output: dreams of an untrained M go on
    return m


@pytest.fixture
def starts():
    return torch.randn(50, N_Z), torch.full((50, N_Z), -2.0)


def dream(memory, starts, n=4, **kwargs):
    return DreamEnv(DOOM, memory, starts, DreamWorld(**kwargs), n)


def begin(env, first=100):
    return env.reset(seed=[first + i for i in range(env.num_envs)])[0]


def actions(steps, n=4):
    return torch.rand(steps, n, 1, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_a_teacher_forced_dream_has_the_states_of_the_training_graph(memory, starts):
    """Feed recorded z and a through the dream and, at once, through M as it is trained."""
    z, a = torch.randn(4, 7, N_Z), torch.rand(4, 7, 1)
    restart = torch.zeros(4, 7)
    restart[:, 0] = 1
    out, (h, c) = memory(z, a, restart)

    env = dream(memory, starts)
    begin(env)
    for t in range(7):
        env.mind.z = z[:, t]
        env.step(a[:, t])
        said = env.said
        torch.testing.assert_close(said.mu, out.mu[:, t])
        torch.testing.assert_close(said.logpi, out.logpi[:, t])
        torch.testing.assert_close(said.end_logit, out.end_logit[:, t])
    torch.testing.assert_close(env.state, (h, c))


def test_the_action_changes_the_next_state_not_this_one(memory, starts):
    left, right = dream(memory, starts), dream(memory, starts)
    assert torch.equal(begin(left), begin(right))
    same = torch.zeros(4, 1)
    left.step(same), right.step(same)
    assert torch.equal(left.z, right.z)
    f_left = left.step(same - 1)[0]
    f_right = right.step(same + 1)[0]
    assert not torch.allclose(f_left, f_right)


@pytest.mark.parametrize("n", [2, 7])
def test_an_episode_does_not_depend_on_its_neighbours(memory, starts, n):
    alone, among = dream(memory, starts, n=1), dream(memory, starts, n=n)
    begin(alone, first=101), begin(among, first=100)
    for a in actions(30, 1):
        f_alone = alone.step(a)[0]
        f_among = among.step(a.expand(n, 1))[0]
        torch.testing.assert_close(f_alone[0], f_among[1], rtol=1e-4, atol=1e-5)


def test_a_masked_reset_leaves_the_others_alone(memory, starts):
    env = dream(memory, starts)
    begin(env)
    for a in actions(3):
        env.step(a)
    before = env.features()
    mask = np.array([False, True, False, False])
    after, _ = env.reset(seed=[None, 999, None, None], options={"reset_mask": mask})
    assert torch.equal(before[~torch.from_numpy(mask)], after[~torch.from_numpy(mask)])
    assert (after[1, N_Z:] == 0).all()
    assert env.mind.steps.tolist() == [3, 0, 3, 3]


def test_tau_near_zero_is_certain_and_a_hot_dream_is_not(memory, starts):
    def spread(tau):
        env = dream(memory, (starts[0][:1], starts[1][:1] - 50), n=200, tau=tau)
        begin(env)
        env.step(torch.zeros(200, 1))
        return env.z.std(0).mean()

    assert spread(1e-6) < 1e-2 < spread(0.5) < spread(1.0) < spread(1.5)


@pytest.mark.parametrize(
    ("bias", "end_above", "ended"),
    [(-0.01, 0.5, False), (0.01, 0.5, True), (-2.1, 0.12, False), (-1.9, 0.12, True)],
)
def test_the_dream_ends_when_its_end_is_probable_enough(memory, starts, bias, end_above, ended):
    with torch.no_grad():
        memory.output.weight[-1] = 0
        memory.output.bias[-1] = bias
    env = dream(memory, starts, end_above=end_above)
    begin(env)
    _, reward, terminated, truncated, _ = env.step(torch.zeros(4, 1))
    assert terminated.tolist() == [ended] * 4
    assert not truncated.any()
    assert reward.tolist() == [1.0] * 4


def test_sampled_ends_come_at_the_rate_of_their_probability(memory, starts):
    with torch.no_grad():
        memory.output.weight[-1] = 0
        memory.output.bias[-1] = float(torch.logit(torch.tensor(0.2)))
    env = dream(memory, starts, n=4000, end="sampled")
    begin(env)
    terminated = env.step(torch.zeros(4000, 1))[2]
    assert abs(terminated.mean() - 0.2) < 5 * (0.2 * 0.8 / 4000) ** 0.5


class Alternating:
    """Features (2, 2): -3 and 3 in turn, and always 0; an episode lasts two steps."""

    num_envs, single_action_space = 2, action_space(DOOM)

    def reset(self, seed=None, options=None):
        self.steps = 0
        return torch.tensor([[-3.0, 0.0]] * 2), {}

    def step(self, actions):
        assert actions.shape == (2, 1)
        self.steps += 1
        assert self.steps <= 2, "an ended episode was stepped"
        over = np.full(2, self.steps == 2)
        return torch.tensor([[3.0, 0.0]] * 2), np.zeros(2), over, np.zeros(2, bool), {}


def test_the_size_of_a_feature_is_its_root_mean_square_over_whole_lives():
    torch.testing.assert_close(feature_sizes(Alternating(), 0), torch.tensor([3.001, 0.001]))


def test_the_sizes_of_a_dreams_features_depend_on_the_seed_alone(memory, starts):
    first, second, other = (feature_sizes(dream(memory, starts), seed) for seed in (7, 7, 8))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_cap_truncates(memory, starts):
    env = dream(memory, starts, max_episode_steps=3)
    begin(env)
    ends = [env.step(torch.zeros(4, 1))[3].all() for _ in range(3)]
    assert ends == [False, False, True]


def test_features_are_z_h_and_for_doom_c():
    z, h, c = torch.rand(2, 3), torch.rand(2, 5), torch.rand(2, 5)
    assert torch.equal(features(CAR, z, (h, c)), torch.cat([z, h], 1))
    assert torch.equal(features(DOOM, z, (h, c)), torch.cat([z, h, c], 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau": 0.0}, "--tau 0.0: must be above 0"),
        ({"end": "never"}, "--end never: choose one of threshold, sampled"),
        ({"end_above": 1.0}, "must be above 0 and below 1"),
    ],
)
def test_bad_settings_are_named(memory, starts, change, message):
    with pytest.raises(UserError, match=message):
        dream(memory, starts, **change)


def test_a_car_dream_needs_a_reward_head(starts):
    with pytest.raises(UserError, match="reward head"):
        DreamEnv(CAR, MDNRNN(N_Z, 3, N_H), starts)


def test_wrong_actions_are_refused(memory, starts):
    env = dream(memory, starts)
    begin(env)
    with pytest.raises(ValueError, match=r"must have shape \(4, 1\)"):
        env.step(torch.zeros(4, 3))


@pytest.mark.parametrize("end", ["threshold", "sampled"])
def test_a_dream_gone_mad_does_not_live_for_ever(memory, starts, end):
    env = dream(memory, starts, end=end)
    begin(env)
    env.mind.z = torch.full_like(env.z, float("nan"))
    _, _, terminated, *_ = env.step(torch.zeros(4, 1))
    assert terminated.all()


def test_worlds_on_two_devices_share_no_module(memory, starts):
    """(`meta` stands for a GPU: it has devices' rules and no memory.)"""
    here = dream(memory, starts)
    module = placed(memory, torch.device("meta"))
    assert module.output.weight.device.type == "meta"
    assert here.memory is memory
    assert placed(memory, torch.device("cpu")) is memory
    begin(here)
    here.step(actions(1)[0])


def test_dreams_can_begin_late_in_the_data_and_soon_after_a_reward(memory):
    n, length = 40, 50
    step = np.arange(n * length)
    latents = Latents(
        mu=np.repeat((step % length)[:, None], N_Z, 1).astype(np.float16),
        logvar=(step // length)[:, None].repeat(N_Z, 1).astype(np.float16),  # the episode
        actions=np.zeros((n * length, 1), np.float32),
        rewards=(step % length == 20).astype(np.float32),
        first=np.arange(0, n * length + 1, length),
        terminated=np.zeros(n, bool),
    )
    found = moments(memory, latents, seed=1, count=64, recent=4, within=5)
    begun = found.mu[:, 0]
    assert set(begun.int().tolist()) <= {0, *range(21, 26)}
    assert (begun > 0).sum() > 10
    late = [episode in {35, 36, 38, 39} for episode in found.logvar[:, 0].int().tolist()]
    assert 0.3 < np.mean(late) < 0.7  # half of the moments, of 4 among 38 to learn from
    assert len(found.logvar[:, 0].unique()) > 10


def test_a_dream_from_the_midst_of_an_episode_goes_on_as_it_would_have(memory):
    """Begun at a stored moment it has M's memory of that moment: the same next prediction."""
    rng = np.random.default_rng(0)
    n, length = 8, 30
    latents = Latents(
        mu=rng.normal(size=(n * length, N_Z)).astype(np.float16),
        logvar=np.full((n * length, N_Z), -40.0, np.float16),  # z is mu
        actions=rng.uniform(-1, 1, (n * length, 1)).astype(np.float32),
        rewards=np.ones(n * length, np.float32),
        first=np.arange(0, n * length + 1, length),
        terminated=np.zeros(n, bool),
    )
    found = moments(memory, latents, seed=1, count=64)
    assert found.first.tolist() == (found.h == 0).all(1).float().tolist()
    assert 16 <= found.first.sum() < 25
    z, a = (torch.from_numpy(x.astype(np.float32)) for x in (latents.mu, latents.actions))
    restart = torch.from_numpy(latents.marks[0].astype(np.float32))
    env = DreamEnv(DOOM, memory, found, num_envs=40)
    env.reset(seed=list(range(40)))
    for slot in range(40):
        row = int((z - env.z[slot]).abs().sum(1).argmin())
        begun = row - row % length
        with torch.no_grad():
            part = slice(begun, row + 1)
            out, _ = memory(z[None, part], a[None, part], restart[None, part])
            said = memory.step(
                env.z[slot][None],
                a[row][None],
                env.mind.restart[slot][None],
                tuple(s[slot][None] for s in env.state),
            )[0]
        torch.testing.assert_close(said.mu[0], out.mu[0, -1], atol=1e-4, rtol=1e-3)
