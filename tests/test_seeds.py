"""The seed ranges never mix."""

import itertools

import pytest

from wmlib import seeds
from wmlib.errors import UserError


def test_ranges_are_the_published_ones_and_disjoint():
    assert range(100_000, 900_000) == seeds.TRAINING
    assert range(10_000, 11_000) == seeds.VALIDATION
    assert range(1_000, 2_000) == seeds.TEST
    for one, other in itertools.combinations(seeds.RANGES.values(), 2):
        assert not set(one) & set(other)


def test_every_seed_has_at_most_one_kind():
    assert seeds.kind_of(1_999) == "test"
    assert seeds.kind_of(10_000) == "validation"
    assert seeds.kind_of(899_999) == "training"
    assert seeds.kind_of(2_000) is None


def test_runs_have_training_seeds_of_their_own_and_choosing_stays_in_its_range():
    first, second = seeds.first_of_run(0), seeds.first_of_run(1)
    assert seeds.kind_of(first, second - first) == "training"
    assert seeds.kind_of(seeds.first_of_run(seeds.RUNS - 1), second - first) == "training"
    for seed in (-1, seeds.RUNS):
        with pytest.raises(UserError, match="choose 0 to 39"):
            seeds.first_of_run(seed)
    assert seeds.for_choosing(1000) == seeds.VALIDATION
    with pytest.raises(UserError, match="there are 1,000 seeds"):
        seeds.for_choosing(1001)


def test_rounds_are_scored_on_what_did_not_choose_their_c():
    assert not set(seeds.for_rounds(64, chosen=900)) & set(seeds.for_choosing(900))
    assert len(seeds.for_rounds(64, chosen=900)) == 64
    with pytest.raises(UserError, match="seeds for both"):
        seeds.for_rounds(64, chosen=937)
