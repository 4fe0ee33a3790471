"""How close are the simulator's pictures to Gymnasium's? (appendix on the simulator)

    python benchmarks/car_racing_pictures.py [--episodes 3] [--steps 600]

Plays both games side by side in one state (exact mode) with several policies and compares the
project's 64 x 64 pictures and the whole 96 x 96 observations. Writes results/simulator/
pictures.json and README's figure to bookassets/figures/simulator_pictures.png.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import matplotlib.pyplot as plt
import numpy as np
import tyro
from gymnasium.envs.box2d.car_racing import CarRacing
from numpy.typing import NDArray
from side_by_side import POLICIES, SideBySide

from wmlib.device import device_name
from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.drawing import draw_64, draw_96, new_scratch
from wmlib.envs.batched_car_racing.geometry import ROWS, SCREEN
from wmlib.envs.pictures import SIDE
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions

ROOT = Path(__file__).parents[1]
PLAYED = ("driver", "clumsy", "straight", "uniform")  # policies
ZOOM_STEPS = 50  # the game zooms in during these
SHOWN = (("driver", (0, 20, 40)), ("clumsy", (200, 300)), ("straight", (-1,)))  # -1: the last
FACTOR = 20  # by which the figure magnifies differences
LABEL = "#8c8d8e"  # readable on white and on black


class Pictures(NamedTuple):
    """T pictures of one episode; `game` is Gymnasium's, `ours` drawn from the same states."""

    steps: NDArray[np.int32]  # (T,)
    game_64: NDArray[np.uint8]  # (T, 64, 64, 3)
    ours_64: NDArray[np.uint8]
    game_96: NDArray[np.uint8]  # (T, 96, 96, 3)
    ours_96: NDArray[np.uint8]


def shrink(screens: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Screens (T, 96, 96, 3) as the project's pictures (T, 64, 64, 3), by OpenCV."""
    size = (SIDE, SIDE)
    return np.stack([cv2.resize(x[:ROWS], size, interpolation=cv2.INTER_AREA) for x in screens])


def errors(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean absolute difference of each picture (T,), of 255."""
    return np.abs(a.astype(float) - b).mean((1, 2, 3))


def play_pictures(seed: int, policy: str, steps: int, every: int) -> Pictures:
    """Play `steps` steps in both games, keeping every `every`-th picture (5 times as many while
    the game zooms in). The simulator runs in its exact mode, so both games stay in one state."""
    pair = SideBySide()
    game, state, scratch = pair.reference, pair.cars.state, new_scratch()
    kept, screens, ours_64, ours_96 = [], [], [], []
    for step in range(steps + 1):
        keep = step % (every if step > ZOOM_STEPS else max(every // 5, 1)) == 0
        # Pictures cost Gymnasium most of its time, so it draws only those that are kept.
        game._render = (lambda mode: CarRacing._render(game, mode)) if keep else lambda mode: None
        if step == 0:
            pair.reset(seed)
            act = POLICIES[policy](pair, np.random.default_rng(seed))
        else:
            (_, ended), _ = pair.step(act(step - 1))
            if ended:
                break
        if keep:
            kept.append(step)
            screens.append(game.state.copy())
            ours_64.append(np.empty((1, SIDE, SIDE, 3), np.uint8))
            ours_96.append(np.empty((1, SCREEN, SCREEN, 3), np.uint8))
            draw_64(state, 0, 1, scratch, ours_64[-1])
            draw_96(state, 0, 1, scratch, ours_96[-1])
    game_96 = np.stack(screens)
    return Pictures(
        np.array(kept, np.int32),
        shrink(game_96),
        np.concatenate(ours_64),
        game_96,
        np.concatenate(ours_96),
    )


def summary(found: list[NDArray[np.float64]]) -> dict[str, float]:
    """Mean error of all pictures, of the worst picture, and their number; of 255."""
    values = np.concatenate(found)
    return {"mean": float(values.mean()), "worst": float(values.max()), "n": len(values)}


def compare(episodes: list[Pictures]) -> dict[str, Any]:
    """Errors of the two sizes, and of the small pictures while the game zooms in."""
    return {
        "64": summary([errors(x.game_64, x.ours_64) for x in episodes]),
        "96": summary([errors(x.game_96, x.ours_96) for x in episodes]),
        "64_zooming_in": summary(
            [errors(x.game_64, x.ours_64)[x.steps < ZOOM_STEPS] for x in episodes]
        ),
    }


def microseconds(size: int, num_envs: int = 64, repeats: int = 20) -> float:
    """Processor time of one picture, at full zoom, on one core."""
    cars = CpuCars(num_envs, size, 1e-5, threads=1)
    playing = np.ones(num_envs, bool)
    cars.reset(playing, [np.random.default_rng(k) for k in range(num_envs)])
    for _ in range(60):
        cars.step(np.tile(np.float32([0, 0.2, 0]), (num_envs, 1)), playing)
    scratch, draw = new_scratch(), draw_64 if size == 64 else draw_96
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        draw(cars.state, 0, num_envs, scratch, cars.pictures)
        times.append(time.thread_time() - start)
    return float(np.median(times)) / num_envs * 1e6


def figure(steps: list[int], game: NDArray[np.uint8], ours: NDArray[np.uint8], path: Path) -> None:
    """Gymnasium's pictures, ours below, and the magnified difference."""
    difference = np.abs(game.astype(int) - ours) * FACTOR
    rows = {
        "Gymnasium": game,
        "simulator": ours,
        f"difference × {FACTOR}": np.minimum(difference, 255).astype(np.uint8),
    }
    fig, axes = plt.subplots(3, len(steps), figsize=(1.3 * len(steps) + 0.4, 4.3))
    for line, (name, pictures) in zip(axes, rows.items()):
        line[0].set_ylabel(name, color=LABEL)
        for ax, picture in zip(line, pictures):
            ax.imshow(picture)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    for ax, step in zip(axes[0], steps):
        ax.set_title(f"step {step}", color=LABEL, fontsize=10)
    fig.tight_layout(pad=0.3)
    fig.savefig(path, dpi=150, transparent=True)
    plt.close(fig)


def main(episodes: int = 3, steps: int = 600) -> None:
    """Compare `episodes` episodes of up to `steps` steps for every policy."""
    start = time.perf_counter()
    played = {
        policy: [play_pictures(2_000 + seed, policy, steps, every=10) for seed in range(episodes)]
        for policy in PLAYED
    }
    every = [x for found in played.values() for x in found]
    report = {
        "all": compare(every),
        **{policy: compare(found) for policy, found in played.items()},
        "processor_microseconds": {"64": microseconds(64), "96": microseconds(96)},
        "device": device_name("cpu"),
        "versions": versions(),
        "seconds": time.perf_counter() - start,
    }
    write_json(ROOT / "results" / "simulator" / "pictures.json", report)
    shown = [(played[policy][0], step) for policy, kept in SHOWN for step in kept]
    picked = [(x, int(np.searchsorted(x.steps, step)) if step >= 0 else -1) for x, step in shown]
    game = np.stack([x.game_64[k] for x, k in picked])
    ours = np.stack([x.ours_64[k] for x, k in picked])
    numbers = [int(x.steps[k]) for x, k in picked]
    figure(numbers, game, ours, ROOT / "bookassets" / "figures" / "simulator_pictures.png")
    print(report["all"], report["processor_microseconds"])


if __name__ == "__main__":
    tyro.cli(main)
