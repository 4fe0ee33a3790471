"""One agent's scores in the batched simulator and in Gymnasium's own game, track by track.

    python benchmarks/agent_parity.py [SLOTS]

Takes the published evaluation of CarRacing's agent (Gymnasium, test seeds), plays the same seeds in
the simulator, and writes results/simulator/agent.json. The noise in z is the same in both games.
Nothing is chosen by it. The bar: |mean difference| + 2 standard errors at most 20 points.
"""

import sys
from pathlib import Path

import numpy as np

from wmlib import report, runs
from wmlib.agent import evaluate, load_pretrained
from wmlib.arena import standard_error

BAR = 20
"""points"""


def main(slots: int = 50) -> None:
    """Play, compare, write."""
    agent = load_pretrained("car_racing")
    gymnasium = report.load_run("car_racing", "main").evaluation
    env = agent.real(slots, game="batched")
    simulator = evaluate(
        env, agent.controller, agent.params, gymnasium["n"], gymnasium["first_seed"]
    )
    env.close()
    gap = np.array(simulator["returns"]) - np.array(gymnasium["returns"])
    mean, error = float(gap.mean()), standard_error(gap)
    result = {
        "simulator": {key: simulator[key] for key in ("mean", "std", "sem", "n")},
        "gymnasium": {key: gymnasium[key] for key in ("mean", "std", "sem", "n")},
        "difference": {"mean": mean, "sem": error, "median_size": float(np.median(np.abs(gap)))},
        "bound": abs(mean) + 2 * error,
        "bar": BAR,
        "versions": runs.versions(),
    }
    path = Path("results") / "simulator" / "agent.json"
    runs.write_json(path, result)
    print(f"{path}: difference {mean:.1f} ± {error:.1f}, bound {result['bound']:.1f} of {BAR}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
