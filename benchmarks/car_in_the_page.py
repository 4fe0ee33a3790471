"""Steps per second of the simulator in the page (WebAssembly) and on a CPU thread, in turns.

The page's code runs under Node.js, which has Chromium's JavaScript engine. One car there, a batch
of 64 in Python: a page has one, and a call from Python costs as much as a step.

    python benchmarks/car_in_the_page.py         # writes results/simulator/page.json
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from car_racing_speed import SEED, batched, physics, processor
from quiet import QuietMachine

from wmlib.book.widgets.bundle import FOLDER
from wmlib.records import files as runs

HERE = Path(__file__).resolve().parent


def in_the_page(steps: int, seed: int) -> dict[str, Any]:
    """What `car_in_the_page.mjs` measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        modules = Path(folder) / "js"
        shutil.copytree(FOLDER, modules)
        (modules / "package.json").write_text('{"type": "module"}')  # for Node.js
        command = ["node", HERE / "car_in_the_page.mjs", modules, str(steps), str(seed)]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main() -> None:
    """Measure in turns, several rounds; the medians are the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000, help="steps of a round")
    parser.add_argument("--games", type=int, default=64, help="cars side by side in Python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("results/simulator/page.json"))
    args = parser.parse_args()
    machine = QuietMachine()
    batched(1, SEED, args.games)  # compile
    rounds = []
    for i in range(args.rounds):
        seed, steps = SEED + 1000 * i, args.steps // args.games
        page = in_the_page(args.steps, seed)
        rounds.append(
            {
                "page_64": page["picture"],
                "page_physics": page["physics"],
                "thread_64": batched(steps, seed, args.games).cpu,
                "thread_physics": physics(steps, seed, args.games).cpu,
            }
        )
        print(rounds[-1], flush=True)
    report = {
        "unit": "game steps per CPU second, one thread, uniform actions",
        "games_in_python": args.games,
        "processor": processor(),
        "others": machine.others(),
        "engine": f"V8 {page['engine']}",
        "bytes": page["bytes"],
        "steps_per_second": {k: float(np.median([r[k] for r in rounds])) for k in rounds[0]},
        "rounds": rounds,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    runs.write_json(args.output, report)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
