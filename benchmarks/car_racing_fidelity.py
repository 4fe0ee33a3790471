"""How true the batched CarRacing is: both games side by side, on the same tracks and actions.

Exact mode must be bit-identical; the fast mode, which training uses, must end where Gymnasium
ends. Every finished episode is kept, so the run may be stopped and started again.

    python benchmarks/car_racing_fidelity.py        # writes results/simulator/fidelity.json
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import POLICIES, SideBySide
from tqdm import tqdm

from wmlib.envs import batched_car_racing
from wmlib.envs.batched_car_racing.compilation import source_digest
from wmlib.envs.batched_car_racing.vector_env import FAST_TOLERANCE
from wmlib.records.files import write_json

SEED = 100_000  # training seeds: the test seeds are for agents alone
TOLERANCES = {"exact": 0.0, "fast": FAST_TOLERANCE}


def summary(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    """What a mode's episodes say together."""
    difference = np.array([e["returns"][1] - e["returns"][0] for e in episodes])
    # Positions after an early end would be of shorter rides; the bar is for 1,000 steps.
    errors = [e["position_error"] for e in episodes if e["steps"] == 1000]
    return {
        "episodes": len(episodes),
        "steps": sum(e["steps"] for e in episodes),
        "bit_identical": sum(e["identical_steps"] == e["steps"] + 1 for e in episodes),
        "equal_return": int((np.abs(difference) < 1e-6).sum()),
        "mean_return_difference": float(difference.mean()),
        "mean_absolute_return_difference": float(np.abs(difference).mean()),
        "median_position_error": float(np.median(errors)),
        "largest_position_error": float(np.max(errors)),
        "laps_finished": sum(e["ended"] and e["returns"][0] > 0 for e in episodes),
        "left_the_field": sum(e["ended"] and e["returns"][0] < 0 for e in episodes),
    }


def main() -> None:
    """Play what is missing and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exact", type=int, default=20, help="episodes in exact mode")
    parser.add_argument("--fast", type=int, default=100, help="episodes in fast mode")
    parser.add_argument("--output", type=Path, default=Path("results/simulator/fidelity.json"))
    args = parser.parse_args()
    digest = source_digest(Path(batched_car_racing.__file__).parent)
    log = args.output.with_suffix(".log.jsonl")
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = [e for e in done if e["sources"] == digest]
    log.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(POLICIES)
    jobs = [(m, SEED + i, names[i % 5]) for m in TOLERANCES for i in range(getattr(args, m))]
    known = {(e["mode"], e["seed"], e["policy"]) for e in done}
    for mode, seed, policy in tqdm([job for job in jobs if job not in known]):
        episode = SideBySide(TOLERANCES[mode]).play(seed, policy)
        row = {"mode": mode, "seed": seed, "policy": policy, "sources": digest}
        done.append(row | episode._asdict())
        with log.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
    report = {
        mode: summary([e for e in done if (e["mode"], e["seed"], e["policy"]) in jobs_of])
        for mode in TOLERANCES
        for jobs_of in [{job for job in jobs if job[0] == mode}]
    }
    report["policies"] = names
    report["seeds"] = f"{SEED} and following, policies in turn"
    write_json(args.output, report)
    log.unlink()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
