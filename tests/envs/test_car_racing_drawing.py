"""The batched CarRacing's pictures: against Gymnasium's, against OpenCV, and pixel by pixel."""

import os
import subprocess
import sys

import numpy as np
import pytest
from car_racing_pictures import errors, play_pictures, shrink
from numba import njit

from wmlib.envs.batched_car_racing import drawing, pixels
from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.dashboard import HIGHEST, LOWEST, score_index, score_table
from wmlib.envs.batched_car_racing.geometry import COLOR, COUNT, WHITE, close_shape

f32 = np.float32


def cars_after(steps: int, num_envs: int = 2) -> CpuCars:
    """Cars that went straight on for some steps."""
    cars = CpuCars(num_envs, 64, 1e-5, threads=1)
    playing = np.ones(num_envs, bool)
    cars.reset(playing, [np.random.default_rng(seed) for seed in range(num_envs)])
    for _ in range(steps):
        cars.step(np.tile(f32([0.1, 0.3, 0]), (num_envs, 1)), playing)
    return cars


@pytest.mark.parametrize(
    ("seed", "policy", "steps"),
    [(1, "driver", 300), (2, "clumsy", 300), (3, "straight", 400), (4, "uniform", 80)],
)
def test_pictures_are_the_games_own(seed, policy, steps):
    pictures = play_pictures(seed, policy, steps, every=15)
    assert len(pictures.steps) > 15  # zooming in and later
    for game, ours in (
        (pictures.game_64, pictures.ours_64),
        (pictures.game_96, pictures.ours_96),
        (pictures.game_96[:, 84:], pictures.ours_96[:, 84:]),  # the dashboard on its own
    ):
        error = errors(game, ours)
        assert error.mean() <= 0.2
        assert error.max() <= 0.6
    # A black picture, or one car's for another's, would be far outside these bounds.
    assert errors(pictures.game_64[1:], pictures.ours_64[:-1]).mean() > 2


def test_the_small_picture_is_opencvs_shrinking_of_the_large_one():
    cars = cars_after(30)
    small, large = np.zeros((2, 64, 64, 3), np.uint8), np.zeros((2, 96, 96, 3), np.uint8)
    scratch = drawing.new_scratch()
    drawing.draw_64(cars.state, 0, 2, scratch, small)
    drawing.draw_96(cars.state, 0, 2, scratch, large)
    np.testing.assert_array_equal(small, shrink(large))


def test_draws_only_the_environments_asked_for():
    cars = cars_after(60, num_envs=3)
    out = np.full((3, 64, 64, 3), 7, np.uint8)
    drawing.draw_64(cars.state, 1, 2, drawing.new_scratch(), out)
    assert (out[[0, 2]] == 7).all()
    np.testing.assert_array_equal(out[1], cars.pictures[1])


def polygon_shares(corners: np.ndarray) -> np.ndarray:
    """`drawing.cover_shape` of one polygon on the whole screen."""
    scratch = drawing.new_scratch()
    scratch.outlines.corners[0, : len(corners)] = corners
    scratch.outlines.shapes[0, [COUNT, COLOR]] = len(corners), 0
    drawing.cover_shape(scratch.outlines, 0, scratch.cover, 0, 96, 0, 84)
    return np.abs(scratch.cover[:84])


def test_coverage_is_the_polygons_area():
    rng = np.random.default_rng(0)
    for _ in range(50):
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
        corners = f32([48, 42]) + f32(rng.uniform(1, 40)) * np.c_[np.cos(angles), np.sin(angles)]
        x, y = corners.T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        shares = polygon_shares(corners)
        assert shares.sum() == pytest.approx(area, rel=1e-3, abs=0.05)
        assert shares.max() <= 1.001


def test_coverage_of_each_pixel_matches_counting_points():
    corners = f32([[-20, 10.3], [60.7, -8], [120, 50.2], [30.4, 95]])  # reaches out on all sides
    fine = 16
    x, y = np.meshgrid((np.arange(96 * fine) + 0.5) / fine, (np.arange(84 * fine) + 0.5) / fine)
    inside = np.ones(x.shape, bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0)):
        inside &= (b[0] - a[0]) * (y - a[1]) >= (b[1] - a[1]) * (x - a[0])
    counted = inside.reshape(84, fine, 96, fine).mean((1, 3))
    np.testing.assert_allclose(polygon_shares(corners), counted, atol=0.04)


