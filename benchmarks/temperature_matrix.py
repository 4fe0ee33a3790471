"""Each Doom controller that learned at one temperature, played in dreams of every temperature.

    python benchmarks/temperature_matrix.py [DREAMS]

Plays the published controllers tau_T_seed_S (`python -m wmlib policy-gradient --tau T --seed S
--output tau_T_seed_S …`, then tools/publish.py). Dreams are begun from validation seeds and end at
even odds. Writes results/doom_take_cover/temperature_matrix.json.
"""

from pathlib import Path

import torch
import tyro
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import load_agent, pretrained_folder, weights_of
from wmlib.book import paper
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task
from wmlib.worlds.play import play, standard_error

TASK = "doom_take_cover"
SLOTS = 128


def main(dreams: tyro.conf.Positional[int] = 64) -> None:
    """Play all controllers side by side, temperature by temperature, and write."""
    torch.set_num_threads(1)
    folder = pretrained_folder(TASK)
    names = sorted(path.name for path in (folder / "controllers").glob("tau_*_seed_*"))
    agents = {name: load_agent(folder, get_task(TASK), f"controllers/{name}") for name in names}
    agent = agents[names[0]]
    params = torch.stack([agents[name].params for name in names])
    first = seeds.VALIDATION.start
    jobs = [(c, first + i) for i in range(dreams) for c in range(len(names))]
    rows: dict[str, dict] = {name: {} for name in names}
    for tau in paper.DOOM_TAU:
        with tqdm(unit=" steps", unit_scale=True, desc=f"dreams of tau {tau:g}") as bar:
            env = agent.dream(SLOTS, tau)
            found = play(env, agent.controller, params, jobs, bar.update).returns
        for c, name in enumerate(names):
            own = found.reshape(dreams, len(names))[:, c]
            rows[name][f"{tau:.2f}"] = {"mean": float(own.mean()), "sem": standard_error(own)}
    result = {"dreams": dreams, "weights": weights_of(RunFolder(folder)), "controllers": rows}
    path = Path("results") / TASK / "temperature_matrix.json"
    write_json(path, result)
    print(path)


if __name__ == "__main__":
    tyro.cli(main)
