"""Whisper: parity with openai-whisper, its gates, sizes, languages; and SenseVoice as Verse-Bench counts it."""

import hashlib
import json
import shutil
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from jova_bench import score
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build, with_whisper
from jova_bench.metrics.catalogue import WHISPER_SIZES
from jova_bench.metrics.networks.whisper import Transcription, Vocabulary, load
from jova_bench.metrics.speech import sensevoice, whisper
from jova_bench.metrics.speech.errors import word_error_rate
from jova_bench.suites.loading import load_suite
from support.asked import prompt
from support.clips import audio_clip
from support.every_asset import whisper as whisper_file
from support.every_asset import whisper_vocabulary
from support.upstream import fake, own_table, parity

CASES = parity("whisper")["cases"]
SOUND = 0.1 * fake((40_000,), "whisper sound").numpy()


@pytest.fixture
def own_assets(tmp_path, monkeypatch):
    """Puts random checkpoints in the published format in the place of the published ones."""

    def use(size, case):
        english = case["dims"]["n_vocab"] < 51865
        words = whisper_vocabulary(50257 - english, tmp_path / "words")
        files = {
            f"whisper-{size.replace('.', '-')}": whisper_file(case, tmp_path / "net.pt"),
            "whisper-vocabulary" + ("-en" if english else ""): words,
        }
        digests = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
        table = "".join(f'[{name}]\nfile = "{files[name]}"\nsha256 = "{digests[name]}"\n' for name in files)
        (tmp_path / "own.toml").write_text(table)
        monkeypatch.setenv(assets.TABLE_VARIABLE, str(tmp_path / "own.toml"))
        return digests

    return use


@pytest.mark.parametrize("case", CASES, ids=["99 languages", "100 languages", "English only"])
def test_tokens_and_probabilities_are_those_of_openai_whisper(case, tmp_path):
    words = 50257 if case["dims"]["n_vocab"] >= 51865 else 50256
    net = load(whisper_file(case, tmp_path / "net.pt"), whisper_vocabulary(words, tmp_path / "words"), "cpu")
    tokens, no_speech, log_probability = net.decode(SOUND, case["language"])
    assert tokens == case["tokens"]
    assert no_speech == pytest.approx(case["no_speech"], rel=1e-4)
    assert log_probability == pytest.approx(case["log_probability"], rel=1e-5)
    assert net.transcribe(SOUND, case["language"]).text == " ".join(map(str, case["tokens"]))


def test_special_tokens_lie_where_openai_put_them():
    large, old = Vocabulary((b" ",) * 50257, 51866), Vocabulary((b" ",) * 50257, 51865)
    assert large.prompt("yue") == [50258, 50358, 50360, 50364]
    assert old.prompt("de") == [50258, 50261, 50359, 50363]
    assert (old.end, old.no_speech, len(old.languages), len(large.languages)) == (50257, 50362, 99, 100)
    english = Vocabulary((b" ",) * 50256, 51864)
    assert english.prompt("en") == [50257, 50362]
    assert (english.end, english.no_speech) == (50256, 50361)
    assert len(old.never) == 82 + 6
    assert len(english.never) == 84 + 6


def test_words_of_broken_bytes_and_special_tokens():
    vocabulary = Vocabulary((" né".encode()[:3], "é".encode()[1:], b"e") + (b"",) * 50254, 51865)
    assert vocabulary.words([0, 1, 2, 50300]) == "née"
    assert vocabulary.words([0, 2]) == "n\N{REPLACEMENT CHARACTER}e"


def test_the_metric_runs_whole_with_a_checkpoint_in_the_published_format(own_assets):
    digests = own_assets("large-v3", CASES[1])
    (metric,) = build(["wer"], "standard", MetricContext(NoCache()))
    assert metric.check() is None
    assert f"whisper-large-v3/transformers[{digests['whisper-large-v3'][:12]}]" in metric.spec.identity
    assert f"vocabulary={digests['whisper-vocabulary'][:12]}" in metric.spec.identity
    heard = " ".join(map(str, CASES[1]["tokens"]))
    outcome = metric.score(audio_clip(SOUND), prompt("hello world", language="yue-HK"), None)
    assert outcome.reason == "WER needs spaces between words; see cer"
    english = metric.score(audio_clip(SOUND), prompt("hello world"), None)
    assert english.status == "ok"
    (cer,) = build(["cer"], "standard", MetricContext(NoCache()))
    # Not one character of the transcript is right, and every digit that was heard is one too many.
    assert cer.score(audio_clip(SOUND), prompt("世界", language="yue"), None).value == len(heard.replace(" ", "")) / 2


