"""Files such as a published run has them, for tests that read results."""

import json
from pathlib import Path

import numpy as np

from wmlib.records.files import sha256


def write_run(
    folder: Path, generations=4, steps=1000, returns=(10.0, 20.0, 30.0), chosen=4, start=""
):
    """Files such as a run leaves; every second generation is evaluated."""
    controller = folder / "controller"
    controller.mkdir(parents=True)
    rows = []
    for g in range(1, generations + 1):
        row = {"generation": g, "fitness": [1.0 * g, 2.0 * g], "steps": steps, "seconds": 1.0}
        if g % 2 == 0:
            row |= {"mean_return": 100.0 * g, "sem": 5.0, "real_return": 90.0 * g, "real_sem": 6.0}
        rows.append(json.dumps(row))
    (controller / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    result = {"generation": chosen, "mean_return": 100.0 * chosen, "sem": 5.0}
    manifest = {"stage": "evolve", "device": "CPU, 2 cores", "seconds": 90.0, "result": result}
    weights = controller / "controller.safetensors"
    weights.write_text(folder.name)
    manifest |= {"sha256": {weights.name: sha256(weights)}, "inputs": {"start": start}}
    (controller / "manifest.json").write_text(json.dumps(manifest))
    values = np.array(returns)
    evaluation = {
        "mean": values.mean(),
        "std": values.std(ddof=1),
        "sem": values.std(ddof=1) / len(values) ** 0.5,
        "n": len(values),
        "returns": list(returns),
    }
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
