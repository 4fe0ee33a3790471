"""Where the fireballs fly while a published controller plays the real game.

    python benchmarks/doom_flights.py NAME=CONTROLLER [NAME=CONTROLLER ...]

The controller (a folder in wmlib/pretrained/doom_take_cover) plays validation episodes behind V and
M; the same actions are then played again in a game that also tells where every object is, and a
place along the wall that differs is an error. Balls fly in straight lines, so a ball is
[tic of its throw, place of its throw, tic at the player's line, place there]. Writes
results/doom_take_cover/flights.json: for each name the flight times and by how much the throws
miss the player's place at the throw, and of the first episode all balls and the player's way.
"""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import torch
import tyro
from doom_habits import GAMES, TASK, watch
from tqdm import tqdm

from wmlib import seeds
from wmlib.agent import load_agent, pretrained_folder, weights_of
from wmlib.envs.doom import FIREBALL, DoomTakeCover
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import get_task

FIRST = seeds.VALIDATION.start


class Told(DoomTakeCover):
    """The game with all its objects: ViZDoom takes that setting only before it starts."""

    def _start(self) -> None:
        super()._start()
        self.game.close()
        self.game.set_objects_info_enabled(True)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            self.game.init()

    def _look(self) -> None:
        super()._look()
        self.objects = self.game.get_state().objects


def flights(game: Told, seed: int, episode: dict) -> list[list[float]]:
    """Play `episode` (doom_habits.watch) again; its balls, each [tic, place, tic, place]."""
    game.reset(seed=seed)
    balls: dict[int, list[float]] = {}
    for t, (a, x) in enumerate(zip(episode["a"], episode["x"])):
        over = game.step(np.array([a], np.float32))[2]
        if abs(game.info["x"] - x) > 0.01:
            raise SystemExit(f"episode {seed} went another way at tic {t}: {game.info['x']}, {x}")
        if over:
            break
        wall = next(o.position_x for o in game.objects if o.name == "DoomPlayer")
        for ball in game.objects:
            if ball.name == FIREBALL and ball.id not in balls and ball.velocity_x < 0:
                flight = (ball.position_x - wall) / -ball.velocity_x
                there = ball.position_y + flight * ball.velocity_y
                balls[ball.id] = [t, ball.position_y, t + flight, there]
    return [[round(v, 1) for v in ball] for ball in balls.values()]


def described(episodes: list[dict], thrown: list[list[list[float]]]) -> dict:
    """What is stored of a controller's episodes and the balls of each."""
    all_balls = [(e["x"], ball) for e, balls in zip(episodes, thrown) for ball in balls]
    return {
        "first_seed": FIRST,
        "episodes": len(episodes),
        "flight": [round(ball[2] - ball[0], 1) for _, ball in all_balls],
        "aimed_off": [round(ball[3] - x[int(ball[0])], 1) for x, ball in all_balls],
        "shown": {
            "x": np.round(episodes[0]["x"], 1).tolist(),
            "died": episodes[0]["died"],
            "balls": thrown[0],
        },
    }


def main(named: list[str]) -> None:
    """Play, play again and write down; `named` are NAME=CONTROLLER."""
    torch.set_num_threads(1)
    folder, game, found = pretrained_folder(TASK), Told(), {}
    for name, controller in (pair.split("=") for pair in named):
        episodes = watch(load_agent(folder, get_task(TASK), controller), FIRST)
        thrown = [flights(game, FIRST + i, e) for i, e in enumerate(tqdm(episodes, desc=name))]
        weights = weights_of(RunFolder(folder), controller)
        found[name] = {"weights": weights, **described(episodes, thrown)}
        row = found[name]
        print(
            name,
            GAMES,
            np.percentile(row["flight"], [10, 50, 90]),
            np.percentile(np.abs(row["aimed_off"]), [10, 50, 90]),
            flush=True,
        )
    game.close()
    write_json(Path("results") / TASK / "flights.json", found)


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.PositionalRequiredArgs,))
