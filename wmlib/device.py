"""The hardware that a run uses: which device, how many cores, and in which precision it is fast.

Torch is imported where it is needed: the games and `--help` need none of it.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from wmlib.errors import UserError

if TYPE_CHECKING:
    import torch

Module = TypeVar("Module", bound="torch.nn.Module")


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; asking for CUDA without one is a UserError."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
    if name not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: choose auto, cpu or cuda")
    return torch.device(name)


def check_spread(flag: str, device: torch.device) -> None:
    """UserError where `flag` would spread games over processes that shared one GPU."""
    if device.type == "cuda":
        raise UserError(f"{flag} spreads over CPU processes: give --device cpu, or use --slots")


def device_name(device: torch.device | str) -> str:
    """A name for the hardware that a reader of a results table understands."""
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {cores()} cores"


def has_bfloat16(device: torch.device | str) -> bool:
    """Whether `device` has instructions for bfloat16; on a CPU, AMX or AVX512-BF16.

    Without them it is emulated, and slower than float32.
    """
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # torch has no public name
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)


def autocast(device: torch.device | str, enabled: bool = True) -> torch.autocast:
    """bfloat16 matrix products where the hardware has them."""
    import torch

    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=enabled and has_bfloat16(device))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: a few dozen units lose more by sharing their work than they gain."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def placed(module: Module, device: torch.device, dtype: torch.dtype | None = None) -> Module:
    """`module` on `device` in `dtype` (float32), itself where it is so already, else a copy.

    (Worlds share an agent's V and M; moving them would take them away from a world elsewhere.)
    """
    import torch

    dtype = torch.float32 if dtype is None else dtype
    tensors = module.state_dict().values()
    here = all(t.device.type == device.type and t.dtype == dtype for t in tensors)
    return (module if here else copy.deepcopy(module).to(device, dtype)).eval()
