"""Weights as they are published (float16, with a manifest) and the exact state of a training.

Both are safetensors: nothing is pickled.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from wmlib.errors import UserError
from wmlib.records.files import Kind, read_json, sha256, write_bytes, write_json
from wmlib.records.run_folder import PICTURE_ID, versions


def save_weights(path: Path, tensors: dict[str, Tensor], **facts: Any) -> None:
    """Publish weights: float16 safetensors at `path`, and a JSON manifest beside it.

    `facts` say how to rebuild the module (class, sizes, task); versions, shapes and the hash of
    the file are added.
    """
    half = {name: t.detach().cpu().half().contiguous() for name, t in tensors.items()}
    endless = [name for name, t in half.items() if not t.isfinite().all()]
    if endless:
        raise UserError(
            f"{path.stem}: {', '.join(endless[:3])} has grown beyond every number that float16 "
            "knows: the learning has diverged. Try a lower learning rate, in a new folder"
        )
    write_bytes(path, save(half))
    write_json(
        path.with_suffix(".json"),
        {
            **facts,
            "picture": PICTURE_ID,
            "versions": versions(),
            "shapes": {name: list(t.shape) for name, t in half.items()},
            "sha256": sha256(path),
        },
    )


def load_weights(
    path: Path, task: str = "", **needed: Kind
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read published weights as float32 tensors, with their manifest, which has the keys `needed`.

    Raises UserError if the file is missing, damaged, not the one its manifest describes, or made
    for other pictures or, where a `task` is named, for another.
    """
    wanted: dict[str, Kind] = {"task": str} if task else {}
    facts = read_json(path.with_suffix(".json"), sha256=str, picture=str, **wanted, **needed)
    if task and facts["task"] != task:
        raise UserError(f"{path} is for {facts['task']}, not for {task}")
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    found = sha256(path)
    if found != facts["sha256"]:
        raise UserError(
            f"{path} is damaged or was exchanged: its SHA-256 starts with {found[:12]}, its "
            f"manifest says {str(facts['sha256'])[:12]}; restore it, or delete "
            "that file, and the command that made it makes it again"
        )
    if facts["picture"] != PICTURE_ID:
        raise UserError(
            f"{path} was trained on pictures '{facts.get('picture')}', this version of wmlib "
            f"makes '{PICTURE_ID}': train again"
        )
    tensors, _ = load_checkpoint(path)
    if wrong := [name for name, t in tensors.items() if not t.isfinite().all()]:
        raise UserError(
            f"{path}: {', '.join(wrong[:3])} has entries that are no numbers (NaN or infinity): "
            "restore it, or delete that file, and the command that made it makes it again"
        )
    return {name: t.float() for name, t in tensors.items()}, facts


def fit_weights(module: torch.nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    """Load tensors into a module, or say in one line which of them do not fit."""
    wanted = {key: tuple(t.shape) for key, t in module.state_dict().items()}
    given = {key: tuple(t.shape) for key, t in tensors.items()}
    wrong = [
        f"{key}: file {given.get(key, 'has none')}, model {wanted.get(key, 'has none')}"
        for key in sorted(wanted.keys() | given.keys())
        if wanted.get(key) != given.get(key)
    ]
    if wrong:
        raise UserError(f"weights of {name} do not fit the model: " + "; ".join(wrong[:3]))
    module.load_state_dict(tensors)


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Save the exact state of a training (full precision) in one file, whole."""
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    write_bytes(path, save(plain, metadata={"state": json.dumps(state)}))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_checkpoint` wrote: (tensors, state)."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = json.loads((file.metadata() or {}).get("state", "{}"))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it and run again") from None
    return tensors, state


def training_tensors(
    module: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """A module and its optimizer as one flat dict of tensors, for `save_checkpoint`."""
    tensors = {f"model/{key}": t for key, t in module.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{key}": t for key, t in slots.items()}
    return tensors


def restore_training(
    module: torch.nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Undo `training_tensors`: put a checkpoint back into a module and its optimizer."""
    prefix = "model/"
    weights = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
    fit_weights(module, weights, "the checkpoint")
    slots: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer/"):
            _, index, slot = key.split("/")
            slots.setdefault(int(index), {})[slot] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
