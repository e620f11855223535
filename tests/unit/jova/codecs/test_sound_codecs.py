"""What holds for every audio codec, and what is LTX-2's or MMAudio's alone."""

import math
from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch

from jova.codecs import AudioCodec, AudioCodecConfig
from jova.codecs.loading import load_audio_codec
from jova.codecs.ltx_audio import LTXAudioCodec
from jova.codecs.mmaudio import MMAudioCodec
from jova.codecs.resample import resample
from support.tiny_codecs import bigvgan, ltx_audio, ltx_vocoder, mmaudio_vae

AHEAD = {"ours": 256 / 16_000, "ltx": 512 / 16_000 + 0.001}
"""Seconds that a causal codec's analysis hears ahead: half a window, and half the resampling filter."""
CASES = [*AHEAD, "mmaudio"]
PRETRAINED = ["ltx", "mmaudio"]
ACCEPT = ("non-commercial",)


@pytest.fixture(scope="module")
def paths(tmp_path_factory, ltx_audio_folder, mmaudio_folder):
    torch.manual_seed(0)
    codec = AudioCodec(AudioCodecConfig(channels=8, iterations=2))
    codec.fit(torch.randn(700, 640))
    path = tmp_path_factory.mktemp("ours") / "audio-codec.safetensors"
    codec.save(path)
    return {"ours": path, "ltx": ltx_audio_folder, "mmaudio": mmaudio_folder}


@pytest.fixture(scope="module")
def codecs(paths):
    return {name: load_audio_codec(path, ACCEPT) for name, path in paths.items()}


def noise(samples: int, batch: int = 1) -> torch.Tensor:
    return 0.2 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(samples))


def covered(codec, tokens: int) -> int:
    """Samples that a number of tokens covers."""
    return int(codec.stream.units(tokens) * codec.sample_rate_hz / codec.stream.units_per_s)


def test_rates_are_those_of_the_published_networks(codecs):
    assert codecs["ltx"].sample_rate_hz == 24_000
    assert codecs["ltx"].stream.tokens_per_s == 25
    assert float(codecs["mmaudio"].stream.tokens_per_s) == pytest.approx(43.07, abs=0.005)
    assert not codecs["mmaudio"].stream.causal
    small = MMAudioCodec(mmaudio_vae(80), bigvgan(80))
    assert float(small.stream.tokens_per_s) == 31.25
    assert small.channels == 20
    assert codecs["mmaudio"].channels == 40


@pytest.mark.parametrize("name", CASES)
def test_the_fewest_tokens_cover_the_sound_and_their_sound_is_at_least_as_long(codecs, name):
    codec = codecs[name]
    exact = covered(codec, 4)
    for samples, tokens in ((1, 1), (covered(codec, 1), 1), (exact, 4), (exact + 1, 5), (exact - 1, 4)):
        code = codec.encode(noise(samples, 2))
        assert code.shape == (2, tokens, codec.channels)
        assert code.dtype == torch.float32
        assert codec.stream.tokens_in(Fraction(samples, codec.sample_rate_hz)) == tokens
    back = codec.decode(code)
    assert back.shape == (2, covered(codec, 4))
    assert back.dtype == torch.float32
    assert back.abs().max() <= 1


@pytest.mark.parametrize("name", CASES)
def test_silence_fills_the_last_token(codecs, name):
    codec = codecs[name]
    whole = covered(codec, 6)
    sound = noise(whole - 301)
    padded = torch.nn.functional.pad(sound, (0, 301))
    torch.testing.assert_close(codec.encode(sound), codec.encode(padded))


@pytest.mark.parametrize("name", AHEAD)
@pytest.mark.parametrize("token", [1, 4])
def test_sound_moves_no_token_before_its_own(codecs, name, token):
    codec = codecs[name]
    sound = noise(covered(codec, 9))
    start = math.ceil((float(codec.stream.span_s(token)[0]) + AHEAD[name]) * codec.sample_rate_hz)
    other = sound.clone()
    other[:, start:] *= -3
    changed = (codec.encode(sound) - codec.encode(other)).abs().amax(dim=(0, 2)) > 1e-4
    assert changed.tolist() == [index >= token for index in range(9)]


def test_every_token_of_mmaudio_hears_the_whole_clip(codecs):
    codec = codecs["mmaudio"]
    sound = noise(covered(codec, 9))
    other = sound.clone()
    other[:, -1000:] *= -3
    assert ((codec.encode(sound) - codec.encode(other)).abs().amax(dim=(0, 2)) > 1e-6).all()


@pytest.mark.parametrize("name", CASES)
def test_a_clip_does_not_depend_on_its_batch(codecs, name):
    clips = noise(covered(codecs[name], 3), 3)
    code = codecs[name].encode(clips)
    torch.testing.assert_close(codecs[name].encode(clips[1:2]), code[1:2])
    assert torch.equal(codecs[name].decode(code[1:2]), codecs[name].decode(code)[1:2])


