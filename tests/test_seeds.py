"""The seed ranges never mix."""

import itertools

from wmlib import seeds


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
