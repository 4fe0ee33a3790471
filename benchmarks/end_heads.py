"""Does M know the ends by heart? Its end head on episodes it was trained on and on held-out ones.

    python benchmarks/end_heads.py NAME=RUN_DIR [NAME=RUN_DIR ...]

Writes results/doom_take_cover/end_heads.json, a row for each run: what `validate` finds on the
held-out episodes, and on about as many of the training's. Needs the runs' M and latents.
"""

from pathlib import Path

import numpy as np
import torch
import tyro

from wmlib.data.latents import Latents, load_latents
from wmlib.learning.memory import validate
from wmlib.model.memory import MDNRNN, load_memory
from wmlib.records.files import read_json, sha256, write_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task

TASK = "doom_take_cover"
SHOWN = ("val_end", "val_end_precision", "val_end_recall", "val_ends")


def measure(memory: MDNRNN, latents: Latents, episodes: np.ndarray) -> dict[str, float]:
    """The end head on some episodes."""
    found = validate(memory, latents, episodes, torch.device("cpu"))
    return {name.removeprefix("val_"): found[name] for name in SHOWN}


def main(named_runs: tuple[str, ...]) -> None:
    """Measure each run and write the rows down."""
    torch.set_num_threads(1)
    rows = []
    for pair in named_runs:
        name, folder = pair.split("=")
        run = RunFolder(folder)
        path = run.stage("memory") / "memory.safetensors"
        memory, latents = load_memory(path, get_task(TASK)), load_latents(run.stage("latents"))
        trained, held_out = latents.split()
        config = read_json(run.stage("memory") / "manifest.json")["config"]
        rows.append({
            "name": name,
            "memory_sha256": sha256(path),
            "episodes": len(latents),
            "frames": len(latents.mu),
            "passes": config["updates"] * config["batch_size"] * config["window"]
            / int(latents.lengths[trained].sum()),
            "trained": measure(memory, latents, trained[:: len(trained) // len(held_out)]),
            "held_out": measure(memory, latents, held_out),
        })  # fmt: skip
        print(rows[-1], flush=True)
    write_json(Path("results") / TASK / "end_heads.json", {"rows": rows})


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
