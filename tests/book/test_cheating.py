"""The checks of the dream tell a good dream from a bad one."""

import numpy as np
import pytest
import torch
from published_runs import write_run

from wmlib.book import cheating, report
from wmlib.book.probes import CountProbe
from wmlib.configs import DreamWorld
from wmlib.data.latents import Latents
from wmlib.model.memory import MDNRNN
from wmlib.tasks import TASKS
from wmlib.worlds.dream import DreamEnv

DOOM = TASKS["doom_take_cover"]
N_Z = 6
FIRST = CountProbe(((np.eye(N_Z)[:1], np.zeros(1)),))
"""Counts 1 where the first latent is above 0."""


@pytest.fixture
def memory():
    """z' has mean 0 and small sigma; the end head says no."""
    torch.manual_seed(0)
    m = MDNRNN(N_Z, 1, 16, restart_input=True, heads=("end",)).eval()
    with torch.no_grad():
        m.output.weight.zero_()
        m.output.bias.zero_()
        m.output.bias[2 * N_Z * 5 : 3 * N_Z * 5] = -2.0  # log sigma
        m.output.bias[-1] = -5.0
    return m


@pytest.fixture
def latents():
    """Four episodes of 60 steps; the first two end by death."""
    rng = np.random.default_rng(0)
    n = 240
    return Latents(
        mu=rng.normal(size=(n, N_Z)).astype(np.float16),
        logvar=np.full((n, N_Z), -4.0, np.float16),
        actions=rng.uniform(-1, 1, (n, 1)).astype(np.float32),
        rewards=np.ones(n, np.float32),
        first=np.arange(0, 241, 60),
        terminated=np.array([True, True, False, False]),
    )


def dream(memory, **kwargs):
    starts = torch.full((10, N_Z), -3.0), torch.full((10, N_Z), -9.0)
    return DreamEnv(DOOM, memory, starts, DreamWorld(**kwargs), num_envs=8)


def test_watch_counts_what_the_dream_shows(memory):
    env = dream(memory, max_episode_steps=400)
    act = cheating.held_actions(env, 10_000)
    seen = cheating.watch(env, act, FIRST, 300, 10_000)
    assert not seen.counts[0].any()  # the starts lie at -3
    assert 0.45 < seen.counts[1:].mean() < 0.55  # then z' is symmetric around 0
    assert not seen.ended.any()
    with torch.no_grad():  # the same dream without its rare mode
        memory.output.bias[N_Z * 5 : N_Z * 5 + 5] = -1.0  # the mean of the first latent
    low = cheating.watch(dream(memory, tau=0.1), act, FIRST, 300, 10_000)
    assert low.mean_count == 0.0


def test_watch_stops_where_the_dream_ends(memory):
    with torch.no_grad():
        memory.output.bias[-1] = 5.0
    env = dream(memory)
    seen = cheating.watch(env, cheating.held_actions(env, 0), FIRST, 50, 10_000)
    assert seen.ended.all()
    assert (seen.lengths == 1).all()
    assert not seen.counts[1:].any()


def test_only_balls_wide_enough_to_be_seen_count():
    boxes = np.zeros((2, 32, 4), np.float32)
    boxes[0, :3, 2] = [2, cheating.VISIBLE - 1, cheating.VISIBLE]
    assert cheating.visible(boxes).tolist() == [1, 0]


def test_births_are_rises_not_flicker():
    counts = np.zeros((100, 1), dtype=int)
    counts[20:40], counts[60:80], counts[70:80] = 1, 1, 2
    alive = np.ones((100, 1), dtype=bool)
    assert cheating.births(counts, alive) == pytest.approx(3.0)
    counts[::10] = 1  # a probe that errs on single frames
    counts[20:40:10] = 0
    assert cheating.births(counts, alive) == pytest.approx(3.0)
    assert cheating.births(np.zeros((100, 1)), alive) == 0.0


def test_end_head_that_never_fires_announces_nothing(memory, latents):
    found = cheating.end_head(memory, latents, np.arange(4))
    assert found["deaths"] == 2
    assert found["announced"] == 0
    assert found["first_alarm"] == found["length"] == 60
    with torch.no_grad():
        memory.output.bias[-1] = 5.0  # one that always fires
    found = cheating.end_head(memory, latents, np.arange(4))
    assert found["announced"] == 1
    assert found["false_alarms_per_1000_steps"] == 1000
    assert found["first_alarm"] == 1


def test_teacher_forced_sees_that_m_knows_nothing(memory, latents):
    found = cheating.teacher_forced(memory, latents, np.arange(4), FIRST)
    assert found["steps"] == 4 * 59
    assert abs(found["correlation"]) < 0.25
    assert found["fireballs_dreamed"] == pytest.approx(0.5, abs=0.1)


def test_by_generation_reads_both_returns(tmp_path):
    write_run(tmp_path / "doom_take_cover" / "main", generations=8)
    found = cheating.by_generation(report.load_run("doom_take_cover", "main", tmp_path))
    assert [row["generation"] for row in found["rows"]] == [2, 4, 6, 8]
    assert found["correlation"] == pytest.approx(1.0)
