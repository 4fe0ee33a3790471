"""Is the mean of several Cs that learned in one dream better than each of them?

    python benchmarks/car_teams.py runs/teams

Cs that differ in the seed alone learn in the packaged dream of the car by policy gradient, with
the settings of the packaged C. In the game play: each of them, and the mean of the first two, the
first four and all, on the same validation tracks of the batched simulator, without noise. What
was stopped goes on. Writes results/car_racing/teams.json.
"""

import sys
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
import tyro

from wmlib.agent import load_pretrained, pretrained_folder, weights_of
from wmlib.configs import PolicyConfig
from wmlib.device import device_name
from wmlib.learning import team
from wmlib.model.controller import load_controllers
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder, versions
from wmlib.records.stage import Stage
from wmlib.worlds.play import Arena

TRACKS, MEMBERS, UPDATES, SEED = 32, 8, 160, 0


def trained(folder: Path, config: PolicyConfig) -> list[torch.Tensor]:
    """The weights (n_params,) of each member."""
    agent = load_pretrained("car_racing", "dreamed")
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


def main(run: tyro.conf.Positional[Path]) -> None:
    """Train, score, write."""
    torch.set_num_threads(1)
    known = read_json(Path("results/car_racing/dreamed/controller/manifest.json"), config=dict)
    config = replace(PolicyConfig.of(known["config"]), team=MEMBERS, updates=UPDATES)
    members, agent = trained(run, config), load_pretrained("car_racing", "dreamed")
    controller, rows = agent.new_controller(config.controller), []
    teams = [[k] for k in range(MEMBERS)] + [list(range(k)) for k in (2, 4, MEMBERS)]
    with closing(Arena(partial(agent.real, 16, game="batched"))) as arena:
        for who in teams:
            params = torch.stack([members[k] for k in who]).mean(0)
            mean, sem = arena.score(controller, params, TRACKS)
            rows.append({"members": who, "mean": mean, "sem": sem})
            print(who, f"{mean:.0f} ± {sem:.0f}", flush=True)
    told = {
        "command": " ".join(["python", *sys.argv]),
        "config": asdict(config),
        "seed": SEED,
        "tracks": TRACKS,
        "device": device_name("cpu"),
        "weights": weights_of(RunFolder(pretrained_folder("car_racing") / "dreamed")),
        "scores": rows,
        "versions": versions(),
    }
    write_json(Path("results/car_racing/teams.json"), told)


if __name__ == "__main__":
    tyro.cli(main)
