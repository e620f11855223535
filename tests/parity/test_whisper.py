"""Whisper: parity with openai-whisper, its gates, sizes and languages."""

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
from jova_bench.metrics.networks import whisper_transcript
from jova_bench.metrics.networks.whisper import Vocabulary, load
from jova_bench.metrics.networks.whisper_window import Decoded, allowed, compression, decode, drawing
from jova_bench.metrics.speech import whisper
from jova_bench.metrics.speech.errors import word_error_rate
from jova_bench.suites.loading import load_suite
from support.asked import prompt
from support.clips import audio_clip
from support.every_asset import whisper as whisper_file
from support.every_asset import whisper_vocabulary
from support.upstream import fake, fake_state, parity

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


NAMES = ["99 languages", "100 languages", "English only"]


def net_of(case, folder, scales=None):
    """The random checkpoint of a case, with some parameters larger, so that its words are more certain."""
    state = fake_state(case["shapes"])
    for name, factor in (scales or {}).items():
        state[name] *= factor
    torch.save({"dims": case["dims"], "model_state_dict": state}, folder / "net.pt")
    words = 50257 if case["dims"]["n_vocab"] >= 51865 else 50256
    return load(folder / "net.pt", whisper_vocabulary(words, folder / "words"), "cpu")


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_tokens_and_probabilities_are_those_of_openai_whisper(case, tmp_path):
    net = net_of(case, tmp_path)
    encoded = net.encode(net.spectra(np.pad(SOUND, (0, 480_000)))[:, :250])
    found = decode(net, encoded, net.vocabulary.prompt(case["language"]), 0, drawing(0))
    assert found.tokens == case["tokens"]
    assert found.no_speech == pytest.approx(case["no_speech"], rel=1e-4)
    assert found.log_probability == pytest.approx(case["log_probability"], rel=1e-5)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_windows_and_texts_of_long_sound_are_those_of_openai_whisper(case, tmp_path, monkeypatch):
    """65 s: windows that end where a phrase does, six temperatures, what was said before, and a loop that stays."""
    tried, sound = [], 0.1 * fake((1_040_000,), "whisper sound").numpy()
    monkeypatch.setattr(whisper_transcript, "decode", lambda *asked: tried.append(decode(*asked)) or tried[-1])
    for made in case["transcripts"]:
        net = net_of(case, tmp_path, made["scales"])
        tried.clear()
        heard = whisper_transcript.transcribe(net, sound, case["language"], drawing(made["seed"]))
        starts, texts, temperatures, ratios = zip(*made["windows"], strict=True)
        assert [(round(100 * one.start_s), one.text) for one in heard] == list(zip(starts, texts, strict=True))
        assert "".join(one.text for one in heard) == made["text"]
        # What counts is the last before the next window's first, which has temperature 0.
        firsts = [k for k, one in enumerate(tried) if one.temperature == 0] + [len(tried)]
        counted = [tried[k - 1] for k in firsts[1:]]
        assert [one.temperature for one in counted] == list(temperatures)
        assert [compression(one.text) for one in counted] == pytest.approx(ratios, abs=0.01)
        loops = whisper.joined(heard).loop
        assert loops == ("60.00 to 65.00 s, 2.4 times as long as compressed" if max(ratios) > 2.4 else "")


def test_times_come_in_pairs_and_never_go_back():
    words = Vocabulary((b" a",) * 50256, 51864)
    zero, end = words.first_time, words.end

    def left(*tokens, **likely):
        """Tokens that may follow: the least and greatest word, and times in steps of 20 ms."""
        logits = torch.zeros(words.size)
        logits[zero:] += likely.get("times", -20)
        kept = torch.isfinite(allowed(logits, tokens, words)).nonzero().flatten().tolist()
        return min(kept), [token - zero for token in kept if token >= zero]

    assert left() == (zero, list(range(51)))  # At first a time, at most 1.00 s,
    assert left(zero) == (0, [])  # then a word,
    assert left(zero, 5) == (0, list(range(1, 1501)))  # then a word or a later time,
    assert left(zero, 5, zero + 9) == (end, list(range(9, 1501)))  # then the end or a time that is not earlier,
    assert left(zero, 5, zero + 9, zero + 9) == (0, [])  # and then a word.
    assert left(zero, 5, zero + 9, zero + 9, 5) == (0, list(range(10, 1501)))
    assert left(zero, 5, times=0.0) == (zero + 1, list(range(1, 1501)))  # All times outweigh each word.


