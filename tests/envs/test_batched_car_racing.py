"""The batched CarRacing against Gymnasium's own, and its manners as a vector environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.box2d.car_racing import CarRacing
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode
from side_by_side import POLICIES, SideBySide

import wmlib  # registers the environments
from wmlib import seeds
from wmlib.envs.batched_car_racing import car_body, compilation
from wmlib.envs.batched_car_racing.state import new_state
from wmlib.envs.batched_car_racing.track import UNIFORMS, build_track, new_scratch
from wmlib.worlds.evaluate import evaluate

PACKAGE = Path(compilation.__file__).parent


def make(num_envs=2, **options):
    options = {"threads": 1, "autoreset_mode": AutoresetMode.DISABLED} | options
    return gym.make_vec("wmlib/CarRacingBatched-v3", num_envs=num_envs, **options)


def gymnasium_road(game):
    """Tiles (n, 4, 2) and {tile: (kerb (4, 2), is it red)} as Gymnasium made them."""
    tiles, kerbs = [], {}
    for polygon, color in game.road_poly:
        if isinstance(color, tuple):  # kerbs have tuples, tiles arrays
            kerbs[len(tiles) - 1] = np.float32(polygon), color[1] == 0
        else:
            tiles.append(polygon)
    return np.float32(tiles), kerbs


def test_tracks_are_gymnasiums_for_200_seeds():
    game = CarRacing()
    game._render = lambda mode: None
    state, scratch = new_state(1), new_scratch()
    for seed in range(200):
        game.reset(seed=seed)
        rng = np.random.Generator(np.random.PCG64(seed))
        while not build_track(state, 0, rng.random(UNIFORMS), scratch):
            pass
        tiles, kerbs = gymnasium_road(game)
        n = state.n_tiles[0]
        np.testing.assert_array_equal(state.tile_poly[0, :n], tiles, err_msg=f"seed {seed}")
        np.testing.assert_array_equal(state.start[0], game.track[0][1:4])
        assert np.flatnonzero(state.kerb_on[0, :n]).tolist() == sorted(kerbs)
        for i, (polygon, red) in kerbs.items():
            np.testing.assert_array_equal(state.kerb_poly[0, i], polygon)
            assert bool(state.kerb_color[0, i]) == red


def test_masses_are_box2ds():
    game = CarRacing()
    game._render = lambda mode: None
    game.reset(seed=0)
    hull, wheel = game.car.hull, game.car.wheels[0]
    assert car_body.HULL_CENTRE.tolist() == list(hull.localCenter)
    assert float(np.float32(1) / np.float32(hull.mass)) == car_body.HULL_INV_MASS
    assert float(np.float32(1) / np.float32(wheel.mass)) == car_body.WHEEL_INV_MASS
    assert float(np.float32(1) / np.float32(wheel.inertia)) == car_body.WHEEL_INV_INERTIA
    assert list(wheel.localCenter) == [0, 0]  # joints.py leaves out all terms that this makes 0


def assert_identical(episode):
    assert episode.identical_steps == episode.steps + 1, episode
    assert episode.returns[0] == episode.returns[1]


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_exact_mode_is_bit_identical_for_a_while(policy):
    assert_identical(SideBySide().play(seed=3, policy=policy, max_steps=120))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_exact_mode_is_bit_identical_over_whole_episodes(policy, seed):
    episode = SideBySide().play(seed, policy)
    assert_identical(episode)
    if policy in ("driver", "straight"):  # a full lap; off the field
        assert episode.ended
        assert (episode.returns[0] > 890) == (policy == "driver")
    else:
        assert episode.steps == 1000


@pytest.mark.slow
def test_fast_mode_stays_close():
    pair = SideBySide(tolerance=1e-5)
    for policy in ("driver", "clumsy"):
        episode = pair.play(seed=21, policy=policy)
        assert abs(episode.returns[0] - episode.returns[1]) < 10
        assert episode.position_error < 0.05


def test_results_do_not_depend_on_neighbours_threads_or_slot():
    rng = np.random.default_rng(0)
    actions = rng.uniform([-1, 0, 0], 1, (40, 3)).astype(np.float32)

    def run(num_envs, slot, threads):
        env = make(num_envs, threads=threads)
        env.reset(seed=[7 if e == slot else 100 + e for e in range(num_envs)])
        out = [env.step(np.tile(a, (num_envs, 1))) for a in actions]
        env.close()
        return [(o[slot].copy(), r[slot]) for o, r, *_ in out]

    alone = run(1, 0, 1)
    for other in (run(9, 4, 1), run(9, 8, 2)):
        for (picture, reward), (picture2, reward2) in zip(alone, other):
            assert reward == reward2
            np.testing.assert_array_equal(picture, picture2)


def test_reset_mask_touches_only_its_slots():
    env = make(3)
    first, _ = env.reset(seed=5)
    gas = np.tile(np.float32([0, 1, 0]), (3, 1))
    for _ in range(30):
        before, *_ = env.step(gas)
    mask = np.array([False, True, False])
    after, infos = env.reset(seed=[None, 6, None], options={"reset_mask": mask})
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    np.testing.assert_array_equal(after[1], first[1])  # slot 1 had seed 5 + 1
    np.testing.assert_array_equal(infos["_tiles"], mask)


def test_a_snapshot_leads_to_the_same_games():
    env = make(3)
    env.reset(seed=[4, 5, 6])
    rng = np.random.default_rng(0)
    actions = rng.uniform([-1, 0, 0], [1, 1, 0.3], (40, 3, 3)).astype(np.float32)
    for a in actions[:20]:
        env.step(a)
    kept = env.snapshot()
    once = [env.step(a)[:4] for a in actions[20:]]
    for again in (env, make(3)):  # one that has gone on, one that has not begun
        pictures = again.restore(kept)
        assert np.abs(pictures[0].astype(int) - once[0][0][0]).mean() < 20  # redrawn
        for a, before in zip(actions[20:], once):
            for x, y in zip(again.step(a)[:4], before):
                np.testing.assert_array_equal(x, y)


def test_a_snapshot_of_other_games_is_refused():
    env, other = make(2), make(3)
    env.reset(seed=0)
    other.reset(seed=0)
    with pytest.raises(ValueError, match="not a snapshot of 3 games"):
        other.restore(env.snapshot())
    with pytest.raises(ResetNeeded, match="call reset"):
        make(2).snapshot()


def test_without_a_seed_the_random_stream_goes_on_as_gymnasiums():
    env, game = make(1), CarRacing()
    game._render = lambda mode: None
    for seed in (4, None, None):
        env.reset(seed=seed)
        game.reset(seed=seed)
        state = env._cars.state
        tiles = state.tile_poly[0, : state.n_tiles[0]]
        np.testing.assert_array_equal(tiles, gymnasium_road(game)[0])


def test_disabled_autoreset_stands_still_after_the_end():
    env = make(2, max_episode_steps=3)
    env.reset(seed=0)
    still = np.zeros((2, 3), np.float32)
    for _ in range(2):
        *_, truncated, _ = env.step(still)
        assert not truncated.any()
    picture, _, terminated, truncated, _ = env.step(still)
    assert truncated.all()
    assert not terminated.any()
    again, rewards, _, truncated, _ = env.step(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(again, picture)
    assert truncated.all()
    assert (rewards == 0).all()


def test_next_step_autoreset():
    env = make(2, max_episode_steps=3, autoreset_mode=AutoresetMode.NEXT_STEP)
    first, _ = env.reset(seed=0)
    for _ in range(3):
        *_, truncated, _ = env.step(np.zeros((2, 3)))
    assert truncated.all()
    picture, rewards, terminated, truncated, _ = env.step(np.zeros((2, 3)))
    assert (rewards == 0).all()
    assert not (terminated | truncated).any()
    assert (picture != first).any()  # another track
    assert (env._cars.state.steps == 0).all()


def test_same_step_autoreset_keeps_the_last_picture():
    actions = np.tile(np.float32([0.3, 1, 0]), (2, 1))
    same, off = (
        make(2, max_episode_steps=3, autoreset_mode=m)
        for m in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)
    )
    same.reset(seed=0)
    off.reset(seed=0)
    for _ in range(3):
        picture, rewards, _, truncated, infos = same.step(actions)
        last, rewards_off, _, truncated_off, infos_off = off.step(actions)
    np.testing.assert_array_equal(np.stack(infos["final_obs"]), last)
    np.testing.assert_array_equal(rewards, rewards_off)
    np.testing.assert_array_equal(truncated, truncated_off)
    np.testing.assert_array_equal(infos["final_info"]["speed"], infos_off["speed"])
    assert infos["_final_info"].all()
    assert (picture != last).any()
    assert (infos["speed"] < infos_off["speed"]).all()  # the new cars have just been placed


def test_off_the_field_terminates_with_minus_100():
    env = make(1)
    env.reset(seed=6)
    total = 0.0
    for _ in range(400):
        _, rewards, terminated, _, infos = env.step(np.float32([[0, 0.5, 0]]))
        total += rewards[0]
        if terminated[0]:
            break
    assert terminated[0]
    assert rewards[0] == -100
    assert not infos["lap_finished"][0]
    assert infos["_lap_finished"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "device must be one of cpu, cuda"),
        ({"device": "cuda", "exact": True}, "exact=True needs device='cpu'"),
        ({"size": 80}, "size must be 64 or 96"),
        ({"num_envs": 0}, "num_envs must be"),
        ({"threads": 0}, "threads must be"),
        ({"threads": 1.5}, "threads must be an integer"),
        ({"max_episode_steps": 0}, "max_episode_steps must be"),
        ({"max_episode_steps": 2.5}, "max_episode_steps must be an integer"),
        ({"autoreset_mode": "sometimes"}, "sometimes"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_bad_calls_are_refused_and_change_nothing():
    env = make(2)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros((2, 3)))
    env.reset(seed=0)
    before = env._cars.state.body.copy()
    for actions in (np.zeros((2, 2)), np.zeros((3, 3)), np.full((2, 3), np.nan), "left"):
        with pytest.raises(ValueError, match=r"actions must|could not convert"):
            env.step(actions)
    with pytest.raises(ValueError, match="2 entries"):
        env.reset(seed=[1])
    with pytest.raises(ValueError, match="seed must be an integer, a sequence or None"):
        env.reset(seed=1.5)
    with pytest.raises(ValueError, match="options must be a dictionary"):
        env.reset(options=[1])
    for mask in (np.ones(3, bool), np.ones(2), np.zeros(2, bool)):
        with pytest.raises(ValueError, match="reset_mask"):
            env.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(env._cars.state.body, before)


def test_a_reset_that_failed_has_begun_nothing():
    env = make(2)
    with pytest.raises(ValueError, match="a seed must be a whole number of at least 0, got -1"):
        env.reset(seed=[3, -1])
    with pytest.raises(ResetNeeded):
        env.step(np.zeros((2, 3)))


def test_what_is_handed_out_is_the_callers_to_change():
    env = make(2, max_episode_steps=2)
    mask = np.ones(2, bool)
    _, infos = env.reset(seed=0, options={"reset_mask": mask})
    assert not np.shares_memory(infos["_speed"], mask)
    for _ in range(2):
        picture, _, terminated, truncated, _ = env.step(np.zeros((2, 3)))
    picture[:], terminated[:], truncated[:] = 0, True, False
    picture, _, terminated, truncated, _ = env.step(np.zeros((2, 3)))
    assert picture.any()
    assert not terminated.any()
    assert truncated.all()


@pytest.mark.parametrize("num_envs", [1, 40])  # without and with threads
def test_a_closed_environment_says_so(num_envs):
    env = make(num_envs)
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ClosedEnvironmentError):
        env.step(np.zeros((num_envs, 3)))
    with pytest.raises(ClosedEnvironmentError):
        env.reset()


@pytest.mark.nightly
def test_an_agent_scores_the_same_in_both_games():
    """The published agent on 100 validation seeds, paired: |mean| + 2 s.e. at most 20 points."""
    agent = wmlib.load_pretrained("car_racing")

    def returns(game, num_envs):
        env = agent.real(num_envs, game=game)
        scores = evaluate(env, agent.controller, agent.params, 100, seeds.VALIDATION[0])
        env.close()
        return np.array(scores["returns"])

    difference = returns("batched", 50) - returns("reference", os.cpu_count())
    assert abs(difference.mean()) + 2 * difference.std(ddof=1) / 10 <= 20


# CPU seconds, since the machine may be busy with other things.
START = """
import time
import gymnasium, wmlib
import numpy as np
env = gymnasium.make_vec("wmlib/CarRacingBatched-v3", num_envs=8)
env.reset(seed=0); env.step(np.zeros((8, 3), np.float32))
print(time.process_time())
"""


@pytest.mark.slow
def test_second_start_is_quick():
    run = [sys.executable, "-c", START]
    subprocess.run(run, check=True)  # fills the cache
    again = subprocess.run(run, check=True, capture_output=True, text=True)
    assert float(again.stdout) <= 2.0


@pytest.mark.slow
def test_an_edit_of_a_callee_never_runs_old_code(tmp_path):
    """Edit a constant in joints.py; the caller in another module must see it at once."""
    package = tmp_path / "cars"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    code = (
        "from cars.physics import spin_wheel, f32\n"
        "from cars.contacts import near\n"
        "from cars.compilation import compiled\n"
        "from cars.joints import clamp\n"
        "from cars.physics import press_gas\n"
        "print(press_gas(0.0, 1.0), clamp(f32(2), f32(0), f32(1)))\n"
    )
    run = [sys.executable, "-c", code]

    def output():
        done = subprocess.run(
            run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert output() == ["0.1", "1.0"]
    for name, old, new in (
        ("physics.py", "0.1 if change > 0.1", "0.2 if change > 0.2"),
        ("joints.py", "value > high else value", "value > high + ONE else value"),
    ):
        text = (package / name).read_text()
        assert old in text
        (package / name).write_text(text.replace(old, new))
    assert output() == ["0.2", "2.0"]
