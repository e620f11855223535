"""WER and CER: counting, normalising, and what the recognisers do with speech, noise and silence."""

import dataclasses
from functools import partial

import jiwer
import numpy as np
import pytest

from jova_bench.cache import CacheKey, NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.speech import recognition as speech
from jova_bench.metrics.speech import whisper
from jova_bench.metrics.speech.errors import character_error_rate, transcript_length, word_error_rate
from jova_bench.metrics.speech.published import published, published_word_error_rate
from jova_bench.records import Outcome
from jova_bench.runs.estimates import MetricColumn, clip_estimate
from support.asked import prompt
from support.clips import audio_clip
from support.memory_cache import MemoryCache

drawn = partial(audio_clip, in_domain=True)
"""Sound as of a drawn face, which the embedded recogniser was trained for."""


@pytest.mark.parametrize(
    ("transcript", "heard", "errors"),
    [
        ("place blue at four now", "place blue at four now", 0.0),
        ("a b c d", "a x c", 0.5),  # one substitution, one deletion, of four
        ("hello", "", 1.0),
        ("hello", "hello and some more", 3.0),  # three insertions to one word
        ("Hello, world!", "hello world", 0.0),
        ("color 2", "colour two", 0.0),
        ("It's nineteen ninety-nine.", "it is 1999", 0.0),
        # "can't" becomes "can not" but "cannot" stays: a known gap of the normaliser, 2 edits to 6 words
        ("Mr. Smith can't pay $20 million", "mister smith cannot pay twenty million dollars", 1 / 3),
    ],
)
def test_word_error_rates_by_hand(transcript, heard, errors):
    assert word_error_rate(transcript, heard, "en") == pytest.approx(errors)


def test_character_error_rates_by_hand():
    assert character_error_rate("abc", "abd", "en") == pytest.approx(1 / 3)
    assert character_error_rate("ab cd", "abcd", "en") == pytest.approx(1 / 5)  # the space is the fifth character
    assert character_error_rate("你好，世界", "你好世", "zh-Hans") == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [  # As whisper/normalizers of openai/whisper at c0d2f62 writes them.
        ("hi", "सभी मनुष्यों को दिन।", "सभ मन ष य क द न"),
        ("ar", "كَتَبَ الوَلَدُ، ٢١", "ك ت ب الو ل د ٢١"),
        ("he", "שָׁלוֹם עֲלֵיכֶם", "ש לו ם ע ל יכ ם"),
        ("th", "น้ำ เด็กๆ", "น า เ ด ก ๆ"),
        ("my", "မြန်မာ", "မ န မ"),
        ("km", "ស្រី។", "ស រ"),
        ("tr", "İyi GÜNLER Işık", "i yi günler işık"),
        ("fr", "L’eau qu'il boit [rires] (bas)", "l eau qu il boit"),
        ("zh", "你好，世界2021", "你 好 世 界 2 0 2 1"),
        ("ja", "がくせい・ﾃﾞｽ", "が く せ い デ ス"),
        ("yo", "ọ̀rọ̀", "ọ rọ"),
        ("en", "It’s nineteen ninety-nine, Mr. Smith can't pay $20 (aside)", "it s 1999 mister smith can not pay $20"),
        ("de", "schöne Grüße — 3,5 km", "schöne grüße 3 5 km"),
    ],
)
def test_published_rules_are_those_of_openai_whisper(language, text, normal):
    assert published(text, language) == normal


def test_published_rates_are_what_these_rules_make_of_words():
    (metric,) = build(["wer@openai-whisper"], "standard", MetricContext(NoCache()))
    assert metric.spec.identity.startswith("wer@2/standard/compat:openai-whisper@c0d2f62:whisper-large-v3/")
    assert "normaliser=whisper," in metric.spec.identity
    assert published_word_error_rate("दिन", "दान", "hi") == 0.0
    assert published_word_error_rate("كَتَبَ", "كتب", "ar") == 1.0  # three words for one: one is another, two are missing
    assert published_word_error_rate("你好，世界", "你好世", "zh") == 1 / 4
    with pytest.raises(Undefined, match="no transcript"):
        published_word_error_rate("...", "hello", "hi")


@pytest.mark.parametrize(
    ("prompt", "words", "characters"),
    [
        (prompt("Mr. Smith can't pay"), 5, 24),  # mister smith can not pay
        (prompt("[noise]"), 0, 0),
        (prompt(""), 0, 0),
        (None, 0, 0),
        (prompt("你好，世界", language="zh"), 4, 4),
    ],
)
def test_the_weight_of_a_clip_is_the_length_of_its_normalised_transcript(prompt, words, characters):
    for rules in ("transcript", "spoken"):
        assert transcript_length(prompt, f"{rules}_words") == words
        assert transcript_length(prompt, f"{rules}_characters") == characters