def test_draws_follow_the_probabilities_and_the_seed():
    logits = torch.tensor([0.7, 0.0, 0.2, 0.1]).log()
    draw, again, other = drawing(1), drawing(1), drawing(2)
    drawn = [draw(logits) for _ in range(2000)]
    assert drawn == [again(logits) for _ in range(2000)]
    assert drawn != [other(logits) for _ in range(2000)]
    shares = np.bincount(drawn, minlength=4) / 2000
    assert shares == pytest.approx([0.7, 0.0, 0.2, 0.1], abs=0.05)  # Five standard deviations.


def test_special_tokens_lie_where_openai_put_them():
    large, old = Vocabulary((b" ",) * 50257, 51866), Vocabulary((b" ",) * 50257, 51865)
    assert large.prompt("yue") == [50258, 50358, 50360]
    assert old.prompt("de") == [50258, 50261, 50359]
    assert old.prompt("de", [7, 8]) == [50361, 7, 8, 50258, 50261, 50359]
    assert (old.first_time, large.first_time) == (50364, 50365)
    assert (old.end, old.no_speech, len(old.languages), len(large.languages)) == (50257, 50362, 99, 100)
    english = Vocabulary((b" ",) * 50256, 51864)
    assert english.prompt("en") == [50257]
    assert (english.end, english.no_speech) == (50256, 50361)
    assert len(old.never) == 82 + 7
    assert len(english.never) == 84 + 7


def test_words_of_broken_bytes_and_special_tokens():
    vocabulary = Vocabulary((" né".encode()[:3], "é".encode()[1:], b"e") + (b"",) * 50254, 51865)
    assert vocabulary.words([0, 1, 2, 50300]) == " née"
    assert vocabulary.words([0, 2]) == " n\N{REPLACEMENT CHARACTER}e"


def test_the_metric_runs_whole_with_a_checkpoint_in_the_published_format(own_assets):
    digests = own_assets("large-v3", CASES[1])
    (metric,) = build(["wer"], "standard", MetricContext(NoCache()))
    assert metric.check() is None
    assert f"whisper-large-v3/transformers[{digests['whisper-large-v3'][:12]}]" in metric.spec.identity
    assert f"vocabulary={digests['whisper-vocabulary'][:12]}" in metric.spec.identity
    outcome = metric.score(audio_clip(SOUND), prompt("hello world", language="yue-HK"), None)
    assert outcome.reason == "WER needs spaces between words; see cer"
    english = metric.score(audio_clip(SOUND), prompt("hello world"), None)
    assert english.status == "ok"
    (cer,) = build(["cer"], "standard", MetricContext(NoCache()))
    heard = cer.heard(audio_clip(SOUND), "yue")
    assert heard == cer.heard(audio_clip(SOUND), "yue")  # Its draws are seeded by the sound.
    # Not one character of the transcript is right, and every digit that was heard is one too many.
    assert cer.score(audio_clip(SOUND), prompt("世界", language="yue"), None).value == len(heard.replace(" ", "")) / 2


def test_another_size_hears_english_only(own_assets):
    own_assets("tiny.en", CASES[2])
    (metric,) = build(["wer@whisper-tiny.en"], "standard", MetricContext(NoCache()))
    heard = metric.heard(audio_clip(SOUND), "en")
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
        read_by = set(assets.asset_table().get(vocabulary).metrics)
        assert all(one in read_by or one.partition("@")[0] in read_by for one in asset.metrics)


WORDS = Vocabulary(tuple(f" {k}".encode() for k in range(50256)), 51864)
ZERO = WORDS.first_time


def heard_by(windows, seconds, monkeypatch):
    """What is made of decoded windows; and the temperature, and what was said before, of each that was asked for."""
    answers, asked = iter(windows), []

    def answer(net, encoded, prompt, temperature, draw):
        asked.append((temperature, prompt[1:-1]))
        tokens, no_speech, log_probability = next(answers)
        return Decoded(tokens, WORDS.words(tokens).strip(), temperature, no_speech, log_probability)

    net = SimpleNamespace(
        vocabulary=WORDS,
        context=448,
        spectra=lambda audio: torch.zeros(80, len(audio) // 160),
        encode=lambda spectra: spectra,
    )
    monkeypatch.setattr(whisper_transcript, "decode", answer)
    heard = whisper_transcript.transcribe(net, np.zeros(16_000 * seconds, np.float32), "en", drawing(0))
    assert next(answers, None) is None
    return [(one.start_s, one.end_s, one.text) for one in heard], asked


@pytest.mark.parametrize(
    ("no_speech", "log_probability", "text", "tries"),
    [
        (0.61, -1.01, None, 1),  # probably nobody speaks, and the text is improbable
        (0.61, -0.99, " 5", 1),  # a probable text outweighs that
        (0.60, -5.0, " 5", 6),  # somebody speaks, however badly
        (0.0, -0.1, " 5", 1),
    ],
)
def test_nobody_speaks_when_both_say_so(no_speech, log_probability, text, tries, monkeypatch):
    windows = [([ZERO, 5, ZERO + 50], no_speech, log_probability)] * tries
    heard, asked = heard_by(windows, 3, monkeypatch)
    assert [one[2] for one in heard] == ([text] if text else [])
    assert [temperature for temperature, _ in asked] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0][:tries]


