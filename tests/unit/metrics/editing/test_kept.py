"""What an edit keeps: which pixels and samples count, by hand, and when nothing can be compared."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.media import files as media
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.editing import kept
from jova_bench.metrics.editing.given import kept_frames, kept_pixels, kept_samples
from jova_bench.prompts import Edit
from jova_bench.records import Outcome
from support.asked import prompt
from support.clips import clip_of

RATE_HZ = 4000
CONTEXT = MetricContext(NoCache())
PICTURE, SOUND = kept.kept_psnr(CONTEXT, "standard"), kept.kept_audio(CONTEXT, "standard")


def film(count=25, size=(16, 16), seed=0):
    """A second of random pictures and sound on the grid of 16 bits."""
    random = np.random.default_rng(seed)
    frames = random.integers(20, 230, (count, *size, 3)).astype(np.uint8)
    audio = random.integers(-8000, 8000, (1, round(count / 25 * RATE_HZ))).astype(np.float32) / 32768
    return frames, audio


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with `clip.mp4`, `voice.wav` and `mute.mp4`, and the clip as it is read again."""
    folder = tmp_path_factory.mktemp("given")
    frames, audio = film()
    media.write(folder / "clip.mp4", frames, Fraction(25), audio, RATE_HZ)
    media.write(folder / "mute.mp4", frames, Fraction(25), None, 0)
    media.write(folder / "voice.wav", None, Fraction(0), film(seed=1)[1], RATE_HZ)
    read = media.read(folder / "clip.mp4")
    return folder, read.frames, read.audio


def asked(folder, kind, clip="clip.mp4", **fields):
    fields |= {"span_s": (0.4, 0.6), "words": (0, 1)} if kind == "speech" else {}
    fields |= {"box": (6, 6, 10, 10)} if kind == "mouth" else {}
    clip = None if kind == "picture" else str(folder / clip)
    return prompt(audio=str(folder / "voice.wav"), edit=Edit(kind=kind, clip=clip, **fields))


def ok(value):
    return Outcome(status="ok", value=value)


def undefined(reason):
    return Outcome(status="undefined", reason=reason)


def test_frames_near_a_span_are_left_out():
    # The span is 0.4 to 0.6 s, with its margin 0.24 to 0.76 s. Frame 5 ends at 0.24 s; frame 19 begins at 0.76 s.
    found = kept_frames(Edit(kind="speech", clip="c", span_s=(0.4, 0.6), words=(0, 1)), 25, 25.0)
    assert np.flatnonzero(found).tolist() == [*range(6), *range(19, 25)]
    # At 10 frames/s frame 1 ends at 0.2 s and frame 8 begins at 0.8 s.
    found = kept_frames(Edit(kind="speech", clip="c", span_s=(0.4, 0.6), words=(0, 1)), 10, 10.0)
    assert np.flatnonzero(found).tolist() == [0, 1, 8, 9]
    assert kept_frames(Edit(kind="sound", clip="c"), 3, 25.0).all()


def test_pixels_near_a_mouth_are_left_out():
    # An eighth of 16 pixels is 2, in both directions: columns 4 to 11 and rows 7 to 12 go.
    found = kept_pixels(Edit(kind="mouth", clip="c", box=(6, 9, 10, 11)), 20, 16)
    outside = np.ones((20, 16), bool)
    outside[7:13, 4:12] = False
    assert np.array_equal(found, outside)
    # A box of parts of pixels: 3.5 to 10.5 with its margin touches columns 3 to 10.
    found = kept_pixels(Edit(kind="mouth", clip="c", box=(5.5, 9, 8.5, 11)), 20, 16)
    assert np.flatnonzero(~found[10]).tolist() == [*range(3, 11)]
    assert kept_pixels(Edit(kind="mouth", clip="c", box=(0, 0, 16, 20)), 20, 16).sum() == 0
    assert kept_pixels(Edit(kind="sound", clip="c"), 20, 16).all()


def test_samples_near_a_span_are_left_out():
    found = kept_samples(Edit(kind="speech", clip="c", span_s=(0.4, 0.6), words=(0, 1)), 4000, RATE_HZ)
    assert np.flatnonzero(~found).tolist() == [*range(960, 3040)]


@pytest.mark.parametrize("kind", ["speech", "mouth", "sound"])
def test_an_equal_picture_has_the_cap_and_one_value_off_is_counted(given, kind):
    folder, frames, audio = given
    assert PICTURE.score(clip_of(frames, audio, RATE_HZ), asked(folder, kind)) == ok(100.0)
    moved = frames.copy()
    moved[0, 0, 0, 0] += 12
    values = 3 * {"speech": 12 * 256, "mouth": 25 * (256 - 8 * 8), "sound": 25 * 256}[kind]
    by_hand = 10 * np.log10(255**2 / (12**2 / values))
    assert PICTURE.score(clip_of(moved, audio, RATE_HZ), asked(folder, kind)).value == pytest.approx(by_hand)


