"""Many workers give what one process gives, whoever of them dies: here several raylets of one
machine stand for several machines."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from waiting import wait_until

import wmlib
from wmlib.agent import load_agent, pretrained_folder
from wmlib.configs import DreamWorld
from wmlib.data.rollouts import collect
from wmlib.errors import UserError
from wmlib.records.files import write_json
from wmlib.tasks import get_task
from wmlib.worlds.crew import chunks
from wmlib.worlds.evaluate import evaluate
from wmlib.worlds.play import Arena, play

PENDULUM = get_task("pendulum")
JOBS = [(p, 100_000 + s) for p in range(6) for s in range(20)]
DREAM = DreamWorld(max_episode_steps=150)


# --- how jobs are dealt: no cluster needed --------------------------------------------------------


@pytest.mark.parametrize("jobs", [0, 1, 7, 64, 1024])
@pytest.mark.parametrize("workers", [1, 2, 64, 4096])
@pytest.mark.parametrize("slots", [1, 16])
def test_every_job_is_dealt_once_long_chunks_first(jobs, workers, slots):
    dealt = list(chunks(jobs, workers, slots))
    assert [place for part in dealt for place in part] == list(range(jobs))
    sizes = [len(part) for part in dealt]
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert len(dealt) >= min(jobs, workers, -(-jobs // slots))
    if jobs >= workers * slots:
        assert all(size % slots == 0 for size in sizes[:-1])
        assert max(sizes) <= max(slots, jobs // (2 * workers))


# --- a cluster ------------------------------------------------------------------------------------

needs_ray = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # a cluster takes its time to start on a busy machine
    pytest.mark.skipif(not find_spec("ray") and not os.environ.get("CI"), reason="needs ray"),
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="Ray joins raylets of one machine on Linux"
    ),
]


def on_ray(test):
    """Marks of a test that needs a cluster."""
    for mark in needs_ray:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def machines():
    """A cluster of two machines, each with one core."""
    import ray
    from ray.cluster_utils import Cluster

    # Workers do not import the tests: what is defined here travels by value.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    bare = {"num_cpus": 1, "include_dashboard": False, "include_log_monitor": False}
    cluster = Cluster(True, head_node_args={**bare, "no_monitor": True})
    cluster.add_node(num_cpus=1, include_log_monitor=False)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def agent():
    return load_agent(pretrained_folder("pendulum"), PENDULUM)


@pytest.fixture(scope="module")
def candidates(agent):
    return torch.stack([agent.params * (1 + p / 4) for p in range(6)])


@pytest.fixture(scope="module")
def alone(agent, candidates):
    """What one process gives."""
    return play(agent.world(DREAM, 4), agent.controller, candidates, JOBS)


@pytest.fixture
def arena(machines, agent):
    arena = Arena(partial(agent.world, DREAM, 4, "cpu"), cluster=machines.address)
    yield arena
    arena.close()


def assert_same(played, alone):
    np.testing.assert_array_equal(played.lengths, alone.lengths)
    np.testing.assert_allclose(played.returns, alone.returns, rtol=1e-5)


def pids(arena):
    """Of two workers that have begun."""
    found = set()

    def tasks():
        yield from [(), ()]

    def both():
        upcoming = tasks()
        found.update(pid for _, pid in arena.crew.run(own_pid, lambda: next(upcoming, None)))
        return len(found) == 2

    wait_until(both, 300)
    return found


def own_pid(world):
    time.sleep(0.2)  # so that the other worker takes the other task
    return os.getpid()


@on_ray
def test_the_same_seeds_give_the_fitness_of_one_process(arena, agent, candidates, alone):
    reported = []
    played = arena.play(
        agent.controller, candidates, JOBS, finished=lambda *row: reported.append(row)
    )
    assert_same(played, alone)
    assert sorted(job for job, _, _ in reported) == list(range(len(JOBS)))
    assert all(played.returns[job] == total for job, total, _ in reported)
    assert arena.slots == 4
    assert arena.crew.count == 2


@on_ray
def test_workers_killed_in_mid_generation_change_nothing(arena, agent, candidates, alone, capsys):
    doomed = pids(arena)

    def kill(steps):
        """At the first news one worker has just ended a chunk, the other is in the midst of one."""
        while doomed:
            os.kill(doomed.pop(), signal.SIGKILL)

    assert_same(arena.play(agent.controller, candidates, JOBS, kill), alone)
    assert not doomed
    assert "a worker of the cluster has died" in capsys.readouterr().err
    assert arena.crew.count == 2
    assert_same(arena.play(agent.controller, candidates, JOBS), alone)


@on_ray
def test_a_machine_that_joins_plays_too_and_one_that_dies_is_done_without(
    machines, arena, agent, candidates, alone
):
    third = machines.add_node(num_cpus=1, include_log_monitor=False)
    arena.play(agent.controller, candidates, JOBS)
    assert arena.crew.count == 3
    gone = []

    def end(steps):
        if not gone:
            machines.remove_node(third, allow_graceful=False)
            gone.append(third)

    assert_same(arena.play(agent.controller, candidates, JOBS, end), alone)
    assert gone


@on_ray
def test_evaluate_and_collect_give_what_one_process_gives(machines, agent, tmp_path):
    make = partial(agent.real, 2, 40)
    given = agent.controller, agent.params, 7, 1000
    here, there = Arena(make), Arena(make, cluster=machines.address)
    try:
        assert evaluate(there, *given) == evaluate(here, *given)
    finally:
        here.close()
        there.close()
    settings = {"episodes": 9, "seed": 100_000, "max_episode_steps": 30, "progress": False}
    one = collect("pendulum", "held", path=tmp_path / "one", **settings)
    two = collect("pendulum", "held", path=tmp_path / "two", cluster=machines.address, **settings)
    assert one.index == two.index
    for i in range(9):
        np.testing.assert_array_equal(one.frames(i), two.frames(i))
        np.testing.assert_array_equal(one.actions(i), two.actions(i))


class Breaks:
    """No world at all: its one step fails, or ends its process."""

    num_envs, device = 1, "cpu"

    def __init__(self, how):
        self.how = how

    def reset(self, *, seed, options):
        return self.how(), {}

    def close(self):
        pass


def fail():
    raise LookupError("the game broke")


def die():
    os._exit(1)


@on_ray
def test_what_a_worker_raises_arrives_and_what_kills_every_worker_is_given_up(machines, agent):
    for how, error, told in (
        (fail, LookupError, "the game broke"),
        (die, UserError, "5 workers have died over the same episodes"),
    ):
        arena = Arena(partial(Breaks, how), cluster=machines.address)
        try:
            with pytest.raises(error, match=told):
                arena.play(agent.controller, agent.params[None], [(0, 1)])
        finally:
            arena.close()


@on_ray
def test_a_machine_with_another_wmlib_is_refused(machines, agent, monkeypatch):
    monkeypatch.setattr(wmlib, "__version__", "9.9.9")
    arena = Arena(partial(agent.world, DREAM, 4), cluster=machines.address)
    try:
        with pytest.raises(UserError, match=r"has wmlib \S+, this machine 9.9.9: install the same"):
            arena.play(agent.controller, agent.params[None], [(0, 1)])
    finally:
        arena.close()


# --- at the command line --------------------------------------------------------------------------

SEARCH = "--generations 8 --population 8 --episodes 8 --max-episode-steps 200 --slots 8"
SEARCH += " --evaluate-every 8 --evaluate-episodes 16 --seed 3"


def search(folder, *flags):
    """`evolve` of a pendulum's C in the dream, begun in a folder that it makes."""
    for name in ("vision", "memory", "latents"):
        shutil.copytree(pretrained_folder("pendulum") / "round_04" / name, folder / name)
        write_json(folder / name / "manifest.json", {})
    command = [sys.executable, "-m", "wmlib", "evolve", "--task", "pendulum", "--preset", "tiny"]
    command += ["--run-dir", str(folder), "--device", "cpu", *SEARCH.split(), *flags]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def rows(folder):
    log = folder / "controller" / "metrics.jsonl"
    return [json.loads(x) for x in log.read_text().split("\n")[:-1]] if log.exists() else []


