"""Noise depends on (seed, step) alone and has the distribution it claims."""

import torch

from wmlib import noise


def test_a_row_does_not_depend_on_the_batch_around_it():
    seeds, steps = torch.arange(5_000, 5_300), torch.arange(300)
    whole = noise.normal(seeds, steps, 65)
    part = noise.normal(seeds[7:9], steps[7:9], 65)
    assert torch.equal(whole[7:9], part)


def test_seeds_steps_streams_and_columns_are_unrelated():
    seeds = torch.arange(20_000)
    zeros = torch.zeros_like(seeds)
    variants = [
        noise.normal(seeds, zeros, 2)[:, 0],
        noise.normal(seeds, zeros, 2)[:, 1],
        noise.normal(seeds, zeros + 1, 2)[:, 0],
        noise.normal(seeds + 1, zeros, 2)[:, 0],
        noise.normal(seeds, zeros, 2, stream=1)[:, 0],
    ]
    correlation = torch.corrcoef(torch.stack(variants)) - torch.eye(len(variants))
    assert correlation.abs().max() < 5 / 20_000**0.5


def test_uniform_and_normal_have_their_moments():
    seeds = torch.arange(100_000)
    u = noise.uniform(seeds, seeds * 0 + 3, 3)
    assert u.min() > 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.003
    assert abs(u.var() - 1 / 12) < 0.001
    x = noise.normal(seeds, seeds * 0 + 3, 3)
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1) < 0.01
    assert abs((x**4).mean() - 3) < 0.1  # kurtosis: the tails are there
