"""A film of an agent: the real picture, V's reconstruction and M's dream side by side."""

from pathlib import Path

import av
import cv2
import numpy as np
import torch
from tqdm import tqdm

from wmlib.agent import Agent
from wmlib.dream import decode_pictures
from wmlib.mixture import sample_mixture
from wmlib.runs import UserError

SCALE, GAP, TITLE = 5, 12, 28
REAL_RGB, DREAM_RGB = (31, 111, 178), (217, 114, 11)
"""The book's two colours: real and imagined (wmlib.plots)."""
SEEN_RGB = (128, 128, 128)
"""V's picture of the real game is neither."""
WAKE_EVERY = 50
"""The dream goes on from its own pictures for so many steps, then looks at the game once."""


@torch.no_grad()
def panels(agent: Agent, seed: int, steps: int):
    """Yield (real, reconstruction, dream, reward so far, steps since the dream looked).

    Pictures are uint8 (64, 64, 3); the last come twice, as the last reward is paid after them. The
    dream gets the agent's actions and nothing else: after each look at the game it is M's open-loop
    prediction, at temperature 1, drawn by V's decoder.
    """
    env = agent.real(1, min(steps, agent.task.max_episode_steps))
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    try:
        f, _ = env.reset(seed=[seed])
        z, state, age = env.z, env.state, 0
        for t in range(steps):
            shown = (
                np.array(env.pictures[0]),
                decode_pictures(agent.vision, env.z)[0],
                decode_pictures(agent.vision, z)[0],
            )
            yield *shown, total, age
            a = agent.act(f)
            restart = torch.tensor([float(t == 0)])
            out, state = agent.memory.step(z, a, restart, state)
            u = torch.rand(z.shape, generator=generator)
            eps = torch.randn(z.shape, generator=generator)
            z = sample_mixture(out.logpi, out.mu, out.logstd, 1.0, u, eps)
            age += 1
            f, reward, terminated, truncated, _ = env.step(a)
            total += float(reward[0])
            if age == WAKE_EVERY:
                z, state, age = env.z, env.state, 0
            if terminated[0] or truncated[0]:
                break
        yield *shown, total, age
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
        part.unlink(missing_ok=True)
    print(f"{path}: seed {seed}, return {total:.1f}")
    return total


def _film(agent: Agent, seed: int, part: Path, steps: int) -> float:
    """Write the film to `part`; returns the return."""
    side, total = 64 * SCALE, 0.0
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=agent.task.fps)
        stream.width, stream.height = 3 * side + 4 * GAP, side + TITLE + 2 * GAP
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "20"}
        for real, seen, dreamed, total, age in tqdm(
            panels(agent, seed, steps), unit=" frames", desc="film", disable=None
        ):
            frame = _compose(real, seen, dreamed, total, age)
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return total


def _compose(
    real: np.ndarray, seen: np.ndarray, dreamed: np.ndarray, total: float, age: int
) -> np.ndarray:
    side = 64 * SCALE
    canvas = np.full((side + TITLE + 2 * GAP, 3 * side + 4 * GAP, 3), 250, np.uint8)
    titles = [f"real game: {total:.0f}", "V sees", f"M dreams, {age} steps alone"]
    for i, (picture, title) in enumerate(zip((real, seen, dreamed), titles, strict=True)):
        x, y = GAP + i * (side + GAP), TITLE + GAP
        colour = (REAL_RGB, SEEN_RGB, DREAM_RGB)[i]
        canvas[y - 3 : y + side + 3, x - 3 : x + side + 3] = colour
        big = cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
        canvas[y : y + side, x : x + side] = big
        cv2.putText(
            canvas, title, (x, TITLE - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.62, colour, 1, cv2.LINE_AA
        )
    return canvas
