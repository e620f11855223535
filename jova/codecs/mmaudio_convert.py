r"""Writes the folder that `mmaudio` reads, from MMAudio's and BigVGAN's own files.

    python -m jova.codecs.mmaudio_convert OUT --vae v1-44.pth --vocoder bigvgan_generator.pt \
        --statistics mmaudio_large_44k_v2.pth --accept non-commercial

The number of mel bands in the files says which size they are. Tensors get other names, and two rewritings that change
no output: weights are divided by the norms by which the upstream divides when it loads; and constants of the 16k
networks, whose logarithms have base 10, are multiplied by ln 10, because `MMAudioVAE` takes natural logarithms.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jova.codecs.mmaudio import CLASS, TERMS, MMAudioCodec, check_terms
from jova.codecs.pretrained import network_class
from jova.extras import in_one_line

LN10 = math.log(10)
EPSILON = 1e-4
"""Added to norms of the VAE's weights, by the upstream."""
ANALYSES = {
    80: {"sample_rate": 16_000, "n_fft": 1024, "hop_length": 256},
    128: {"sample_rate": 44_100, "n_fft": 2048, "hop_length": 512},
}
"""Analysis by the number of mel bands: 16k and 44k."""
RATES = {80: (4, 4, 2, 2, 2, 2), 128: (8, 4, 2, 2, 2, 2)}
"""Factors of the vocoder's stages, by the number of mel bands."""
DILATIONS = (1, 3, 5)
KERNELS = 3
"""Residual blocks per stage, which differ in their kernels."""


def convert(vae: Mapping[str, Tensor], vocoder: Mapping[str, Tensor], generator: Mapping[str, Tensor]) -> MMAudioCodec:
    """Builds the codec of the upstream's tensors.

    Args:
        vae: of `v1-16.pth` or `v1-44.pth`.
        vocoder: `generator` of `best_netG.pt` (16k) or of NVIDIA's `bigvgan_generator.pt` (44k).
        generator: of a generator of that size, whose `latent_mean` and `latent_std` are used; empty for none.

    Raises:
        ValueError: the tensors are not those of these networks.
    """
    try:
        bands = vae["data_mean"].numel()
        statistics = (generator["latent_mean"].flatten(), generator["latent_std"].flatten()) if generator else None
        if bands not in ANALYSES:
            raise ValueError(f"expected a VAE of {' or '.join(map(str, ANALYSES))} mel bands, got {bands}")
        return MMAudioCodec(vae_of(vae, bands), vocoder_of(without_norms(vocoder), bands), statistics)
    except KeyError as error:
        raise ValueError(f"expected tensors of MMAudio and BigVGAN, got none named {error}") from None


def vae_of(tensors: Mapping[str, Tensor], bands: int) -> Any:
    """Builds the VAE of the upstream's tensors."""
    fields = {
        "mel_bins": bands,
        "latent_channels": tensors["decoder.conv_in.weight"].shape[1],
        "hidden_channels": tensors["encoder.conv_in.weight"].shape[0],
    }
    network = network_class(CLASS)(**fields, **ANALYSES[bands])
    base = LN10 if bands == 80 else 1.0
    renamed = {f"vae.{name}": of_unit_norm(value) for name, value in tensors.items() if value.ndim > 1}
    renamed |= {f"vae.{name}": value for name, value in tensors.items() if value.ndim < 2}
    renamed |= {f"vae.{name}": tensors[name].reshape(1, -1, 1) * base for name in ("data_mean", "data_std")}
    analysis = {name: value for name, value in network.state_dict().items() if name.startswith("mel_converter.")}
    return filled(network, renamed | analysis)


def of_unit_norm(weight: Tensor) -> Tensor:
    """Divides a convolution's weights (out, in, k) by their norm, output by output."""
    norm = torch.linalg.vector_norm(weight.float(), dim=(1, 2), keepdim=True)
    size = weight[0].numel()
    return weight / (EPSILON + norm / math.sqrt(size)) / math.sqrt(size)


