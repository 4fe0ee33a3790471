"""CMA-ES finds optima, resumes to the last bit, and the slot queue plays every job once."""

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from waiting import wait_until

from wmlib import seeds
from wmlib.agent import load_agent, pretrained_folder
from wmlib.configs import DreamWorld, EvolveConfig
from wmlib.errors import UserError
from wmlib.learning.choosing import best
from wmlib.learning.control import evolve_run
from wmlib.learning.evolution import (
    check_cooling,
    evolve,
    generation_seeds,
    least_generations,
    start_search,
)
from wmlib.records.files import write_json
from wmlib.records.run_folder import RunFolder
from wmlib.records.weights import load_weights
from wmlib.tasks import get_task
from wmlib.worlds.play import Arena, play

CONFIG = EvolveConfig(
    DreamWorld(), 6, population=8, episodes=2, evaluate_every=3, evaluate_episodes=4
)


class Targets:
    """A feature environment with a known best policy: follow a target that the seed decides.

    Episodes last 3 + seed % 4 steps and pay minus the squared distance to the target.
    """

    def __init__(self, num_envs):
        self.num_envs = num_envs
        self.device = "cpu"
        self.target, self.left = torch.zeros(num_envs, 1), np.zeros(num_envs, dtype=int)
        self.resets = []

    def reset(self, *, seed, options):
        for slot in np.flatnonzero(options["reset_mask"]):
            self.target[slot] = (seed[slot] % 7) / 7
            self.left[slot] = 3 + seed[slot] % 4
            self.resets.append(seed[slot])
        return self.target, {}

    def step(self, actions):
        self.left -= 1  # below 0: over and stepped on, which must count for nobody
        reward = -((actions - self.target) ** 2)[:, 0].numpy()
        return self.target, reward, self.left <= 0, np.zeros(self.num_envs, bool), {}

    def close(self):
        pass


class Dying(Targets):
    def step(self, actions):
        import os

        os._exit(1)


class Failing(Targets):
    def step(self, actions):
        raise RuntimeError("the game broke")


def scale(params, features):
    return params[:, :1] * features + params[:, 1:2]


CONTROLLER = SimpleNamespace(n_params=2, act=scale, facts=lambda: {"task": "test"})
FOLLOW = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 0.3]])


def test_the_search_solves_a_20_dimensional_ellipsoid():
    search = start_search(20, replace(CONFIG, population=12, sigma0=1.0), seed=3)
    search.mean[:] = 3.0
    weights = 10 ** np.linspace(0, 4, 20)
    for _ in range(700):
        xs = search.ask()
        search.tell(xs, [float((weights * np.square(x)).sum()) for x in xs])
    assert (weights * np.square(search.mean)).sum() < 1e-6


def test_the_search_begins_where_it_is_told():
    start = torch.tensor([1.0, -2.0, 0.5])
    apart = start_search(3, CONFIG, seed=0, start=start).ask()
    zeros = start_search(3, CONFIG, seed=0).ask()
    assert np.allclose(np.array(apart) - np.array(zeros), start.numpy())


def test_the_search_has_its_own_generator():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = start_search(5, CONFIG, seed=0).ask()
    assert np.array_equal(np.random.get_state()[1], before)
    assert np.array_equal(first, start_search(5, CONFIG, seed=0).ask())
    assert not np.array_equal(first, start_search(5, CONFIG, seed=1).ask())


def test_a_scaled_search_begins_as_wide_as_its_units_and_goes_on_so():
    units = torch.tensor([0.1, 1.0, 10.0])
    raw, scaled = (start_search(3, CONFIG, seed=0, units=u) for u in (None, units))
    for _ in range(3):
        small, large = np.array(raw.ask()), np.array(scaled.ask())
        np.testing.assert_allclose(large, small * units.numpy(), rtol=1e-5)
        fitness = np.square(small - 1).sum(1).tolist()  # the same order in both
        raw.tell(list(small), fitness)
        scaled.tell(list(large), fitness)


@pytest.mark.slow
def test_a_scaled_search_does_not_depend_on_the_number_of_slots(tmp_path):
    for stage in ("vision", "memory", "latents"):
        shutil.copytree(pretrained_folder("doom_take_cover") / stage, tmp_path / stage)
    dreams = DreamWorld(max_episode_steps=20)
    means = []
    for slots in (3, 8):
        config = EvolveConfig(
            dreams, 1, population=4, episodes=1, evaluate_episodes=2, scaled=True, slots=slots
        )
        task, run = get_task("doom_take_cover"), RunFolder(tmp_path)
        evolve_run(run, f"c{slots}", task, config, 0, torch.device("cpu"))
        means.append(load_agent(tmp_path, task, f"c{slots}").params)
    assert torch.equal(*means)


