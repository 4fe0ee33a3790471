"""The four checks that a dream cannot be cheated (wmlib.book.cheating), on a run's M and C.

    python benchmarks/dream_checks.py RUN_DIR [--controller policy]

Writes results/doom_take_cover/dream_checks.json. Needs RUN_DIR with V, M, latents and the fireball
probe (tools/fit_fireball_probe.py); where there is that C, it plays too.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import tyro

from wmlib import seeds
from wmlib.agent import Agent, load_agent, weights_of
from wmlib.book import cheating, paper, report
from wmlib.book.probes import CountProbe, load_probe
from wmlib.data.latents import encode_frames, load_latents, sample_z
from wmlib.data.store import RolloutStore
from wmlib.errors import UserError
from wmlib.learning.memory import validate
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder, is_finished
from wmlib.tasks import get_task

TASK = "doom_take_cover"
DREAMS, STEPS, REAL = 64, 600, 8
CPU = torch.device("cpu")


def fireballs(agent: Agent, probe: CountProbe) -> dict:
    """Check 2: what the probe counts at each temperature, by the random policy and by C."""
    found: dict = {"held": {}} | ({"C": {}} if agent.controller else {})
    first = seeds.VALIDATION.start
    for tau in paper.DOOM_TAU:
        for name in found:
            env = agent.dream(DREAMS, tau)
            act = agent.act if name == "C" else cheating.held_actions(env, first)
            watched = cheating.watch(env, act, probe, STEPS, first)
            found[name][f"{tau:.2f}"] = cheating.describe(watched)
            print(name, tau, found[name][f"{tau:.2f}"], flush=True)
    if agent.controller:
        real = agent.real(REAL)
        watched = cheating.watch(real, agent.act, probe, STEPS, first)
        found["C"]["real"] = cheating.describe(watched)
        real.close()
    return found


def labelled(run: RunFolder, agent: Agent, probe: CountProbe) -> dict:
    """The random policy's labelled episodes, by ViZDoom's labels and by the probe on their z."""
    store = RolloutStore(run.stage("labelled"))
    rng = np.random.default_rng(0)
    alive = np.zeros((STEPS, len(store)), dtype=bool)
    counts = {"labels, held": alive.astype(int), "probe, held": alive.astype(int)}
    for i in range(len(store)):
        frames = store.frames(i, slice(STEPS))
        z = sample_z(*encode_frames(agent.vision, frames, CPU), rng)
        alive[: len(z), i] = True
        counts["probe, held"][: len(z), i] = probe(z)
        counts["labels, held"][: len(z), i] = cheating.visible(
            store.extra(i, "fireball_boxes")[:STEPS]
        )
    ended = np.array([r["terminated"] and r["length"] <= STEPS for r in store.index])
    return {
        by: cheating.describe(cheating.Watched(seen, alive, ended)) for by, seen in counts.items()
    }


def main(run_dir: str, controller: str = "controller") -> None:
    """Run the checks and write them down."""
    torch.set_num_threads(1)
    run = RunFolder(run_dir)
    chosen = controller if is_finished(run.stage(controller)) else None
    agent = load_agent(run.path, get_task(TASK), chosen)
    probe = load_probe(run.stage("probes") / "fireballs.safetensors")
    latents = load_latents(run.stage("latents"))
    held_out = latents.split()[1]  # episodes that M was not trained on
    result = {
        "weights": weights_of(run, chosen),
        "end_head": cheating.end_head(agent.memory, latents, held_out),
        "teacher_forced": cheating.teacher_forced(agent.memory, latents, held_out, probe)
        | validate(agent.memory, latents, held_out, CPU),
        "fireballs": fireballs(agent, probe) | labelled(run, agent, probe),
    }
    try:
        result["by_generation"] = cheating.by_generation(report.load_run(TASK, "evolved"))
    except UserError as error:  # not published yet
        print(error, file=sys.stderr)
    path = Path("results") / TASK / "dream_checks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
    print(path)


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
