"""One agent's scores in the batched simulator and in Gymnasium's own game, track by track.

    python benchmarks/agent_parity.py [MORE]

The published evaluation of CarRacing's agent (Gymnasium, test seeds) gives the first tracks, MORE
validation seeds the others (300; played in Gymnasium here, 4 a minute and core). The simulator
plays the same tracks with the same noise in z. Writes results/simulator/agent.json; nothing is
chosen by it. The bar: |mean difference| + 2 standard errors at most 20 points.
"""

from pathlib import Path

import numpy as np
import tyro
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import Agent, load_pretrained
from wmlib.book import report
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions
from wmlib.worlds.evaluate import evaluate
from wmlib.worlds.play import standard_error

BAR = 20
"""points"""
SLOTS = {"batched": 50, "reference": 8}


def returns(agent: Agent, game: str, first_seed: int, count: int) -> list[float]:
    """The agent's return on each track from `first_seed` on, in one of the two games."""
    env = agent.real(SLOTS[game], game=game)
    with tqdm(unit=" steps", unit_scale=True, desc=f"{game} {first_seed}") as bar:
        found = evaluate(env, agent.controller, agent.params, count, first_seed, bar.update)
    env.close()
    return found["returns"]


def summary(scores: np.ndarray) -> dict[str, float]:
    """Mean, std, standard error and count."""
    mean, std = float(scores.mean()), float(scores.std(ddof=1))
    return {"mean": mean, "std": std, "sem": standard_error(scores), "n": len(scores)}


def main(more: tyro.conf.Positional[int] = 300) -> None:
    """Play, compare, write."""
    agent = load_pretrained("car_racing")
    published = report.load_run("car_racing", "main").evaluation
    first, count = seeds.VALIDATION.start, published["n"]
    tested = returns(agent, "batched", published["first_seed"], count)
    simulator = np.array(tested + returns(agent, "batched", first, more))
    played = returns(agent, "reference", first, more)
    gymnasium = np.array(published["returns"] + played)
    gap = simulator - gymnasium
    mean, error = float(gap.mean()), standard_error(gap)
    result = {
        "simulator": summary(simulator),
        "gymnasium": summary(gymnasium),
        "difference": {"mean": mean, "sem": error, "median_size": float(np.median(np.abs(gap)))},
        "bound": abs(mean) + 2 * error,
        "bar": BAR,
        "versions": versions(),
    }
    path = Path("results") / "simulator" / "agent.json"
    write_json(path, result)
    print(f"{path}: difference {mean:.1f} ± {error:.1f}, bound {result['bound']:.1f} of {BAR}")


if __name__ == "__main__":
    tyro.cli(main)