@pytest.mark.parametrize("num_envs", [1, 3, 8, 40])
def test_every_job_is_played_once_whatever_the_number_of_slots(num_envs):
    jobs = [(i % 3, 100 + 5 * i) for i in range(20)]
    env = Targets(num_envs)
    played = play(env, CONTROLLER, FOLLOW, jobs)
    reference = play(Targets(1), CONTROLLER, FOLLOW, jobs)
    np.testing.assert_allclose(played.returns, reference.returns, rtol=1e-6)
    assert played.lengths.tolist() == [3 + seed % 4 for _, seed in jobs]
    idle_from_the_start = max(num_envs - len(jobs), 0)
    assert sorted(env.resets)[idle_from_the_start:] == sorted(seed for _, seed in jobs)
    assert (played.returns[[i for i in range(20) if i % 3 == 0]] == 0).all()


@pytest.mark.parametrize("together", [1, 40])
def test_slots_may_wait_to_begin_together(together):
    jobs, begun = [(0, seed) for seed in range(600)], []
    env = Targets(200)
    reset = env.reset

    def counted(*, seed, options):
        begun.append(int(options["reset_mask"].sum()))
        return reset(seed=seed, options=options)

    env.reset = counted
    played = play(env, CONTROLLER, FOLLOW, jobs, together=together)
    assert played.lengths.tolist() == [3 + seed % 4 for _, seed in jobs]
    assert sum(begun) == len(jobs)
    assert min(begun[:-1]) >= together
    assert len(begun) <= 1 + 400 / together


@pytest.mark.parametrize("average", [1, 3])
def test_evolution_improves_and_resumes_to_the_last_bit(tmp_path, average):
    config = replace(CONFIG, average=average)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        folder.mkdir()
    arena = Arena(partial(Targets, 5))
    chosen = evolve(arena, CONTROLLER, config, whole, seed=4)
    evolve(arena, CONTROLLER, replace(config, generations=3), torn, seed=4)
    with open(torn / "metrics.jsonl", "a") as file:
        file.write('{"generation": 4, "fitn')  # killed while writing
    evolve(arena, CONTROLLER, config, torn, seed=4)

    def rows(folder):
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return [{**json.loads(line), "seconds": 0} for line in lines]

    assert rows(whole) == rows(torn)
    name = "controller.safetensors"
    assert (whole / name).read_bytes() == (torn / name).read_bytes()
    first, last = rows(whole)[0]["fitness"], rows(whole)[-1]["fitness"]
    assert np.mean(last) > np.mean(first)
    assert chosen["generation"] in (3, 6)


def test_the_best_is_the_best_less_its_standard_error():
    rows = [{"mean_return": 9.0, "sem": 4.0}, {"mean_return": 8.0, "sem": 1.0}, {"fitness": [99.0]}]
    assert best(rows) == rows[1]
    asked = [{"real_return": 3.0, "real_sem": 2.0}, {"real_return": 2.0, "real_sem": 0.5}]
    assert best([row | told for row, told in zip(rows, asked)])["real_return"] == 2.0
    asked[1]["real_sem"] = 1.5
    assert best([row | told for row, told in zip(rows, asked)])["real_return"] == 3.0
    assert best(rows[2:]) == rows[2]


def test_a_search_can_end_where_its_mean_is_scored(tmp_path):
    config = replace(CONFIG, generations=6, evaluate_every=6)
    arena = Arena(partial(Targets, 5))
    play, played = arena.play, []

    def three(*args):
        if len(played) == 3:
            raise KeyboardInterrupt
        played.append(1)
        return play(*args)

    assert least_generations(tmp_path) == 1
    arena.play = three
    with pytest.raises(KeyboardInterrupt):
        evolve(arena, CONTROLLER, config, tmp_path, seed=4)
    arena.play = play
    assert least_generations(tmp_path) == 4  # of generation 3 no mean is scored
    for _ in range(2):
        ended = evolve(arena, CONTROLLER, replace(config, generations=4), tmp_path, seed=4)
        assert ended["generation"] == least_generations(tmp_path) == 4


def test_the_scored_mean_is_the_average_of_the_last_ones(tmp_path):
    config = replace(CONFIG, generations=3, evaluate_every=1)
    arena = Arena(partial(Targets, 5))
    stored = {}
    for average in (1, 2):
        (folder := tmp_path / str(average)).mkdir()
        evolve(arena, CONTROLLER, replace(config, average=average), folder, seed=4)
        stored[average] = load_weights(folder / "controller.safetensors")[0]
    two, three = (stored[1][f"generation_{g:05d}"] for g in (2, 3))
    assert torch.allclose(stored[2]["generation_00003"], (two + three) / 2, atol=2e-3)
    assert torch.equal(stored[2]["generation_00001"], stored[1]["generation_00001"])


def test_a_search_is_cooled_from_a_generation_on_but_not_in_its_past(tmp_path):
    arena = Arena(partial(Targets, 5))

    def sigmas(folder, **settings):
        folder.mkdir(exist_ok=True)
        evolve(arena, CONTROLLER, replace(CONFIG, **settings), folder, seed=4)
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["sigma"] for line in lines]

    free = sigmas(tmp_path / "free", generations=4)
    cooled = sigmas(tmp_path / "cooled", generations=4, cool_from=4, cooling=0.5)
    assert cooled[:3] == free[:3]
    assert cooled[3] == pytest.approx(free[3] / 2)
    # a longer search may be cooled in what is still to come, and in nothing else
    assert sigmas(tmp_path / "free", cool_from=5, cooling=0.5)[:4] == free
    with pytest.raises(UserError, match="still to come"):
        sigmas(tmp_path / "cooled", cool_from=2, cooling=0.5)


