"""The car in the page is Python's: the same steps, pictures and tracks, to the last bit."""

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from build_wasm import RESULT, build, source_digest
from chromium import chromium, in_chromium, served
from side_by_side import POLICIES, SideBySide

from wmlib.book.widgets.bundle import FOLDER
from wmlib.envs.batched_car_racing.cpu import CpuCars
from wmlib.envs.batched_car_racing.physics import LAP_FINISHED, OFF_FIELD
from wmlib.envs.batched_car_racing.sine import sine
from wmlib.envs.batched_car_racing.state import new_state
from wmlib.envs.batched_car_racing.track import UNIFORMS, build_track, new_scratch

HERE = Path(__file__).parent
ENDS = ("", "lap", "off the field")
needs_node = pytest.mark.skipif(
    not shutil.which("node") and not os.environ.get("CI"), reason="needs Node.js"
)
needs_linker = pytest.mark.skipif(
    not shutil.which("wasm-ld") and not os.environ.get("CI"), reason="needs wasm-ld (lld)"
)


class Episode(NamedTuple):
    """What Python did: T actions (T, 3), T rewards, T + 1 states (32,) and pictures."""

    seed: int
    exact: bool
    actions: np.ndarray
    rewards: list[float]
    states: np.ndarray
    pictures: np.ndarray
    end: int


def record(seed: int, policy: str, exact: bool, max_steps: int = 1000) -> Episode:
    """Play one episode in Python; the policy watches Gymnasium's game, which plays along."""
    pair = SideBySide()
    pair.cars = CpuCars(1, 64, 0.0 if exact else 1e-5, threads=1)
    pair.reset(seed)
    act = POLICIES[policy](pair, np.random.default_rng(seed))
    actions, rewards, end = [], [], False
    states, pictures = [pair.states()[1]], [pair.cars.observe()[0]]
    while len(actions) < max_steps and not end:
        actions.append(act(len(actions)))
        _, (reward, end) = pair.step(actions[-1])
        rewards.append(reward)
        states.append(pair.states()[1])
        pictures.append(pair.cars.observe()[0])
    cause = int(pair.cars.ends[0])
    return Episode(
        seed, exact, np.stack(actions), rewards, np.stack(states), np.stack(pictures), cause
    )


def assert_same(modules: Path, folder: Path, episodes: list[Episode]) -> None:
    """Play the episodes' actions under node and compare everything."""
    wanted = [{"seed": e.seed, "exact": e.exact, "actions": e.actions.tolist()} for e in episodes]
    (folder / "episodes.json").write_text(json.dumps(wanted))
    result = folder / "result.json"
    command = ["node", HERE / "wasm_car.mjs", modules, folder / "episodes.json", result]
    subprocess.run(command, check=True)
    pictures = np.fromfile(f"{result}.pictures", np.uint8).reshape(-1, 64, 64, 3)
    for e, played in zip(episodes, json.loads(result.read_text()), strict=True):
        assert played["rewards"] == e.rewards
        np.testing.assert_array_equal(np.array(played["states"]), e.states)
        assert played["end"] == (ENDS[e.end] or ("time" if len(e.rewards) == 1000 else ""))
        assert played["telemetry"]["score"] == pytest.approx(sum(e.rewards))
        mine, pictures = pictures[: len(e.pictures)], pictures[len(e.pictures) :]
        assert np.abs(mine.astype(int) - e.pictures).mean() <= 0.01  # of 255; mostly 0
    assert len(pictures) == 0


def node_modules(folder: Path) -> Path:
    """A copy of the page's JavaScript that node takes for ES modules."""
    shutil.copytree(FOLDER, folder / "js")
    (folder / "js" / "package.json").write_text('{"type": "module"}')
    return folder / "js"


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node_modules(tmp_path_factory.mktemp("committed"))


def test_the_committed_file_is_of_this_source():
    content = json.loads(RESULT.read_text().split("CAR_RACING = ")[1].rstrip().rstrip(";"))
    assert content["source"] == source_digest(), "the simulator was changed: run `make wasm`"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's C library")
