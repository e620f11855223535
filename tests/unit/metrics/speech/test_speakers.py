"""cpWER and cpCER: errors by hand and as meeteval documents them, turns of planted voices, and what has no answer."""

from dataclasses import replace

import numpy as np
import pytest

from jova_bench.cache import CacheKey, NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.speech import speakers, turns, voices
from jova_bench.metrics.speech.errors import transcript_length
from jova_bench.metrics.speech.permuted import permuted_error_rate
from jova_bench.metrics.speech.recognition import SpeechErrors, Transcript
from jova_bench.prompts import Prompt
from support.clips import audio_clip

RATE = 16_000


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        # Of the documentation of meeteval's cp_word_error_rate.
        (["a b c", "d e f"], ["a b c", "d e f"], 0),
        (["a b", "c d"], ["a b", "c d", "e f"], 2 / 4),
        (["a", "b", "c d"], ["a", "b"], 2 / 4),
        (["a", "b", "c"], ["b", "c", "d", "a"], 1 / 3),
        (["a b"], ["z", "a e f"], 3 / 2),
        (["a b", "k"], [" ", "a e f"], 3 / 3),
        # By hand: order does not matter; one voice says all; nothing is heard; the lines of the second are split.
        (["a b c", "d e"], ["d e", "a b c"], 0),
        (["a b c", "d e"], ["a b c d e"], 4 / 5),
        (["a b c", "d e"], [], 1),
        (["a b", "c d"], ["a b c", "d"], 2 / 4),
        # Who listens has no words: all that another voice says is inserted.
        (["a b", ""], ["a b"], 0),
        (["...", "a b"], ["a b", "c"], 1 / 2),
    ],
)
def test_word_errors(said, heard, rate):
    assert permuted_error_rate(said, heard, "de", "wer") == pytest.approx(rate)


@pytest.mark.parametrize(
    ("said", "heard", "language", "rate"),
    [
        (["你好吗", "很好"], ["很好", "你好"], "zh", 1 / 5),
        (["你好吗", "很好"], ["你好吗很好"], "zh", 4 / 5),
        (["ab cd", "e"], ["e", "ab c"], "de", 1 / 6),
        (["Good day!", "Bye."], ["bye", "good day"], "en", 0),
    ],
)
def test_character_errors(said, heard, language, rate):
    assert permuted_error_rate(said, heard, language, "cer") == pytest.approx(rate)


@pytest.mark.parametrize(
    ("said", "language", "unit", "why"),
    [
        ([], "en", "wer", "no speakers"),
        (["", "..."], "en", "wer", "no transcript"),
        (["你好", "好"], "zh", "wer", "WER needs spaces"),
        (["दिन", "day"], "en", "cer", "carry marks"),
    ],
)
def test_what_has_no_rate(said, language, unit, why):
    with pytest.raises(Undefined, match=why):
        permuted_error_rate(said, ["a"], language, unit)


def test_pieces_of_stretches_and_the_sound_of_each():
    assert turns.pieces(((0.0, 1.0), (2.0, 5.6))) == [
        (0, 1),
        (2, pytest.approx(3.2)),
        (pytest.approx(3.2), pytest.approx(4.4)),
        (pytest.approx(4.4), 5.6),
    ]
    audio = np.arange(2 * RATE, dtype=np.float32)
    for (start_s, stop_s), first, count in (
        ((0.5, 1.25), 8_000, 12_000),
        ((1.0, 1.1), 12_800, 8_000),
        ((0.0, 0.1), 0, 8_000),
        ((1.9, 2.0), 24_000, 8_000),
    ):
        part = turns.cut(audio, start_s, stop_s)
        assert (part[0], len(part)) == (first, count)


def along(*degrees):
    return np.array([[np.cos(np.radians(one)), np.sin(np.radians(one))] for one in degrees])


def test_voices_are_at_most_as_many_as_asked_and_near_ones_are_one():
    assert list(turns.clustered(along(0, 5, 90), 2)) in ([0, 0, 1], [1, 1, 0])
    assert len(set(turns.clustered(along(0, 5, 60, 65, 120), 3))) == 3
    assert len(set(turns.clustered(along(0, 30, 60, 90), 2))) == 2
    assert list(turns.clustered(along(0), 2)) == [0]
    # cos 30 degrees is .866, cos 31 is .857.
    assert len(set(turns.united(along(0, 30)))) == 1
    assert len(set(turns.united(along(0, 31)))) == 2


def test_the_order_of_voices_does_not_choose_which_are_one():
    """Near ones are one across any number of others, also at equal distances; the same sound twice is one voice."""
    rng = np.random.default_rng(0)
    degrees = np.array([0, 20, 40, 60, 100, 120, 160, 160, 200.0])
    for degree_sets, split in (
        (degrees, turns.united),
        (np.repeat([0, 40, 100, 200.0], 3), lambda v: turns.clustered(v, 4)),
    ):
        alone = split(along(*degree_sets))
        together = alone[:, None] == alone
        for _ in range(50):
            order = rng.permutation(len(degree_sets))
            moved = split(along(*degree_sets[order]))
            assert ((moved[:, None] == moved) == together[order][:, order]).all()
    assert len(set(turns.united(along(*degrees)))) == 4


LEVELS = {0.2: "good morning anna", 0.4: "hello ben", 0.6: "how are you"}
"""What is heard of a sound, by how loud it is; the first and the last are one voice."""


