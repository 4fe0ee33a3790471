"""Gymnasium's options of CarRacing in the simulator: colours, actions, laps, large pictures."""

import gymnasium as gym
import numpy as np
import pytest
from car_racing_pictures import errors
from gymnasium.envs.box2d.car_racing import CarRacing
from gymnasium.error import InvalidAction

import wmlib  # noqa: F401  (registers the games)

GAS = np.float32([[0.1, 1, 0]])


def make(**options):
    options = {"exact": True, "threads": 1, "autoreset_mode": "Disabled"} | options
    return gym.make_vec("wmlib/CarRacingBatched-v3", **options)


def colors_of(game: CarRacing) -> np.ndarray:
    return np.stack([game.road_color, game.bg_color, game.grass_color])


def test_random_colours_are_gymnasiums():
    env, game = make(domain_randomize=True, size=96), CarRacing(domain_randomize=True)
    different = set()
    for seed in (3, 4, None, None):
        x, _ = env.reset(seed=seed)
        picture, _ = game.reset(seed=seed)
        np.testing.assert_array_equal(env._cars.state.colors[0], colors_of(game))
        different.add(tuple(colors_of(game)[0]))
        for _ in range(50):
            x, reward, *_ = env.step(GAS)
            picture, their_reward, *_ = game.step(GAS[0])
            assert reward[0] == their_reward
        assert errors(picture[None], x).max() <= 0.6
        n = env._cars.state.n_tiles[0]
        tiles = [color for _, color in game.road_poly if not isinstance(color, tuple)]
        np.testing.assert_array_equal(env._cars.state.tile_color[0, :n], np.int64(tiles))
    assert len(different) == 4


def test_colours_stay_where_the_reset_says_so_and_belong_to_each_game():
    env = make(domain_randomize=True, num_envs=3)
    env.reset(seed=1)
    before = env._cars.state.colors.copy()
    assert len({tuple(c.ravel()) for c in before}) == 3
    env.reset(seed=1, options={"randomize": False})
    np.testing.assert_array_equal(env._cars.state.colors, before)
    env.reset(options={"reset_mask": np.array([False, True, False])})
    assert (env._cars.state.colors != before).any((1, 2)).tolist() == [False, True, False]


def test_without_the_option_colours_are_the_games():
    env = make(num_envs=2)
    env.reset(seed=1, options={"randomize": True})
    assert (env._cars.state.colors == [[102, 102, 102], [102, 204, 102], [102, 230, 102]]).all()


def test_a_snapshot_keeps_the_colours():
    env, other = make(domain_randomize=True), make(domain_randomize=True)
    env.reset(seed=1)
    np.testing.assert_array_equal(other.restore(env.snapshot()), env.reset(seed=1)[0])


def test_a_random_colour_touches_neither_track_nor_drive():
    plain, random = make(num_envs=1), make(num_envs=1, domain_randomize=True)
    plain.reset(seed=1)
    random.reset(seed=1, options={"randomize": False})
    for _ in range(30):
        assert plain.step(GAS)[1] == random.step(GAS)[1]
    for name in ("tile_poly", "body", "reward_sum"):
        ours, theirs = (getattr(env._cars.state, name) for env in (plain, random))
        np.testing.assert_array_equal(ours, theirs)


def test_five_actions_are_gymnasiums_bit_for_bit():
    env, game = make(continuous=False), CarRacing(continuous=False)
    game._render = lambda mode: None
    env.reset(seed=2)
    game.reset(seed=2)
    rng = np.random.default_rng(0)
    for action in [3] * 40 + rng.integers(5, size=160).tolist():
        assert env.step(np.array([action]))[1][0] == game.step(action)[1]
    assert env._cars.state.hull_pos[0].tolist() == list(game.car.hull.position)


@pytest.mark.parametrize("actions", [[5], [-1], [0.0], [[0]], [0, 1]])
def test_other_actions_than_the_five_are_refused(actions):
    env = make(continuous=False)
    env.reset(seed=2)
    with pytest.raises((InvalidAction, ValueError), match="actions must"):
        env.step(np.array(actions))


@pytest.mark.parametrize("percent", [0.01, 0.5, 1.0])
def test_a_laps_share_changes_nothing_in_v3(percent):
    """The reference ends no episode by it: the first tile is visited before any other but one."""
    game = CarRacing(lap_complete_percent=percent)
    game._render = lambda mode: None
    for seed in range(40):
        game.reset(seed=seed)
        assert not game.new_lap
        assert game.road[0].road_visited
        assert game.tile_visited_count <= 2
    make(lap_complete_percent=percent).close()


@pytest.mark.parametrize("percent", [0, 0.005, 1.1, float("nan"), "half", None, True])
def test_a_share_that_ends_every_game_at_once_is_refused(percent):
    with pytest.raises(ValueError, match="lap_complete_percent must"):
        make(lap_complete_percent=percent)


@pytest.mark.parametrize("steps", [0, 10, 90])
def test_the_large_picture_is_gymnasiums(steps):
    env, game = make(num_envs=2, render_mode="rgb_array"), CarRacing(render_mode="rgb_array")
    env.reset(seed=[9, 5])
    game.reset(seed=5)
    for _ in range(steps):
        env.step(GAS.repeat(2, 0))
        game.step(GAS[0])
    other, ours = env.render()
    game.car.particles.clear()  # skid marks, which we do not keep
    theirs = game.render()
    assert ours.shape == (400, 600, 3)
    difference = np.abs(ours.astype(int) - theirs).max(2)
    assert (difference > 0).mean() < 0.001  # a corner in float32 may fall on the next pixel
    assert (np.abs(other.astype(int) - theirs).max(2) > 0).mean() > 0.05


def test_bad_rendering_modes_name_what_works():
    with pytest.raises(ValueError, match="HumanRendering"):
        make(render_mode="human")
    env = make()
    env.reset(seed=1)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None