@pytest.mark.nightly
@on_ray
def test_a_raylet_killed_in_mid_search_changes_nothing(machines, tmp_path):
    assert search(tmp_path / "alone").wait(timeout=600) == 0
    third = machines.add_node(num_cpus=1, include_log_monitor=False)
    spread = search(tmp_path / "spread", "--cluster", machines.address)
    wait_until(lambda: len(rows(tmp_path / "spread")) > 2 or spread.poll() is not None, 600)
    machines.remove_node(third, allow_graceful=False)
    _, told = spread.communicate(timeout=600)
    assert spread.returncode == 0, told
    one, other = rows(tmp_path / "alone"), rows(tmp_path / "spread")
    assert len(one) == len(other) == 8
    for a, b in zip(one, other):
        np.testing.assert_allclose(a["fitness"], b["fitness"], rtol=1e-4)


def told_by(folder, *args, without="()"):
    """Exit code and what `python -m wmlib` says, without some modules."""
    code = f"import sys; sys.modules.update(dict.fromkeys({without}))\n"
    code += f"from wmlib.cli.main import main; sys.exit(main({list(args)}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stderr


SCORE = ["evaluate", "--task", "pendulum", "--weights", "pretrained", "--episodes", "2"]


@pytest.mark.parametrize(
    "command",
    [
        [*SCORE, "--cluster", "auto"],
        ["run", "--task", "pendulum", "--preset", "tiny", "--evolve.cluster", "auto"],
    ],
)
def test_without_ray_one_line_says_what_to_install(command, tmp_path):
    code, told = told_by(tmp_path, *command, without="('ray',)")
    assert code == 2
    assert told == "error: --cluster needs ray, which is not installed: pip install 'wmlib[ray]'\n"
    assert list(tmp_path.iterdir()) == []


