"""Film both published agents for README and welcome page: the game, V's picture of it, M's dream.

python tools/make_moving_picture.py        # writes bookassets/figures/agents.webp
"""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import wmlib
from wmlib import seeds
from wmlib.book import video

OUTPUT = Path("bookassets/figures/agents.webp")
SIDE, GAP, FRAME = 176, 14, 3
START, LENGTH, EVERY = {"car_racing": 60, "doom_take_cover": 40}, 300, 3
"""First step shown (the car's camera has zoomed in by then), steps shown, and one in EVERY."""


def row(task: str) -> list[np.ndarray]:
    """Frames (SIDE, 3 SIDE + 2 GAP, 4) of one agent, clear where no picture is."""
    agent = wmlib.load_pretrained(task)
    first = START[task]
    steps = video.panels(agent, seeds.TRAINING.stop - 2, first + LENGTH)
    return [_compose(shown[:3]) for shown in islice(steps, first, None, EVERY)]


def _compose(pictures: tuple[np.ndarray, ...]) -> np.ndarray:
    canvas = np.zeros((SIDE, 3 * SIDE + 2 * GAP, 4), np.uint8)
    inner = SIDE - 2 * FRAME
    for i, picture in enumerate(pictures):
        x = i * (SIDE + GAP)
        video.draw_frame(canvas, x + FRAME, FRAME, inner, i, FRAME)
        big = cv2.resize(picture, (inner, inner), interpolation=cv2.INTER_CUBIC)
        canvas[FRAME:-FRAME, x + FRAME : x + SIDE - FRAME, :3] = big
        canvas[FRAME:-FRAME, x + FRAME : x + SIDE - FRAME, 3] = 255
    return canvas


def main() -> None:
    """One row for each game, as long as the shorter one."""
    rows = list(zip(row("car_racing"), row("doom_take_cover")))
    gap = np.zeros((GAP, rows[0][0].shape[1], 4), np.uint8)
    frames = [Image.fromarray(np.concatenate([top, gap, low])) for top, low in rows]
    duration = 1000 * EVERY // 40  # milliseconds; the games run at 35 and 50 frames a second
    frames[0].save(
        OUTPUT, save_all=True, append_images=frames[1:], duration=duration, loop=0, quality=60
    )
    print(f"{OUTPUT}: {len(frames)} frames, {OUTPUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
