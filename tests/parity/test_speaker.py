"""Speaker similarity: both networks against their originals on random checkpoints, and what a voice needs."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.media import files as media
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import ecapa, wavlm_sv
from jova_bench.metrics.speech import recognition, voices
from jova_bench.prompts import Prompt
from support import voice_files
from support.clips import audio_clip
from support.memory_cache import MemoryCache
from support.spoken_clips import spoken
from support.upstream import fake, parity

PARITY = parity("ecapa")
WAVLM, CONFIG, PREPROCESSOR = voices.WAVLM.files


def sound(count):
    swell = np.sin(np.arange(count) / 16_000 * 9)
    return (fake((count,), f"voice {count}").numpy() * 0.1 * swell).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """In one folder, as transformers reads them."""
    folder = tmp_path_factory.mktemp("voices")
    found = {name: folder / assets.published()[name].file.split("/")[1] for name in voice_files.WRITERS}
    for name, write in voice_files.WRITERS.items():
        write(found[name])
    return found


@pytest.fixture
def own(files, own_assets):
    return own_assets(files)


@pytest.mark.parametrize("count", sorted(PARITY["outputs"]))
def test_ecapa_hears_and_embeds_as_speechbrain_does(files, count):
    known = PARITY["outputs"][count]
    bands = ecapa.filterbank(sound(int(count)))
    assert len(bands) == known["frames"]
    np.testing.assert_allclose(bands[::7, ::17].flatten()[:40], known["bands"], atol=2e-3)
    net = ecapa.load(files["ecapa-voxceleb"], "cpu")
    np.testing.assert_allclose(net.embed(sound(int(count))), known["embedding"], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("normalised", [True, False])
def test_wavlm_embeds_as_transformers_does(files, tmp_path, normalised):
    from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

    folder = files[WAVLM].parent
    (tmp_path / "p.json").write_text(json.dumps(voice_files.HEARING | {"do_normalize": normalised}))
    audio = 3 * sound(21_777) + 0.2
    theirs = WavLMForXVector.from_pretrained(folder, local_files_only=True)
    hear = Wav2Vec2FeatureExtractor(**(voice_files.HEARING | {"do_normalize": normalised}))
    with torch.no_grad():
        expected = theirs(**hear(audio, sampling_rate=16_000, return_tensors="pt")).embeddings[0]
    ours = wavlm_sv.load(files[WAVLM], files[CONFIG], tmp_path / "p.json", "cpu").embed(audio)
    np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert np.ptp(ours) > 0.1


def asked(voice):
    return Prompt(id="p", video_caption="", audio_caption="", transcript="", voice=voice and str(voice))


def write(path, audio, rate_hz=16_000):
    media.write(path, None, Fraction(0), None if audio is None else np.atleast_2d(audio).astype(np.float32), rate_hz)
    return path


def metrics(cache=None):
    return build(["speaker_similarity", "speaker_similarity@ecapa"], "standard", MetricContext(cache or NoCache()))


def test_one_voice_is_like_itself_whatever_stands_around_its_speech(own, tmp_path):
    audio = spoken(0)
    voice, other = write(tmp_path / "a.wav", audio), write(tmp_path / "b.wav", spoken(1))
    silence, cache = np.zeros(24_000, np.float32), MemoryCache()
    for metric in metrics(cache):
        assert metric.score(audio_clip(np.round(audio * 32768) / 32768), asked(voice)).value == pytest.approx(
            1, abs=1e-4
        )
        value = metric.score(audio_clip(audio), asked(other)).value
        assert value < 0.9999
        assert metric.score(audio_clip(spoken(1)), asked(voice)).value == pytest.approx(value, abs=1e-3)
        around = np.concatenate([silence, audio, silence])
        assert metric.score(audio_clip(np.stack([around, around])), asked(voice)).value > value


def test_the_value_is_the_cosine_of_two_embeddings(own, tmp_path, monkeypatch):
    """3, 4 against 4, 3: 24 / 25; what is heard is speech alone, half a minute of it at most."""
    heard = []

    class Planted:
        def embed(self, audio):
            heard.append(len(audio))
            return np.array([3.0, 4.0]) if audio[0] > 0 else np.array([8.0, 6.0])

    monkeypatch.setattr(voices.activity, "speech", lambda audio, cache: ((0.5, 1.0), (2.0, 40.0)))
    (metric,) = build(["speaker_similarity"], "standard", MetricContext(NoCache()))
    metric = replace(metric, encoder=replace(metric.encoder, load=lambda *files: Planted()))
    tone = np.full(50 * 16_000, 0.25) * np.sign(np.sin(np.arange(50 * 16_000) / 9))
    tone[8_000] = 0.25
    voice = write(tmp_path / "v.wav", -tone)
    assert metric.score(audio_clip(tone), asked(voice)).value == pytest.approx(0.96)
    assert heard == [30 * 16_000] * 2


@pytest.mark.parametrize(
    ("audio", "voice", "why"),
    [
        (None, "ok", "no audio stream"),
        (np.zeros(32_000), "ok", "silent"),
        ("noise", "ok", "speech for 0.0 s, at least 1 s needed"),
        ("short", "ok", "speech for 0."),
        ("ok", None, "no reference voice"),
        ("ok", "silent", "the reference voice: silent"),
        ("ok", "short", "the reference voice: speech for 0."),
        ("ok", "picture", "the reference voice: no audio stream"),
    ],
)
def test_undefined(own, tmp_path, audio, voice, why):
    sounds = {"ok": spoken(0), "short": spoken(0)[:12_000], "noise": sound(32_000), "silent": np.zeros(32_000)}
    clip = audio_clip(sounds[audio] if isinstance(audio, str) else audio)
    if voice == "picture":
        file = tmp_path / "v.mp4"
        media.write(file, np.zeros((3, 16, 16, 3), np.uint8), Fraction(25), None, 0)
    else:
        file = voice and write(tmp_path / "v.wav", sounds[voice])
    for metric in metrics(MemoryCache()):
        outcome = metric.score(clip, asked(file))
        assert outcome.status == "undefined"
        assert outcome.reason.startswith(why)
    assert metric.score(clip).reason == "no reference voice"


def test_what_cannot_be_asked_fails(own, tmp_path, monkeypatch):
    (tmp_path / "v.wav").write_bytes(b"RIFF")
    metric, _ = metrics()
    outcome = metric.score(audio_clip(spoken(0)), asked(tmp_path / "v.wav"))
    assert outcome.status == "failed"
    assert outcome.reason.startswith("the reference voice: ")
    monkeypatch.delenv(assets.TABLE_VARIABLE)
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    ours, theirs = metrics()
    assert ours.check() == f"weights missing: jova-bench assets pull {' '.join(voices.WAVLM.files)}"
    assert theirs.check() == "weights missing: jova-bench assets pull ecapa-voxceleb"
    for metric in (ours, theirs):
        outcome = metric.score(audio_clip(spoken(0)), asked(tmp_path / "v.wav"))
        assert (outcome.status, outcome.reason) == ("failed", metric.check())


def test_only_wavlm_asks_for_transformers(own, monkeypatch):
    monkeypatch.setattr(recognition, "find_spec", lambda name: None if name == "transformers" else name)
    ours, theirs = metrics()
    assert ours.check() == "not installed: pip install 'jova-bench[standard]'"
    assert theirs.check() is None


def test_two_recognisers_are_two_identities(own):
    ours, theirs = (metric.spec for metric in metrics())
    assert (ours.backend, theirs.backend) == ("wavlm-base-plus-sv", "ecapa-voxceleb")
    table = assets.asset_table()
    for name in (WAVLM, CONFIG, PREPROCESSOR):
        assert table.digest(name) in ours.identity
    assert table.digest("ecapa-voxceleb") in theirs.identity
    assert ours.needs == theirs.needs == ("audio", "voice")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (CONFIG, "{"),
        (CONFIG, json.dumps(voice_files.SIZES | {"hidden_size": 16})),
        (PREPROCESSOR, json.dumps(voice_files.HEARING | {"sampling_rate": 8_000})),
        (PREPROCESSOR, json.dumps({"sampling_rate": 16_000})),
        (PREPROCESSOR, "[]"),
    ],
)
def test_other_files_of_wavlm_are_refused(files, tmp_path, name, content):
    (tmp_path / "other.json").write_text(content)
    given = {**files, name: tmp_path / "other.json"}
    with pytest.raises(Unavailable, match="weights unreadable"):
        wavlm_sv.load(given[WAVLM], given[CONFIG], given[PREPROCESSOR], "cpu")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: {name: value for name, value in state.items() if name != "fc.conv.weight"},
        lambda state: state | {"more": torch.zeros(1)},
        lambda state: {"a": torch.ones(1)},
        lambda state: state | {"blocks.0.conv.conv.weight": torch.ones(3)},
    ],
)
def test_another_file_of_ecapa_is_refused(tmp_path, spoil):
    torch.save(spoil(voice_files.ecapa_state()), tmp_path / "e.ckpt")
    with pytest.raises(Unavailable, match="weights unreadable"):
        ecapa.load(tmp_path / "e.ckpt", "cpu")
