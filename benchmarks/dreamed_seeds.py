"""How much of the car that only ever dreamed is luck? Every C kept by some trainings, scored.

    for seed in 2 3 4 5 6; do
        python -m wmlib policy-gradient --task car_racing --run-dir RUN --world dream \\
            --starts anywhere --dream-patience 30 --lost-costs 30 --output p30_$seed --seed $seed …
    done
    python benchmarks/dreamed_seeds.py RUN p30_2 p30_3 p30_4 p30_5 p30_6

(All settings: results/car_racing/dreamed/controller/manifest.json.) The trainings differ in the
seed alone. Each C plays the same validation tracks in the batched simulator, without noise.

Writes results/car_racing/dreamed/seeds.json.
"""

from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
import tyro

from wmlib.agent import load_agent, weights_of
from wmlib.configs import PolicyConfig
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.tasks import get_task
from wmlib.worlds.play import Arena

TASK, TRACKS = get_task("car_racing"), 16


def main(run: tyro.conf.Positional[Path], outputs: tyro.conf.Positional[tuple[str, ...]]) -> None:
    """Score and write."""
    torch.set_num_threads(1)
    rows = []
    for output in outputs:
        agent = load_agent(run, TASK, output)
        assert agent.controller is not None
        assert agent.controllers is not None
        told = read_json(run / output / "manifest.json", config=dict, seed=int)
        row = {"seed": told["seed"], "config": asdict(PolicyConfig.of(told["config"])), "kept": []}
        with closing(Arena(partial(agent.real, TRACKS, game="batched"))) as arena:
            for name in sorted(agent.controllers.keys() - {"params"}):
                mean, sem = arena.score(agent.controller, agent.controllers[name], TRACKS)
                row["kept"].append({"name": name, "mean": mean, "sem": sem})
                print(output, name, mean, sem, flush=True)
        rows.append(row)
    told = {"tracks": TRACKS, "weights": weights_of(RunFolder(run)), "trainings": rows}
    write_json(Path("results/car_racing/dreamed/seeds.json"), told | {"versions": versions()})


if __name__ == "__main__":
    tyro.cli(main)
