"""The suite of edits: its clips are the corpus's, its spans hold the replaced words, and it can be made again."""

import json
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("cv2", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("espeakng_loader", reason="making the corpus needs jova-bench[corpus]")

from jova.data import vocabulary
from jova.data.corpus import make_clip, make_dubbed, make_prompt, make_respoken, seed_of, split_of
from jova.data.edits import write_edits
from jova.data.fitting import read_sound
from jova.data.folder import read_clip
from jova.data.speech import Delivery, speak
from jova.timeline import Timeline
from jova_bench.suites.loading import load_suite


@pytest.fixture(scope="module")
def suite():
    return load_suite("embedded-edits")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edits")
    write_edits(folder, 2)
    return folder


def old(prompt):
    """Returns tags, transcript and seed of the clip that a prompt edits."""
    index = int(prompt.id.rpartition("-")[2])
    source = make_prompt("test", index)
    return source["tags"], source["transcript"], seed_of("test", index)


@pytest.mark.parametrize("voice", vocabulary.VOICES.values())
def test_a_word_begins_with_its_first_phoneme_with_and_without_pauses(voice):
    words = ("put", "white", "window", "under", "eight", "again")
    for pauses in ((0,) * 5, (240, 0, 80, 0, 160)):
        speech = speak(words, Delivery(voice, 190, 50, pauses))
        # Of phonemes that start then the last one: a pause before a word may have no length.
        places = np.searchsorted(speech.starts_s, speech.word_starts_s, side="right") - 1
        firsts = [speech.phonemes[place] for place in places]
        assert [phoneme.strip("',")[:1] for phoneme in firsts] == ["p", "w", "w", "V", "e", "a"]
        assert set(speech.word_starts_s) <= set(speech.starts_s)


def test_every_word_beside_every_other_is_a_word_of_its_own():
    pairs = {pair for template in vocabulary.TEMPLATES for pair in pairwise(template)}
    for before, after in pairs:
        words = [word for two in zip(vocabulary.SLOTS[before], vocabulary.SLOTS[after], strict=False) for word in two]
        speech = speak(tuple(words), Delivery("en-us+f2", 190, 50, (0,) * (len(words) - 1)))
        assert len(set(speech.word_starts_s)) == len(words)


def test_a_word_ends_before_the_pause_that_follows_it():
    # The corpus says `lay | blue under seven | now`, with pauses at the bars.
    tags, transcript, seed = make_prompt("test", 0)["tags"], "lay blue under seven now", seed_of("test", 0)
    clip = make_clip(tags, transcript, seed)
    pauses = [start for name, (start, _) in zip(clip.phonemes, clip.phoneme_times, strict=True) if name == "_:"]
    assert [float(clip.word_times[word, 1]) for word in (0, 3, 4)] == pytest.approx(pauses, abs=1e-6)
    np.testing.assert_array_equal(clip.word_times[1:3, 1], clip.word_times[2:4, 0])


def test_two_prompts_of_each_kind_made_again_are_those_that_ship(suite, made):
    again = {prompt["id"]: prompt for prompt in map(json.loads, (made / "prompts.jsonl").read_text().splitlines())}
    shipped = [json.loads(line) for line in (suite.root / "prompts.jsonl").read_text().splitlines()]
    assert len(again) == 8
    assert [prompt for prompt in shipped if prompt["id"] in again] == list(again.values())
    assert (made / "suite.toml").read_bytes() == (suite.root / "suite.toml").read_bytes()
    clips = sorted({prompt["reference"] for prompt in again.values()})
    assert len(clips) == 6
    for clip in clips:
        (frames, audio), (shipped_frames, shipped_audio) = read_clip(made / clip), read_clip(suite.root / clip)
        np.testing.assert_array_equal(audio, shipped_audio)
        assert np.abs(frames.astype(int) - shipped_frames).mean() < 2  # The encoder's rounding: 1 on average.


def test_prompts_ask_for_four_edits_of_each_clip(suite):
    kinds = [prompt.edit.kind for prompt in suite.prompts]
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(("speech", "mouth", "picture", "sound"), 24)
    assert all(prompt.tags["edit"] == prompt.edit.kind for prompt in suite.prompts)
    assert not {prompt.id[-5:] for prompt in suite.prompts} & {p.id[-5:] for p in load_suite("embedded").prompts}
    assert {split_of(prompt.transcript) for prompt in suite.prompts} == {"test"}
    counts = [prompt.edit.words[1] for prompt in suite.prompts if prompt.edit.kind == "speech"]
    assert (counts.count(1), counts.count(2)) == (12, 12)
    for prompt in suite.prompts:
        transcript, words = old(prompt)[1], prompt.transcript.split()
        if prompt.edit.kind == "speech":
            first, count = prompt.edit.words
            differ = [place for place, (a, b) in enumerate(zip(transcript.split(), words, strict=True)) if a != b]
            assert differ == list(range(first, first + count))
        else:
            assert (prompt.transcript == transcript) == (prompt.edit.kind != "mouth")


def test_a_span_holds_the_replaced_words_and_a_box_the_mouth(suite):
    for prompt in suite.prompts[:4]:
        clip = make_clip(*old(prompt))
        first, count = prompt.edit.words
        start, end = clip.word_times[first, 0], clip.word_times[first + count - 1, 1]
        assert prompt.edit.span_s == pytest.approx((start - 0.04, end + 0.04), abs=6e-4)
    for prompt in suite.prompts[24:28]:
        boxes = make_clip(*old(prompt)).mouth_box
        x0, y0, x1, y1 = prompt.edit.box
        assert np.all(boxes[:, :2] >= np.array((x0, y0)) - 0.006)
        assert np.all(boxes[:, 2:] <= np.array((x1, y1)) + 0.006)


def test_a_mouth_gets_the_sound_of_another_head_which_is_the_truths(suite):
    sources = [prompt.edit.clip for prompt in suite.prompts[24:48]]
    assert [prompt.audio for prompt in suite.prompts[24:48]] == [sources[1], *sources[:-1]]
    sounds = {prompt.reference: prompt for prompt in suite.prompts[72:]}
    for prompt in suite.prompts[24:48]:
        given = read_sound(suite.path(prompt.audio), Timeline())[0]
        np.testing.assert_array_equal(given, read_clip(suite.path(prompt.reference))[1])
        other = sounds[prompt.audio]
        assert (prompt.transcript, prompt.audio_caption) == (other.transcript, other.audio_caption)
        assert {prompt.tags[name] == other.tags[name] for name in ("voice", "pitch", "speed")} == {True}


def test_other_words_leave_the_head_and_what_was_said_before(suite):
    prompt = next(prompt for prompt in suite.prompts if prompt.id == "speech-00130")
    tags, transcript, seed = old(prompt)
    clip, respoken = make_clip(tags, transcript, seed), make_respoken(tags, transcript, seed, prompt.transcript)
    before = round(prompt.edit.span_s[0] * 16_000)
    np.testing.assert_array_equal(respoken.audio[:before], clip.audio[:before])
    assert not np.array_equal(respoken.audio, clip.audio)
    np.testing.assert_array_equal(respoken.frames[:44], clip.frames[:44])
    np.testing.assert_array_equal(respoken.frames[:, :24], clip.frames[:, :24])  # Hair and eyes in every frame.
    same = make_respoken(tags, transcript, seed, transcript)
    np.testing.assert_array_equal(same.frames, clip.frames)
    np.testing.assert_array_equal(same.audio, clip.audio)


def test_another_sentence_leaves_the_head(suite):
    first, second = (old(prompt) for prompt in suite.prompts[:2])
    clip, dubbed = make_clip(*first), make_dubbed(first, second)
    np.testing.assert_array_equal(dubbed.frames[:, :24], clip.frames[:, :24])
    np.testing.assert_array_equal(dubbed.audio, make_clip(*second).audio)
    assert len(dubbed.word_times) == len(second[1].split())
    assert not np.array_equal(dubbed.mouth_open, clip.mouth_open)


def test_words_that_do_not_fit_into_the_clip_are_refused():
    prompt = make_prompt("test", 0)
    with pytest.raises(ValueError, match="does not fit into the clip of 'lay blue under seven now'"):
        make_respoken(prompt["tags"], prompt["transcript"], seed_of("test", 0), " ".join(["window-" * 6 + "box"] * 5))