@on_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:x"])
def test_where_no_cluster_answers_one_line_says_so(address, tmp_path):
    code, told = told_by(tmp_path, *SCORE, "--cluster", address)
    assert code == 2
    assert told.splitlines() == [told.strip()]
    assert f"error: --cluster {address}: no cluster answers there" in told


@pytest.fixture
def elsewhere(tmp_path):
    """Runs a program as on another machine: with Ray, without wmlib, with a home of its own."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    own = f"lib/python3.{sys.version_info.minor}/site-packages"
    ours = Path(np.__file__).parents[1]  # all but wmlib: an editable package is not found that way
    (venv / own / "ours.pth").write_text(str(ours))
    env = os.environ | {"HOME": str(tmp_path)}

    def start(*args):
        command = [venv / "bin" / "python", "-m", "ray.scripts.scripts", *args]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)

    yield start
    start("stop", "--force")


@pytest.mark.nightly
@on_ray
def test_a_cluster_with_a_token_and_one_without_wmlib_say_what_is_missing(
    elsewhere, tmp_path, monkeypatch
):
    assert elsewhere("get-auth-token", "--generate").returncode == 0
    assert elsewhere("start", "--head", "--port=6397", "--num-cpus=1").returncode == 0
    monkeypatch.setenv("HOME", str(tmp_path))
    score = [*SCORE, "--cluster", "127.0.0.1:6397"]
    code, told = told_by(tmp_path, *score)
    assert code == 2
    assert told.strip().endswith("set RAY_AUTH_MODE=token")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    code, told = told_by(tmp_path, *score)
    assert code == 2
    assert "error: --cluster: a machine of it lacks wmlib" in told
