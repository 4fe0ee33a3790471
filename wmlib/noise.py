"""Random numbers that depend on (seed, step) alone, never on the batch around them.

An episode must give the same return whether it is played alone or among a thousand others, on any
number of slots. A shared generator cannot promise that: its stream is cut by whoever draws first.
So the noise of an episode is a pure function of the episode's seed and its step: a counter-based
generator (the idea of Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"), here
with the 64-bit finaliser of SplitMix (Steele et al., 2014) as the mixing function.
It runs on whatever device the seeds live on.

Letters: N episodes played side by side, D numbers wanted for each.
"""

import math

import torch
from torch import Tensor


def _signed(x: int) -> int:
    """The same 64 bits as torch's signed integer."""
    return x - (1 << 64) if x >= 1 << 63 else x


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical shift right: torch's `>>` copies the sign bit, so it is masked off."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


def _bits(seeds: Tensor, steps: Tensor, count: int, stream: int) -> Tensor:
    """(N, count) random 64-bit integers; `stream` keeps different uses of one step apart."""
    key = _mix(seeds * _GOLDEN + stream)
    key = _mix(key + steps * _GOLDEN)[:, None]  # (N, 1)
    counter = torch.arange(1, count + 1, device=seeds.device)[None]  # (1, count)
    return _mix(key + counter * _GOLDEN)


def _two_uniforms(bits: Tensor) -> tuple[Tensor, Tensor]:
    """Two independent uniforms in (0, 1) with 24 bits each, from the halves of each integer."""
    scale = 2.0**-24
    high = (_shift(bits, 40).float() + 0.5) * scale
    low = ((_shift(bits, 8) & 0xFFFFFF).float() + 0.5) * scale
    # 24 bits plus a half round up to 1.0 in float32 at the very end of the range.
    return high.clamp_(max=1 - 2.0**-24), low.clamp_(max=1 - 2.0**-24)


def uniform(seeds: Tensor, steps: Tensor, count: int, stream: int = 0) -> Tensor:
    """(N, count) float32 uniforms in (0, 1) for int64 `seeds` (N,) at int64 `steps` (N,)."""
    first, second = _two_uniforms(_bits(seeds, steps, (count + 1) // 2, stream))
    return torch.cat([first, second], dim=1)[:, :count]


def normal(seeds: Tensor, steps: Tensor, count: int, stream: int = 0) -> Tensor:
    """(N, count) float32 standard normals (Box and Muller, 1958) for `seeds`, `steps` (N,)."""
    radius, angle = _two_uniforms(_bits(seeds, steps, (count + 1) // 2, stream))
    radius = torch.sqrt(-2.0 * torch.log(radius))
    angle = 2.0 * math.pi * angle
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)[:, :count]
