"""C: the controller, as small as it can be (paper, section "Controller (C) Model").

a = squash(W f + b), where f is what V and M offer: [z, h] for CarRacing, [z, h, c] for Doom.
(A larger one is here, too, to see what that simplicity costs.)
A population is one batch: every row of `params` is a whole controller, and each game played side
by side names the row that drives it.

Letters: P candidates, N games side by side, F features, A action dimensions.
"""

from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from wmlib.errors import UserError
from wmlib.model.actions import squash
from wmlib.records.weights import load_weights, save_weights
from wmlib.tasks import Task

HIDDEN = 40
"""tanh units of the `hidden` variant (paper: 1,443 parameters for CarRacing)"""
BESIDE = 128
"""tanh units of the `deep` variant, which the paper does not have"""
KINDS = ("linear", "z", "hidden", "deep")


class Controller:
    """The shape of C: how a flat parameter vector turns features into an action.

    `kind` is "linear" (all features), "z" (the first N_z features: V alone, no memory), "hidden"
    (z through 40 tanh units) or "deep": all features, and beside the linear map 128 tanh units of
    them. A linear C's weights come first among a deep one's, so that it can begin as that C.

    `layers` are (inputs, outputs, whether there are biases), in the order of the flat vector.
    """

    def __init__(
        self, task: Task, kind: Literal["linear", "z", "hidden", "deep"], n_z: int, n_features: int
    ) -> None:
        if kind not in KINDS:
            raise UserError(f"no controller '{kind}': choose one of {', '.join(KINDS)}")
        self.task = task
        self.kind = kind
        self.n_z = n_z
        self.n_features = n_features
        outputs, bias = task.n_actions, task.bias
        self.layers: list[tuple[int, int, bool]] = {
            "linear": [(n_features, outputs, bias)],
            "z": [(n_z, outputs, bias)],
            "hidden": [(n_z, HIDDEN, bias), (HIDDEN, outputs, bias)],
            "deep": [
                (n_features, outputs, bias),
                (n_features, BESIDE, True),
                (BESIDE, outputs, True),
            ],
        }[kind]
        self.n_params = sum((n_in + biased) * n_out for n_in, n_out, biased in self.layers)

    def matrices(self, params: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Weight (..., n_out, n_in) and bias (..., n_out) of each layer, of params (..., n_params).

        They lie one behind the other in the flat vector that evolution searches in.
        """
        found, start = list[tuple[Tensor, Tensor | None]](), 0
        for n_in, n_out, biased in self.layers:
            end = start + n_in * n_out
            weight, bias = params[..., start:end].unflatten(-1, (n_out, n_in)), None
            if biased:
                bias = params[..., end : end + n_out]
                end += n_out
            found.append((weight, bias))
            start = end
        return found

    def outputs(self, params: Tensor, features: Tensor) -> Tensor:
        """(..., A) what C says before the squash, for features (..., F).

        `params` is one vector (n_params,), or for features (N, F) one for each row (N, n_params).
        """
        x = features[..., : self.layers[0][0]]
        first, *later = self.matrices(params)
        y = _through(x, *first)
        if self.kind == "deep":
            inner, outer = later
            return y + _through(torch.tanh(_through(x, *inner)), *outer)
        for layer in later:
            y = _through(torch.tanh(y), *layer)
        return y

    def act(self, params: Tensor, features: Tensor) -> Tensor:
        """(N, A) actions of controllers `params` (N, n_params) that see `features` (N, F)."""
        if self.kind == "deep" and params.stride(0) == 0:  # one C, expanded to all rows
            params = params[0]  # a single product: its weights need not be read N times
        return squash(self.task, self.outputs(params, features))

    def first_weights(self) -> Tensor:
        """(n_params,) where the policy gradient begins: nothing is done at any feature. The inner
        weights of a deep C are random (torch's dice), or all its units would stay alike."""
        params = torch.zeros(self.n_params)
        if self.kind == "deep":
            bound = self.n_features**-0.5
            for part in self.matrices(params)[1]:
                assert part is not None
                part.uniform_(-bound, bound)
        return params

    def units(self, sizes: Tensor) -> Tensor:
        """(n_params,) what a change of 1 in a layer's output means for each parameter.

        The unit of a weight on a feature is 1 over the size of that feature, `sizes` (F,) of those
        that C sees; all others have the unit 1.
        """
        parts = list[Tensor]()
        reading = (0, 1) if self.kind == "deep" else (0,)
        for place, (n_in, n_out, biased) in enumerate(self.layers):
            unit = 1 / sizes if place in reading else torch.ones(n_in, device=sizes.device)
            parts += [unit.repeat(n_out), torch.ones(n_out * biased, device=sizes.device)]
        return torch.cat(parts)

    def facts(self) -> dict[str, Any]:
        """What a manifest must say to rebuild this controller."""
        return {
            "class": "Controller",
            "task": self.task.name,
            "kind": self.kind,
            "n_z": self.n_z,
            "n_features": self.n_features,
        }


def _through(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(..., n_out) one layer's outputs for x (..., n_in); a weight of its own for each row of x
    (N, n_in) where there are such."""
    if weight.ndim == 2:
        return F.linear(x, weight, bias)
    y = torch.bmm(weight, x[:, :, None])[:, :, 0]
    return y if bias is None else y + bias


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