def test_another_size_hears_english_only(own_assets):
    own_assets("tiny.en", CASES[2])
    (metric,) = build(["wer@whisper-tiny.en"], "standard", MetricContext(NoCache()))
    heard = " ".join(map(str, CASES[2]["tokens"]))
    value = metric.score(audio_clip(SOUND), prompt("hello world"), None).value
    assert value == word_error_rate("hello world", heard, "en")
    german = metric.score(audio_clip(SOUND), prompt("hallo welt", language="de"), None)
    assert (german.status, german.reason) == ("undefined", "whisper-tiny-en hears English, not 'de'")
    assert (
        len({m.spec.identity for m in build(["wer", "wer@whisper-tiny.en"], "standard", MetricContext(NoCache()))}) == 2
    )


def test_a_size_is_chosen_in_place_of_the_default():
    assert with_whisper("small", ["lse_c", "wer", "cer"], "standard") == [
        "lse_c",
        "wer@whisper-small",
        "cer@whisper-small",
    ]
    assert with_whisper("large-v3", ["wer"], "standard") == ["wer"]
    everything = with_whisper("tiny", None, "standard")
    assert "wer@whisper-tiny" in everything
    assert "wer" not in everything
    assert "loudness" in everything
    for size, names, profile in (
        ("huge", None, "standard"),
        ("tiny", None, "embedded"),
        ("tiny", ["stoi"], "standard"),
    ):
        with pytest.raises(BenchError, match="--whisper"):
            with_whisper(size, names, profile)


def test_every_size_is_an_asset_with_its_digest():
    for size in WHISPER_SIZES:
        asset = assets.asset_table().get(f"whisper-{size.replace('.', '-')}")
        assert asset.sha256 in asset.url
        vocabulary = "whisper-vocabulary-en" if size.endswith(".en") else "whisper-vocabulary"
        assert set(asset.metrics) <= set(assets.asset_table().get(vocabulary).metrics)


@pytest.mark.parametrize(
    ("no_speech", "log_probability", "words"),
    [
        (0.61, -1.0, ""),  # probably nobody speaks, and the text is improbable
        (0.61, -0.99, "thank you"),  # a probable text outweighs that
        (0.60, -5.0, "thank you"),  # somebody speaks, however badly
        (0.0, -0.1, "thank you"),
    ],
)
def test_nobody_speaks_when_both_say_so(no_speech, log_probability, words):
    assert whisper.window_text(Transcription("thank you", no_speech, log_probability)) == words


def test_long_sound_is_heard_in_windows_and_silent_ones_are_not_heard(monkeypatch):
    seen = []

    def hear(window, language):
        seen.append((len(window), language))
        return Transcription(f"part {len(seen)}", 0.9 if len(seen) == 2 else 0.0, -2.0)

    monkeypatch.setattr(whisper, "cached_network", lambda key, load: SimpleNamespace(transcribe=hear))
    tone = np.tile(SOUND, 12)[: 30 * 16_000]
    sound = np.concatenate([tone, tone, 0 * tone, tone[:16_000]])
    text = whisper.Whisper("large-v3", assets.asset_table(), "cpu").transcribe(sound, "nb-NO")
    assert seen == [(480_000, "no"), (480_000, "no"), (16_000, "no")]
    assert text == "part 1 part 3"  # in the second window nobody spoke, the third was silent


def test_unknown_languages_are_undefined():
    (metric,) = build(["wer"], "standard", MetricContext(NoCache()))
    outcome = metric.score(audio_clip(SOUND), prompt("saluton", language="eo"), None)
    assert (outcome.status, outcome.reason) == ("undefined", "Whisper does not know the language 'eo'")


def test_without_weights_it_says_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    (metric,) = build(["wer"], "standard", MetricContext(NoCache()))
    assert metric.check() == "weights missing: jova-bench assets pull whisper-large-v3 whisper-vocabulary"
    outcome = metric.score(audio_clip(SOUND), prompt("hello world"), None)
    assert (outcome.status, outcome.reason) == ("failed", metric.check())


