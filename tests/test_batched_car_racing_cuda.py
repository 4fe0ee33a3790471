"""The CUDA side of the batched CarRacing, without a GPU: in Numba's simulator, and as PTX."""

import importlib.util
import os
import subprocess
import sys

import gymnasium as gym
import pytest
import torch

import wmlib  # noqa: F401  (registers the environments)


def run(code, **environment):
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_wmlib_does_not_import_cuda():
    loaded = run("import sys, wmlib.envs.batched_car_racing.vector_env; print(*sys.modules)")
    assert "numba.cuda" not in loaded or importlib.util.find_spec("numba_cuda")
    assert "wmlib.envs.batched_car_racing.cuda" not in loaded


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_cuda_without_a_driver_is_refused():
    with pytest.raises(ValueError, match='device="cuda" needs'):
        gym.make_vec("wmlib/CarRacingBatched-v3", num_envs=2, device="cuda")


SIMULATE = """
import numpy as np, torch
from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.cuda import CudaCars
gpu = CudaCars(2, 64, 1e-5, draw=False)
cpu = CpuCars(2, 64, 1e-5, threads=1, draw=False)
gpu.reset(torch.ones(2, dtype=bool), [np.random.default_rng(s) for s in (1, 2)])
cpu.reset(np.ones(2, bool), [np.random.default_rng(s) for s in (1, 2)])
actions = np.array([[0.3, 1, 0], [-1, 0.5, 0.2]], np.float32)
for step in range(10):
    playing = np.array([True, step < 5])
    cpu.step(actions, playing)
    gpu.step(torch.from_numpy(actions), torch.from_numpy(playing))
for name in ("body", "wheel_omega", "tile_poly", "reward_sum", "steps", "tile_color"):
    ours, theirs = getattr(cpu.state, name), getattr(gpu._tensors, name).numpy()
    print(float(np.abs(np.float64(ours) - np.float64(theirs)).max()))
"""


@pytest.mark.slow
def test_simulated_cuda_matches_the_cpu():
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    differences = [float(d) for d in run(SIMULATE, **simulator)]
    assert len(differences) == 6
    assert max(differences) < 1e-4


# The dispatcher asks the driver for the device's kind; here the test answers.
COMPILE = """
from types import SimpleNamespace
from numba import cuda, types, typeof
from numba.cuda import dispatcher
from wmlib.envs.batched_car_racing import cuda as cars, drawing_cuda as drawing
from wmlib.envs.batched_car_racing.state import new_state

cc = (CC // 10, CC % 10)
dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=cc)
state = typeof(new_state(2))
f32, f64, u8, i32 = types.float32, types.float64, types.uint8, types.int32
lists = f32[:, :, ::1], i32[:, :, ::1], i32[:, ::1]
kernels = {
    cars.reset_cars: (state, i32[::1], f64[:, :, ::1], f64[:, :, ::1]),
    cars.advance_cars: (state, f32[:, ::1], u8[::1], f32, f32[::1], i32[::1]),
    drawing.list_shapes: (state, u8[::1], types.boolean, *lists),
    drawing.paint_64: (u8[::1], *lists, u8[:, :, :, ::1]),
}
for kernel, signature in kernels.items():
    ptx, _ = cuda.compile(
        kernel.py_func, signature, cc=cc, output="ptx", device=False, abi="numba"
    )
    print(*[line.split()[1] for line in ptx.splitlines() if line.startswith(".target")])
"""


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("numba_cuda"), reason="needs wmlib[cuda]")
@pytest.mark.parametrize("cc", [75, 80, 90])
def test_kernels_compile_to_ptx(cc):
    assert run(COMPILE.replace("CC", str(cc))) == [f"sm_{cc}"] * 4