def test_what_is_made_is_not_compared(given):
    folder, frames, audio = given
    span = frames.copy()
    span[6:19] = 255 - span[6:19]
    assert PICTURE.score(clip_of(span, audio, RATE_HZ), asked(folder, "speech")) == ok(100.0)
    mouth = frames.copy()
    mouth[:, 4:12, 4:12] = 0
    assert PICTURE.score(clip_of(mouth, audio, RATE_HZ), asked(folder, "mouth")) == ok(100.0)
    assert PICTURE.score(clip_of(mouth, audio, RATE_HZ), asked(folder, "sound")).value < 20


def test_the_psnr_of_one_step_everywhere_is_that_of_the_textbooks(given):
    folder, frames, audio = given
    made = np.where(frames < 128, frames + 1, frames - 1).astype(np.uint8)
    found = PICTURE.score(clip_of(made, audio, RATE_HZ), asked(folder, "sound"))
    assert found.value == pytest.approx(48.1308, abs=1e-4)  # 20 log10(255 / 1)


def test_hardly_any_difference_has_no_more_than_the_cap():
    given = np.zeros((100, 200, 200, 3), np.uint8)
    made = given.copy()
    made[0, 0, 0, 0] = 1  # 10 log10(255^2 12e6) = 118.9
    assert kept.psnr(given, made, np.ones(100, bool), np.ones((200, 200), bool)) == 100


def test_frames_after_the_given_clip_are_ignored(given):
    folder, frames, audio = given
    longer = np.concatenate([frames, frames[:3]])
    assert PICTURE.score(clip_of(longer, audio, RATE_HZ), asked(folder, "sound")) == ok(100.0)


def test_equal_samples_are_counted(given):
    folder, frames, audio = given
    voice = film(seed=1)[1]
    for kind, sound in (("speech", audio), ("mouth", voice), ("picture", voice)):
        kept_of = 1920 if kind == "speech" else 4000
        assert SOUND.score(clip_of(frames, sound, RATE_HZ), asked(folder, kind)) == ok(1.0)
        moved = sound.copy()
        moved[0, :120] += 1 / 32768
        moved[0, 120:200] += 0.49 / 32768  # written in 16 bits it would be the same
        found = SOUND.score(clip_of(frames, moved, RATE_HZ), asked(folder, kind))
        assert found.value == pytest.approx(1 - 120 / kept_of)
        short = SOUND.score(clip_of(frames, sound[:, :-60], RATE_HZ), asked(folder, kind))
        assert short.value == pytest.approx(1 - 60 / kept_of)
        assert SOUND.score(clip_of(frames, np.pad(sound, ((0, 0), (0, 9))), RATE_HZ), asked(folder, kind)) == ok(1.0)
    made = audio.copy()
    made[:, 960:3040] = 0.5
    assert SOUND.score(clip_of(frames, made, RATE_HZ), asked(folder, "speech")) == ok(1.0)


