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


def _start(seeds: Tensor, stream: int) -> Tensor:
    """Where an episode's numbers begin; `stream` keeps different uses of one step apart."""
    return seeds * _GOLDEN + stream


def _two_uniforms(starts: Tensor, steps: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Independent uniforms in (0, 1), twice (..., N, count), for `starts` (..., N), `steps` (N,).

    Each pair comes from the halves of one random 64-bit integer and has 24 bits.
    """
    key = _mix(_mix(starts) + steps * _GOLDEN)[..., None]
    counter = torch.arange(1, count + 1, device=starts.device)
    bits = _mix(key + counter * _GOLDEN)
    scale = 2.0**-24
    high = (_shift(bits, 40).float() + 0.5) * scale
    low = ((_shift(bits, 8) & 0xFFFFFF).float() + 0.5) * scale
    # 24 bits plus a half round up to 1.0 in float32 at the very end of the range.
    return high.clamp_(max=1 - 2.0**-24), low.clamp_(max=1 - 2.0**-24)


def _two_normals(radius: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Independent standard normals from independent uniforms (Box and Muller, 1958)."""
    radius = torch.sqrt(-2.0 * torch.log(radius))
    angle = 2.0 * math.pi * angle
    return radius * torch.cos(angle), radius * torch.sin(angle)


def uniform(seeds: Tensor, steps: Tensor, count: int, stream: int = 0) -> Tensor:
    """(N, count) float32 uniforms in (0, 1) for int64 `seeds` (N,) at int64 `steps` (N,)."""
    pair = _two_uniforms(_start(seeds, stream), steps, (count + 1) // 2)
    return torch.cat(pair, dim=1)[:, :count]


def normal(seeds: Tensor, steps: Tensor, count: int, stream: int = 0) -> Tensor:
    """(N, count) float32 standard normals for int64 `seeds` (N,) at int64 `steps` (N,)."""
    pair = _two_uniforms(_start(seeds, stream), steps, (count + 1) // 2)
    return torch.cat(_two_normals(*pair), dim=1)[:, :count]


def uniform_and_normal(
    seeds: Tensor, steps: Tensor, count: int, streams: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """`uniform` of the first stream and `normal` of the second, each (N, count).

    The same numbers in half as many operations, whose number is what a small N waits for.
    """
    starts = torch.stack([_start(seeds, stream) for stream in streams])
    one, two = _two_uniforms(starts, steps, (count + 1) // 2)  # each (2, N, ...), by stream
    u, eps = (one[0], two[0]), _two_normals(one[1], two[1])
    return torch.cat(u, dim=1)[:, :count], torch.cat(eps, dim=1)[:, :count]