def test_a_loop_is_tried_again_and_one_that_stays_is_kept(monkeypatch):
    loop, good = [ZERO, *[7] * 200, ZERO + 90], [ZERO, 1, 2, ZERO + 90]
    heard, asked = heard_by([(loop, 0, -0.1), (loop, 0, -0.1), (good, 0, -0.5)], 3, monkeypatch)
    assert heard == [(0, 3, " 1 2")]
    assert [temperature for temperature, _ in asked] == [0.0, 0.2, 0.4]
    heard, _ = heard_by([(loop, 0, -0.1)] * 6, 3, monkeypatch)
    assert heard == [(0, 3, " 7" * 200)]
    found = whisper.joined([whisper_transcript.Heard(*heard[0])])
    assert found.text == " ".join(["7"] * 200)
    assert found.loop == "0.00 to 3.00 s, 26.6 times as long as compressed"  # 399 letters in 15 bytes


def test_windows_follow_what_was_said_and_are_told_it(monkeypatch):
    first = ([ZERO, 1, ZERO + 1000, ZERO + 1000, 2, ZERO + 1400, ZERO + 1400, 3], 0, -0.5)  # the third has no end
    last = ([ZERO, 3, ZERO + 500], 0, -0.5)
    heard, asked = heard_by([first, last], 40, monkeypatch)
    assert heard == [(0, 28, " 1 2"), (28, 40, " 3")]
    assert asked == [(0, []), (0, first[0][:6])]
    # After a temperature above 0.5 the next window is not told.
    bad, good = ([ZERO, 9, ZERO + 1500], 0, -2.0), ([ZERO, 1, ZERO + 1500], 0, -0.5)
    heard, asked = heard_by([bad, bad, bad, good, last], 40, monkeypatch)
    assert heard == [(0, 30, " 1"), (30, 40, " 3")]
    assert asked[-1] == (0, [])


def test_unknown_languages_are_undefined():
    (metric,) = build(["wer"], "standard", MetricContext(NoCache()))
    outcome = metric.score(audio_clip(SOUND), prompt("saluton", language="eo"), None)
    assert (outcome.status, outcome.reason) == ("undefined", "Whisper does not know the language 'eo'")
    (cer,) = build(["cer@whisper-small"], "standard", MetricContext(NoCache()))
    outcome = cer.score(audio_clip(SOUND), prompt("世界", language="yue"), None)
    assert outcome.reason == "whisper-small does not know the language 'yue', whisper-large-v3 does"


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
    segments = [
        {"seek": 0, "end": 1.0, "text": " hello"},
        {"seek": 0, "end": 2.0, "text": " there"},
        {"seek": 200, "end": 2.5, "text": " you" * 40},
    ]

    def transcribe(audio, **options):
        asked.update(options, samples=len(audio), drawn=torch.rand(1).item())
        return {"segments": segments}

    module = ModuleType("whisper")
    module.load_model = lambda path, device: (
        asked.update(path=path) or SimpleNamespace(device=torch.device(device), transcribe=transcribe)
    )
    monkeypatch.setitem(sys.modules, "whisper", module)
    monkeypatch.setattr(whisper, "find_spec", lambda name: None if name == "transformers" else name)
    monkeypatch.setattr("jova_bench.metrics.speech.recognition.find_spec", lambda name: name == "whisper")
    (metric,) = build(["wer@whisper-tiny"], "standard", MetricContext(NoCache()))
    assert f"whisper-tiny/openai-whisper[{digests['whisper-tiny'][:12]}]" in metric.spec.identity
    assert "vocabulary" not in metric.spec.params
    outcome = metric.score(audio_clip(SOUND), prompt("hello there"), None)
    assert outcome.value == 20.0
    assert outcome.findings[0].detail.startswith("whisper-tiny/openai-whisper: 2.00 to 2.50 s, ")
    assert asked["path"].endswith("net.pt")
    assert (asked["samples"], asked["language"], asked["fp16"]) == (40_000, "en", False)
    drawn, state = asked["drawn"], torch.get_rng_state()
    metric.score(audio_clip(SOUND), prompt("hello there"), None)
    assert asked["drawn"] == drawn  # Seeded by the sound,
    assert torch.equal(torch.get_rng_state(), state)  # and nobody else's draws move.
    metric.score(audio_clip(2 * SOUND), prompt("hello there"), None)
    assert asked["drawn"] != drawn


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
