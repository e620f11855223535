"""First weights of a small Wan VAE in closed form: principal components, then least squares.

From random weights such a network learns slowly, for two reasons. Its norms divide each position by its size and have
no bias, so that how bright a cell is gets lost before both heads; and its random layers mix what they are given, which
the decoder would have to undo by upsampling that copies each cell. So it begins as a linear codec: residual branches
are silent, all channels have an offset, against which a norm keeps sizes, each layer of the encoder keeps the principal
components of what it is given, and each layer of the decoder is the best linear guess of what the encoder had there.

Letters: N positions, C channels, B clips, T frames, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from jova.codecs.pretrained import NEEDED_BY
from jova.extras import imported

OFFSET = 2.0
"""Mean of every channel between the heads. SiLU is nearly linear around it."""
LOG_VARIANCE = -6.0
"""Logarithm of the variance of the posterior: hardly any noise."""
DIFFERENCES = 1 / 3
"""Share of the channels of a pair of frames that hold what is between them; the others hold their mean."""


@torch.no_grad()
def begin(network: Any, pixels: Tensor) -> None:
    """Gives an `AutoencoderKLWan` weights with which it is a linear codec.

    Args:
        network: of `jova.training.vae_loss.new_network`.
        pixels: (B, 3, T, H, W) in [-1, 1], T = 1 + 4k; eight clips of 9 frames of 128 x 128 pixels are enough.
    """
    module = imported("diffusers.models.autoencoders.autoencoder_kl_wan", NEEDED_BY)
    encoder, decoder, channels = network.encoder, network.decoder, network.config.z_dim
    clips = torch.split(pixels, 1)
    for part in network.modules():
        if isinstance(part, module.WanResidualBlock):
            _clear(part.conv2)
            if isinstance(part.conv_shortcut, nn.Conv3d):
                beyond = torch.arange(part.out_dim) >= part.in_dim
                _set_centre(part.conv_shortcut, torch.eye(part.out_dim, part.in_dim), OFFSET * beyond)
        elif isinstance(part, module.WanAttentionBlock):
            _clear(part.proj)
        elif isinstance(part, module.WanRMS_norm):
            part.gamma.fill_(OFFSET)
    for conv in (network.quant_conv, network.post_quant_conv):
        _set_centre(conv, torch.eye(conv.out_channels), torch.zeros(conv.out_channels))

    def encode() -> Tensor:
        return torch.cat([network.encode(clip).latent_dist.mean for clip in clips])

    levels = []  # What each spatial step of the encoder is given: (N, C, H, W) and a row and a column of zeros.
    downs = [part for part in encoder.down_blocks if isinstance(part, module.WanResample)]
    weight, bias = principal(_rows(_given(encoder.conv_in, encode)), encoder.conv_in.out_channels)
    _set_centre(encoder.conv_in, weight, bias)
    for down in downs:
        conv = down.resample[1]
        levels.append(torch.cat(_given(conv, encode)))
        cells = nn.functional.unfold(levels[-1][..., :-1, :-1], 2, stride=2).transpose(1, 2).flatten(0, 1)  # (N, 4 C)
        weight, bias = principal(cells, conv.out_channels, scale=0.5)
        _clear(conv)
        conv.weight[..., :2, :2] = weight.view(conv.out_channels, -1, 2, 2)
        conv.bias.copy_(bias)
        _set_pairs(down.time_conv)
    deepest = _rows(_given(encoder.mid_block, encode))
    weight, bias = principal(_rows(_given(encoder.conv_out, encode)), channels, offset=0.0, whiten=True)
    noise = torch.full_like(bias, LOG_VARIANCE)
    _set_centre(encoder.conv_out, torch.cat([weight, torch.zeros_like(weight)]), torch.cat([bias, noise]))

    latents = encode()

    def decode() -> None:
        for clip in torch.split(latents, 1):
            network.decode(clip)

    _set_centre(decoder.conv_in, *least_squares(_rows([latents]), deepest))
    ups = [part.upsamplers[0] for part in decoder.up_blocks if part.upsamplers]
    for up, level in zip(ups, reversed(levels), strict=True):
        _set_pairs_apart(up.time_conv)
        conv = up.resample[1]
        given = torch.cat(_given(conv, decode))  # (N, C, H, W), upsampled by copies
        seen = nn.functional.unfold(given, 3, padding=1).transpose(1, 2).flatten(0, 1)  # (N, 9 C)
        weight, bias = least_squares(seen, level[..., :-1, :-1].permute(0, 2, 3, 1).flatten(0, 2))
        conv.weight.copy_(weight.view(conv.out_channels, -1, 3, 3))
        conv.bias.copy_(bias)
    patches = [module.patchify(clip, network.config.patch_size) for clip in clips]
    _set_centre(decoder.conv_out, *least_squares(_rows(_given(decoder.conv_out, decode)), _rows(patches)))


def principal(
    rows: Tensor, count: int, offset: float = OFFSET, scale: float = 1.0, whiten: bool = False
) -> tuple[Tensor, Tensor]:
    """Returns weight (count, C) and bias (count,) of a layer that keeps the principal components of rows (N, C).

    Args:
        rows: what the layer is given.
        count: channels of the layer; those beyond C are constant.
        offset: mean of the channels.
        scale: length of the weights of a channel.
        whiten: whether channels have deviation 1 instead, but for those that hardly vary.
    """
    mean, rows = rows.double().mean(0), rows.double()
    variances, vectors = torch.linalg.eigh(rows.T @ rows / len(rows) - torch.outer(mean, mean))
    kept = min(count, rows.shape[1])
    weight = rows.new_zeros(count, rows.shape[1])
    weight[:kept] = scale * vectors.flip(1)[:, :kept].T
    if whiten:
        weight[:kept] /= variances.flip(0)[:kept, None].clamp(min=1e-4 * variances[-1].item()).sqrt()
    return weight.float(), (offset - weight @ mean).float()


def least_squares(rows: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Returns weight (D, C) and bias (D,) of the layer that comes nearest from rows (N, C) to what is wanted (N, D)."""
    mean, centre = rows.mean(0), wanted.mean(0)
    rows, wanted = rows - mean, wanted - centre
    gram = (rows.T @ rows).double()
    gram.diagonal().add_(1e-4 * gram.diagonal().mean())  # Channels that are constant, or follow from others.
    weight = torch.linalg.solve(gram, (rows.T @ wanted).double()).T
    return weight.float(), (centre - weight @ mean.double()).float()


