"""The pendulum lab of chapters 10 and 11: a real pendulum beside M's dream of it."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import torch
import traitlets

from wmlib.agent import Agent, load_agent, pretrained_folder
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still
from wmlib.errors import UserError
from wmlib.records.run_folder import RunFolder

ALT = "Two pendulums side by side, a real one in blue and M's dream of it in orange."


class PendulumLab(LiveWidget):
    """Push both pendulums, let a C push, or evolve a C in the dream and see it in the game.

    `folder` is an `iterate` run whose rounds are offered; by default the published one.
    """

    source = "pendulum_lab"

    rounds = traitlets.List(traitlets.Dict()).tag(sync=True)
    """of each round: its name, M's units, and float16 weights in base64 (`packed_round`)"""
    round = traitlets.Int(0).tag(sync=True)
    """which of them dreams"""
    who = traitlets.Enum(["round", "you", "evolved"], "round").tag(sync=True)
    tau = traitlets.Float(1.0).tag(sync=True)
    push = traitlets.Int(0).tag(sync=True)
    """-1, 0 or 1: the reader's push, at full torque"""
    step = traitlets.Int(0).tag(sync=True)
    real_height = traitlets.Float(-1.0).tag(sync=True)
    """cosine of the angle from upright, every half second"""
    dream_height = traitlets.Float(-1.0).tag(sync=True)
    evolved = traitlets.List(traitlets.Float()).tag(sync=True)
    """the 201 parameters of the C that was evolved in the browser"""
    dream_reward = traitlets.Float().tag(sync=True)
    """per step, of the C evolved so far"""
    real_reward = traitlets.Float().tag(sync=True)

    def __init__(self, folder: str | Path | None = None, **traits: Any) -> None:
        run = RunFolder(pretrained_folder("pendulum") if folder is None else folder)
        agents = {one.number: load_agent(one.path, "pendulum") for one in run.rounds()}
        if not agents:
            raise UserError(f"{folder} has no finished round to dream in")
        packed = [packed_round(f"round {number}", agent) for number, agent in agents.items()]
        caption = "The page's own version moves, can be pushed, and evolves a C in the dream."
        super().__init__(still=still(_two_pendulums(), ALT, caption), rounds=packed, **traits)


def packed_round(name: str, agent: Agent) -> dict[str, Any]:
    """M, C and the starts of a round's dreams, as `js/pendulum_round.js` reads them."""
    memory, c = agent.memory, agent.controller
    assert c is not None
    if (memory.n_mixtures, memory.heads, memory.restart_input) != (1, ("reward",), False):
        raise UserError(
            f"{name}: the widget knows an M with one Gaussian and a reward head alone: train with "
            "--memory.n-mixtures 1 --memory.heads reward --memory.no-restart-input"
        )
    if c.kind != "hidden":
        raise UserError(f"{name}: the widget knows a hidden C alone, and this one is {c.kind}")
    parts = [
        *memory.lstm.all_weights[0][:3],  # the fourth, a second bias, is zero
        memory.output.weight,
        memory.output.bias,
        agent.params,
        agent.starts[0],
    ]
    numbers = torch.cat([part.detach().flatten() for part in parts]).numpy().astype("<f2")
    if not np.isfinite(numbers).all():
        raise UserError(f"{name}: a weight is beyond float16")
    return {
        "name": name,
        "units": memory.n_h,
        "weights": base64.b64encode(numbers.tobytes()).decode(),
    }


def _two_pendulums() -> str:
    """An SVG: both swing to the right, the dream a little ahead."""
    parts = []
    for x, angle, role in ((90, 0.9, "real"), (270, 1.1, "dream")):
        end = x + 62 * np.sin(angle), 80 + 62 * np.cos(angle)
        parts.append(
            f'<g style="color: var(--live-{role})"><circle cx="{x}" cy="80" r="62" fill="none" '
            f'stroke="currentColor" opacity="0.3"/><path d="M{x} 80L{end[0]:.1f} {end[1]:.1f}" '
            f'stroke="currentColor" stroke-width="7" stroke-linecap="round"/>'
            f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="10" fill="currentColor"/>'
            f'<text x="{x}" y="172" text-anchor="middle" fill="currentColor">{role}</text></g>'
        )
    frame = f'viewBox="0 0 360 180" role="img" aria-label="{ALT}" style="max-width:30rem"'
    return f"<svg {frame}>{''.join(parts)}</svg>"
