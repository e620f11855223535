"""FAD and KAD of the standard profile: spectrogram, network, protocols, and clips without an answer."""

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media import files as media
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import base as set_distance
from jova_bench.metrics.distances import fad as vggish
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.distances import listening
from jova_bench.metrics.networks import shaped
from jova_bench.metrics.networks import vggish as network
from jova_bench.metrics.real_clips import RealClips
from jova_bench.metrics.signal.htk_mel import htk_bands
from support.clips import audio_clip
from support.upstream import fake, fake_state, parity

UPSTREAM, FAD, AUDIO = parity("vggish"), parity("fad"), parity("resample")


@pytest.fixture
def weights(tmp_path, own_assets):
    """A checkpoint like `vggish-10086976.pth`, with a sixteenth of the channels and 16 outputs."""
    path = tmp_path / "vggish.pth"
    torch.save(fake_state(UPSTREAM["shapes"]), path)
    own_assets({"vggish": path})
    return path


# The spectrogram


def test_patches_are_upstreams():
    expected = UPSTREAM["examples"]
    found = network.patches(fake((50_000,), "wave").numpy() * 0.1)
    assert list(found.shape) == expected["shape"]
    np.testing.assert_allclose(found[1, 0, ::24, ::8].ravel(), expected["some"], rtol=2e-5, atol=1e-6)
    assert found.mean(dtype=np.float64) == pytest.approx(expected["mean"], rel=1e-6)
    assert np.linalg.norm(found.astype(np.float64)) == pytest.approx(expected["norm"], rel=1e-6)


@pytest.mark.parametrize("samples", sorted(map(int, UPSTREAM["patches"])))
def test_the_number_of_patches_is_upstreams(samples):
    assert len(network.patches(np.zeros(samples, np.float32))) == UPSTREAM["patches"][str(samples)]


def test_five_seconds_are_five_patches_and_less_than_one_is_none():
    assert network.patches(np.zeros(80_000, np.float32)).shape == (5, 1, 96, 64)
    assert network.MIN_SAMPLES == vggish.MIN_SAMPLES
    for samples in (0, 100, network.MIN_SAMPLES - 1):
        assert network.patches(np.zeros(samples, np.float32)).shape == (0, 1, 96, 64)


def test_silence_is_the_logarithm_of_the_floor_and_a_tone_lies_in_its_band():
    assert np.unique(network.patches(np.zeros(16_000, np.float32))) == pytest.approx([np.log(0.01)])
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    # mel(f) = 1127 ln(1 + f / 700): 125 Hz is 185.2, 7500 Hz 2774.2, 1000 Hz 1000.0; bands are 39.83 apart, so
    # 1000 Hz lies 20.46 bands above the lower edge, nearest to the peak of the band with index 19.
    assert network.patches(tone)[0, 0].mean(axis=0).argmax() == 19


def test_mel_bands_peak_once_and_meet():
    bands = htk_bands(64, 512, 16_000, 125, 7500)
    assert bands.shape == (64, 257)
    assert (bands[:, 0] == 0).all()
    assert (bands[:, -1] == 0).all()
    inner = bands[:, 10:230].sum(axis=0)  # 312 Hz to 7.2 kHz
    np.testing.assert_allclose(inner, 1, atol=1e-12)


# The network


