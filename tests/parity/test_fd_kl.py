"""FD and KL of PANNs and PaSST: networks, what they are given, and clips without an answer."""

import zipfile

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import fd_kl as tagging
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.networks import checkpoint, panns, passt, shaped
from jova_bench.metrics.real_clips import RealClips
from support.clips import audio_clip
from support.every_asset import cnn14, panns_state, torchlibrosa_matrices
from support.memory_cache import MemoryCache
from support.upstream import fake, fake_state, parity

PANNS, PASST, KL, AUDIO = parity("panns"), parity("passt"), parity("kl"), parity("resample")


@pytest.fixture
def weights(tmp_path, own_assets):
    """Checkpoints like `Cnn14_16k_mAP=0.438.pth` and `passt-s-f128-p16-s10-ap.476-swa.pt`, with few channels."""
    files = {"panns-cnn14-16k": tmp_path / "Cnn14_16k.pth", "passt": tmp_path / "passt.pt"}
    cnn14(panns_state(), files["panns-cnn14-16k"])
    torch.save(fake_state(PASST["shapes"]), files["passt"])
    return own_assets(files)


# The networks


def test_the_spectrogram_matrices_are_torchlibrosas():
    for name, found in torchlibrosa_matrices().items():
        expected = PANNS["frontend"][name]
        assert found.double().norm().item() == pytest.approx(expected["norm"], rel=1e-5)
        some = found.reshape(len(found), -1)[3::40, 5::60].ravel()
        np.testing.assert_allclose(some.numpy(), expected["some"], atol=2e-5)


