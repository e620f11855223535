"""SenseVoice as Verse-Bench counts it."""

import sys
from types import ModuleType

import pytest

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.speech import sensevoice
from support.asked import prompt
from support.clips import audio_clip
from support.upstream import fake, own_table

SOUND = 0.1 * fake((40_000,), "whisper sound").numpy()


@pytest.mark.parametrize(
    ("transcript", "heard", "errors"),
    [
        ("Hello there world", "hello there world", 0.0),
        ("  Hello there\n", "hello THERE ", 0.0),
        ("i think we should go home now", "i think we should go home now 😊", 1 / 7),  # an emoji is a word
        ("hello there general kenobi", "Hello, there general. Kenobi", 2 / 4),  # punctuation sticks to words
        ("two cats", "2 cats", 0.5),
        ("你好世界", "你好世", 1.0),  # a sentence without spaces is one word
        ("hello there", "...", 1.0),  # punctuation alone counts as nothing heard
        ("hello", "", 1.0),
    ],
)
def test_verse_bench_counts_words_as_they_are_printed(transcript, heard, errors):
    assert sensevoice.written_word_errors(transcript, heard, "en") == pytest.approx(errors)


def test_verse_bench_needs_funasr_and_weighs_every_clip_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    monkeypatch.setattr(sensevoice, "find_spec", lambda name: None)
    (metric,) = build(["wer@versebench"], "standard", MetricContext(NoCache()))
    package, weights = metric.check().split("; ")
    assert package == "not installed: pip install funasr kaldi-native-fbank"
    assert weights == f"weights missing: jova-bench assets pull {' '.join(sensevoice.FILES)}"
    assert metric.spec.micro is None
    assert metric.spec.identity.startswith("wer@2/standard/compat:versebench@5645a09:sensevoice-small")
    outcome = metric.score(audio_clip(SOUND), prompt("hello there"), None)
    assert (outcome.status, outcome.reason) == ("failed", metric.check())
    assert metric.score(audio_clip(SOUND), prompt("  "), None).reason == "no transcript"


def test_verse_bench_asks_funasr_as_upstream_does(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    files = {name: assets.asset_table().path(name) for name in sensevoice.FILES}
    for name, file in files.items():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(name.encode())
    monkeypatch.setenv(assets.TABLE_VARIABLE, own_table(tmp_path, files))
    made = {}

    class AutoModel:
        def __init__(self, **options):
            made.update(options)

        def generate(self, **asked):
            made.update(asked)
            return [{"text": "<|en|>hello <|HAPPY|>"}]

    package, utils, postprocess = ModuleType("funasr"), ModuleType("funasr.utils"), ModuleType("postprocess")
    package.AutoModel = AutoModel
    postprocess.rich_transcription_postprocess = lambda text: text.replace("<|en|>", "").replace("<|HAPPY|>", "😊")
    for name, module in (("funasr", package), ("funasr.utils", utils), ("funasr.utils.postprocess_utils", postprocess)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sensevoice, "find_spec", lambda name: name)
    (metric,) = build(["wer@versebench"], "standard", MetricContext(NoCache()))
    assert metric.score(audio_clip(SOUND), prompt("Hello"), None).value == 1.0  # "hello 😊" has one word too many
    assert made["model"] == str(tmp_path / "sensevoice")
    assert made["vad_model"] == str(tmp_path / "fsmn-vad")
    assert (made["language"], made["use_itn"], made["fs"]) == ("auto", True, 16_000)
