"""A film of an agent: the real picture, V's reconstruction and M's dream side by side."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torch import Tensor

from wmlib.agent import Agent
from wmlib.errors import UserError
from wmlib.model.vision import StateVision, Vision, decode_pictures
from wmlib.records.progress import Bar
from wmlib.tasks import Task
from wmlib.worlds.features import Mind

SCALE, GAP, TITLE = 5, 12, 28
REAL_RGB, DREAM_RGB = (31, 111, 178), (217, 114, 11)
"""The book's two colours: real and imagined (wmlib.book.plots)."""
FRAMES = ((REAL_RGB, False), (REAL_RGB, True), (DREAM_RGB, False))
"""Colour, and whether it is dashed: around the game, what V keeps of it, and what M dreams."""
WAKE_EVERY = 50
"""The dream goes on from its own pictures for so many steps, then looks at the game once."""


def draw_pendulum(state: np.ndarray) -> np.ndarray:
    """uint8 (64, 64, 3): a rod at the angle whose (cos, sin, …) stand in `state` (3,)."""
    side, scale = 64, 8  # drawn larger and shrunk: no jagged edges
    picture = np.full((side * scale, side * scale, 3), 255, np.uint8)
    middle, length = side * scale // 2, 0.42 * side * scale
    cos, sin = state[:2] / max(float(np.hypot(*state[:2])), 1e-6)
    tip = round(middle - length * sin), round(middle - length * cos)  # the angle counts leftwards
    cv2.line(picture, (middle, middle), tip, (90, 90, 90), 5 * scale, cv2.LINE_AA)
    cv2.circle(picture, (middle, middle), 2 * scale, (30, 30, 30), -1, cv2.LINE_AA)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


DRAWN: dict[str, Callable[[np.ndarray], np.ndarray]] = {"pendulum": draw_pendulum}
"""How the state of a game is drawn that shows no picture."""


def picture_of(task: Task, vision: Vision, z: Tensor) -> np.ndarray:
    """uint8 (64, 64, 3): what a latent (1, N_z) shows."""
    if isinstance(vision, StateVision):
        return DRAWN[task.name]((z[0] / vision.scale).numpy())
    return decode_pictures(vision, z)[0]


@torch.no_grad()
def panels(agent: Agent, seed: int, steps: int, wake_every: int = WAKE_EVERY):
    """Yield (real, reconstruction, dream, reward so far, steps since the dream looked).

    Pictures are uint8 (64, 64, 3); the last come twice, as the last reward is paid after them. The
    dream gets the agent's actions and nothing else: after each look at the game it is M's open-loop
    prediction, at temperature 1, drawn by V's decoder.
    """
    if not agent.task.pictures and agent.task.name not in DRAWN:
        raise UserError(f"{agent.task.name} shows no picture: wmlib.book.video draws no film of it")
    env = agent.real(1, min(steps, agent.task.max_episode_steps))
    dream = Mind(agent.task, agent.memory, 1, env.device)
    total = 0.0
    try:
        f, _ = env.reset(seed=[seed])
        for t in range(steps):
            if t % wake_every == 0:
                dream.restore(env.mind.snapshot())
            seen = env.pictures[0]
            real = np.array(seen) if agent.task.pictures else DRAWN[agent.task.name](seen)
            shown = real, *(picture_of(agent.task, agent.vision, z) for z in (env.z, dream.z))
            yield *shown, total, t % wake_every
            a = agent.act(f)
            dream.imagine(a, tau=1.0)
            f, reward, terminated, truncated, _ = env.step(a)
            total += float(reward[0])
            if terminated[0] or truncated[0]:
                break
        yield *shown, total, t % wake_every + 1
    finally:
        env.close()


def write_video(agent: Agent, seed: int, path: Path, steps: int) -> float:
    """Play one episode of the real game (at most `steps`) and film it; returns its return."""
    if path.suffix != ".mp4":
        raise UserError(f"{path}: the video is an .mp4, name it so")
    if steps < 1 or seed < 0:
        raise UserError(f"--steps {steps}, --seed {seed}: at least 1 step, and a seed of 0 or more")
    # An older film stays until this one is whole. (A whole path: ffmpeg takes "a:b" for a URL.)
    part = path.resolve().with_name(f"{path.stem}.part.mp4")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        total = _film(agent, seed, part, steps)
        part.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):  # a read-only disk refuses this, too
            part.unlink()
    print(f"{path}: seed {seed}, return {total:.1f}")
    return total


def _film(agent: Agent, seed: int, part: Path, steps: int) -> float:
    """Write the film to `part`; returns the return."""
    side, total = 64 * SCALE, 0.0
    most = min(steps, agent.task.max_episode_steps) + 1
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=agent.task.fps)
        stream.width, stream.height = 3 * side + 4 * GAP, side + TITLE + 2 * GAP
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "20"}
        for real, seen, dreamed, total, age in Bar(
            panels(agent, seed, steps), unit="frame", desc="film", total=most
        ):
            frame = _compose(real, seen, dreamed, total, age)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return total


def _compose(
    real: np.ndarray, seen: np.ndarray, dreamed: np.ndarray, total: float, age: int
) -> np.ndarray:
    side = 64 * SCALE
    canvas = np.full((side + TITLE + 2 * GAP, 3 * side + 4 * GAP, 3), 250, np.uint8)
    titles = [f"real game: {total:.0f}", "V sees", f"M dreams, {age} steps alone"]
    for i, (picture, title) in enumerate(zip((real, seen, dreamed), titles, strict=True)):
        x, y = GAP + i * (side + GAP), TITLE + GAP
        draw_frame(canvas, x, y, side, i)
        big = cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
        canvas[y : y + side, x : x + side] = big
        cv2.putText(
            canvas,
            title,
            (x, TITLE - 4),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.62,
            FRAMES[i][0],
            1,
            cv2.LINE_AA,
        )
    return canvas


def draw_frame(canvas: np.ndarray, x: int, y: int, side: int, which: int, width: int = 3) -> None:
    """The frame of `FRAMES[which]` around the square (side, side) at (x, y) of a canvas
    (H, W, 3 or 4)."""
    colour, dashed = FRAMES[which]
    outer = canvas[y - width : y + side + width, x - width : x + side + width]
    edge = np.arange(len(outer))
    beside = (edge < width) | (edge >= side + width)
    ink = beside[:, None] | beside[None]
    if dashed:
        dash = edge // (3 * width) % 2 == 0
        ink &= np.where(beside[:, None], dash[None], dash[:, None])
    outer[ink] = (*colour, 255)[: canvas.shape[2]]