def test_the_weight_is_counted_by_the_rules_that_the_rate_is_counted_by():
    vocalised = prompt("كَتَبَ", language="ar")
    assert (transcript_length(vocalised, "transcript_words"), transcript_length(vocalised, "spoken_words")) == (3, 1)
    assert metric_of(Parrot("")).spec.micro == "spoken_words"
    assert speech.embedded(MetricContext(NoCache(), "cpu"), "cer").spec.micro == "transcript_characters"


@pytest.mark.parametrize("unit", ["wer", "cer"])
def test_the_mean_is_the_rate_of_all_clips_together(unit):
    """As jiwer has it for a list of pairs, whose lengths differ."""
    said, heard = ["a", "bin blue by green soon now"], ["bee", "bin blue by green sooner now"]
    metric = metric_of(Parrot(""), unit)
    rate = {"wer": jiwer.wer, "cer": jiwer.cer}[unit]
    prompts = [prompt(text).model_copy(update={"id": f"p{i}"}) for i, text in enumerate(said)]
    parts = {(p.id, 0): Outcome(status="ok", value=rate(p.transcript, h)) for p, h in zip(prompts, heard, strict=True)}
    found = clip_estimate(MetricColumn("m", metric.spec, parts), {p.id: p for p in prompts})
    assert found.value == pytest.approx(rate(said, heard), rel=1e-12)


def test_words_need_spaces_and_a_transcript():
    with pytest.raises(Undefined, match="WER needs spaces between words; see cer"):
        word_error_rate("你好", "你好", "zh-CN")
    with pytest.raises(Undefined, match="no transcript"):
        word_error_rate("...", "hello", "en")


def test_an_english_transcript_with_marks_of_another_script_has_no_rate():
    """Nobody said the language. The rules for English drop every mark, and the two words would be one."""
    for rate in (word_error_rate, character_error_rate):
        with pytest.raises(Undefined, match=r"carry marks \(DEVANAGARI VOWEL SIGN I\).*normaliser splits words"):
            rate("दिन रात", "दान रात", "en")
    assert (
        word_error_rate("good day", "كَتَبَ", "en") == 1.0
    )  # What a recogniser made up is no reason to leave a clip out.


# The metric, with recognisers that are known


class Parrot:
    """Says one thing, counts how often it is asked, and needs nothing."""

    key = CacheKey("parrot", 1)

    def __init__(self, says):
        self.says = says
        self.asked = 0

    def check(self):
        return None

    def admit(self, clip, language):
        pass

    def transcribe(self, audio, language):
        self.asked += 1
        return self.says if isinstance(self.says, speech.Transcript) else speech.Transcript(self.says)