def test_cnn14_is_upstreams(weights):
    net = shaped.load(panns.Cnn14, weights["panns-cnn14-16k"], "cpu", "model")
    wave = fake((2, 24_000), "wave") * 0.1
    with torch.inference_mode():
        mel = net.log_mel(wave)
        embedding, logits = net(wave)
        short, _ = net(wave[:1, :8000])
    expected = PANNS["logmel"]
    assert list(mel[:, None].shape) == expected["shape"]
    np.testing.assert_allclose(mel[0, ::30, ::8].ravel().numpy(), expected["some"], rtol=1e-4)
    np.testing.assert_allclose(embedding.numpy(), PANNS["embedding"], rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(logits.numpy(), PANNS["logits"], rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(short[0].numpy(), PANNS["half_second"], rtol=1e-4, atol=2e-6)


def test_the_spectrogram_of_passt_is_upstreams():
    found = passt.spectrogram(fake((1, 400_000), "wave")[:, :96_000] * 0.1)
    expected = PASST["mel"]
    assert list(found.shape) == expected["shape"]
    assert expected["fmax"] == passt.HIGH_HZ
    np.testing.assert_allclose(found[0, ::16, ::40].ravel().numpy(), expected["some"], rtol=1e-4, atol=1e-5)
    assert found.double().norm().item() == pytest.approx(expected["norm"], rel=1e-6)


@pytest.mark.parametrize(("length", "samples"), [("ten_s", 320_000), ("three_s", 96_000), ("short", 8_000)])
def test_passt_is_upstreams(weights, length, samples):
    net = shaped.load(passt.PaSST, weights["passt"], "cpu")
    with torch.inference_mode():
        embedding, logits = net(fake((1, 400_000), "wave")[:, :samples] * 0.1)
    np.testing.assert_allclose(logits[0].numpy(), PASST[length]["logits"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embedding[0].numpy(), PASST[length]["embedding"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("network", "data"), [(panns.Cnn14, PANNS), (passt.PaSST, PASST)], ids=["panns", "passt"])
def test_the_published_networks_have_the_published_shapes(network, data):
    full = {name: tuple(shape) for name, shape in data["full_shapes"].items()}
    with torch.device("meta"):
        found = network(full).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == full
    last = "fc_audioset.weight" if network is panns.Cnn14 else "head.1.weight"
    assert full[last] == (527, 2048 if network is panns.Cnn14 else 768)


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"model": {"bn0.weight": torch.zeros(64)}}, tmp_path / "other.pth")
    with pytest.raises(Unavailable, match="weights unreadable: expected"):
        shaped.load(panns.Cnn14, tmp_path / "other.pth", "cpu", "model")
    with pytest.raises(Unavailable, match="weights unreadable: expected"):
        shaped.load(passt.PaSST, tmp_path / "other.pth", "cpu")


def test_arrays_in_a_checkpoint_are_read_under_either_of_numpys_names(tmp_path):
    path = tmp_path / "arrays.pth"
    torch.save({"model": {"a": torch.ones(2)}, "order": np.arange(4)}, path)
    assert (checkpoint.read(path)["order"] == np.arange(4)).all()
    # Before numpy 2 the module had another name.
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "old.pth", "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename.endswith("data.pkl"):
                assert b"numpy._core.multiarray" in content
                content = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            new.writestr(item.filename, content)
    assert (checkpoint.read(tmp_path / "old.pth")["order"] == np.arange(4)).all()


# What they are given


def test_longer_sound_is_heard_by_passt_ten_seconds_at_a_time():
    second = 32_000
    counted = np.arange(25 * second, dtype=np.float32)
    windows = tagging.clean_windows(audio_clip(counted, second), tagging.PASST)
    assert [len(one) for one in windows] == [10 * second] * 3
    assert [int(one[0]) for one in windows] == [0, 15 * second // 2, 15 * second]
    for seconds in (0.6, 10):
        (whole,) = tagging.clean_windows(audio_clip(counted[: int(seconds * second)], second), tagging.PASST)
        assert len(whole) == seconds * second
    (whole,) = tagging.clean_windows(audio_clip(counted[::2], 16_000), tagging.PANNS)
    assert len(whole) == 25 * 16_000


def test_av_benchmark_gives_passt_eight_seconds_and_two_of_silence():
    sound = audio_clip(fake((9 * 32_000,), "nine"), 32_000)
    (window,) = tagging.avbenchmark_windows(sound, tagging.PASST)
    assert len(window) == 320_000
    assert np.any(window[8 * 32_000 - 1])
    assert not window[8 * 32_000 :].any()
    (window,) = tagging.avbenchmark_windows(sound, tagging.PANNS)
    assert len(window) == 8 * 16_000


def test_padding_changes_what_passt_hears(weights):
    sound = audio_clip(fake((1, 400_000), "wave")[:, :96_000] * 0.1, 32_000)
    metric = tagging.kl_passt(MetricContext(NoCache(), "cpu"), "clean")
    logits = metric.embed(sound, NoCache())
    np.testing.assert_allclose(logits, PASST["three_s"]["logits"], rtol=1e-4, atol=1e-5)
    windows = [np.pad(sound.audio[0], (0, 320_000 - 96_000))]
    padded = tagging.mean_outputs(windows, tagging.PASST, MetricContext(NoCache()))["logits"]
    np.testing.assert_allclose(padded, PASST["three_s_padded"]["logits"], rtol=1e-4, atol=1e-5)
    assert np.abs(padded - logits).max() > 0.01


# The divergence


def test_divergence_by_hand():
    # Shares 1/4, 3/4 from 1/2, 1/2: 1/4 ln(1/2) + 3/4 ln(3/2) = -0.17329 + 0.30410
    real, made = np.log([1.0, 3.0]), np.zeros(2)
    assert tagging.divergence(real, made, 0) == pytest.approx(0.130812, abs=1e-6)
    assert tagging.divergence(made, real, 0) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-12)
    assert tagging.divergence(real + 1000, real - 1000, 0) == pytest.approx(0, abs=1e-12)
    assert tagging.divergence(real, real, 1e-6) == pytest.approx(-2e-6, rel=1e-3)  # ln of 1 + 1e-6 / share


def test_av_benchmarks_divergence_is_upstreams():
    made, real = (fake((4, 20), name).double().numpy() * 2 for name in ("made", "real"))
    found = [tagging.divergence(r, m, 0) for r, m in zip(real, made, strict=True)]
    assert np.mean(found) == pytest.approx(KL["avbenchmark"], rel=1e-5)


def verse_bench_sounds():
    return {
        "a": fake((32_000 * 5,), "a") * 0.2,
        "b": fake((32_000 * 17 + 5,), "b") * 0.05,
        "c": fake((32_000,), "c") * 0.3,
        "d": fake((32_000 * 5,), "d") * 0.1 + 0.3 * torch.sin(torch.arange(160_000) * 0.05),
    }


@pytest.mark.parametrize("pair", sorted(KL["versebench"]))
def test_verse_benchs_divergence_is_upstreams(weights, pair):
    made, real = (audio_clip(verse_bench_sounds()[name], 32_000, name * 64) for name in pair)
    outcome = tagging.kl_passt(MetricContext(NoCache(), "cpu"), "versebench").score(made, None, real)
    assert outcome.value == pytest.approx(KL["versebench"][pair], rel=2e-4, abs=2e-6)


# Bad input


@pytest.mark.parametrize("build", [tagging.kl_panns, tagging.kl_passt])
def test_pairs_without_an_answer(weights, build):
    metric = build(MetricContext(NoCache(), "cpu"), "clean")
    sound = audio_clip(fake((16_000,), "sound") * 0.1)
    cases = [
        (sound, None, "no reference clip"),
        (audio_clip(None), sound, "no audio stream"),
        (sound, audio_clip(None), "the reference: no audio stream"),
        (audio_clip(np.zeros(7_999)), sound, "too short: 0.50 s of sound, 0.5 s needed"),
        (audio_clip(np.zeros(0)), sound, "too short: 0.00 s"),
        (sound, audio_clip(np.zeros(4_000)), "the reference: too short"),
        (audio_clip(sound.audio, timing="reference"), sound, "is the reference"),
    ]
    for clip, reference, why in cases:
        outcome = metric.score(clip, None, reference)
        assert outcome.status == "undefined"
        assert outcome.reason.startswith(why)
    assert metric.score(sound, None, sound).value == pytest.approx(0, abs=1e-9)
    assert metric.score(audio_clip(np.zeros(16_000)), None, sound).value > 0  # Silence is named, too.


def test_verse_bench_has_no_answer_for_silence(weights):
    metric = tagging.kl_passt(MetricContext(NoCache(), "cpu"), "versebench")
    sound = audio_clip(fake((16_000,), "sound") * 0.1)
    assert metric.score(audio_clip(np.zeros(16_000)), None, sound).reason == "silent"
    assert metric.score(sound, None, audio_clip(np.zeros(16_000))).reason == "the reference is silent"


def test_missing_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    sound = audio_clip(np.zeros(16_000))
    for build, asset in ((tagging.kl_panns, "panns-cnn14-16k"), (tagging.kl_passt, "passt")):
        metric = build(MetricContext(NoCache(), "cpu"), "clean")
        assert metric.check() == f"weights missing: jova-bench assets pull {asset}"
        outcome = metric.score(sound, None, sound)
        assert (outcome.status, outcome.reason) == ("failed", metric.check())
    assert tagging.fd_passt(MetricContext(NoCache(), "cpu"), "clean").check().startswith("weights missing")


@pytest.mark.parametrize("rate", [8_000, 44_100])
@pytest.mark.parametrize("channels", [2, 6])
def test_any_rate_and_any_number_of_channels_is_heard(weights, rate, channels):
    tone = np.tile(np.sin(2 * np.pi * 440 * np.arange(rate) / rate) * 0.5, (channels, 1))
    reference = audio_clip(np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000) * 0.5)
    for build in (tagging.kl_panns, tagging.kl_passt):
        assert (
            build(MetricContext(NoCache(), "cpu"), "clean").score(audio_clip(tone, rate), None, reference).value < 0.02
        )


# Sets


def test_one_vector_a_clip_and_one_pass_for_both_metrics(weights, monkeypatch):
    passes = []
    whole = tagging.mean_outputs
    monkeypatch.setattr(tagging, "mean_outputs", lambda *given: passes.append(1) or whole(*given))

    cache = MemoryCache()
    clips = [audio_clip(fake((16_000,), f"{k}") * 0.1, digest=f"{k:064}") for k in range(4)]
    real = RealClips("real", tuple((clip.digest, lambda clip=clip: clip) for clip in clips[:2]), cache)
    fd = tagging.fd_panns(MetricContext(cache, "cpu", real), "avbenchmark")
    made = dist.stack([fd.features(clip) for clip in clips[2:]])
    assert made.shape == (2, 24)
    assert np.isfinite(fd.distance(made))
    assert len(passes) == 4
    tagging.kl_panns(MetricContext(cache, "cpu"), "avbenchmark").score(clips[2], None, clips[0])
    assert len(passes) == 4
    tagging.kl_panns(MetricContext(cache, "cpu"), "clean").score(clips[2], None, clips[0])
    assert len(passes) == 6
    with pytest.raises(Undefined, match="2 clips are fewer than 3 x d = 72"):
        tagging.fd_panns(MetricContext(cache, "cpu", real), "clean").distance(made)


def test_protocols_and_networks_have_identities_of_their_own(weights):
    kl = [
        build(MetricContext(NoCache(), "cpu"), p).spec.identity
        for build in (tagging.kl_panns, tagging.kl_passt)
        for p in tagging.VARIANTS
    ]
    fd = [
        build(MetricContext(NoCache(), "cpu"), p).spec.identity
        for build in (tagging.fd_panns, tagging.fd_passt)
        for p in ("clean", "avbenchmark")
    ]
    assert len(set(kl + fd)) == len(kl + fd)
