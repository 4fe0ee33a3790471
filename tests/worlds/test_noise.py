"""Noise depends on (seed, step) alone and has the distribution it claims."""

import torch

from wmlib.worlds import noise


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


def test_two_streams_at_once_are_the_same_numbers():
    seeds, steps = torch.arange(10_000, 10_040), torch.arange(40) * 7
    for count in (1, 3, 64):
        u, eps = noise.uniform_and_normal(seeds, steps, count, (2, 5))
        assert torch.equal(u, noise.uniform(seeds, steps, count, 2))
        assert torch.equal(eps, noise.normal(seeds, steps, count, 5))


def test_the_numbers_are_those_of_the_published_runs():
    seeds, steps = torch.tensor([10_000, 123_456]), torch.tensor([0, 77])
    uniform = [[0.7090191841125488, 0.8344501256942749], [0.5876196622848511, 0.6363463401794434]]
    normal = [[0.4196814596652985, -0.7152711749076843], [-0.675369679927825, -0.779247343540191]]
    assert torch.equal(noise.uniform(seeds, steps, 2, 1), torch.tensor(uniform))
    assert torch.allclose(noise.normal(seeds, steps, 2, 1), torch.tensor(normal), atol=1e-6)
