"""What the benchmarks of the batched CarRacing found: a table of speeds, and parity in words."""

from pathlib import Path
from typing import Any

from wmlib.book.report import NOT_YET, PUBLISHED, load_run, table, unbroken
from wmlib.envs.batched_car_racing.track import ROAD_WIDTH
from wmlib.records.files import read_json

ROWS = {
    "gymnasium": "Gymnasium's game, its picture cropped and shrunk",
    "batched_64": "the simulator, 64 × 64",
    "batched_96": "the simulator, 96 × 96",
    "batched_exact": "the simulator, 64 × 64, `exact=True`",
    "physics_only": "its physics, without a picture",
}


def section(results: Path = PUBLISHED) -> str:
    """Table and notes for the report, as far as the benchmarks have been run."""
    names = ("speed", "fidelity", "pictures")
    if not all((results / "simulator" / f"{name}.json").is_file() for name in names):
        return NOT_YET
    parts = [speed(results), parity_note(results)]
    gpu = results / "simulator" / "gpu.json"
    if gpu.is_file() and "agent_on_both" in read_json(gpu):  # the last that is measured
        parts.append(on_gpu(results))
    return "\n\n".join(parts)


def speed(results: Path = PUBLISHED) -> str:
    """Table of speeds and how they were measured, as far as they have been."""
    if not (results / "simulator" / "speed.json").is_file():
        return NOT_YET
    return f"{speed_table(results)}\n\n{speed_note(results)}"


def speed_table(results: Path = PUBLISHED) -> str:
    """Game steps per second of one core, Gymnasium's and ours, measured in turns in one run."""
    found = read_json(results / "simulator" / "speed.json", steps_per_second=dict)
    speed, ratio = found["steps_per_second"], found["ratio_to_gymnasium"]
    rows = [[label, f"{speed[k]:,.0f}", f"{ratio[k]:,.0f}"] for k, label in ROWS.items()]
    return table(
        ["one step of CarRacing", "steps per second, one core", unbroken("× Gymnasium")], rows
    )


def speed_note(results: Path = PUBLISHED) -> str:
    """How the speeds were measured, and beside what other work."""
    found = read_json(results / "simulator" / "speed.json", ratio_64_per_round=list, processor=str)
    ratios = found["ratio_64_per_round"]
    told = (
        f"Medians of {len(ratios)} rounds in turns, {found['unit']}, {found['games']} cars as a "
        f"batch ({found['processor']}); the ratio of 64 × 64 was {_span(ratios)}. "
        f"{_company(found)}"
    )
    for path in sorted((results / "simulator").glob("speed_*.json")):  # on another processor
        other = read_json(path, ratio_64_per_round=list, processor=str)
        name, ratios = other["processor"], other["ratio_64_per_round"]
        unit = other["unit"].split(",")[0]
        told += f" On another machine ({name}) it was {_span(ratios)} ({unit})."
    return told


def _span(ratios: list[float]) -> str:
    return f"{min(ratios):.0f} to {max(ratios):.0f}"


def _company(found: dict[str, Any]) -> str:
    """Whether the machine was quiet, and what CPU seconds say there."""
    if "others" not in found:  # measured before benchmarks/quiet.py watched
        return "Other work went on beside it."
    ratio = found["by_cpu_seconds"]["ratio_to_gymnasium"]["batched_64"]
    return (
        f"Other processes took {found['others']:.1%} of the machine; by CPU seconds, which count "
        f"the waiting threads of Gymnasium's libraries, the ratio is {ratio:.0f}."
    )


def parity_note(results: Path = PUBLISHED) -> str:
    """How close the simulator is to Gymnasium: physics, rewards, pictures."""
    found = read_json(results / "simulator" / "fidelity.json", exact=dict, fast=dict)
    exact, fast = found["exact"], found["fast"]
    picture = read_json(results / "simulator" / "pictures.json", all=dict)["all"]["64"]
    wide = f"{2 * ROAD_WIDTH:.0f}"
    return (
        f"With `exact=True`, {exact['bit_identical']} of {exact['episodes']} whole episodes "
        f"({exact['steps']:,} steps, {exact['laps_finished']} finished laps) are the same to the "
        f"last bit; without it, {fast['equal_return']} of {fast['episodes']} have the same return, "
        f"and after 1,000 steps the car is {fast['median_position_error']:.5f} units from "
        f"Gymnasium's in the median, {fast['largest_position_error']:.5f} at most (the road is "
        f"{wide} wide). The pictures differ by {picture['mean']:.2f} of 255 on average, the worst "
        f"of {picture['n']} by {picture['worst']:.2f}."
    )


def on_gpu(results: Path = PUBLISHED) -> str:
    """Steps per second on a GPU by the number of cars, and whether an agent drives as on a CPU."""
    told = {"game_steps_per_second": dict, "device": str, "agent_on_both": dict, "weights": dict}
    found = read_json(results / "simulator" / "gpu.json", **told)
    agent, both = found["agent_steps_per_second"], found["agent_on_both"]
    rows = [
        [f"{int(cars):,}", f"{rate:,.0f}", f"{agent[cars]:,.0f}" if cars in agent else "–"]
        for cars, rate in found["game_steps_per_second"].items()
    ]
    device = unbroken(found["device"].removeprefix("NVIDIA "))
    header = ["cars side by side", f"game steps per second, {device}", "with V, M and C"]
    published = load_run("car_racing", "main", results).evaluation["weights"]
    who = "the published agent"
    if found["weights"] != published:
        who = "an agent (the one from which chapter 7's search on a GPU went on)"
    note = (
        "Game steps with drawing and resets; agent steps of the whole acting loop, over whole "
        f"laps. On {both['tracks']:,} tracks {who} scored {both['mean_on_gpu']:.0f} there and "
        f"{both['mean_on_cpu']:.0f} on a CPU: a difference of {both['difference']:.1f} ± "
        f"{both['sem']:.1f} points, track by track (standard error)."
    )
    return f"{table(header, rows, words=0)}\n\n{note}"
