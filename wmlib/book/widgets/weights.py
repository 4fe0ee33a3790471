"""An agent's networks as small files for the browser, made from its weights and never stored.

One file a network: a line of JSON that says what lies where, then the arrays in float16, which is
what the package holds too, so nothing is lost. (int8 would halve the files, but Doom's M then errs
by a fifth in its log weights after eight steps.) Every matrix is (rows, columns), one row for each
output. Pictures lie channels-last in the browser, so a convolution's row is (k, k, channels in).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmlib.agent import Agent
from wmlib.book.probes import CountProbe
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import VAE
from wmlib.tasks import Task

Arrays = dict[str, np.ndarray]

STARTS = 128
"""First latents that go along with M: enough for a reader, a small part of what is stored."""


def pack(facts: Mapping[str, Any], arrays: Arrays) -> bytes:
    """One file: uint32 length of the header, the header, the arrays, all little-endian.

    The same arguments give the same bytes.
    """
    entries, blocks, at = {}, [], 0
    for name, array in arrays.items():
        block = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        entries[name] = {"type": array.dtype.name, "shape": list(array.shape), "at": at}
        blocks.append(block + bytes(-len(block) % 8))
        at += len(blocks[-1])
    header = json.dumps({"facts": dict(facts), "arrays": entries}, sort_keys=True).encode()
    header += b" " * (-(len(header) + 4) % 8)
    return len(header).to_bytes(4, "little") + header + b"".join(blocks)


def _half(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().numpy().astype(np.float16)


def _layer(name: str, weight: Tensor, bias: Tensor) -> Arrays:
    return {f"{name}.weight": _half(weight.flatten(1)), f"{name}.bias": _half(bias)}


def _first_layer(vision: VAE) -> tuple[Tensor, Tensor]:
    """V's decoder from z to its first picture, as one matrix (5 * 5 * 128, N_z) and its bias.

    `from_z` and `deconv1` follow each other without anything in between, so 3.3 million weights
    are the product of two matrices: computed here once instead of at every frame.
    """
    with torch.no_grad():
        second = vision.deconv1.weight.double().flatten(1)  # (1024, 3200)
        weight = (vision.from_z.weight.double().T @ second).T  # (3200, N_z)
        bias = vision.from_z.bias.double() @ second + vision.deconv1.bias.double().repeat(25)
    return weight, bias


def decoder_file(vision: VAE) -> bytes:
    """z -> picture (64, 64, 3)."""
    arrays = _layer("first", *_first_layer(vision))
    for name in ("deconv2", "deconv3", "deconv4"):
        layer = getattr(vision, name)  # weight (channels in, channels out, k, k)
        arrays |= _layer(name, layer.weight.permute(1, 2, 3, 0), layer.bias)
    return pack({"n_z": vision.n_z}, arrays)


def encoder_file(vision: VAE) -> bytes:
    """Picture (64, 64, 3) -> mu, logvar."""
    arrays: Arrays = {}
    for name in ("conv1", "conv2", "conv3", "conv4"):
        layer = getattr(vision, name)  # weight (channels out, channels in, k, k)
        arrays |= _layer(name, layer.weight.permute(0, 2, 3, 1), layer.bias)
    for name in ("to_mu", "to_logvar"):
        layer = getattr(vision, name)  # reads (256, 2, 2), the browser has (2, 2, 256)
        weight = layer.weight.unflatten(1, (256, 2, 2)).permute(0, 2, 3, 1)
        arrays |= _layer(name, weight, layer.bias)
    return pack({"n_z": vision.n_z}, arrays)


def memory_file(
    task: Task, memory: MDNRNN, starts: tuple[Tensor, Tensor], controller: Tensor | None = None
) -> bytes:
    """M, the latents that its dreams begin with, and what a dream must know of the task.

    `controller`: a C that knows this M alone, for an M that is not the agent's own.
    """
    w_x, w_h, bias, _ = memory.lstm.all_weights[0]
    arrays = _layer("lstm", torch.cat([w_x, w_h], dim=1), bias)
    arrays |= _layer("output", memory.output.weight, memory.output.bias)
    arrays |= {"starts.mu": _half(starts[0][:STARTS]), "starts.logvar": _half(starts[1][:STARTS])}
    if controller is not None:
        arrays["controller"] = _half(controller)
    facts = {
        **memory.shape,
        "heads": list(memory.heads),
        "squash": task.squash,
        "scale": task.action_scale,
        "cell_feature": task.cell_feature,
        "bias": task.bias,
        "fps": task.fps,
        "max_steps": task.max_episode_steps,
    }
    return pack(facts, arrays)


def controllers_file(vectors: Mapping[str, tuple[str, str, Tensor]]) -> bytes:
    """Controllers by name: (what the reader is told, kind, parameters)."""
    labels = [[name, label, kind] for name, (label, kind, _) in vectors.items()]
    return pack({"controllers": labels}, {name: _half(v[2]) for name, v in vectors.items()})


def probe_file(probe: CountProbe) -> bytes:
    """A counting probe: its layers, ReLU between two."""
    arrays: Arrays = {}
    for place, (weight, bias) in enumerate(probe.layers):
        arrays |= {f"{place}.weight": weight.astype(np.float16)}
        arrays |= {f"{place}.bias": bias.astype(np.float16)}
    return pack({"layers": len(probe.layers)}, arrays)


class NetworkFiles(Mapping[str, bytes]):
    """The files of one agent by name ("decoder", "memory", …), each made when first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], bytes]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def add(self, name: str, maker: Callable[[], bytes]) -> None:
        """One file more."""
        self._makers[name] = maker

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def files_of(
    agent: Agent,
    controllers: Mapping[str, tuple[str, str, Tensor]],
    probe: CountProbe | None = None,
) -> NetworkFiles:
    """All files of an agent; `controllers` are those that a reader may choose from."""
    makers: dict[str, Callable[[], bytes]] = {
        "memory": lambda: memory_file(agent.task, agent.memory, agent.starts),
        "controllers": lambda: controllers_file(controllers),
    }
    if isinstance(vision := agent.vision, VAE):
        makers["decoder"] = lambda: decoder_file(vision)
        makers["encoder"] = lambda: encoder_file(vision)
    if probe is not None:
        makers["probe"] = lambda: probe_file(probe)
    return NetworkFiles(makers)
