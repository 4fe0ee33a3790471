"""V: the paper's network, the loss and its reduction."""

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from wmlib.model.vision import VAE, PixelDeconv, as_picture, kl_to_standard_normal


def pictures(n, seed=0):
    """(n, 64, 64, 3) uint8: a bright square somewhere on a plain ground."""
    g = torch.Generator().manual_seed(seed)
    x = torch.full((n, 64, 64, 3), 60, dtype=torch.uint8)
    for picture, (row, column) in zip(x, torch.randint(0, 48, (n, 2), generator=g).tolist()):
        picture[row : row + 16, column : column + 16] = torch.tensor([220, 180, 40])
    return x


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return VAE(8)


@pytest.mark.parametrize(("n_z", "count"), [(32, 4_348_547), (64, 4_446_915)])
def test_parameter_count_is_the_papers(n_z, count):
    assert sum(p.numel() for p in VAE(n_z).parameters()) == count


def test_pixel_deconv_is_a_transposed_convolution_from_one_pixel():
    layer = PixelDeconv(6, 4, 5)
    x = torch.randn(3, 6)
    weight = layer.weight.permute(0, 3, 1, 2)  # (n_in, n_out, 5, 5)
    expected = F.conv_transpose2d(x[:, :, None, None], weight, layer.bias)
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-6)


def test_decoder_is_the_papers_chain_of_transposed_convolutions(vae):
    z = torch.randn(2, 8)
    y = vae.from_z(z)[:, :, None, None]
    y = F.conv_transpose2d(y, vae.deconv1.weight.permute(0, 3, 1, 2), vae.deconv1.bias, stride=2)
    y = vae.deconv3(vae.deconv2(y.relu()).relu()).relu()
    torch.testing.assert_close(vae.decode(z), torch.sigmoid(vae.deconv4(y)), rtol=1e-4, atol=1e-5)


def test_shapes_and_ranges(vae):
    mu, logvar = vae.encode(pictures(3))
    assert mu.shape == logvar.shape == (3, 8)
    x = vae.decode(mu)
    assert x.shape == (3, 3, 64, 64)
    assert x.min() >= 0
    assert x.max() <= 1


def test_bytes_and_floats_are_the_same_picture(vae):
    x = pictures(2)
    torch.testing.assert_close(vae.encode(x), vae.encode(x.permute(0, 3, 1, 2).float() / 255))


@pytest.mark.parametrize(
    "x", [torch.zeros(2, 3, 64, 64, dtype=torch.uint8), torch.zeros(2, 64, 64, 3), torch.zeros(5)]
)
def test_wrong_pictures_are_refused(x):
    with pytest.raises(ValueError, match="pictures must be"):
        as_picture(x)


def test_kl_is_that_of_torch_distributions():
    mu, logvar = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))
    normal = Normal(mu, (logvar / 2).exp())
    expected = kl_divergence(normal, Normal(torch.zeros(8), torch.ones(8))).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(mu, logvar), expected)


def test_loss_sums_over_the_picture_and_averages_over_the_batch(vae):
    x = pictures(4)
    loss, parts = vae.loss(x, torch.Generator().manual_seed(5))
    mu, logvar = vae.encode(x)
    z = vae.sample(mu, logvar, torch.randn(4, 8, generator=torch.Generator().manual_seed(5)))
    errors = (vae.decode(z) - as_picture(x)).square().flatten(1)
    assert errors.shape[1] == 64 * 64 * 3
    recon = errors.sum() / 4
    torch.testing.assert_close(parts["recon"], recon, rtol=1e-4, atol=0)
    torch.testing.assert_close(loss, recon + parts["kl"], rtol=1e-4, atol=0)


def test_kl_below_half_a_nat_per_dimension_is_free_in_each_picture(vae, monkeypatch):
    mu = torch.zeros(2, 8)
    mu[1] = 3.0  # KL 36 nats; the first picture has 0 and pays the floor of 4
    monkeypatch.setattr(vae, "encode", lambda x: (mu, torch.zeros(2, 8)))
    _, parts = vae.loss(pictures(2))
    assert parts["kl_raw"].item() == pytest.approx((0 + 36) / 2)
    assert parts["kl"].item() == pytest.approx((4 + 36) / 2)  # not max of the means, 18


def test_learns_to_redraw_a_few_pictures():
    torch.manual_seed(0)
    vae, x = VAE(8), pictures(8)
    optimizer = torch.optim.Adam(vae.parameters(), 1e-3)
    mean = as_picture(x).mean(0, keepdim=True)
    blind = (as_picture(x) - mean).square().sum() / 8  # the best without looking
    for update in range(150):
        loss, parts = vae.loss(x, torch.Generator().manual_seed(update))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert parts["recon"] < 0.5 * blind