def test_a_search_is_not_claimed_for_another_cooling_of_its_past(tmp_path):
    config = replace(CONFIG, cool_from=3, cooling=0.5)
    write_json(tmp_path / "config.json", {"config": asdict(config)})
    (tmp_path / "metrics.jsonl").write_text('{"generation": 1}\n' * 4)
    check_cooling(tmp_path, config)
    check_cooling(tmp_path / "new", config)
    for other in (replace(config, cool_from=2), replace(config, cool_from=0)):
        with pytest.raises(UserError, match="4 generations are played"):
            check_cooling(tmp_path, other)
    (tmp_path / "metrics.jsonl").write_text('{"generation": 1}\n' * 2)
    check_cooling(tmp_path, replace(config, cool_from=5))


class Noting(Targets):
    """Leaves a file when it is closed."""

    def __init__(self, note):
        super().__init__(5)
        self.note = note

    def close(self):
        self.note.touch()


def test_a_worker_closes_its_games_when_it_ends(tmp_path):
    arena = Arena(partial(Noting, tmp_path / "closed"), workers=1)
    arena.play(Shape(), FOLLOW, [(0, 1)])
    arena.close()
    assert (tmp_path / "closed").exists()


def published_run(folder):
    """A run folder with the published V and M of the car, and no C."""
    for name in ("vision", "memory", "latents"):
        shutil.copytree(pretrained_folder("car_racing") / name, folder / name)
        write_json(folder / name / "manifest.json", {})
    return folder


@pytest.mark.slow
def test_a_search_ended_by_kill_9_goes_on_to_the_same_controller(tmp_path):
    flags = "--generations 30 --population 4 --episodes 1 --max-episode-steps 40 --slots 4"
    flags += " --game batched --evaluate-every 10 --evaluate-episodes 4"
    command = [sys.executable, "-m", "wmlib", "evolve", "--task", "car_racing", *flags.split()]

    def start(folder):
        where = ["--preset", "tiny", "--run-dir", str(folder)]
        return subprocess.Popen([*command, *where], stderr=subprocess.DEVNULL)

    whole, broken = published_run(tmp_path / "whole"), published_run(tmp_path / "broken")
    assert start(whole).wait(timeout=300) == 0
    process, log = start(broken), broken / "controller" / "metrics.jsonl"
    wait_until(lambda: log.exists() and len(log.read_text().split("\n")) > 5)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert not (broken / "controller" / "controller.safetensors").exists()
    assert start(broken).wait(timeout=300) == 0
    names = ("controller/controller.safetensors", "controller/metrics.jsonl")
    assert (whole / names[0]).read_bytes() == (broken / names[0]).read_bytes()
    logs = (
        [json.loads(x) for x in (f / names[1]).read_text().split("\n")[:-1]]
        for f in (whole, broken)
    )
    one, other = ([{k: v for k, v in row.items() if k != "seconds"} for row in log] for log in logs)
    assert one == other
    assert len(one) == 30


def test_generation_seeds_come_from_the_training_range_and_differ():
    drawn = [generation_seeds(0, g, 16) for g in range(1, 50)]
    assert all(seed in seeds.TRAINING for row in drawn for seed in row)
    assert len({seed for row in drawn for seed in row}) > 700


@pytest.mark.slow
def test_processes_give_the_same_fitness():
    jobs = [(i % 3, 100 + 5 * i) for i in range(20)]
    shape = Shape()
    arena = Arena(partial(Targets, 3), workers=2)
    try:
        played = arena.play(shape, FOLLOW, jobs)
    finally:
        arena.close()
    np.testing.assert_allclose(
        played.returns, play(Targets(1), CONTROLLER, FOLLOW, jobs).returns, rtol=1e-6
    )


class Shape:
    """As CONTROLLER, but it can travel to another process."""

    n_params = 2

    def act(self, params, features):
        return scale(params, features)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("world", "error"), [(Dying, BrokenProcessPool), (Failing, RuntimeError)])
def test_a_worker_that_dies_or_fails_is_reported_not_waited_for(world, error):
    arena = Arena(partial(world, 2), workers=2)
    try:
        with pytest.raises(error):
            arena.play(Shape(), FOLLOW, [(0, 1), (1, 2)])
    finally:
        arena.close()


LEFT_ALONE = """
import sys, time
from wmlib.worlds.play import Arena
if __name__ == "__main__":
    arena = Arena(dict, workers=2)
    naps = [arena.crew.pool.submit(time.sleep, 60) for _ in range(2)]
    until = time.monotonic() + 60
    while not all(nap.running() for nap in naps) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(2)  # `running` is said a little before the worker has begun
    print(*arena.crew.pool._processes, flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_workers_do_not_outlive_a_killed_search(tmp_path):
    script = tmp_path / "search.py"
    script.write_text(LEFT_ALONE)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(alive(pid) for pid in workers), 20)


def alive(pid):
    """Is there such a process, and not merely its remains?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