def test_what_is_louder_than_16_bits_is_kept_as_the_loudest_of_them(tmp_path):
    frames, audio = film()
    loud = np.clip(6 * audio, -1, 1)
    with av.open(str(tmp_path / "voice.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(loud, format="flt", layout="mono")
        frame.sample_rate = RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    media.write(tmp_path / "made.mp4", frames, Fraction(25), loud, RATE_HZ)
    given, made = (media.read(tmp_path / name) for name in ("voice.wav", "made.mp4"))
    assert (given.audio == 1).any()
    assert (made.audio == 1).sum() == 0
    for clip in (made, given):
        assert SOUND.score(replace(clip, frames=frames, fps=Fraction(25)), asked(tmp_path, "picture")) == ok(1.0)


def test_a_channel_that_differs_is_half_of_two(tmp_path):
    frames, audio = film()
    media.write(tmp_path / "voice.wav", None, Fraction(0), np.repeat(audio, 2, axis=0), RATE_HZ, ("FL", "FR"))
    both = np.stack([audio[0], -audio[0]])
    both[1, audio[0] == 0] = 0.5
    assert SOUND.score(clip_of(frames, both, RATE_HZ), asked(tmp_path, "picture")) == ok(0.5)


FRAMES, AUDIO = film()


@pytest.mark.parametrize(
    ("made", "kind", "reason"),
    [
        (clip_of(FRAMES, AUDIO, RATE_HZ), "picture", "no picture is kept"),
        (clip_of(None, AUDIO, RATE_HZ), "sound", "no video stream"),
        (clip_of(FRAMES[:, :, :14], AUDIO, RATE_HZ), "sound", "14 x 16 pixels, the given clip has 16 x 16"),
        (clip_of(FRAMES, AUDIO, RATE_HZ, fps=24), "mouth", "24 frames/s, the given clip has 25"),
        (clip_of(FRAMES[:24], AUDIO, RATE_HZ), "speech", "24 frames, the given clip has 25"),
    ],
)
def test_pictures_that_cannot_be_compared(given, made, kind, reason):
    assert PICTURE.score(made, asked(given[0], kind)) == undefined(reason)


@pytest.mark.parametrize(
    ("made", "kind", "reason"),
    [
        (clip_of(FRAMES, AUDIO, RATE_HZ), "sound", "no sound is kept"),
        (clip_of(FRAMES, None, 0), "speech", "no audio stream"),
        (clip_of(FRAMES, AUDIO, 2 * RATE_HZ), "speech", "8000 Hz, what was given has 4000"),
        (clip_of(FRAMES, np.repeat(AUDIO, 2, axis=0), RATE_HZ), "mouth", "channels: 2, what was given has 1"),
    ],
)
def test_sounds_that_cannot_be_compared(given, made, kind, reason):
    assert SOUND.score(made, asked(given[0], kind)) == undefined(reason)


@pytest.mark.parametrize("metric", [PICTURE, SOUND])
def test_without_an_edit_or_its_file_there_is_no_answer(given, metric):
    clip = clip_of(FRAMES, AUDIO, RATE_HZ)
    assert metric.score(clip) == metric.score(clip, prompt()) == undefined("no edit")
    lost = metric.score(clip, asked(given[0], "speech", clip="none.mp4"))
    assert lost.status == "failed"
    assert "what was given: cannot decode" in lost.reason
    covered = asked(given[0], "speech").model_copy(
        update={"edit": Edit(kind="speech", clip=str(given[0] / "clip.mp4"), span_s=(0.1, 0.9), words=(0, 1))}
    )
    assert "is kept beyond the margin" in metric.score(clip, covered).reason


@pytest.mark.parametrize("span_s", [(1.0, 1.2), (1.1, 1.3), (5.0, 6.0)])
def test_where_a_span_is_after_the_clip_nothing_is_asked(given, span_s):
    # The clip ends at 1 s. All of it is kept, however it was edited: that is no answer.
    clip, edit = (
        clip_of(FRAMES, AUDIO, RATE_HZ),
        Edit(kind="speech", clip=str(given[0] / "clip.mp4"), span_s=span_s, words=(0, 1)),
    )
    for metric in (PICTURE, SOUND):
        assert metric.score(clip, prompt(edit=edit)) == undefined("the span of the edit is outside the given clip")


def test_a_span_that_begins_within_the_clip_asks_for_its_end(given):
    folder, frames, audio = given
    edit = Edit(kind="speech", clip=str(folder / "clip.mp4"), span_s=(0.96, 5.0), words=(0, 1))
    made = audio.copy()
    made[:, 3200:] = 0.5  # from 0.96 s less the margin
    made[:, :320] += 0.1
    found = SOUND.score(clip_of(frames, made, RATE_HZ), prompt(edit=edit))
    assert found.value == pytest.approx(1 - 320 / 3200)
    assert PICTURE.score(clip_of(frames, audio, RATE_HZ), prompt(edit=edit)) == ok(100.0)


@pytest.mark.parametrize("box", [(16, 4, 20, 8), (4, 16, 8, 20), (90, 90, 99, 99)])
def test_where_a_box_is_beside_the_picture_nothing_of_it_is_asked(given, box):
    folder, frames, _ = given
    voice = film(seed=1)[1]
    clip, edit = clip_of(frames, voice, RATE_HZ), Edit(kind="mouth", clip=str(folder / "clip.mp4"), box=box)
    asked_for = prompt(audio=str(folder / "voice.wav"), edit=edit)
    assert PICTURE.score(clip, asked_for) == undefined("the box of the edit is outside the given picture")
    assert SOUND.score(clip, asked_for) == ok(1.0)  # the sound is given whatever the box


def test_what_was_given_may_lack_the_stream(given):
    clip = clip_of(FRAMES, AUDIO, RATE_HZ)
    mute = asked(given[0], "speech", clip="mute.mp4")
    assert SOUND.score(clip, mute) == undefined("what was given has no audio stream")
    sound_alone = asked(given[0], "sound", clip="voice.wav")
    assert PICTURE.score(clip, sound_alone) == undefined("the given clip has no video stream")


def test_their_numbers_say_what_is_left_out():
    assert str(PICTURE.spec.identity) != str(kept.kept_psnr(CONTEXT, "embedded").spec.identity)
    assert PICTURE.spec.params == {"cap_db": 100, "margin_s": 0.16, "margin_width": 0.125}