@pytest.mark.parametrize("name", CASES)
def test_a_stored_codec_makes_the_same_tokens(codecs, name, tmp_path):
    codec, sound = codecs[name], noise(5_000)
    codec.save(tmp_path / "again.safetensors")  # A folder, where the codec is one.
    again = load_audio_codec(tmp_path / "again.safetensors", ACCEPT)
    tokens = codec.encode(sound)
    torch.testing.assert_close(again.encode(sound), tokens, atol=0 if name in PRETRAINED else 0.01, rtol=0)
    assert again.decode(tokens).shape == codec.decode(tokens).shape
    if name in PRETRAINED:
        assert torch.equal(again.decode(tokens), codec.decode(tokens))
    assert again.fingerprint == codec.fingerprint


@pytest.mark.parametrize(
    ("name", "encodes", "decodes"),
    [
        ("ltx", "vae.latents_std", "vae.decoder.conv_in.conv.weight"),
        ("mmaudio", "vae.vae.data_mean", "conv_pre.weight"),
    ],
)
def test_the_fingerprint_is_of_what_encodes(codecs, paths, name, encodes, decodes):
    found = []
    for ending in (encodes, decodes):
        codec = load_audio_codec(paths[name], ACCEPT)
        tensor = next(value for key, value in codec.state_dict().items() if key.endswith(ending))
        tensor[(0,) * tensor.ndim] += 1
        found.append(type(codec)(codec.vae, codec.vocoder).fingerprint)
    assert found[0] != codecs[name].fingerprint
    assert found[1] == codecs[name].fingerprint


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_callers_precision_does_not_matter_and_the_codecs_own_does(paths, name):
    codec = load_audio_codec(paths[name], ACCEPT)
    sound = noise(covered(codec, 5))
    code = codec.encode(sound)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(codec.encode(sound), code)
    before = codec.fingerprint
    half = codec.to(torch.bfloat16)
    coarse = half.encode(sound)
    assert coarse.dtype == half.decode(coarse).dtype == torch.float32
    assert 0 < (coarse - code).abs().mean() < 0.05 * code.abs().mean() + 0.02
    assert half.fingerprint == before


def test_bad_sound_and_tokens_are_refused(codecs):
    for name in PRETRAINED:
        for bad in (torch.zeros(1, 0), torch.zeros(5), torch.zeros(1, 5, dtype=torch.int16)):
            with pytest.raises(ValueError, match=r"^expected audio \(B, N\)"):
                codecs[name].encode(bad)
        with pytest.raises(ValueError, match=r"expected latents \(B, A, \d+\), got \(1, 2, 3\)"):
            codecs[name].decode(torch.zeros(1, 2, 3))


def ltx_spectra(monkeypatch, codec, spectra):
    """Has the codec encode these spectra (B, m, bands) in place of its analysis."""
    monkeypatch.setattr(LTXAudioCodec, "log_mel", lambda self, audio: spectra)
    return codec.encode(torch.zeros(1, spectra.shape[1] * 240))


@pytest.mark.parametrize("spectrum", [0, 1, 4, 5, 8])
def test_spectrum_f_of_ltx_first_moves_token_f_over_4_rounded_up(codecs, monkeypatch, spectrum):
    spectra = torch.randn(1, 9, 64)
    other = spectra.clone()
    other[:, spectrum] += 1
    one, two = (ltx_spectra(monkeypatch, codecs["ltx"], each) for each in (spectra, other))
    changed = (one - two).abs().amax(dim=(0, 2)) > 1e-6
    assert changed.nonzero().flatten()[0] == math.ceil(spectrum / 4)


def test_ltx_normalises_tokens_and_packs_them_channel_by_channel(monkeypatch):
    codec = LTXAudioCodec(ltx_audio(base_channels=32, latent_channels=2), ltx_vocoder())
    unit = torch.randn(1, 7, 32)
    mode = (codec.vae.latents_mean + codec.vae.latents_std * unit).unflatten(2, (2, 16)).transpose(1, 2)
    monkeypatch.setattr(codec.vae, "encode", lambda x: SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: mode)))
    code = codec.encode(noise(6_000))
    torch.testing.assert_close(code, unit, atol=1e-5, rtol=1e-5)
    given = []
    spectra = torch.zeros(1, 2, 25, 64)
    monkeypatch.setattr(codec.vae, "decode", lambda z: given.append(z) or SimpleNamespace(sample=spectra))
    codec.decode(code)
    torch.testing.assert_close(given[0], mode, atol=1e-5, rtol=1e-5)


