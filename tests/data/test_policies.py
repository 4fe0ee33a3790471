"""The data policies: each depends on the episode's seed alone and does what its name says."""

import numpy as np
import pytest
from gymnasium.spaces import Box

from wmlib.cli.main import main
from wmlib.data.exploring import make_player
from wmlib.data.latents import load_latents
from wmlib.data.policies import POLICIES, SWEEP, make_policy
from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore
from wmlib.errors import UserError
from wmlib.tasks import get_task

CAR = Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))
DOOM = Box(-1, 1, (1,), np.float32)


def actions(name: str, space: Box, seeds: list[int], steps: int = 200) -> np.ndarray:
    """Actions (steps, N, A) of a fresh policy that plays these seeds from the start."""
    policy = make_policy(name, space)
    policy.reset(seeds, np.ones(len(seeds), bool))
    return np.stack([policy.act(np.zeros(len(seeds))) for _ in range(steps)])


@pytest.mark.parametrize("name", POLICIES)
def test_actions_are_legal_and_depend_on_the_seed_alone(name):
    space = DOOM if name == "sweep" else CAR
    three = actions(name, space, [5, 6, 8])
    assert three.shape == (200, 3, *space.shape)
    assert three.dtype == np.float32
    assert all(space.contains(a) for a in three.reshape(-1, *space.shape))
    np.testing.assert_array_equal(three[:, 2], actions(name, space, [8])[:, 0])
    assert name == "still" or len({a.tobytes() for a in three.swapaxes(0, 1)}) > 1


def test_reset_begins_only_the_masked_slots():
    policy = make_policy("held", DOOM)
    policy.reset([1, 2], np.array([True, True]))
    first = [policy.act(np.zeros(2)) for _ in range(30)]
    policy.reset([1, 99], np.array([True, False]))
    second = [policy.act(np.zeros(2)) for _ in range(30)]
    np.testing.assert_array_equal([a[0] for a in first], [a[0] for a in second])
    whole = actions("held", DOOM, [2], steps=60)[:, 0]
    np.testing.assert_array_equal([a[1] for a in first + second], whole)


def test_policy_is_not_a_function_of_the_games_own_stream():
    own = np.random.default_rng(7).uniform(-1, 1, 1)
    assert not np.isclose(actions("uniform", DOOM, [7])[0, 0], own)


def test_held_holds_one_to_ten_steps():
    a = actions("held", DOOM, [3], steps=20_000)[:, 0, 0]
    changes = np.flatnonzero(np.diff(a)) + 1
    lengths = np.diff(changes)
    assert set(lengths) == set(range(1, 11))
    assert abs(lengths.mean() - 5.5) < 0.3
    assert abs(a.mean()) < 0.05


def test_brownian_moves_in_small_steps():
    a = actions("brownian", CAR, [3, 4], steps=2_000)
    assert np.abs(np.diff(a, axis=0)).mean() < 0.2  # one step is N(0, 1/50)
    assert a[..., 0].std() > 0.4  # but over time it covers the range


def test_original_is_half_throttle_nearly_straight():
    """Statistics of the released code's random agent, simulated from its source."""
    a = actions("original", CAR, list(range(400)), steps=100)
    steer, gas, brake = a.mean(axis=0).T
    low, high = np.quantile(gas, [0.1, 0.9])
    assert 0.45 < low < high < 0.55
    low, high = np.quantile(steer, [0.1, 0.9])
    assert -0.09 < low < high < 0.09
    assert 0.10 < np.median(a[..., 0].std(axis=0)) < 0.22
    assert np.quantile(brake, 0.9) < 0.35


def test_sweep_turns_like_a_clock_and_begins_at_either_side():
    a = actions("sweep", DOOM, list(range(8)), steps=500)[..., 0]  # (T, N)
    assert set(np.unique(a)) == {-1, 1}
    turns = [(np.flatnonzero(np.diff(one)) + 1).tolist() for one in a.T]
    assert turns == [[SWEEP // 2 + k * SWEEP for k in range(4)]] * 8
    assert set(a[0]) == {-1, 1}
    with pytest.raises(UserError, match="choose 'held'"):
        actions("sweep", CAR, [1])


def test_original_drives_only_the_car_and_names_are_checked():
    with pytest.raises(UserError, match="choose 'held'"):
        actions("original", DOOM, [1])
    with pytest.raises(UserError, match="choose from uniform, held"):
        make_policy("clever", DOOM)


def test_a_mixture_takes_turns_by_seed():
    task = get_task("doom_take_cover")
    mixture = make_player("held,still", task, exploration=0.5)
    seeds, mask = [10, 11, 12, 13], np.ones(4, bool)
    mixture.reset(seeds, mask)
    played = np.stack([mixture.act(np.zeros(4)) for _ in range(30)])[..., 0]  # (30, N)
    assert (played[:, [1, 3]] == 0).all()
    np.testing.assert_array_equal(played[:, [0, 2]], actions("held", DOOM, [10, 12], 30)[..., 0])


def test_a_mixture_with_the_published_agent_collects_real_episodes(tmp_path):
    task = get_task("car_racing")
    store = collect(
        "car_racing",
        make_player("original,pretrained", task, exploration=0.5),
        4,
        100_000,
        tmp_path,
        num_envs=4,
        game="batched",
        max_episode_steps=120,
        progress=False,
    )
    assert [row["policy"] for row in store.index] == ["original", "pretrained"] * 2
    # an agent that was trained finds road tiles at once; 120 steps cost it 12 points
    assert np.mean([row["return"] for row in store.index[1::2]]) > 0


@pytest.mark.slow
def test_a_second_round_adds_episodes_of_another_policy_and_m_notices(tmp_path, capsys):
    where = ["--task", "car_racing", "--preset", "tiny", "--run-dir", str(tmp_path)]
    played = ["--max-episode-steps", "60", "--num-envs", "4", "--game", "batched"]
    collect_more = ["collect", *where, *played]
    trained = ["train-vision", *where, "--frames", "200", "--epochs", "1"]
    memory = ["train-memory", *where, "--updates", "2"]
    first = [*collect_more, "--episodes", "4", "--policy", "original"]
    for command in (first, trained, memory):
        assert main(command) == 0
    assert main([*collect_more, "--episodes", "6", "--policy", "pretrained"]) == 0
    who = [row["policy"] for row in RolloutStore(tmp_path / "rollouts").index]
    assert who == ["original"] * 4 + ["pretrained"] * 2
    assert main(trained) == 0  # V stays as it is, the new episodes are encoded
    assert len(load_latents(tmp_path / "latents")) == 6
    capsys.readouterr()
    assert main(memory) == 2
    assert "was made from other data or weights (episodes 4 → 6)" in capsys.readouterr().err