def test_embeddings_are_upstreams_without_their_relu(weights):
    found = vggish.embeddings(fake((50_000,), "wave").numpy() * 0.1, MetricContext(NoCache()))
    np.testing.assert_allclose(found, UPSTREAM["raw"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.maximum(found, 0), UPSTREAM["activated"], rtol=1e-4, atol=1e-6)


def test_the_published_network_has_the_published_shapes():
    full = {name: tuple(shape) for name, shape in UPSTREAM["full_shapes"].items()}
    with torch.device("meta"):
        found = network.VGGish(full).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == full
    assert full["embeddings.4.weight"] == (128, 4096)


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"features.0.weight": torch.zeros(4, 1, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(Unavailable, match=r"weights unreadable: expected 'features\.3\.weight'"):
        shaped.load(network.VGGish, tmp_path / "other.pth", "cpu")


# Protocols


def test_av_benchmark_hears_what_upstream_gives_its_networks():
    stereo = (fake((2, 48_000 * 9), "stereo") * 0.3 + 0.05).numpy()
    found = listening.avbenchmark(audio_clip(stereo, 48_000), 16_000)
    expected = AUDIO["avbenchmark"]
    assert len(found) == expected["length"] == 8 * 16_000
    np.testing.assert_allclose([*found[::16_000], *found[-4:]], expected["some"], atol=1e-6)
    assert np.linalg.norm(found) == pytest.approx(expected["norm"], rel=1e-5)


def test_fadtk_hears_sixteen_bits_and_at_least_a_second():
    stereo = (fake((2, 48_000 * 9), "stereo") * 0.3 + 0.05).numpy()[:, :24_000]
    found = vggish.fadtk_audio(audio_clip(stereo, 48_000))
    expected = AUDIO["fadtk"]
    assert len(found) == expected["length"] == 16_000
    # A rounding of the resampled signal may cross a level.
    np.testing.assert_allclose(found[:12_000:500], expected["some"], atol=1.01 / 32768)
    assert np.linalg.norm(found) == pytest.approx(expected["norm"], rel=1e-5)


def half_precision_sets():
    base = [
        (fake((3 + i % 3, 16), f"base{i}") * 1.2 + 5 + 0.3 * fake((1, 16), f"clip{i}")).numpy().astype(np.float16)
        for i in range(40)
    ]
    made = [(fake((5, 16), f"eval{i}") + 5.1).numpy().astype(np.float16) for i in range(130)]
    return dist.stack(made), dist.stack(base)


def test_fad_inf_of_fadtk_is_upstreams_with_its_half_precision_and_its_draws():
    made, base = half_precision_sets()
    metric = vggish.build(MetricContext(NoCache(), "cpu"), "fad", "fadtk").against(base)
    assert metric.distance(made) == pytest.approx(FAD["score"], rel=1e-6)
    details = metric.details(made)
    assert details["measured"] == pytest.approx(FAD["plain"], rel=1e-6)
    assert (details["n"], details["vectors"]) == (130, 650)


def test_av_benchmarks_distance_is_upstreams_however_few_the_clips():
    made, base = half_precision_sets()
    for protocol in ("avbenchmark", "gudgud96"):
        metric = vggish.build(MetricContext(NoCache(), "cpu"), "fad", protocol)
        assert metric.against(base).distance(made) == pytest.approx(FAD["avbench_fd"], rel=1e-6)
        few = metric.against(dist.clustered(base).rows[:12])
        assert few.distance(dist.clustered(made).rows[:10]) == pytest.approx(FAD["avbench_few"], rel=1e-6)
    ours = vggish.build(MetricContext(NoCache(), "cpu"), "fad", "clean").against(base)
    with pytest.raises(Undefined, match="the reference set's 40 clips are fewer than 3 x d = 48"):
        ours.distance(made)


def test_protocols_have_identities_of_their_own(weights):
    identities = {vggish.build(MetricContext(NoCache(), "cpu"), "fad", name).spec.identity for name in vggish.VARIANTS}
    assert len(identities) == 4
    assert all(assets.asset_table().digest("vggish") in identity for identity in identities)
    kinds = {
        name: vggish.build(MetricContext(NoCache(), "cpu"), "fad", name).spec.params["reference"]
        for name in vggish.VARIANTS
    }
    assert kinds == {
        "clean": "suite:none", "avbenchmark": "prompts:none", "gudgud96": "suite:none", "fadtk": "suite:none",
    }  # fmt: skip


# Bad input


@pytest.mark.parametrize(
    ("clip", "why"),
    [
        (audio_clip(None), "no audio stream"),
        (audio_clip(np.zeros(15_599)), "too short: 0.9749 s of sound, 0.975 s needed"),
        (audio_clip(np.zeros(0)), "too short: 0.0000 s"),
        (audio_clip(np.zeros(7_000), 8_000), "too short: 0.8750 s"),
    ],
)
def test_too_little_sound_is_undefined(weights, clip, why):
    with pytest.raises(Undefined, match=why):
        vggish.build(MetricContext(NoCache(), "cpu"), "fad", "clean").features(clip)


def test_missing_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    metric = vggish.build(MetricContext(NoCache(), "cpu"), "kad", "clean")
    assert metric.check() == "weights missing: jova-bench assets pull vggish"
    with pytest.raises(Unavailable, match="weights missing"):
        metric.features(audio_clip(np.zeros(16_000)))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_any_number_of_channels_is_heard(weights, rate, channels):
    seconds = np.arange(2 * rate) / rate
    tone = np.tile(np.sin(2 * np.pi * 440 * seconds) * 0.5, (channels, 1))
    metric = vggish.build(MetricContext(NoCache(), "cpu"), "fad", "clean")
    at_16k = np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000) * 0.5
    expected = metric.features(audio_clip(at_16k))
    assert expected.shape == (2, 16)
    np.testing.assert_allclose(metric.features(audio_clip(tone, rate)), expected, atol=0.02)


def test_silence_has_an_embedding_and_not_that_of_sound(weights):
    metric = vggish.build(MetricContext(NoCache(), "cpu"), "kad", "clean")
    silent, loud = (metric.features(audio_clip(fake((16_000,), "noise") * level)) for level in (0, 0.3))
    assert np.isfinite(silent).all()
    assert np.linalg.norm(silent - loud) > 0.05


# End to end


def noise(seed, level):
    rng = np.random.default_rng(seed)
    return audio_clip(rng.normal(0, level, 16_000 + 16_000 * (seed % 2)), digest=f"{seed:064}")


def test_louder_noise_is_farther_from_the_real_clips(weights, monkeypatch):
    monkeypatch.setattr(set_distance, "CLIPS_PER_DIMENSION", 1)
    real = RealClips(
        "real", tuple((f"{seed:064}", lambda seed=seed: noise(seed, 0.1)) for seed in range(20)), NoCache()
    )
    for name in ("fad", "kad"):
        metric = vggish.build(MetricContext(NoCache(), "cpu", real), name, "clean")
        same, louder, loudest = (
            metric.distance(dist.stack([metric.features(noise(seed, level)) for seed in range(100, 120)]))
            for level in (0.1, 0.2, 0.5)
        )
        assert same < louder < loudest
    with pytest.raises(Undefined, match="is a clip of the reference set"):
        metric.features(noise(3, 0.1))


@pytest.mark.weights
def test_a_tone_has_the_published_embedding():
    """tensorflow/models research/audioset/vggish/vggish_smoke_test.py: 3 s of 1 kHz at 44.1 kHz, after a ReLU."""
    if why := assets.asset_table().missing("vggish"):
        pytest.skip(why)
    tone = np.sin(2 * np.pi * 1000 * np.linspace(0, 3, 3 * 44_100))
    sound = listening.clean(audio_clip(tone, 44_100), 16_000)
    found = np.maximum(vggish.embeddings(sound, MetricContext(NoCache())), 0)
    assert found.shape == (3, 128)
    assert (found.mean(), found.std()) == pytest.approx((0.131, 0.238), rel=0.02)


def sines(count, noise=0.0):
    """(count, 96000) tones of 6 s, with noise, in 16 bits that overflow where the noise goes beyond full scale."""
    stream = np.random.RandomState(0)
    tones = np.sin(2 * np.pi * np.linspace(100, 1000, count)[:, None] * np.linspace(0, 6, 96_000))
    noisy = tones + stream.normal(0, 1, tones.shape) * noise * np.abs(tones).max(axis=1, keepdims=True)
    return (2**15 * noisy).astype(np.int64).astype(np.int16) / np.float32(2**15)


def test_full_scale_and_noise_overflow_into_clicks():
    clean, noisy = sines(5), sines(5, 1e-4)
    assert np.abs(np.diff(clean)).max() < 0.5
    assert np.abs(np.diff(noisy)).max() > 1.9


@pytest.mark.weights
@pytest.mark.parametrize(("noise", "published"), [(1e-4, 12.7398), (1e-5, 4.9815)])
def test_noisy_tones_are_as_far_as_is_published(noise, published):
    """gudgud96/frechet-audio-distance README: the sets of google-research frechet_audio_distance/gen_test_files.py.

    The noise there has no seed. Google's own network gave 12.4375 and 4.7680.
    """
    if why := assets.asset_table().missing("vggish"):
        pytest.skip(why)
    metric = vggish.build(MetricContext(NoCache(), "cpu"), "fad", "gudgud96")
    real, made = (
        dist.stack([metric.features(audio_clip(tone)) for tone in some]) for some in (sines(10), sines(5, noise))
    )
    assert metric.against(real).distance(made) == pytest.approx(published, rel=0.05)


@pytest.mark.weights
def test_fadtks_own_samples_are_as_far_as_is_published():
    """microsoft/fadtk @ec74b1f fadtk/test/samples_FAD_scores.csv, FAD_vggish_fma_pop of all samples and of one.

    Needs the weights, and in a folder `fadtk` beside them that repository's fadtk/test/samples/*.opus and
    fadtk/stats/fma_pop.npz.
    """
    folder = assets.asset_table().path("vggish").with_name("fadtk")
    files = sorted(folder.glob("*.opus"))
    if why := assets.asset_table().missing("vggish") or (None if len(files) == 23 else f"no samples in {folder}"):
        pytest.skip(why)
    with np.load(folder / "fma_pop.npz") as popular:
        base = dist.Gaussian(popular["vggish.mu"], popular["vggish.cov"])
    metric = vggish.build(MetricContext(NoCache(), "cpu"), "fad", "fadtk")
    found = {file.stem: metric.features(media.read(file)) for file in files}
    # Moments as upstream gathers them, of what is to be scored instead of what it is compared with.
    for names, published in ((list(found), 5.121900), (["mg-1634"], 21.193698)):
        made = metric.against(dist.stack([found[name] for name in names]))._online
        assert dist.frechet_gaussians(base, made) == pytest.approx(published, rel=0.02), names
