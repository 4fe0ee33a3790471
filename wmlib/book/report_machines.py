"""One source, three machines: the simulator's speed on a CPU thread, in the page and on a GPU."""

from pathlib import Path

from wmlib.book.report import PUBLISHED, table, unbroken
from wmlib.records.files import read_json


def machines_table(results: Path = PUBLISHED) -> str:
    """Game steps per second, with the picture and, where measured, physics alone."""
    found = read_json(results / "simulator" / "page.json", steps_per_second=dict)
    gpu = read_json(results / "simulator" / "gpu.json", game_steps_per_second=dict, device=str)
    speed = found["steps_per_second"]
    cars, fastest = max(gpu["game_steps_per_second"].items(), key=lambda row: row[1])
    device = unbroken(gpu["device"].removeprefix("NVIDIA "))
    batch = f"{found['games_in_python']}"
    rows = [
        ["a page, one thread", "1", *(f"{speed[f'page_{k}']:,.0f}" for k in ("64", "physics"))],
        ["Python, one thread", batch, *(f"{speed[f'thread_{k}']:,.0f}" for k in ("64", "physics"))],
        [f"a GPU ({device})", f"{int(cars):,}", f"{fastest:,.0f}", "–"],
    ]
    header = ["the same source on", "cars", "steps per second, 64 × 64", "physics alone"]
    return table(header, rows)


def machines_note(results: Path = PUBLISHED) -> str:
    """How the two first rows were measured."""
    found = read_json(results / "simulator" / "page.json", rounds=list, processor=str)
    return (
        f"Page and Python: medians of {len(found['rounds'])} rounds in turns, steps per CPU second "
        f"of one thread ({found['processor']}); the page's code ran in Node.js "
        f"({found['engine']}). The game itself needs 50 steps per second."
    )


def kilobytes(results: Path = PUBLISHED) -> float:
    """Size of the game in WebAssembly."""
    return read_json(results / "simulator" / "page.json", bytes=int)["bytes"] / 1000