TONE = (0.1 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype(np.float32)


def metric_of(recogniser, unit="wer", cache=None):
    return speech.SpeechErrors(
        whisper.standard(MetricContext(NoCache(), "cpu"), unit, "large-v3").spec, recogniser, cache or NoCache()
    )


def test_a_vowel_that_is_a_mark_is_heard_and_counts():
    assert metric_of(Parrot("दान")).score(drawn(TONE), prompt("दिन", language="hi"), None).value == 1.0
    # Of three code points, the middle one is another.
    assert metric_of(Parrot("दान"), "cer").score(drawn(TONE), prompt("दिन", language="hi"), None).value == 1 / 3


def test_what_has_no_rate_is_undefined_before_anything_is_heard():
    parrot = Parrot("दान")
    outcome = metric_of(parrot).score(drawn(TONE), prompt("दिन"), None)
    assert (outcome.status, parrot.asked) == ("undefined", 0)


def test_silence_is_all_words_missing_and_never_reaches_the_recogniser():
    parrot = Parrot("thank you for watching")
    outcome = metric_of(parrot).score(drawn(np.zeros(16_000, np.float32)), prompt("bin red now"), None)
    assert (outcome.status, outcome.value, parrot.asked) == ("ok", 1.0, 0)


def test_one_sound_is_heard_once_by_wer_and_cer_even_as_the_empty_text():
    cache, parrot = MemoryCache(), Parrot("")
    for unit in ("wer", "cer"):
        metric = metric_of(parrot, unit, cache)
        assert metric.score(drawn(TONE), prompt("bin red now"), None).value == 1.0
        other_picture = dataclasses.replace(drawn(TONE), digest="f" * 64)
        assert metric.score(other_picture, prompt("lay blue soon"), None).value == 1.0
    assert parrot.asked == 1


def test_a_loop_counts_as_heard_and_is_a_finding_of_the_clip_from_the_cache_too():
    cache = MemoryCache()
    parrot = Parrot(speech.Transcript("red " * 40, "0.00 to 1.00 s, 8.2 times as long as compressed"))
    for unit, value in (("wer", 39.0), ("cer", 156 / 3), ("wer", 39.0)):
        outcome = metric_of(parrot, unit, cache).score(drawn(TONE), prompt("red"), None)
        assert outcome.value == value
        (found,) = outcome.findings
        assert found.code == "transcript_loop"
        assert found.detail == "whisper-large-v3/transformers: 0.00 to 1.00 s, 8.2 times as long as compressed"
    assert parrot.asked == 1
    assert metric_of(Parrot("red")).score(drawn(TONE), prompt("red"), None).findings == ()


@pytest.mark.parametrize("prompt", [None, prompt(""), prompt(" ... ")])
def test_nothing_to_say_is_undefined(prompt):
    outcome = metric_of(Parrot("hello")).score(drawn(TONE), prompt, None)
    assert (outcome.status, outcome.reason) == ("undefined", "no transcript")


def test_missing_recogniser_fails_but_undefined_questions_stay_undefined():
    class Absent(Parrot):
        def check(self):
            return "not installed: pip install nothing"

    metric = metric_of(Absent("x"))
    assert metric.score(drawn(TONE), prompt("bin red"), None).reason == "not installed: pip install nothing"
    assert metric.score(drawn(TONE), prompt("bin red"), None).status == "failed"
    assert metric.score(drawn(TONE), prompt("你好", language="zh"), None).status == "undefined"
    no_sound = drawn(None)
    assert metric.score(no_sound, prompt("bin red"), None).reason == "no audio stream"


# Pocketsphinx


def test_embedded_words_are_heard_in_drawn_faces_that_speak_english():
    metric = speech.embedded(MetricContext(NoCache(), "cpu"), "wer")
    assert metric.spec.micro == "transcript_words"
    assert speech.Pocketsphinx().grammar_digest in metric.spec.identity
    outside = metric.score(audio_clip(TONE), prompt("bin red"), None)
    assert (outside.status, outside.reason) == ("undefined", "outside the embedded domain")
    german = metric.score(drawn(TONE), prompt("bin rot", language="de"), None)
    assert german.reason == "the embedded recogniser hears English, not 'de'"


def test_noise_tones_and_clicks_are_no_words():
    pytest.importorskip("pocketsphinx")
    recogniser, rng = speech.Pocketsphinx(), np.random.default_rng(0)
    for sound in (rng.normal(0, 0.1, 32_000), np.tile(TONE, 2), rng.normal(0, 0.1, 100), np.zeros(0)):
        assert recogniser.transcribe(sound.astype(np.float32), "en").text == ""


def spoken(*words, voice="en-us+f2"):
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("pocketsphinx")
    from jova.data.speech import Delivery, speak

    audio = speak(words, Delivery(voice, 160, 40, (30,) * (len(words) - 1))).audio
    return np.pad(audio, 4_000).astype(np.float32)


SENTENCES = [
    ("place", "blue", "box", "near", "four", "now"),
    ("lay", "red", "seven"),
    ("hold", "white", "with", "nine"),
]


def test_clear_speech_is_heard_word_for_word_and_a_wrong_sentence_counts():
    metric = speech.embedded(MetricContext(NoCache(), "cpu"), "wer")
    right = [metric.score(drawn(spoken(*words)), prompt(" ".join(words)), None).value for words in SENTENCES]
    assert np.mean(right) < 0.1
    wrong = metric.score(drawn(spoken(*SENTENCES[0])), prompt("lay red seven"), None).value
    assert wrong >= 1


def test_what_is_heard_does_not_depend_on_what_was_heard_before():
    # The decoder's noise estimate outlives a clip unless it is reset; then a loud clip changed words of the next.
    recogniser, rng = speech.Pocketsphinx(), np.random.default_rng(1)
    speaking = [spoken(*words) for words in SENTENCES]
    alone = [recogniser.transcribe(audio, "en") for audio in speaking]
    for level in (0.3, 0.05):
        for k in rng.permutation(len(speaking)):
            recogniser.transcribe(rng.normal(0, level, 20_000).astype(np.float32), "en")
            assert recogniser.transcribe(speaking[k], "en") == alone[k]
