"""The CUDA side of the batched CarRacing, without a GPU: in Numba's simulator, and as PTX."""

import importlib.util
import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch

from wmlib.agent import load_pretrained
from wmlib.worlds.evaluate import evaluate


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


UNDRAWN = """
import numpy as np, torch, gymnasium as gym
import wmlib
from wmlib.envs.batched_car_racing import vector_env
from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.cuda import CudaCars
# Drawing in the simulator takes minutes, and has a test of its own.
vector_env._make_cars = lambda device, n, size, tolerance, threads: (
    CudaCars(n, size, tolerance, draw=False) if device == "cuda"
    else CpuCars(n, size, tolerance, 1, draw=False))
"""

VECTOR_ENV = """
for mode in ("NextStep", "SameStep", "Disabled"):
    gpu, cpu = (gym.make_vec("wmlib/CarRacingBatched-v3", num_envs=2, device=device,
                             autoreset_mode=mode, max_episode_steps=3)
                for device in ("cuda", "cpu"))
    gpu.reset(seed=1), cpu.reset(seed=1)
    start = gpu.snapshot()
    for t in range(5):
        _, *ours, infos = gpu.step(torch.full((2, 3), 0.5))
        first = first if t else ours
        _, *theirs, expected = cpu.step(np.full((2, 3), 0.5, np.float32))
        assert all(torch.is_tensor(x) for x in ours)
        assert set(infos) == set(expected)
        # A second track is another one on CUDA: rewards differ from then on, ends do not.
        for mine, other in list(zip(ours, theirs))[t >= 3 and mode != "Disabled":]:
            np.testing.assert_allclose(mine.numpy(), other, rtol=1e-5, atol=1e-5)
    gpu.restore(start)
    _, *again, _ = gpu.step(torch.full((2, 3), 0.5))
    assert all(torch.equal(x, y) for x, y in zip(first, again))
    print(mode)
"""


@pytest.mark.slow
def test_the_simulated_cuda_environment_steps_and_ends_as_the_cpus():
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    assert run(UNDRAWN + VECTOR_ENV, **simulator) == ["NextStep", "SameStep", "Disabled"]


OPTIONS = """
gpu, cpu = (gym.make_vec("wmlib/CarRacingBatched-v3", num_envs=2, device=device, continuous=False,
                         domain_randomize=True, render_mode="rgb_array")
            for device in ("cuda", "cpu"))
gpu.reset(seed=1), cpu.reset(seed=1)
assert gpu.np_random_seed == cpu.np_random_seed == (1, 2)
colors = gpu._cars.host_state().colors
assert (colors == cpu._cars.state.colors).all() and (colors[0] != colors[1]).any()
for actions in ([3, 3], [1, 4], [2, 0]):
    _, ours, *_ = gpu.step(torch.tensor(actions))
    _, theirs, *_ = cpu.step(np.array(actions))
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-5)
for one, other in zip(gpu.render(), cpu.render()):
    assert one.shape == (400, 600, 3)
    assert (one != other).mean() < 0.01
print("same")
"""


@pytest.mark.slow
def test_the_simulated_cuda_environment_has_the_same_options():
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    assert run(UNDRAWN + OPTIONS, **simulator)[-1] == "same"


# Everything above without a simulator, where there is a GPU.
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@GPU
def test_on_a_gpu_cars_drive_and_look_as_on_the_cpu():
    gpu, cpu = (
        gym.make_vec("wmlib/CarRacingBatched-v3", num_envs=8, device=device)
        for device in ("cuda", "cpu")
    )
    gpu.reset(seed=1), cpu.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.uniform([-1, 0, 0], 1, (8, 3)).astype(np.float32)
        pictures, rewards, *_ = gpu.step(torch.from_numpy(actions).cuda())
        expected, wanted, *_ = cpu.step(actions)
        np.testing.assert_allclose(rewards.cpu().numpy(), wanted, atol=1e-3)
        assert np.abs(pictures.cpu().numpy().astype(int) - expected).mean() < 0.2


@GPU
def test_on_a_gpu_an_agent_plays():
    agent = load_pretrained("car_racing")
    found = []
    for device in ("cuda", "cpu"):
        env = agent.real(8, max_episode_steps=100, game="batched", device=device)
        found.append(evaluate(env, agent.controller, agent.params, 8, 100_000)["mean"])
        env.close()
    assert abs(found[0] - found[1]) < 10


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
lists = f32[:, :, :, ::1], i32[:, :, ::1], i32[:, ::1]
kernels = {
    cars.reset_cars: (state, i32[::1], f64[:, :, ::1], f64[:, :, ::1]),
    cars.advance_cars: (state, f32[:, ::1], u8[::1], f32, f32[::1], i32[::1]),
    drawing.list_shapes: (state, u8[::1], types.boolean, *lists),
    drawing.paint_64: (u8[::1], *lists, u8[:, :, :, ::1]),
    drawing.paint_96: (u8[::1], *lists, state, f32[:, :, ::1], u8[:, :, :, ::1]),
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
    assert run(COMPILE.replace("CC", str(cc))) == [f"sm_{cc}"] * 5
