"""M's mixture mathematics against torch.distributions and its limits."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

from wmlib.model.mixture import (
    chosen,
    gaussian_entropy,
    implicit_sample,
    nll,
    sample_mixture,
    softly_chosen,
    temper,
)


@pytest.fixture
def mixture():
    """(logpi, mu, logstd), each (7, 3, 5): 7 examples, 3 dimensions, 5 Gaussians."""
    g = torch.Generator().manual_seed(0)
    logits, mu, logstd = (torch.randn(7, 3, 5, generator=g) for _ in range(3))
    return torch.log_softmax(2 * logits, -1), 3 * mu, logstd - 1


def distribution(logpi, mu, logstd):
    return MixtureSameFamily(Categorical(logits=logpi), Normal(mu, logstd.exp()))


def test_nll_is_that_of_torch_distributions(mixture):
    z = torch.linspace(-6, 6, 21).view(7, 3)
    expected = -distribution(*mixture).log_prob(z)
    torch.testing.assert_close(nll(z, *mixture), expected, rtol=1e-5, atol=1e-5)


def test_nll_is_negative_where_the_density_is_above_one():
    zero = torch.zeros(1, 1)
    value = nll(zero, zero[..., None], zero[..., None], torch.full((1, 1, 1), -3.0))
    assert value.item() == pytest.approx(0.5 * math.log(2 * math.pi) - 3)


def test_far_target_stays_finite_with_gradients(mixture):
    logpi, mu, logstd = (x.clone().requires_grad_() for x in mixture)
    value = nll(torch.full((7, 3), 50.0), logpi, mu, logstd.clamp(min=-7)).mean()
    value.backward()
    assert torch.isfinite(value)
    assert all(torch.isfinite(x.grad).all() for x in (logpi, mu, logstd))


def test_temper_follows_the_formula_and_is_pure(mixture):
    logpi, _, logstd = mixture
    before = logpi.clone(), logstd.clone()
    cold_pi, cold_std = temper(logpi, logstd, 0.25)
    assert torch.equal(logpi, before[0])
    assert torch.equal(logstd, before[1])
    torch.testing.assert_close(cold_pi.exp(), torch.softmax(logpi / 0.25, -1))
    torch.testing.assert_close(cold_std.exp(), logstd.exp() * 0.5)  # sigma * sqrt(tau)
    again = temper(logpi, logstd, 0.25)  # an in-place version would give tau = 1/16 now
    assert torch.equal(again[0], cold_pi)
    assert torch.equal(again[1], cold_std)


def test_temper_at_one_changes_nothing(mixture):
    logpi, _, logstd = mixture
    same_pi, same_std = temper(logpi, logstd, 1.0)
    torch.testing.assert_close(same_pi, logpi)
    assert torch.equal(same_std, logstd)


@pytest.mark.parametrize("tau", [0.0, -1.0])
def test_temperature_must_be_positive(mixture, tau):
    with pytest.raises(ValueError, match="above 0"):
        temper(mixture[0], mixture[2], tau)


def test_cold_limit_is_the_mean_of_the_heaviest_gaussian(mixture):
    logpi, mu, logstd = mixture
    u = torch.rand(7, 3, generator=torch.Generator().manual_seed(1))
    z = sample_mixture(logpi, mu, logstd, 1e-8, u, torch.ones(7, 3))
    heaviest = mu.gather(-1, logpi.argmax(-1, keepdim=True)).squeeze(-1)
    torch.testing.assert_close(z, heaviest, atol=2e-3, rtol=0)


@pytest.mark.parametrize("tau", [1e-20, 1e-38, 1e-45, 1e-300])
def test_no_temperature_is_too_cold_for_numbers(mixture, tau):
    logpi, _, logstd = mixture
    for given in (tau, torch.tensor(tau, dtype=torch.float64)):
        cold_pi, cold_std = temper(logpi, logstd, given)
        assert torch.equal(cold_pi.exp().argmax(-1), logpi.argmax(-1))
        assert (cold_pi.exp().sum(-1) == 1).all()
        assert cold_std.isfinite().all()


@pytest.mark.parametrize("tau", [0.5, 1.0, 1.5])
def test_samples_have_the_moments_of_the_tempered_mixture(mixture, tau):
    logpi, mu, logstd = (x[:1] for x in mixture)
    n = 200_000
    g = torch.Generator().manual_seed(2)
    u, eps = torch.rand(n, 3, generator=g), torch.randn(n, 3, generator=g)
    z = sample_mixture(*(x.expand(n, 3, 5) for x in (logpi, mu, logstd)), tau, u, eps)
    cold_pi, cold_std = temper(logpi, logstd, tau)
    expected = distribution(cold_pi, mu, cold_std)
    error = expected.stddev / math.sqrt(n)
    assert ((z.mean(0) - expected.mean).abs() < 5 * error).all()
    torch.testing.assert_close(z.std(0)[None], expected.stddev, rtol=0.02, atol=0)


def test_sampling_is_fixed_by_its_arguments_and_covers_the_edges(mixture):
    u = torch.full((7, 3), 1 - 2**-24)
    eps = torch.zeros(7, 3)
    z = sample_mixture(*mixture, 1.0, u, eps)
    assert torch.equal(z, sample_mixture(*mixture, 1.0, u, eps))
    assert torch.equal(z, mixture[1][..., -1])  # u near 1 means the last Gaussian
    assert torch.equal(sample_mixture(*mixture, 1.0, 0 * u, eps), mixture[1][..., 0])


def test_entropy_is_that_of_torch_distributions():
    logvar = torch.linspace(-5, 3, 9)
    expected = Normal(torch.zeros(9), (logvar / 2).exp()).entropy()
    torch.testing.assert_close(gaussian_entropy(logvar), expected)


def test_soft_choice_is_a_choice_where_it_is_narrow(mixture):
    logpi, *_ = mixture
    u = torch.rand(7, 3, generator=torch.Generator().manual_seed(1))
    soft = softly_chosen(logpi, u, 0.1)
    torch.testing.assert_close(soft.sum(-1), torch.ones(7, 3))
    hard = torch.zeros_like(logpi).scatter(-1, chosen(logpi, u), 1.0)
    torch.testing.assert_close(softly_chosen(logpi, u, 1e-6), hard)


def test_implicit_slopes_are_those_of_the_expected_value_and_held_ones_are_not(mixture):
    """d/dw of E[z^2] has a closed form: sum_k pi_k (mu_k^2 + sigma_k^2)."""
    parts = [x[:1, :1].repeat(40_000, 1, 1).requires_grad_() for x in mixture]
    logpi, mu, logstd = torch.log_softmax(parts[0], -1), *parts[1:]
    g = torch.Generator().manual_seed(2)
    u, eps = torch.rand(40_000, 1, generator=g), torch.randn(40_000, 1, generator=g)
    held = sample_mixture(logpi, mu, logstd, 1.0, u, eps)
    z = implicit_sample(held, logpi, mu, logstd)
    assert torch.equal(z, held.detach())
    expected = (logpi[0].exp() * (mu[0] ** 2 + torch.exp(2 * logstd[0]))).sum()
    exact = torch.autograd.grad(expected, parts, retain_graph=True)
    found = torch.autograd.grad(z.square().mean(), parts, retain_graph=True)
    for slope, whole in zip(found, exact):
        torch.testing.assert_close(slope.sum((0, 1)), whole.sum((0, 1)), atol=0.12, rtol=0.03)
    (weights, *_) = torch.autograd.grad(held.square().mean(), parts, allow_unused=True)
    assert weights is None
    assert exact[0].sum((0, 1)).abs().max() > 0.5
