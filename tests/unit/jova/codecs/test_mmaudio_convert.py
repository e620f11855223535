"""Files of MMAudio and BigVGAN become a folder that makes the same tokens and sound.

Against the upstream's code itself (MMAudio at 974010a, random weights) tokens differed by at most 6e-6 and sound by at
most 4e-4 at a deviation of 0.94, in both sizes.
"""

import math

import pytest
import torch

from jova.codecs import mmaudio_convert
from jova.codecs.loading import load_audio_codec
from jova.codecs.mmaudio import MMAudioCodec
from jova.codecs.mmaudio_convert import convert, name_in_ltx
from support.tiny_codecs import bigvgan, mmaudio_vae

LN10 = math.log(10)


def unit(weight):
    """As the upstream divides when it loads (edm2_utils.py): by 1e-4 + the root mean square, and by sqrt(inputs)."""
    rms = weight.square().mean((1, 2), keepdim=True).sqrt()
    return weight / (1e-4 + rms) / math.sqrt(weight[0].numel())


def vae_files(vae):
    """The upstream's tensors, whose weights have no unit norm yet, and a VAE that has what it makes of them."""
    files = {name.removeprefix("vae."): value.clone() for name, value in vae.state_dict().items() if name[:4] == "vae."}
    with torch.no_grad():
        for weight in vae.vae.parameters():
            if weight.ndim > 1:
                weight.copy_(unit(weight))
    return files, vae


def vocoder_files(vocoder, old_names):
    """The upstream's tensors, with directions and norms apart, in the names of either way of torch."""
    names = (
        ("weight_g", "weight_v")
        if old_names
        else ("parametrizations.weight.original0", "parametrizations.weight.original1")
    )
    files = {}
    for name, value in vocoder.state_dict().items():
        stem, _, ending = name.rpartition(".")
        if ending == "weight":
            norm = value.square().sum((1, 2), keepdim=True).sqrt()
            files[f"{stem}.{names[0]}"], files[f"{stem}.{names[1]}"] = norm, value * 3
        else:
            files[name] = value.clone()
    return files


def sound():
    return 0.2 * torch.randn(2, 8192)


@pytest.mark.parametrize("old_names", [True, False])
def test_44k_is_the_same_network_with_norms_multiplied_out(old_names):
    files, vae = vae_files(mmaudio_vae(128))
    vocoder = bigvgan(128)
    statistics = {"latent_mean": torch.randn(1, 1, 40), "latent_std": torch.rand(1, 1, 40) + 0.5, "x": torch.ones(1)}
    codec = convert(files, vocoder_files(vocoder, old_names), statistics)
    own = MMAudioCodec(vae, vocoder, (statistics["latent_mean"].flatten(), statistics["latent_std"].flatten()))
    audio = sound()
    tokens = own.encode(audio)
    torch.testing.assert_close(codec.encode(audio), tokens, atol=1e-5, rtol=1e-5)
    assert own.decode(tokens).std() > 0.01
    torch.testing.assert_close(codec.decode(tokens), own.decode(tokens), atol=1e-5, rtol=0)


def test_16k_takes_logarithms_to_base_10_and_ends_in_a_bias_and_tanh():
    files, vae = vae_files(mmaudio_vae(80))
    network = bigvgan(80)
    network.conv_post = torch.nn.Conv1d(1, 1, 7, padding=3)
    made = []
    network.conv_post.register_forward_hook(lambda module, given, output: made.append(output))
    codec = convert(files, vocoder_files(network, False), {})
    audio = sound()
    with torch.no_grad():
        moments = vae.vae.encoder((vae.mel_converter(audio) / LN10 - vae.vae.data_mean) / vae.vae.data_std)
        mode = moments[:, :20].transpose(1, 2)
        tokens = codec.encode(audio)
        network(vae.vae.decode(mode.transpose(1, 2)))
    torch.testing.assert_close(tokens, mode * 0.417, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(codec.decode(tokens), made[0][:, 0].tanh(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ups.3.0.weight", "upsamplers.3.weight"),
        ("resblocks.7.convs2.1.bias", "resnets.7.convs2.1.bias"),
        ("resblocks.7.activations.4.act.alpha", "resnets.7.acts1.2.act.alpha"),
        ("resblocks.7.activations.5.downsample.lowpass.filter", "resnets.7.acts2.2.downsample.filter"),
        ("activation_post.act.beta", "act_out.act.beta"),
        ("conv_post.bias", "conv_out.bias"),
    ],
)
def test_names_of_bigvgan_in_diffusers(theirs, ours):
    assert name_in_ltx(theirs) == ours


@pytest.fixture
def files(tmp_path):
    """Paths of the three files of the 44k network."""
    vae, _ = vae_files(mmaudio_vae(128))
    paths = [tmp_path / name for name in ("v1-44.pth", "bigvgan_generator.pt", "mmaudio.pth")]
    torch.save(vae, paths[0])
    torch.save({"generator": vocoder_files(bigvgan(128), True)}, paths[1])
    torch.save({"latent_mean": torch.zeros(1, 1, 40), "latent_std": torch.ones(1, 1, 40)}, paths[2])
    return [str(path) for path in paths]


def test_the_command_writes_a_folder_that_the_door_reads(files, tmp_path, capsys):
    out, (vae, vocoder, statistics) = tmp_path / "out", files
    line = [str(out), "--vae", vae, "--vocoder", vocoder, "--statistics", statistics, "--accept", "non-commercial"]
    assert mmaudio_convert.main(line) == 0
    codec = load_audio_codec(out, ["non-commercial"])
    assert f"40 channels, 43.07 tokens/s, {codec.fingerprint}" in capsys.readouterr().out


class Anything:
    """What an unpickler would have to build."""


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"a": torch.ones(1)}, "none named 'data_mean'"),
        ({"data_mean": torch.ones(64)}, "80 or 128 mel bands, got 64"),
        ({"data_mean": 3}, "expected tensors by name"),
        ([1], "expected tensors by name"),
        (Anything(), "expected tensors in"),
    ],
)
def test_other_files_are_one_line_and_exit_2(files, capsys, content, fault):
    torch.save(content, files[0])
    line = ["out", "--vae", files[0], "--vocoder", files[1], "--accept", "non-commercial"]
    assert mmaudio_convert.main(line) == 2
    error = capsys.readouterr().err
    assert fault in error
    assert len(error.splitlines()) == 1


def test_tensors_of_another_network_are_refused(files, capsys):
    tensors = torch.load(files[0], weights_only=True)
    del tensors["encoder.mid.attn_1.qkv.weight"]
    torch.save(tensors, files[0])
    line = ["out", "--vae", files[0], "--vocoder", files[1]]
    assert mmaudio_convert.main([*line, "--accept", "non-commercial"]) == 2
    assert "1 differ, such as vae.encoder.mid.attn_1.qkv.weight" in capsys.readouterr().err
    assert mmaudio_convert.main(line) == 2
    assert "CC-BY-NC-4.0" in capsys.readouterr().err