def test_shapes_grow_by_half_a_pixel_of_the_large_surface():
    outlines = drawing.new_scratch().outlines
    outlines.corners[0, :4] = [[100, 400], [300, 400], [300, 600], [100, 600]]
    grown = njit(lambda o, by: close_shape(o, 0, 4, 0, by, 0))
    assert grown(outlines, (f32(0.5), f32(0.5))) == 1
    x, y = outlines.corners[0, :4].T
    # Pixels 100 to 300 of 1000 are filled, and rows 199 to 399 from above.
    np.testing.assert_allclose([x.min(), x.max()], [9.6, 28.896], rtol=1e-6)
    np.testing.assert_allclose([y.min(), y.max()], [199 * 0.12, 400 * 0.12], rtol=1e-6)


def test_pixels_fill_front_to_back():
    def paint(pixel: int, share: float, color: int) -> int:
        color = np.uint64(pixels.packed(color))  # compiled functions return Python's numbers
        return int(pixels.painted(np.uint64(pixel), f32(share), color))

    pixel = paint(0, 0.5, 255)  # red
    pixel = paint(pixel, -0.5, WHITE)  # a polygon that runs the other way round
    assert paint(pixel, 1, 255) == pixel, "nothing is free any more"
    channels = [int(pixels.quantised(np.uint64(pixel))) >> 16 * c & 255 for c in range(3)]
    assert channels == [253, 127, 127]  # smoothscale makes 253 of 255; black counts as 2


def test_rounded_division():
    values = np.arange(63 * 255 + 1)
    expected = (2 * values + 63) // 126
    assert [pixels.divided_by_63(np.uint16(v)) for v in values] == expected.tolist()


def test_every_score_has_its_picture():
    table = score_table()
    assert table.shape[0] == HIGHEST + 1 + 1 - LOWEST
    assert score_index(f32(0)) != score_index(f32(-0.1)), "the game shows -000"
    assert score_index(f32(-0.1)) + 12 == score_index(f32(-12.2))
    assert score_index(f32(5e4)) == HIGHEST
    assert score_index(f32(-5e4)) == len(table) - 1
    # Wider digits give more light: 0888 against 0111.
    assert table[888].sum() > table[111].sum() > 0


SIMULATED = """
import sys
import numpy as np
from numba import cuda
from wmlib.envs.batched_car_racing.drawing_cuda import Painter
from wmlib.envs.batched_car_racing.state import State

data = np.load(sys.argv[1])
state = State(*[cuda.to_device(data[name]) for name in State._fields])
chosen = cuda.to_device(np.array([0, 1], np.uint8))
pictures = {}
for size in (64, 96):
    out = cuda.to_device(np.full((2, size, size, 3), 7, np.uint8))
    Painter(2, size).draw(state, chosen, out)
    pictures[str(size)] = out.copy_to_host()
np.savez(sys.argv[2], **pictures)
"""


@pytest.mark.slow
def test_the_gpus_pictures_are_the_cpus(tmp_path):
    """The CUDA kernels, run by Numba's simulator in plain Python."""
    cars, scratch = cars_after(45), drawing.new_scratch()
    cars.set_colors(1, np.array([[10.7, 200, 30], [90, 20.2, 160], [90, 40.2, 160]]))
    np.savez(tmp_path / "state.npz", **cars.state._asdict())
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    files = [str(tmp_path / "state.npz"), str(tmp_path / "pictures.npz")]
    subprocess.run([sys.executable, "-c", SIMULATED, *files], env=environment, check=True)
    simulated = np.load(files[1])
    for size, draw in ((64, drawing.draw_64), (96, drawing.draw_96)):
        ours = np.zeros((2, size, size, 3), np.uint8)
        draw(cars.state, 0, 2, scratch, ours)
        theirs = simulated[str(size)]
        assert (theirs[0] == 7).all(), "not chosen, so not drawn"
        difference = np.abs(theirs[1].astype(int) - ours[1])
        # Sums in another order: a rare pixel is rounded to the next number.
        assert difference.max() <= 2
        assert difference.mean() < 0.01