def test_the_analysis_of_ltx_is_torchaudios(codecs):
    # A quiet sum of 220 Hz and 3 kHz. The numbers are those of torchaudio 2.11's functions, set as LTX-2's code sets
    # them: spectrogram, melscale_fbanks, and the logarithm of at least 1e-5.
    time = torch.arange(4000.0) / 16_000
    sound = 0.1 * (2 * math.pi * 220 * time).sin() + 0.05 * (2 * math.pi * 3000 * time).sin()
    mel = codecs["ltx"].log_mel(sound[None])
    assert mel.shape == (1, 26, 64)
    wanted = torch.tensor(
        [
            [-1.8228, -1.1613, -2.0540, -5.5792, -4.1823, -4.4627, -6.0175],
            [-9.2148, -3.8463, -7.4999, -11.5129, -11.5129, -11.5129, -11.5129],
            [-1.8451, -1.1605, -2.0346, -7.7575, -5.0742, -5.3403, -6.8131],
        ]
    )
    torch.testing.assert_close(mel[0, [0, 12, 25]][:, [0, 5, 6, 30, 47, 48, 63]], wanted, atol=2e-4, rtol=0)


def test_resampling_keeps_tones_in_time_and_removes_what_would_alias():
    # Values of torchaudio 2.11's `resample` of the same.
    ours = resample((torch.arange(48.0) / 48).sin()[None], 24_000, 16_000)
    torch.testing.assert_close(
        ours[0, [0, 5, 16, 31]], torch.tensor([0.0020, 0.1557, 0.4796, 0.8615]), atol=1e-4, rtol=0
    )
    for rate, wanted in ((24_000, 16_000), (48_000, 16_000), (16_000, 24_000), (44_100, 16_000)):
        tone = resample((2 * math.pi * 1000 * torch.arange(float(rate)) / rate).sin()[None], rate, wanted)
        again = (2 * math.pi * 1000 * torch.arange(float(wanted)) / wanted).sin()[None]
        assert tone.shape == again.shape
        assert (tone - again)[:, 50:-50].abs().max() < 2e-3
    high = resample((2 * math.pi * 11_000 * torch.arange(24_000.0) / 24_000).sin()[None], 24_000, 16_000)
    assert high[:, 50:-50].abs().max() < 0.01


@pytest.mark.parametrize(
    ("vae", "vocoder", "fault"),
    [
        ({"causality_axis": "width"}, {}, "expected causality_axis 'height'.*got 'width' and 3"),
        ({"ch_mult": (1, 1)}, {}, "got 'height' and 2"),
        ({"base_channels": 32}, {}, r"of 16 channels, got \(32,\) and \(32,\)"),
        ({}, {"upsample_factors": [6, 5, 2, 2, 1], "upsample_kernel_sizes": [16, 15, 8, 4, 3]}, "240 .*got 120"),
    ],
)
def test_networks_of_ltx_that_do_not_fit_are_refused(vae, vocoder, fault):
    with pytest.raises(ValueError, match=fault):
        LTXAudioCodec(ltx_audio(**vae), ltx_vocoder(**vocoder))


def test_bandwidth_extension_raises_the_rate():
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE

    small = {"hidden_channels": 64, "resnet_kernel_sizes": [3], "resnet_dilations": [[1]]}
    vocoder = LTX2VocoderWithBWE(**small, **{f"bwe_{name}": value for name, value in small.items()}).eval()
    codec = LTXAudioCodec(ltx_audio(), vocoder)
    assert codec.sample_rate_hz == 48_000
    assert codec.decode(codec.encode(noise(4_800))).shape == (1, 13 * 480)  # 10 spectra need 4 tokens, of 13 spectra.


def test_statistics_of_mmaudio_are_its_generators_or_the_scaling_factor():
    vae, vocoder, sound = mmaudio_vae(80), bigvgan(80), noise(8192)
    with torch.no_grad():
        mode = vae.encode(sound).latent_dist.mode().transpose(1, 2)
    torch.testing.assert_close(MMAudioCodec(vae, vocoder).encode(sound), mode * 0.417, atol=1e-5, rtol=1e-4)
    mean, deviation = torch.randn(20), torch.rand(20) + 0.5
    codec = MMAudioCodec(vae, vocoder, (mean, deviation))
    torch.testing.assert_close(codec.encode(sound), (mode - mean) / deviation, atol=1e-5, rtol=1e-4)
    assert codec.fingerprint != MMAudioCodec(vae, vocoder).fingerprint
    with pytest.raises(ValueError, match=r"of 20 channels, got \(5,\) and \(5,\)"):
        MMAudioCodec(vae, vocoder, (torch.zeros(5), torch.ones(5)))
    # A generator that was never trained has no statistics: they are no numbers.
    with pytest.raises(ValueError, match="expected finite means"):
        MMAudioCodec(vae, vocoder, (torch.full((20,), torch.nan), torch.ones(20)))
    with pytest.raises(ValueError, match="256 samples of a spectrum, got 512"):
        MMAudioCodec(vae, bigvgan(128))


def test_mmaudio_is_loaded_after_its_terms_are_accepted(paths):
    for accept in ((), ("agpl",)):
        with pytest.raises(
            PermissionError, match=r"CC-BY-NC-4\.0.*--accept non-commercial, or accept=\('non-commercial',\) in Python"
        ):
            load_audio_codec(paths["mmaudio"], accept)
