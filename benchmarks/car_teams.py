"""Is the mean of several Cs that learned in one dream better than each of them?

    python benchmarks/car_teams.py runs/teams

Cs that differ in the seed alone learn in the packaged dream of the car by policy gradient, with
the settings of the packaged C. In the game play, on the same validation tracks of the batched
simulator and without noise: each of them, and the mean of the first two, four, … and of all. Then
the mean of all plays the test tracks of Gymnasium's game, once. What was stopped goes on. Writes
results/car_racing/teams.json.
"""

import sys
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from wmlib import seeds
from wmlib.agent import Agent, load_pretrained, pretrained_folder, weights_of
from wmlib.configs import PolicyConfig
from wmlib.device import device_name
from wmlib.learning import team
from wmlib.model.controller import load_controllers
from wmlib.records.files import read_json, write_json
from wmlib.records.metrics import Metrics
from wmlib.records.run_folder import RunFolder, versions
from wmlib.records.stage import Stage
from wmlib.worlds.evaluate import evaluate
from wmlib.worlds.play import Arena

TRACKS, TEST, MEMBERS, UPDATES, SEED = 32, 100, 20, 160, 0


def trained(agent: Agent, folder: Path, config: PolicyConfig) -> list[Tensor]:
    """The weights (n_params,) of each member."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Stage(folder, "policy-gradient", config, SEED, least=team.least(folder, config)) as stage,
        closing(agent.world(config.world, config.dreams, "cpu")) as env,
    ):
        if not stage.done:
            controller = agent.new_controller(config.controller)
            team.learn(env, controller, config, folder, SEED, lambda params: {})
    _, found, _ = load_controllers(folder / "controller.safetensors", agent.task)
    return [found[name] for name in sorted(found) if name != "params"]


def mean_of(members: list[Tensor], who: list[int] | None = None) -> Tensor:
    """(n_params,) of some members, or all, in the float16 that is stored."""
    some = members if who is None else [members[k] for k in who]
    return torch.stack(some).mean(0).half().float()


def scores(agent: Agent, members: list[Tensor], log: Metrics) -> list[dict[str, Any]]:
    """A row for each C alone, and for the means."""
    controller, known = agent.new_controller("linear"), [row["members"] for row in log.read()]
    alone = [[k] for k in range(MEMBERS)]
    together = [list(range(k)) for k in (2, 4, 8, MEMBERS)]
    with closing(Arena(partial(agent.real, 16, game="batched"))) as arena:
        for who in [*alone, *together]:
            if who not in known:
                mean, sem = arena.score(controller, mean_of(members, who), TRACKS)
                log.append(members=who, mean=mean, sem=sem)
                print(who, f"{mean:.0f} ± {sem:.0f}", flush=True)
    return log.read()


def main(run: tyro.conf.Positional[Path]) -> None:
    """Train, score, write."""
    torch.set_num_threads(1)
    known = read_json(Path("results/car_racing/dreamed/controller/manifest.json"), config=dict)
    config = replace(PolicyConfig.of(known["config"]), team=MEMBERS, updates=UPDATES)
    agent = load_pretrained("car_racing", "dreamed")
    members = trained(agent, run / "controller", config)
    rows = scores(agent, members, Metrics(run / "scores.jsonl"))
    controller = agent.new_controller("linear")
    with closing(agent.real(8)) as games:
        test = evaluate(games, controller, mean_of(members), TEST, seeds.TEST.start)
    told = {
        "command": " ".join(["python", *sys.argv]),
        "config": asdict(config),
        "seed": SEED,
        "tracks": TRACKS,
        "device": device_name("cpu"),
        "weights": weights_of(RunFolder(pretrained_folder("car_racing") / "dreamed")),
        "scores": rows,
        "evaluation": test,
        "versions": versions(),
    }
    write_json(Path("results/car_racing/teams.json"), told)
    print(f"the mean of all: {test['mean']:.0f} ± {test['sem']:.0f}, n = {test['n']}")


if __name__ == "__main__":
    tyro.cli(main)
