"""Does Doom's C gain by hidden units, or by practice? The published one practises with and without.

    python benchmarks/larger_controller.py runs/larger --kind linear
    python benchmarks/larger_controller.py runs/larger --kind deep

Behind the published V and M, in the real game, by policy gradient, as a C does in
`iterate --also-real`; two trainings that differ in nothing but C. One that was stopped goes on from
RUN/KIND. Writes results/doom_take_cover/larger_KIND.json: deaths in 1,000 tics while it learned
(its actions are drawn by chance then), and the last C's 500 test episodes.
"""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import tyro
from torch import Tensor

from wmlib import seeds
from wmlib.agent import load_pretrained
from wmlib.configs import PolicyConfig, RealWorld
from wmlib.device import device_name
from wmlib.learning.lives import Games
from wmlib.learning.policy_gradient import learn_policy
from wmlib.records.files import write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import versions
from wmlib.records.weights import load_weights
from wmlib.worlds.evaluate import evaluate

EPISODES, SLOTS = 500, 64


def main(
    run: tyro.conf.Positional[Path],
    kind: Literal["linear", "deep"] = "deep",
    updates: int = 280,
    seed: int = 0,
) -> None:
    """Practise, score, write."""
    agent, folder = load_pretrained("doom_take_cover"), run / kind
    folder.mkdir(parents=True, exist_ok=True)
    config = PolicyConfig(
        RealWorld(max_episode_steps=2100),
        controller=kind,
        updates=updates,
        dreams=SLOTS,
        steps=256,
        epochs=4,
        critic_units=256,
        learning_rate_decay=0.995,
        average=40,
        entropy=5e-4,
        patience=0,
        log_every=10,
        check_every=40,
    )
    controller = agent.new_controller(kind)
    with closing(agent.real(SLOTS, 2100)) as games:
        lives = Games(games, config)
        learn_policy(lives, controller, config, folder, seed, begin=agent.params)
        score = evaluate(games, controller, _last(folder), EPISODES, seeds.TEST.start)
    rows = Metrics(folder / "metrics.jsonl").read()
    told = {
        "config": asdict(config),
        "seed": seed,
        "device": device_name("cpu"),
        "seconds": rows[-1]["seconds"],
        "real_steps": rows[-1]["update"] * config.dreams * config.steps,
        "practice": [{key: row[key] for key in ("update", "lost", "entropy")} for row in rows],
        "evaluation": score,
    }
    write_json(Path(f"results/doom_take_cover/larger_{kind}.json"), told | {"versions": versions()})
    print("{mean:.0f} ± {sem:.0f} tics, n = {n}".format(**score))


def _last(folder: Path) -> Tensor:
    """C's weights at the end of the training."""
    tensors, _ = load_weights(folder / "controller.safetensors")
    return tensors["params"]


if __name__ == "__main__":
    tyro.cli(main)
