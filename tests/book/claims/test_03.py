"""What chapter 3 says about the stored players that know nothing."""

import numpy as np

from wmlib.book.report import PUBLISHED, load_run
from wmlib.data.policies import original, uniform
from wmlib.model.actions import action_space
from wmlib.records.files import read_json
from wmlib.tasks import get_task
from wmlib.worlds.real import make_games

CAR, DOOM = (
    read_json(PUBLISHED / "data_policies" / f"{task}.json")["policies"]
    for task in ("car_racing", "doom_take_cover")
)


def gap(one, other):
    """How many standard errors two mean returns lie apart."""
    a, b = one["return"], other["return"]
    return (a["mean"] - b["mean"]) / np.hypot(a["sem"], b["sem"])


def share(seen, low, high=np.inf):
    """Share of the time in the bins that begin at low or above and below high."""
    begins = np.array(seen["bins"][:-1])
    return np.array(seen["share"])[(begins >= low) & (begins < high)].sum()


def test_on_the_car_the_originals_player_scores_less_than_uniform_noise():
    assert gap(CAR["uniform"], CAR["original"]) > 2
    assert CAR["original"]["return"]["n"] == CAR["uniform"]["return"]["n"] == 30


def test_only_the_originals_player_drives_fast():
    assert share(CAR["original"]["speed"], 20) > 0.5
    assert share(CAR["uniform"]["speed"], 20) == 0
    assert max(share(CAR[name]["speed"], 20) for name in ("still", "held", "brownian")) < 0.02


def test_only_the_originals_player_leaves_the_field():
    off = {name: player["left_the_field"] for name, player in CAR.items()}
    assert off.pop("original") > 0.5
    assert set(off.values()) == {0.0}


def test_no_player_touches_more_than_a_tenth_of_the_tiles():
    assert max(player["tiles_visited"]["mean"] for player in CAR.values()) < 0.1


def test_in_doom_only_brownian_is_often_at_the_ends_of_the_wall():
    ends = {name: sum(np.array(p["place"]["share"])[[0, -1]]) for name, p in DOOM.items()}
    assert ends.pop("brownian") > 0.3
    assert max(ends.values()) < 0.1


def test_in_doom_the_score_depends_on_the_rule():
    assert gap(DOOM["uniform"], DOOM["still"]) > 2
    assert gap(DOOM["held"], DOOM["uniform"]) > 2


def test_frames_compress_to_a_fraction():
    car = load_run("car_racing", "main").manifest("rollouts")["result"]["bytes_per_frame"]
    assert car < 64 * 64 * 3 / 9
    assert DOOM["held"]["bytes_per_frame"] < 64 * 64 * 3 / 2


def test_in_doom_held_actions_reach_more_of_the_wall_than_fresh_ones():
    middle = {name: share(p["place"], 8 * 32, 16 * 32) for name, p in DOOM.items()}
    assert middle["uniform"] > 0.85
    assert middle["held"] < middle["uniform"] - 0.2
    assert middle["brownian"] < middle["held"]


def drive(act, tracks, steps):
    """Mean speed, and the mean share of the tiles that are touched, of `act(rng)` on `tracks`."""
    games = make_games(get_task("car_racing"), tracks, steps, "batched")
    games.reset(seed=list(range(100_000, 100_000 + tracks)))
    rngs = [np.random.default_rng(i) for i in range(tracks)]
    players, speed = [act(rng) for rng in rngs], []
    for _ in range(steps):
        actions = np.array([player() for player in players], np.float32)
        *_, info = games.step(actions)
        speed.append(np.asarray(info["speed"]).mean())
    games.close()
    return float(np.mean(speed)), np.asarray(info["tiles"])


def test_it_is_the_brake_that_holds_the_uniform_player():
    space = action_space(get_task("car_racing"))

    def without_brake(rng):
        act = uniform(space, rng)
        return lambda: act() * (1, 1, 0)

    held = drive(lambda rng: uniform(space, rng), 8, 200)[0]
    free = drive(without_brake, 8, 200)[0]
    assert free > 5 * held


def slow(drift):
    """The sixth player of the exercise: little gas, and a wheel that drifts by so much a step."""

    def begin(rng):
        wheel = np.zeros(1)

        def act():
            wheel[:] = np.clip(wheel + rng.normal(0, drift), -1, 1)
            return wheel[0], 0.1, 0.0

        return act

    return begin


def test_a_drifting_wheel_sees_fewer_tiles_than_the_original_and_a_straight_one_more():
    space = action_space(get_task("car_racing"))
    players = (slow(0.05), lambda rng: original(space, rng), slow(0))
    drifts, theirs, straight = (drive(act, 30, 1000)[1] for act in players)
    assert drifts.mean() < theirs.mean() < straight.mean()
    difference = straight - drifts
    assert difference.mean() > 2 * difference.std(ddof=1) / 30**0.5
