"""How far the queue of a search reaches: the simulation, and what results/cluster.json says."""

import cluster_queue
import numpy as np
import pytest
from cluster_queue import Costs, chunk_steps, generation

from wmlib.book import report
from wmlib.records.files import read_json

ONE_SLOT = Costs({1: 1.0}, chunk=0.0, ask=0.0)


def test_a_chunk_takes_as_long_as_its_fullest_slot():
    assert chunk_steps(np.array([3, 5, 2]), 1) == 10
    assert chunk_steps(np.array([3, 5, 2]), 2) == 5  # the slot of the 3 goes on with the 2
    assert chunk_steps(np.array([3, 5, 2]), 16) == 5


def test_one_worker_works_all_the_time_and_none_is_faster_than_the_longest_episode():
    lengths = np.random.default_rng(0).integers(1, 100, 256)
    assert generation(lengths, 1, 1, ONE_SLOT) == (lengths.sum(), 0)
    assert generation(lengths, 256, 1, ONE_SLOT)[0] == lengths.max()
    seconds, _ = generation(lengths, 8, 1, ONE_SLOT)
    # List scheduling: at most one longest episode over a fair share (Graham, 1966).
    assert lengths.sum() / 8 <= seconds <= lengths.sum() / 8 + lengths.max()


def test_a_driver_that_takes_its_time_bounds_the_speed():
    lengths = np.full(64, 10)
    costs = Costs({1: 1.0}, chunk=2.0, ask=0.0)
    seconds, busy = generation(lengths, 64, 1, costs)
    assert seconds == 64 * 2 + 10  # chunks go out one after another, the last is played to its end
    assert busy == 64 * 2


@pytest.mark.parametrize("task", cluster_queue.SEARCHES)
def test_what_is_published_follows_from_what_was_measured(task):
    stored = read_json(cluster_queue.OUTPUT)
    found = stored["searches"][task]
    costs = Costs({int(n): s for n, s in found["step"].items()}, **stored["driver"])
    lengths = report.load_run(task, cluster_queue.SEARCHES[task][0]).evaluation["lengths"]
    for row in found["rows"][:2]:
        assert cluster_queue.row(lengths, costs, row["population"], row["workers"]) == row


@pytest.mark.parametrize("task", cluster_queue.SEARCHES)
def test_more_workers_need_more_candidates_and_in_the_end_a_faster_driver(task):
    """The main statement: what limits 64, 512 and 4,096 workers."""
    rows = read_json(cluster_queue.OUTPUT)["searches"][task]["rows"]
    rows = {(row["population"], row["workers"]): row for row in rows}
    share = {key: row["efficiency"] for key, row in rows.items()}
    free = {key: row["with_a_driver_that_takes_no_time"] for key, row in rows.items()}
    for population in cluster_queue.POPULATIONS:
        falling = [share[population, workers] for workers in cluster_queue.WORKERS]
        assert falling == sorted(falling, reverse=True)
    # The paper's 64 × 16 episodes: beyond 64 workers there are too few for each.
    assert share[64, 512] < share[64, 64] / 4
    assert free[64, 4096] < 0.05
    # Sixteen times as many fill 512; at 4,096 the driver costs more than half of the speed.
    assert share[1024, 512] > 4 * share[64, 512]
    assert share[1024, 512] > 0.9 * free[1024, 512]
    assert share[1024, 4096] < free[1024, 4096] / 2