def test_without_a_package_it_says_how_to_get_it(own_assets, monkeypatch):
    own_assets("large-v3", CASES[1])
    monkeypatch.setattr("jova_bench.metrics.speech.recognition.find_spec", lambda name: None)
    assert build(["wer"], "standard", MetricContext(NoCache()))[0].check() == (
        "not installed: pip install 'jova-bench[standard]'"
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda case: case | {"dims": {"n_mels": 80}}, "expected the sizes of Whisper in `dims`"),
        (lambda case: case | {"dims": case["dims"] | {"n_vocab": 51864}}, "is not the vocabulary of"),
        (lambda case: case | {"dims": case["dims"] | {"n_text_layer": 3}}, "does not fit"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(spoil, reason, tmp_path):
    words = whisper_vocabulary(50257, tmp_path / "words")
    with pytest.raises(Unavailable, match=reason):
        load(whisper_file(spoil(CASES[0]), tmp_path / "net.pt"), words, "cpu")


def test_a_broken_vocabulary_is_refused(tmp_path):
    (tmp_path / "words").write_text("IQ== 0\nIg== 2\n")
    with pytest.raises(Unavailable, match="expected a base64 token and its number per line"):
        Vocabulary.read(tmp_path / "words", 51865)


def test_openai_whisper_stands_in_where_transformers_is_not_installed(own_assets, monkeypatch):
    """The package itself is not among the test requirements (numba, triton): a stand-in notes what it is asked."""
    digests = own_assets("tiny", CASES[0])
    asked = {}
    module = ModuleType("whisper")
    module.load_model = lambda path, device: (
        asked.update(path=path) or SimpleNamespace(dims=SimpleNamespace(n_mels=80), device=device)
    )
    module.pad_or_trim = lambda window: np.pad(window, (0, 480_000 - len(window)))
    module.log_mel_spectrogram = lambda audio, bands: asked.update(samples=len(audio), bands=bands) or torch.zeros(1)
    module.DecodingOptions = lambda **options: options
    module.decode = lambda net, mel, options: (
        asked.update(options) or SimpleNamespace(text="hello there", no_speech_prob=0.1, avg_logprob=-0.2)
    )
    monkeypatch.setitem(sys.modules, "whisper", module)
    monkeypatch.setattr(whisper, "find_spec", lambda name: None if name == "transformers" else name)
    monkeypatch.setattr("jova_bench.metrics.speech.recognition.find_spec", lambda name: name == "whisper")
    (metric,) = build(["wer@whisper-tiny"], "standard", MetricContext(NoCache()))
    assert f"whisper-tiny/openai-whisper[{digests['whisper-tiny'][:12]}]" in metric.spec.identity
    assert "vocabulary" not in metric.spec.params
    assert metric.score(audio_clip(SOUND), prompt("hello world"), None).value == 0.5
    assert asked["path"].endswith("net.pt")
    assert (asked["samples"], asked["bands"]) == (480_000, 80)
    assert (asked["language"], asked["without_timestamps"], asked["fp16"]) == ("en", True, False)


# Verse-Bench


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


# The flag


def test_a_wrong_size_on_the_command_line_is_bad_input(tmp_path, capsys):
    from jova_bench.cli import main

    assert main(["score", str(tmp_path), "--whisper", "huge"]) == 2
    assert "expected --whisper with one of large-v3, " in capsys.readouterr().err


def test_a_run_remembers_what_was_selected(own_assets, tmp_path):
    """Sizes and benches, too: the same names build the same metrics when the run is continued without them."""
    own_assets("tiny", CASES[0])
    suite = load_suite("embedded")
    clips = tmp_path / "clips"
    clips.mkdir()
    prompt = suite.prompts[0]
    shutil.copy(suite.path(str(prompt.reference)), clips / f"{prompt.id}.mp4")
    (clips / "prompts.jsonl").write_text(
        json.dumps({"id": prompt.id, "video_caption": "", "audio_caption": "", "transcript": prompt.transcript})
    )
    out = tmp_path / "run"
    score(clips, metrics=["wer@whisper-tiny", "wer@versebench"], device="cpu", out=out, workers=0)
    later = score(clips, metrics=["loudness"], device="cpu", out=out, workers=0)
    found = {(replace(one.identity, weights=None, params=""), one.n_ok) for one in later.summary.estimates}
    assert found == {
        ("wer@2/standard:whisper-tiny/transformers", 1),
        ("wer@2/standard/compat:versebench@5645a09:sensevoice-small", 0),
        ("loudness@1/standard:bs1770-4", 1),
    }