def without_norms(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Multiplies directions and norms of weights, which either way of torch's `weight_norm` stores apart."""
    found = {}
    for name, value in tensors.items():
        stem, _, ending = name.rpartition(".")
        if ending in ("weight_g", "original0"):
            direction = tensors[f"{stem}.{'weight_v' if ending == 'weight_g' else 'original1'}"]
            norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
            found[f"{stem.removesuffix('.parametrizations.weight')}.weight"] = direction * (value / norm)
        elif ending not in ("weight_v", "original1"):
            found[name] = value
    return found


def vocoder_of(tensors: dict[str, Tensor], bands: int) -> Any:
    """Builds the vocoder: BigVGAN v2 as `MMAudioVocoder`, v1 (it ends in a bias and tanh) as `LTX2Vocoder`."""
    rates = RATES[bands]
    first = tensors["conv_pre.weight"]
    kernels = [tensors[f"resblocks.{block}.convs1.0.weight"].shape[-1] for block in range(KERNELS)]
    strides = [tensors[f"ups.{stage}.0.weight"].shape[-1] for stage in range(len(rates))]
    if bands == 128:
        return filled(
            network_class("MMAudioVocoder")(
                num_mels=bands,
                upsample_initial_channel=first.shape[0],
                upsample_rates=rates,
                upsample_kernel_sizes=tuple(strides),
                resblock_kernel_sizes=tuple(kernels),
                resblock_dilation_sizes=(DILATIONS,) * KERNELS,
            ),
            tensors,
        )
    network = network_class("LTX2Vocoder")(
        in_channels=bands,
        hidden_channels=first.shape[0],
        out_channels=1,
        upsample_kernel_sizes=strides,
        upsample_factors=list(rates),
        resnet_kernel_sizes=kernels,
        resnet_dilations=[list(DILATIONS)] * KERNELS,
        act_fn="snakebeta",
        antialias=True,
        final_act_fn="tanh",
        final_bias=True,
        output_sampling_rate=ANALYSES[bands]["sample_rate"],
    )
    tensors["conv_pre.weight"] = first / LN10
    return filled(network, {name_in_ltx(name): value for name, value in tensors.items()})


def name_in_ltx(name: str) -> str:
    """Returns the name in `LTX2Vocoder` of one of BigVGAN's tensors."""
    name = re.sub(r"^ups\.(\d+)\.0\.", r"upsamplers.\1.", name)
    name = re.sub(r"^resblocks\.", "resnets.", name)
    # Activations of the first and of the second convolutions alternate.
    name = re.sub(r"activations\.(\d+)", lambda found: f"acts{int(found[1]) % 2 + 1}.{int(found[1]) // 2}", name)
    ends = {"conv_pre": "conv_in", "activation_post": "act_out", "conv_post": "conv_out"}
    first, dot, rest = name.partition(".")
    return (ends.get(first, first) + dot + rest).replace("downsample.lowpass.", "downsample.")


def filled(network: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Returns a network with all its tensors replaced.

    Raises:
        ValueError: the tensors are not the network's.
    """
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    if own != given:
        differ = [name for name in own.keys() | given.keys() if own.get(name) != given.get(name)]
        raise ValueError(
            f"expected the tensors of {type(network).__name__}, got others: {len(differ)} differ, such as {min(differ)}"
        )
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)


def read(path: Path | None) -> dict[str, Tensor]:
    """Reads the tensors of a file of PyTorch, without running what else it may contain; none of no file.

    Raises:
        ValueError: there is no such file, or it holds more than tensors.
    """
    if path is None:
        return {}
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has many: of the archive, of the pickle, of the system.
        raise ValueError(f"expected tensors in {path}, got {in_one_line(error)}") from error
    content = content.get("generator", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"expected tensors by name in {path}, got something else")
    return content


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m jova.codecs.mmaudio_convert", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write")
    parser.add_argument("--vae", type=Path, required=True, help="v1-16.pth or v1-44.pth")
    parser.add_argument("--vocoder", type=Path, required=True, help="best_netG.pt (16k) or bigvgan_generator.pt (44k)")
    parser.add_argument("--statistics", type=Path, help="a generator of MMAudio, whose statistics of latents are used")
    parser.add_argument("--accept", action="append", default=[], choices=[TERMS], help="licence terms that you accept")
    args = parser.parse_args(arguments)
    try:
        check_terms(args.accept)
        codec = convert(read(args.vae), read(args.vocoder), read(args.statistics))
    except (PermissionError, ValueError, ModuleNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    codec.save(args.out)
    print(
        f"{args.out}: {codec.channels} channels, {float(codec.stream.tokens_per_s):.2f} tokens/s, {codec.fingerprint}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
