"""Does Doom's C gain by hidden units, or by practice? The published one practises with and without.

    python benchmarks/larger_controller.py runs/larger --kind linear
    python benchmarks/larger_controller.py runs/larger --kind deep
    python benchmarks/larger_controller.py runs/longer --begin deep --updates 320 --seed 1

Behind the published V and M, in the real game, by policy gradient, as a C does in
`iterate --also-real`; two trainings that differ in C alone. One that was stopped goes on from
RUN/KIND. Writes results/doom_take_cover/larger_KIND.json: deaths in 1,000 tics while it learned
(its actions are drawn by chance then), and the last C's 500 test episodes. `--begin` is for one of
the package's controllers that practises on; it writes longer_KIND.json.
"""

import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import tyro

from wmlib import seeds
from wmlib.agent import load_agent, load_pretrained
from wmlib.configs import PolicyConfig, RealWorld
from wmlib.device import device_name
from wmlib.learning.lives import Games
from wmlib.learning.policy_gradient import learn_policy, least_updates
from wmlib.model.controller import load_controllers
from wmlib.records.files import write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import versions
from wmlib.records.stage import Stage
from wmlib.worlds.evaluate import evaluate

EPISODES, SLOTS = 500, 64


def settings(kind: Literal["linear", "deep"], updates: int) -> PolicyConfig:
    """How C practises: the same for both."""
    return PolicyConfig(
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


def main(
    run: tyro.conf.Positional[Path],
    kind: Literal["linear", "deep"] = "deep",
    updates: int = 200,
    seed: int = 0,
    begin: str = "",
) -> None:
    """Practise, score, write."""
    agent, folder, config = load_pretrained("doom_take_cover"), run / kind, settings(kind, updates)
    controller, start, name = agent.new_controller(kind), agent.params, f"larger_{kind}"
    if begin:
        known = load_agent("pretrained", agent.task.name, f"controllers/{begin}")
        start, name = known.params, f"longer_{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Stage(folder, "policy-gradient", config, seed, least=least_updates(folder)) as stage,
        closing(agent.real(SLOTS, 2100)) as games,
    ):
        if not stage.done:
            learn_policy(Games(games, config), controller, config, folder, seed, begin=start)
        _, found, _ = load_controllers(folder / "controller.safetensors", agent.task)
        score = evaluate(games, controller, found["params"], EPISODES, seeds.TEST.start)
    rows = Metrics(folder / "metrics.jsonl").read()
    told = {
        "command": " ".join(["python", *sys.argv]),
        "config": asdict(config),
        "seed": seed,
        "device": device_name("cpu"),
        "seconds": rows[-1]["seconds"],
        "real_steps": (rows[-1]["update"] + 1) * config.dreams * config.steps,
        "practice": [{key: row[key] for key in ("update", "lost", "entropy")} for row in rows],
        "evaluation": score,
        "versions": versions(),
    }
    write_json(Path(f"results/doom_take_cover/{name}.json"), told)
    print("{mean:.0f} ± {sem:.0f} tics, n = {n}".format(**score))


if __name__ == "__main__":
    tyro.cli(main)
