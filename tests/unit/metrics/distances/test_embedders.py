"""The embedders behind FVD and FAD: damage that people notice moves real clips away from the reference set."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from evaluators import damage
from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import base as set_distance
from jova_bench.metrics.distances import embedded as sets_
from jova_bench.metrics.distances.audio_embedding import embed_audio
from jova_bench.metrics.distances.video_embedding import embed_video
from jova_bench.metrics.networks import embedded as nets
from jova_bench.suites.loading import load_suite


def displacement(embed, clips: list[Clip], damaged: list[Clip], reference: np.ndarray) -> float:
    """Squared Mahalanobis length, in the reference clips' covariance, of the mean way from each clip to its damage.

    It is the part of a Frechet distance that ten clips suffice for; clips as they are have 0.
    """
    ways = [embed(bad, NoCache()) - embed(good, NoCache()) for good, bad in zip(clips, damaged, strict=True)]
    mean = np.mean(ways, axis=0)
    return float(mean @ np.linalg.solve(np.cov(reference.T), mean))


@pytest.mark.parametrize("kind", damage.VIDEO)
def test_damaged_pictures_move_away(real_clips: list[Clip], reference_features, kind: str):
    rng = np.random.default_rng(0)

    def damaged(clip: Clip) -> Clip:
        seen = damage.VIDEO[kind](nets.pictures(clip.frames, "cpu"), 0.9, rng).clamp(0, 1)
        frames = (seen.movedim(1, 3).numpy() * 255).round().astype(np.uint8)
        return replace(clip_from_arrays(frames, clip.fps, clip.audio, clip.sample_rate_hz), in_domain=True)

    bad = [damaged(clip) for clip in real_clips]
    assert displacement(embed_video, real_clips, bad, reference_features["video"]) > 3


@pytest.mark.parametrize("kind", damage.AUDIO)
def test_damaged_sound_moves_away(real_clips: list[Clip], reference_features, kind: str):
    rng = np.random.default_rng(0)

    def damaged(clip: Clip) -> Clip:
        audio = damage.AUDIO[kind](clip.audio[0], 0.9, rng)[None]
        return replace(clip_from_arrays(clip.frames, clip.fps, audio, clip.sample_rate_hz), in_domain=True)

    bad = [damaged(clip) for clip in real_clips]
    assert displacement(embed_audio, real_clips, bad, reference_features["audio"]) > 3


@pytest.mark.slow
def test_shuffled_frames_raise_fvd_and_noise_and_filtering_raise_fad():
    suite, rng = load_suite("embedded"), np.random.default_rng(0)
    real = [replace(media.read(suite.path(str(p.reference))), in_domain=True) for p in suite.prompts[:100]]
    remake = partial(clip_from_arrays, fps=real[0].fps, sample_rate_hz=16_000)
    sets = {"real": real}
    sets["shuffled"] = [remake(clip.frames[rng.permutation(len(clip.frames))], audio=clip.audio) for clip in real]
    for kind in ("hiss", "lowpass"):
        sets[kind] = [remake(clip.frames, audio=damage.AUDIO[kind](clip.audio[0], 0.3, rng)[None]) for clip in real]

    def distance(name: str, metric: set_distance.SetDistance) -> float:
        return metric.distance(np.stack([metric.features(replace(clip, in_domain=True)) for clip in sets[name]]))

    fvd = sets_.build(MetricContext(NoCache(), "cpu"), "fvd", "embedded-reference")
    fad = sets_.build(MetricContext(NoCache(), "cpu"), "fad", "embedded-reference")
    assert distance("shuffled", fvd) > 5 * distance("real", fvd)
    for kind in ("hiss", "lowpass"):
        assert distance(kind, fad) > 3 * distance("real", fad)


def test_embeddings_ignore_the_other_modality(real_clips: list[Clip]):
    first, second = real_clips[:2]
    mixed = clip_from_arrays(first.frames, first.fps, second.audio, second.sample_rate_hz)
    mixed = replace(mixed, in_domain=True)
    np.testing.assert_array_equal(embed_video(mixed, NoCache()), embed_video(first, NoCache()))
    np.testing.assert_array_equal(embed_audio(mixed, NoCache()), embed_audio(second, NoCache()))


def test_what_cannot_be_embedded_says_so(real_clips: list[Clip]):
    clip = real_clips[0]
    with pytest.raises(Undefined, match="outside the embedded domain"):
        embed_video(replace(clip, in_domain=False), NoCache())
    with pytest.raises(Undefined, match="no video stream"):
        embed_video(replace(clip, frames=None), NoCache())
    with pytest.raises(Undefined, match="no audio stream"):
        embed_audio(replace(clip, audio=None), NoCache())
    with pytest.raises(Undefined, match="too short: 15 frames, at least 16 needed"):
        embed_video(replace(clip, frames=clip.frames[:15]), NoCache())


@pytest.mark.parametrize("kind", damage.VIDEO)
def test_video_damage_keeps_the_shape(kind: str):
    frames = torch.rand(20, 3, 64, 64)
    damaged = damage.VIDEO[kind](frames, 0.5, np.random.default_rng(0))
    assert damaged.shape == frames.shape
    assert not torch.equal(damaged, frames)


@pytest.mark.parametrize("kind", damage.AUDIO)
def test_audio_damage_keeps_the_length(kind: str):
    audio = np.random.default_rng(1).standard_normal(46720).astype(np.float32)
    damaged = damage.AUDIO[kind](audio, 0.5, np.random.default_rng(0))
    assert damaged.shape == audio.shape
    assert damaged.dtype == np.float32
    assert not np.array_equal(damaged, audio)


def test_weights_survive_their_file(tmp_path):
    config = {"width": 32}
    net = nets.AudioEmbedder(config).eval()
    nets.save(net, config, tmp_path / "net.safetensors")
    again = nets.read(tmp_path / "net.safetensors")
    mel = torch.randn(2, 292, nets.MELS) - 10
    assert nets.read_config(tmp_path / "net.safetensors") == {"kind": "AudioEmbedder", "width": 32}
    torch.testing.assert_close(again(mel), net(mel), atol=2e-2, rtol=2e-2)  # half precision: 11 bits