class Ear:
    """Hears by the level of a sound."""

    key = CacheKey("ear", 1, None)
    files = ()

    def not_installed(self):
        return None

    def admit(self, clip, language):
        if language != "en":
            raise Undefined("another language")

    def transcribe(self, audio, language):
        said = [LEVELS[level] for level in LEVELS if np.isclose(np.abs(audio), level, atol=1e-3).mean() > 0.02]
        return Transcript(" ".join(said), "0.00 to 1.00 s" if len(audio) > 2 * RATE else "")


class Voices:
    """Embeds by the level at the start: .4 is one voice, what lies 10 and more degrees away another."""

    def embed(self, audio):
        level = abs(audio[0])
        return along(0 if level < 0.3 else 90 if level < 0.5 else 10)[0]


def tone(level, seconds):
    return level * np.sign(np.cos(np.arange(round(seconds * RATE)) / 5)).astype(np.float32)


def dialogue(*parts):
    """Sound of (level, seconds) with half a second between, and its stretches of speech."""
    sounds, stretches, at = [], [], 0.0
    for level, seconds in parts:
        sounds += [tone(level, seconds), np.zeros(RATE // 2, np.float32)]
        stretches.append((at, at + seconds))
        at += seconds + 0.5
    return np.concatenate(sounds), tuple(stretches)


ASKED = Prompt(
    id="p",
    video_caption="",
    audio_caption="",
    transcript="Good morning, Anna! Hello Ben. How are you?",
    speakers=[{"id": "ben", "text": "Good morning, Anna! How are you?"}, {"id": "anna", "text": "Hello Ben."}],
)


@pytest.fixture
def metric(monkeypatch):
    (built,) = build(["cp_wer"], "standard", MetricContext(NoCache()))
    whole = SpeechErrors(built._whole.spec, Ear(), NoCache())
    planted = replace(voices.WAVLM, load=lambda *files: Voices())
    monkeypatch.setattr(voices.Encoder, "missing", lambda self, assets, *others: None)
    monkeypatch.setattr(type(MetricContext(NoCache()).assets), "find", lambda self, name: name)
    monkeypatch.setattr(speakers, "WAVLM", planted)
    return speakers.SpeakerErrors(whole, Ear(), "wer", MetricContext(NoCache()))


def score(metric, monkeypatch, *parts):
    audio, stretches = dialogue(*parts)
    monkeypatch.setattr(turns.activity, "speech", lambda audio, cache: stretches)
    return metric.score(audio_clip(audio), ASKED)


def test_each_line_in_its_voice_is_no_error_and_lines_in_one_voice_are(metric, monkeypatch):
    assert score(metric, monkeypatch, (0.2, 2.4), (0.4, 1.0), (0.6, 1.0)).value == 0
    assert score(metric, monkeypatch, (0.4, 1.0), (0.2, 1.2), (0.6, 1.0)).value == 0
    # Ben's voice says it all: 2 inserted there, Anna's 2 missing, of 8.
    monkeypatch.setitem(LEVELS, 0.25, LEVELS[0.4])
    one_voice = score(metric, monkeypatch, (0.2, 1.2), (0.25, 1.0), (0.6, 1.0))
    assert one_voice.value == pytest.approx(4 / 8)
    # Anna is not heard.
    assert score(metric, monkeypatch, (0.2, 1.2), (0.6, 1.0)).value == pytest.approx(2 / 8)


def test_nothing_said_is_all_missing_and_a_loop_is_a_finding(metric, monkeypatch):
    assert score(metric, monkeypatch, (0.0, 1.0)).value == 1
    monkeypatch.setattr(turns.activity, "speech", lambda audio, cache: ())
    assert metric.score(audio_clip(tone(0.2, 1.0)), ASKED).value == 1
    outcome = score(metric, monkeypatch, (0.2, 2.4), (0.4, 1.0), (0.6, 1.0))
    assert [one.code for one in outcome.findings] == ["transcript_loop"]
    # Seconds of the clip, not of the turn: it begins at 1.5 s.
    outcome = score(metric, monkeypatch, (0.4, 1.0), (0.2, 2.4))
    assert [one.detail for one in outcome.findings] == [f"{metric.spec.backend}: 1.50 to 2.50 s"]


def test_undefined(metric):
    clip = audio_clip(tone(0.2, 1.0))
    assert metric.score(clip).reason == "no speakers"
    assert metric.score(clip, ASKED.model_copy(update={"speakers": ()})).reason == "no speakers"
    assert metric.score(clip, ASKED.model_copy(update={"language": "xx"})).reason == "another language"
    assert metric.score(audio_clip(None), ASKED).reason == "no audio stream"
    too_short = "too short: 0.10 s, 0.5 s are needed to tell voices apart"  # Not all missing: nobody listened.
    assert metric.score(audio_clip(tone(0.2, 0.1)), ASKED).reason == too_short


def test_a_clip_counts_by_what_its_speakers_say():
    assert transcript_length(ASKED, "speakers_words") == 8
    assert transcript_length(ASKED, "speakers_characters") == len("good morning anna how are you") + len("hello ben")


def test_without_weights_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    words, characters = build(["cp_wer", "cp_cer"], "standard", MetricContext(NoCache()))
    missing = (
        f"weights missing: jova-bench assets pull whisper-large-v3 whisper-vocabulary {' '.join(voices.WAVLM.files)}"
    )
    assert words.check() == missing
    outcome = words.score(audio_clip(tone(0.2, 1.0)), ASKED)
    assert (outcome.status, outcome.reason) == ("failed", missing)
    assert (words.spec.identity.name, characters.spec.identity.name) == ("cp_wer", "cp_cer")
    assert "+wavlm-base-plus-sv" in words.spec.identity
