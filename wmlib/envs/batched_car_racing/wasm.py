"""One car in WebAssembly: the same functions as on the CPU and the GPU, in the reader's browser.

WebAssembly sees one flat memory. Each array of the simulator gets a fixed address in it, so the
exported functions need no arguments for them: the page writes an action or 24 uniform numbers,
calls a function, and reads rewards, poses and pictures where the table `layout()` says.

Nothing here runs in Python: `tools/build_wasm.py` compiles `ENTRIES` and writes the table beside
the result. The JavaScript that calls them is `wmlib/book/widgets/js/car_game.js`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from . import drawing, track
from .drawing import Scratch, draw_world, shrink
from .geometry import Outlines
from .physics import advance, place_car
from .scene import list_outlines
from .sine import sine
from .state import COLORS, State
from .track import build_track

FIRST = 1024  # the lowest addresses stay empty: address 0 means "nothing" to the compiler
ALIGNED = 64  # bytes


class Place(NamedTuple):
    """Where an array lies: address in bytes, element type, shape."""

    address: int
    dtype: np.dtype
    shape: tuple[int, ...]


def layout() -> dict[str, Place]:
    """Every array of the game: those of `State` (for one car), working memory, in- and output."""
    wanted: dict[str, tuple[Any, tuple[int, ...]]] = {}
    for name, hint in get_type_hints(State, include_extras=True).items():
        kind, shape = hint.__metadata__
        wanted[name] = kind, (1, *shape)
    scratch = drawing.new_scratch()
    arrays = scratch.outlines._asdict() | scratch._asdict() | {"curve": track.new_scratch()}
    del arrays["outlines"]
    wanted |= {name: (array.dtype, array.shape) for name, array in arrays.items()}
    wanted |= {
        "actions": (np.float32, (1, 3)),  # steer, gas, brake
        "uniforms": (np.float64, (track.UNIFORMS,)),
        "reward": (np.float64, (1,)),
        "background": (np.int32, (1,)),  # colour of what no outline covers
        "picture": (np.uint32, (drawing.SIDE * drawing.SIDE * 3 // 4,)),  # RGB bytes
    }
    places, address = {}, FIRST
    for name, (kind, shape) in wanted.items():
        places[name] = Place(address, np.dtype(kind), shape)
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        address += -(-size // ALIGNED) * ALIGNED
    return places


def first_free() -> int:
    """The first address behind the arrays; constants and the stack lie from there on."""
    last = list(layout().values())[-1]
    return last.address + int(np.prod(last.shape)) * last.dtype.itemsize


@intrinsic
def pointer(typingctx: Any, address: Any) -> Any:
    """A number as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), generate


def _views() -> dict[str, Callable[[], Any]]:
    """A compiled function for each array that gives it, and `state` for the whole `State`.

    They are written as text because Numba wants address, shape and type as literal constants.
    """
    places = layout()
    lines = [
        f"@njit\ndef {name}(): return carray(pointer({p.address}), {p.shape}, np.{p.dtype})"
        for name, p in places.items()
    ]
    fields = ", ".join(f"{name}()" for name in State._fields)
    lines.append(f"@njit\ndef state(): return State({fields})")
    scope: dict[str, Any] = {
        "njit": njit,
        "carray": carray,
        "pointer": pointer,
        "np": np,
        "State": State,
    }
    exec("\n".join(lines), scope)
    return {name: scope[name] for name in (*places, "state")}


_VIEWS = _views()
state, curve, uniforms = _VIEWS["state"], _VIEWS["curve"], _VIEWS["uniforms"]
actions, reward = _VIEWS["actions"], _VIEWS["reward"]
corners, shapes, cover, paint = (_VIEWS[k] for k in ("corners", "shapes", "cover", "paint"))
band, columns, pixels = (_VIEWS[k] for k in ("band", "columns", "pixels"))
background, picture = _VIEWS["background"], _VIEWS["picture"]


@njit
def scratch():
    return Scratch(Outlines(corners(), shapes()), cover(), paint(), band(), columns(), pixels())


def reset():
    """One attempt at a track from `uniforms`, and the car at its start; 0 if it failed."""
    for part in range(3):
        for k in range(3):
            state().colors[0, part, k] = COLORS[part][k]
    if not build_track(state(), 0, uniforms(), curve()):
        return 0
    place_car(state(), 0)
    return 1


def step(tolerance):
    """Play `actions`; writes `reward` and returns how the episode has ended (0: it goes on)."""
    reward()[0], end = advance(state(), 0, actions(), tolerance)
    return end


def draw():
    """The 64 x 64 picture that V sees, into `picture`."""
    work = scratch()
    draw_world(state(), 0, work)
    shrink(work, picture())


def outline():
    """List what is in view, front to back, in `corners` and `shapes`; returns how many.

    Coordinates are those of the 96 x 96 screen: who draws them larger sees the game sharply.
    """
    n, background()[0] = list_outlines(state(), 0, scratch().outlines, 0)
    return n


def sinf(x):
    """What the compiler calls for the sine of a float32 number."""
    return sine(x, 0)


def cosf(x):
    return sine(x, 1)


# What the page calls, by name, with types; and what the compiled code itself needs from C.
ENTRIES = {
    "reset": (types.int32(), reset),
    "step": (types.int32(types.float32), step),
    "draw": (types.void(), draw),
    "outline": (types.int32(), outline),
}
C_FUNCTIONS = {
    "sinf": (types.float32(types.float32), sinf),
    "cosf": (types.float32(types.float32), cosf),
}