@pytest.mark.parametrize(("name", "quarter"), [("sinf", 0), ("cosf", 1)])
def test_sines_are_the_c_librarys(name: str, quarter: int):
    function = getattr(ctypes.CDLL("libm.so.6"), name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    for angle in np.random.default_rng(0).uniform(-100, 100, 20_000).astype(np.float32):
        assert sine(angle, quarter) == function(angle)


@needs_node
def test_a_seed_gives_the_same_track(committed: Path):
    seeds = [*range(60), 1234, 2**31, 2**32, 2**32 + 7, 2**53 - 1]
    command = ["node", HERE / "wasm_tracks.mjs", committed, *map(str, seeds)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    state, scratch = new_state(1), new_scratch()
    for seed, track in zip(seeds, json.loads(out), strict=True):
        assert track["uniforms"] == np.random.default_rng(seed).random(3).tolist()
        rng = np.random.default_rng(seed)
        while not build_track(state, 0, rng.random(UNIFORMS), scratch):
            pass
        n = int(state.n_tiles[0])
        assert track["n"] == n
        assert track["road"] == hashlib.sha256(state.tile_poly[0, :n].tobytes()).hexdigest()
        assert track["kerbs"] == hashlib.sha256(state.kerb_on[0, :n].tobytes()).hexdigest()


@needs_node
@pytest.mark.parametrize("exact", [True, False])
def test_a_few_seconds_are_identical(committed: Path, tmp_path: Path, exact: bool):
    episodes = [record(3, "held", exact, 150), record(4, "driver", exact, 150)]
    assert_same(committed, tmp_path, episodes)


@pytest.fixture(scope="module")
def whole_episodes() -> list[Episode]:
    """Random, held, driving and slipping; a finished lap and an end off the field; both modes."""
    episodes = [record(11, policy, exact=True) for policy in sorted(POLICIES)]
    episodes += [record(12, policy, exact=False) for policy in ("held", "driver", "straight")]
    ends = {(e.exact, e.end) for e in episodes}
    assert ends >= {(exact, end) for exact in (True, False) for end in (LAP_FINISHED, OFF_FIELD)}
    return episodes


@needs_node
@pytest.mark.slow
def test_whole_episodes_are_identical(committed: Path, tmp_path: Path, whole_episodes):
    assert_same(committed, tmp_path, whole_episodes)


@needs_node
@needs_linker
@pytest.mark.slow
def test_a_new_build_computes_the_same(tmp_path: Path, whole_episodes):
    modules = node_modules(tmp_path)
    build(modules / RESULT.name)
    assert_same(modules, tmp_path, whole_episodes)


class TestInChromium:
    pytestmark = in_chromium

    @pytest.fixture
    def page(self, committed: Path):
        """A page that may import the modules."""
        with served(committed) as address, chromium() as browser:
            page = browser.new_page()
            page.goto(f"{address}/package.json")
            yield page

    def test_it_plays_the_same(self, page):
        episode = record(12, "driver", exact=True)
        played = """async ({ seed, actions }) => {
          const [{ CAR_RACING }, { compileCarGame }] =
            await Promise.all(["car_racing_wasm", "car_game"].map((name) => import(`/${name}.js`)));
          const game = (await compileCarGame(CAR_RACING))({ exact: true });
          game.reset(seed);
          const rewards = actions.map((action) => game.step(...action).reward);
          return { rewards, end: game.end, picture: [...game.draw()] };
        }"""
        argument = {"seed": episode.seed, "actions": episode.actions.tolist()}
        result = page.evaluate(played, argument)
        assert result["rewards"] == episode.rewards
        assert result["end"] == "lap"
        difference = np.array(result["picture"]) - episode.pictures[-1].reshape(-1).astype(int)
        assert np.abs(difference).mean() <= 0.01

    @pytest.mark.parametrize("steps", [20, 90])  # while the game zooms in, and after
    def test_a_ghost_stands_where_its_car_stands(self, page, steps: int):
        """Drawn over its own car, the ghost covers the red hull and hardly anything else."""
        drawn = """async (steps) => {
          const names = ["car_racing_wasm", "car_game", "car_picture", "ghost"];
          const [{ CAR_RACING }, { compileCarGame }, { drawRoad }, { drawGhost }] =
            await Promise.all(names.map((name) => import(`/${name}.js`)));
          const game = (await compileCarGame(CAR_RACING))();
          game.reset(3);
          for (let t = 0; t < steps; t++) game.step(t % 40 < 20 ? 0.5 : -0.2, 0.3, 0);
          const g = new OffscreenCanvas(1200, 840).getContext("2d");
          const look = () => [...g.getImageData(0, 0, 1200, 840).data];
          drawRoad(game, g, 1200, 840);
          const before = look();
          drawGhost(game, game, g, 1200, 840);
          const after = look(), red = [], changed = [];
          for (let i = 0; i < before.length; i += 4) {
            const place = [(i / 4) % 1200, Math.floor(i / 4 / 1200)];
            if (before[i] > 180 && before[i + 1] < 40) red.push(place);
            if (before[i] !== after[i]) changed.push(place);
          }
          return { red, changed };
        }"""
        result = page.evaluate(drawn, steps)
        red, changed = np.array(result["red"]), np.array(result["changed"])
        red = red[(np.abs(red - (600, 720)) < 60).all(1)]  # kerbs are red, too
        assert np.abs(red.mean(0) - changed.mean(0)).max() < 2.5
        assert np.abs(np.ptp(red, 0) - np.ptp(changed, 0)).max() < 12  # of up to 50