def _given(layer: Any, run: Callable[[], object]) -> list[Tensor]:
    """Returns what a layer is given while something runs, call by call."""
    found: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _layer, given: found.append(given[0]))
    try:
        run()
    finally:
        hook.remove()
    return found


def _rows(parts: Sequence[Tensor]) -> Tensor:
    """Returns the positions (N, C) of tensors (B, C, T, H, W)."""
    return torch.cat([part.movedim(1, -1).flatten(0, -2) for part in parts])


def _clear(conv: Any) -> None:
    conv.weight.zero_()
    conv.bias.zero_()


def _set_centre(conv: Any, weight: Tensor, bias: Tensor) -> None:
    """Makes a causal convolution a linear layer of each position."""
    _clear(conv)
    conv.weight[:, :, -1, conv.weight.shape[3] // 2, conv.weight.shape[4] // 2] = weight
    conv.bias.copy_(bias)


def _differences(channels: int) -> tuple[Tensor, Tensor]:
    """Returns the channels of a pair that hold differences, and those whose differences they are."""
    count = int(channels * DIFFERENCES)
    return torch.arange(channels - count, channels), torch.arange(count)


def _set_pairs(conv: Any) -> None:
    """Makes the halving of time keep the mean of two frames, and the difference of the first channels in the last."""
    _clear(conv)
    place, source = _differences(conv.out_channels)
    mean = torch.arange(conv.out_channels - len(place))
    conv.weight[mean, mean, 1:, 0, 0] = 0.5  # Of the three frames that it sees, the first is the one before the pair.
    conv.weight[place, source, 1, 0, 0] = 0.5
    conv.weight[place, source, 2, 0, 0] = -0.5
    conv.bias[place] = OFFSET


def _set_pairs_apart(conv: Any) -> None:
    """Makes the doubling of time the inverse of the halving, which was of half as many channels."""
    _clear(conv)
    channels = conv.in_channels
    place, source = _differences(channels // 2)
    same = torch.arange(channels)
    for frame, sign in ((0, 1.0), (channels, -1.0)):
        conv.weight[frame + same, same, -1, 0, 0] = 1.0
        conv.weight[frame + place, place, -1, 0, 0] = 0.0
        conv.weight[frame + source, place, -1, 0, 0] = sign
        conv.bias[frame + place] = OFFSET
        conv.bias[frame + source] = -sign * OFFSET
