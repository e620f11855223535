"""One door reads every codec by what a path holds, and says in one line what else it is."""

import json
import logging
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from jova.codecs import AudioCodec, VideoCodec
from jova.codecs.base import WEIGHTS
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.codecs.ltx_audio import LTXAudioCodec
from jova.codecs.mmaudio import MMAudioCodec
from jova.codecs.wan import WanCodec
from support.shown import ROOT, blocks
from support.tiny_codecs import ltx_audio, ltx_vocoder

ACCEPT = ("non-commercial",)


def test_files_and_folders_are_read_by_what_they_are(wan_folder, ltx_audio_folder, mmaudio_folder):
    assert isinstance(load_video_codec(WEIGHTS / "video-codec.safetensors"), VideoCodec)
    assert isinstance(load_audio_codec(WEIGHTS / "audio-codec.safetensors"), AudioCodec)
    for folder in (wan_folder, wan_folder / "vae"):
        assert isinstance(load_video_codec(folder), WanCodec)
    for folder in (ltx_audio_folder, ltx_audio_folder / "audio_vae"):
        assert isinstance(load_audio_codec(folder), LTXAudioCodec)
    for folder in (mmaudio_folder, mmaudio_folder / "audio_vae"):
        assert isinstance(load_audio_codec(folder, ACCEPT), MMAudioCodec)


def test_the_shipped_codecs_keep_their_fingerprints():
    # Of the encoders' values: shards of latents name them.
    video, audio = VideoCodec.load(), AudioCodec.load()
    assert load_video_codec(WEIGHTS / "video-codec.safetensors").fingerprint == video.fingerprint
    assert load_audio_codec(WEIGHTS / "audio-codec.safetensors").fingerprint == audio.fingerprint


def test_weights_that_are_no_numbers_are_refused(wan_folder, tmp_path):
    """A codec's pictures would hide them: a byte is no NaN."""
    shutil.copytree(wan_folder / "vae", tmp_path / "vae")
    (file,) = (tmp_path / "vae").glob("*.safetensors")
    tensors = load_file(file)
    name = next(name for name in tensors if name.startswith("decoder.") and name.endswith("weight"))
    tensors[name].view(-1)[-1] = torch.nan
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(ValueError, match=f"expected finite numbers as weights, got others as {name} in {tmp_path}"):
        load_video_codec(tmp_path)
    codec = AudioCodec.load()
    codec.mean[3] = torch.inf
    codec.save(tmp_path / "audio.safetensors")
    with pytest.raises(ValueError, match=r"expected finite numbers as weights, got others as mean in"):
        load_audio_codec(tmp_path / "audio.safetensors")


def test_other_codecs_are_named(wan_folder, ltx_audio_folder, tmp_path):
    with pytest.raises(ValueError, match=r"expected a video codec, .* got jova-audio-codec@1 in"):
        load_video_codec(WEIGHTS / "audio-codec.safetensors")
    with pytest.raises(ValueError, match=r"expected an audio codec, .* got jova-video-codec@2 in"):
        load_audio_codec(WEIGHTS / "video-codec.safetensors")
    with pytest.raises(ValueError, match="got AutoencoderKLLTX2Audio in"):
        load_video_codec(ltx_audio_folder / "audio_vae")
    with pytest.raises(ValueError, match="got AutoencoderKLWan in"):
        load_audio_codec(wan_folder / "vae")
    save_file({"t": torch.ones(1)}, tmp_path / "other.safetensors")
    for path in (tmp_path, tmp_path / "other.safetensors"):
        for load in (load_video_codec, load_audio_codec):
            with pytest.raises(ValueError, match="got something else in"):
                load(path)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(ValueError, match="got UNet2DModel in"):
        load_video_codec(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", "3"])
def test_a_damaged_config_is_one_line(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"expected a JSON object with _class_name in .*config\.json"):
        load_video_codec(tmp_path)


def test_what_is_not_there_or_no_weights_is_one_line(tmp_path, ltx_audio_folder):
    with pytest.raises(FileNotFoundError, match=r"expected a codec at .*none, got no file or folder"):
        load_video_codec(tmp_path / "none")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match="which is neither"):
        load_audio_codec(tmp_path / "text.safetensors")
    shutil.copytree(ltx_audio_folder / "audio_vae", tmp_path / "audio_vae")
    with pytest.raises(
        FileNotFoundError, match=r"LTX2Vocoder or LTX2VocoderWithBWE saved, got no config\.json in .*vocoder"
    ):
        load_audio_codec(tmp_path)


def damaged(wan_folder, tmp_path, change):
    """A folder whose weights are changed."""
    folder = tmp_path / "vae"
    shutil.copytree(wan_folder / "vae", folder)
    path = folder / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return folder


def reshape(tensors):
    tensors["encoder.conv_in.weight"] = torch.zeros(3, 3, 3, 3, 3)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda tensors: tensors.pop("quant_conv.bias"), "quant_conv"),
        (lambda tensors: tensors.update(extra=torch.ones(1)), "unexpected tensors: 1, such as extra"),
        (reshape, r"encoder\.conv_in\.weight"),
    ],
)
def test_weights_that_are_not_the_networks_are_refused_and_never_random(wan_folder, tmp_path, change, fault, caplog):
    logging.getLogger("diffusers").addHandler(caplog.handler)
    folder = damaged(wan_folder, tmp_path, change)
    with pytest.raises(ValueError, match=rf"expected the weights of AutoencoderKLWan in .*{fault}"):
        load_video_codec(folder)
    logging.getLogger("diffusers").removeHandler(caplog.handler)
    assert not caplog.records  # diffusers logs the same in several lines.


def test_cut_or_pickled_weights_are_refused(wan_folder, tmp_path):
    folder = damaged(wan_folder, tmp_path, lambda tensors: None)
    path = folder / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="expected the weights of AutoencoderKLWan"):
        load_video_codec(folder)
    path.unlink()
    torch.save({}, folder / "diffusion_pytorch_model.bin")
    with pytest.raises(ValueError, match="expected the weights of AutoencoderKLWan"):
        load_video_codec(folder)


def test_damaged_statistics_are_one_line(mmaudio_folder, tmp_path):
    for part in ("audio_vae", "vocoder"):
        (tmp_path / part).symlink_to(mmaudio_folder / part)
    for content in (b"no tensors", None):
        path = tmp_path / "latents.safetensors"
        save_file({"mean": torch.zeros(40)}, path)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=r"expected mean and deviation of latents in .*latents\.safetensors"):
            load_audio_codec(tmp_path / "audio_vae", ACCEPT)  # Neighbours of a link are those of the link.


def test_without_diffusers_it_says_how_to_install_it(wan_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ModuleNotFoundError, match=r"need diffusers, .*: pip install 'jova-bench\[diffusers\]'"):
        load_video_codec(wan_folder)


def test_the_page_runs(wan_folder, tmp_path, monkeypatch, capsys):
    ltx_audio(base_channels=128, ch_mult=(1, 1, 1), latent_channels=8).save_pretrained(tmp_path / "ltx-2" / "audio_vae")
    ltx_vocoder().save_pretrained(tmp_path / "ltx-2" / "vocoder")
    (tmp_path / "wan2.1").symlink_to(wan_folder)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(ROOT / "docs" / "codecs.md", "python")
    exec(code, {})
    out = capsys.readouterr().out
    assert out.startswith("torch.Size([1, 19, 12, 8, 16]) torch.Size([1, 76, 128]) wan-")
    assert "ltx-audio-" in out
