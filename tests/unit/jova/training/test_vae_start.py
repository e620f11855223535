"""First weights of a VAE: principal components, least squares, and the linear codec that they make."""

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers", reason="the VAE needs jova-bench[diffusers]")

from diffusers.models.autoencoders.autoencoder_kl_wan import WanResample

from jova.training.vae_loss import new_network
from jova.training.vae_start import OFFSET, _set_pairs, _set_pairs_apart, begin, least_squares, principal


def test_principal_components_are_ordered_and_centred():
    # Deviations 3, 2 and 1 along the axes, in another order, and a mean of (5, 6, 7).
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
    rows = corners * torch.tensor([2.0, 1, 3]) + torch.tensor([5.0, 6, 7])
    weight, bias = principal(rows, 2, offset=1.5, scale=0.5)
    torch.testing.assert_close(weight.abs(), torch.tensor([[0, 0, 0.5], [0.5, 0, 0]]))
    kept = rows @ weight.T + bias
    torch.testing.assert_close(kept.mean(0), torch.tensor([1.5, 1.5]))
    torch.testing.assert_close(kept.std(0, correction=0), torch.tensor([1.5, 1.0]))
    weight, bias = principal(rows, 4, whiten=True)
    kept = rows @ weight.T + bias
    torch.testing.assert_close(kept.std(0, correction=0), torch.tensor([1.0, 1, 1, 0]))
    torch.testing.assert_close(kept[:, 3], torch.full((8,), OFFSET))  # a channel more than there are components


def test_least_squares_finds_a_linear_map_of_rows_with_a_constant_channel():
    torch.manual_seed(0)
    rows = torch.cat([torch.randn(200, 3) + 4, torch.full((200, 1), 2.0)], dim=1)
    truth = torch.tensor([[1.0, -2, 0, 0], [0, 3, 0.5, 0]])
    weight, bias = least_squares(rows, rows @ truth.T + torch.tensor([7.0, -1]))
    torch.testing.assert_close(weight, truth, atol=2e-3, rtol=0)
    torch.testing.assert_close(rows @ weight.T + bias, rows @ truth.T + torch.tensor([7.0, -1]), atol=0.02, rtol=0)


def test_two_frames_come_back_from_their_mean_and_difference():
    halving, doubling = WanResample(6, "downsample3d").time_conv, WanResample(12, "upsample3d").time_conv
    with torch.no_grad():
        _set_pairs(halving)
        _set_pairs_apart(doubling)
        # Of 6 channels the last 2 hold the differences of the first 2: what they held, and other differences, are lost.
        pair = torch.randn(1, 6, 2, 3, 3) + OFFSET
        pair[:, 2:4, 1] = pair[:, 2:4, 0]
        pair[:, 4:] = OFFSET
        before = torch.randn(1, 6, 1, 3, 3)
        kept = halving(torch.cat([before, pair], dim=2))  # (1, 6, 1, 3, 3)
        wide = torch.cat([kept, torch.full_like(kept, OFFSET)], dim=1)
        apart = doubling(wide).unflatten(1, (2, 12))[0, :, :6, 0]  # (2, 6, 3, 3)
    torch.testing.assert_close(apart, pair[0].movedim(1, 0))


def test_a_network_begins_as_a_linear_codec():
    y, x, t = np.mgrid[:48, :64, :9]
    clips = [
        np.stack([np.sin((x + 2 * t) / 9 + k), np.cos((y - k * t) / 7), (x - y + t) / 64], axis=0) * 0.8
        for k in range(4)
    ]
    pixels = torch.from_numpy(np.stack(clips)).permute(0, 1, 4, 2, 3).float()  # (B, 3, T, H, W)
    torch.manual_seed(0)
    network = new_network(16)

    def error():
        with torch.no_grad():
            latents = network.encode(pixels[3:]).latent_dist
            return (network.decode(latents.mean).sample - pixels[3:]).square().mean().sqrt().item(), latents

    random = error()[0]
    begin(network, pixels[:3])
    begun, latents = error()
    assert random > 0.4
    assert begun < 0.12
    with torch.no_grad():
        of_training = torch.cat([network.encode(clip).latent_dist.mean for clip in pixels[:3].split(1)])
    deviation, mean = torch.std_mean(of_training.movedim(1, -1).flatten(0, -2), dim=0, correction=0)
    torch.testing.assert_close(mean, torch.zeros(16), atol=1e-3, rtol=0)
    assert deviation.max() == pytest.approx(1, abs=1e-3)
    assert deviation.diff().max() < 1e-3  # ordered
    torch.testing.assert_close(latents.logvar, torch.full_like(latents.logvar, -6.0))
