"""C: the controller, as small as it can be (paper, section "Controller (C) Model").

a = squash(W f + b), where f is what V and M offer: [z, h] for CarRacing, [z, h, c] for Doom.
A population is one batch: every row of `params` is a whole controller, and each game played side
by side names the row that drives it.

Letters: P candidates, N games side by side, F features, A action dimensions.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from wmlib.errors import UserError
from wmlib.model.actions import squash
from wmlib.records.weights import load_weights, save_weights
from wmlib.tasks import Task

HIDDEN = 40
"""tanh units of the `hidden` variant (paper: 1,443 parameters for CarRacing)"""


class Controller:
    """The shape of C: how a flat parameter vector turns features into an action.

    `kind` is "linear" (all features), "z" (the first N_z features: V alone, no memory) or
    "hidden" (z through 40 tanh units).
    """

    def __init__(
        self, task: Task, kind: Literal["linear", "z", "hidden"], n_z: int, n_features: int
    ) -> None:
        if kind not in ("linear", "z", "hidden"):
            raise UserError(f"no controller '{kind}': choose linear, z or hidden")
        self.task = task
        self.kind = kind
        self.n_z = n_z
        self.n_features = n_features
        first_inputs = n_features if kind == "linear" else n_z
        outputs = [HIDDEN, task.n_actions] if kind == "hidden" else [task.n_actions]
        inputs = [first_inputs, HIDDEN][: len(outputs)]
        self.layers = list(zip(inputs, outputs, strict=True))
        bias = int(task.bias)
        self.n_params = sum((n_in + bias) * n_out for n_in, n_out in self.layers)

    def matrices(self, params: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Weight (..., n_out, n_in) and bias (..., n_out) of each layer, of params (..., n_params).

        They lie one behind the other in the flat vector that evolution searches in.
        """
        found, start = list[tuple[Tensor, Tensor | None]](), 0
        for n_in, n_out in self.layers:
            end = start + n_in * n_out
            weight, bias = params[..., start:end].unflatten(-1, (n_out, n_in)), None
            if self.task.bias:
                bias = params[..., end : end + n_out]
                end += n_out
            found.append((weight, bias))
            start = end
        return found

    def act(self, params: Tensor, features: Tensor) -> Tensor:
        """(N, A) actions of controllers `params` (N, n_params) that see `features` (N, F)."""
        x = features if self.kind == "linear" else features[:, : self.n_z]
        for place, (weight, bias) in enumerate(self.matrices(params)):
            x = x if place == 0 else torch.tanh(x)
            x = torch.bmm(weight, x[:, :, None])[:, :, 0]  # (N, n_out)
            x = x if bias is None else x + bias
        return squash(self.task, x)

    def units(self, sizes: Tensor) -> Tensor:
        """(n_params,) what a change of 1 in C's output means for each parameter of a linear C.

        A weight's unit is 1 over the size of its feature, `sizes` (F,); a bias has the unit 1.
        """
        outputs = self.task.n_actions
        bias = torch.ones(outputs if self.task.bias else 0, device=sizes.device)
        return torch.cat([(1 / sizes).repeat(outputs), bias])

    def facts(self) -> dict[str, Any]:
        """What a manifest must say to rebuild this controller."""
        return {
            "class": "Controller",
            "task": self.task.name,
            "kind": self.kind,
            "n_z": self.n_z,
            "n_features": self.n_features,
        }


def save_controllers(
    path: Path, controller: Controller, named: dict[str, Tensor], **facts: Any
) -> None:
    """Store flat parameter vectors (n_params,) by name; the chosen one is called `params`."""
    save_weights(path, named, **controller.facts(), **facts)


def load_controllers(path: Path, task: Task) -> tuple[Controller, dict[str, Tensor], dict]:
    """Read what `save_controllers` wrote: the shape of C, the vectors by name, the manifest."""
    named, facts = load_weights(path, task.name, kind=str, n_z=int, n_features=int)
    controller = Controller(task, facts["kind"], facts["n_z"], facts["n_features"])
    for name, vector in named.items():
        if vector.shape != (controller.n_params,):
            raise UserError(
                f"{path}: '{name}' has shape {tuple(vector.shape)}, C needs {controller.n_params}"
            )
    return controller, named, facts
