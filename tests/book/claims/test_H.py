"""What the appendix on the car's simulator says about stored measurements."""

from wmlib.book.report import PUBLISHED
from wmlib.records.files import read_json

FOUND = {path.stem: read_json(path) for path in (PUBLISHED / "simulator").glob("*.json")}


def test_the_exact_mode_is_equal_to_the_last_bit():
    exact = FOUND["fidelity"]["exact"]
    assert exact["bit_identical"] == exact["episodes"] >= 20
    assert exact["laps_finished"] > 0
    assert len(FOUND["fidelity"]["policies"]) == 5


def test_the_usual_mode_gives_equal_returns():
    fast = FOUND["fidelity"]["fast"]
    assert fast["equal_return"] == fast["episodes"] >= 100


def test_an_agent_scores_the_same_in_both():
    agent = FOUND["agent"]
    assert abs(agent["difference"]["mean"]) < 2 * agent["difference"]["sem"]
    assert agent["difference"]["median_size"] > 0


def test_the_simulator_is_nearly_two_hundred_times_as_fast_and_less_on_the_other_machine():
    here, there = (
        FOUND[name]["ratio_to_gymnasium"]["batched_64"] for name in ("speed", "speed_intel")
    )
    assert 170 < here < 200
    assert 100 < there < here


def test_the_acting_loop_gains_less_than_the_game():
    assert 10 < FOUND["acting_loop"]["ratio"] < FOUND["speed"]["ratio_to_gymnasium"]["batched_64"]
    assert FOUND["acting_loop"]["slots"] == 256


def test_the_gpu_and_the_cpu_differ_by_no_more_than_chance():
    both = FOUND["gpu"]["agent_on_both"]
    assert 0 < both["difference"] < 2 * both["sem"]


def test_a_gpu_is_fastest_with_the_most_cars():
    rate = {int(n): r for n, r in FOUND["gpu"]["game_steps_per_second"].items()}
    assert max(rate, key=rate.get) == max(rate) == 16384
