"""Text-video score: tokens, texts and every protocol against upstream on random checkpoints, and what has no answer."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import clip_tokens, viclip
from jova_bench.metrics.networks.imagebind import text
from jova_bench.metrics.prompt import captions, text_video
from jova_bench.prompts import Prompt
from support import every_asset, upstream
from support.clips import clip_of, silent_clip
from support.memory_cache import MemoryCache

PARITY = upstream.parity("text_video")
EXPECTED, CAPTIONS = PARITY["outputs"], PARITY["captions"]
CLIP = clip_of(upstream.fake_pictures((73, 40, 61), "ib frames"), None, fps=24)
VARIANTS = ["text_video_score", *(f"text_video_score@{name}" for name in text_video.VARIANTS if name != "clean")]


def asked(caption):
    return Prompt(id="p", video_caption=caption, audio_caption="", transcript="")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random checkpoints in the published formats, and a vocabulary of a few joins."""
    names = ("imagebind-huge", "clip-vit-l14", "clip-vit-b32", "viclip-l14", "clip-vocabulary")
    return every_asset.written(tmp_path_factory.mktemp("text-video"), *names)


@pytest.fixture(scope="module")
def tokens(files):
    return clip_tokens.load(files["clip-vocabulary"])


@pytest.fixture
def own(files, own_assets):
    return own_assets(files)


def metric(name, cache=None):
    (found,) = build([name], "standard", MetricContext(cache or NoCache()))
    return found


@pytest.mark.parametrize("name", CAPTIONS)
def test_texts_become_the_tokens_of_the_original(name, tokens):
    """One of them has curly quotes, an entity written twice, a ligature, marks and a sign beyond the plane."""
    assert tokens.encode(CAPTIONS[name]) == EXPECTED["words"][name]


@pytest.mark.parametrize("reading", ["beginning", "torn"])
@pytest.mark.parametrize("name", CAPTIONS)
def test_texts_are_embedded_as_by_imagebind_and_by_imagebind_of_old(name, reading, files, tokens):
    net = text.load(files["imagebind-huge"], "cpu")
    (piece,) = captions.read(tokens, CAPTIONS[name], reading)
    assert len(piece) <= 77
    with torch.inference_mode():
        got = net.encode_text(piece)
    expected = EXPECTED["vector_old" if reading == "torn" else "vector_new"][name]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_a_long_caption_that_is_torn_is_read_elsewhere():
    assert EXPECTED["vector_old"]["short"] == EXPECTED["vector_new"]["short"]
    assert abs(EXPECTED["imagebind_old"]["long"] - EXPECTED["imagebind_new"]["long"]) > 0.05


@pytest.mark.parametrize("name", CAPTIONS)
@pytest.mark.parametrize(
    ("variant", "output"), [("javisbench", "imagebind_old"), ("t2av", "imagebind_old"), ("javisbench-clip", "clip")]
)
def test_benches_equal_the_originals(variant, output, name, own):
    outcome = metric(f"text_video_score@{variant}").score(CLIP, asked(CAPTIONS[name]))
    assert outcome.value == pytest.approx(EXPECTED[output][name], abs=1e-5)


@pytest.mark.parametrize("case", EXPECTED["viclip"])
def test_vabench_equals_the_original(case, own):
    """Of 73 frames, of 8, and of one, which has no place in time."""
    name, count = case.split()
    outcome = metric("text_video_score@vabench").score(silent_clip(CLIP.frames[: int(count)]), asked(CAPTIONS[name]))
    assert outcome.value == pytest.approx(EXPECTED["viclip"][case], abs=1e-5)


def test_vabench_has_no_value_where_its_code_fails():
    assert "must match the size" in EXPECTED["viclip_5_frames"]
    outcome = metric("text_video_score@vabench").score(silent_clip(CLIP.frames[:5]), asked("a dog"))
    assert outcome.status == "undefined"
    assert outcome.reason == "too short: 5 frames, on which the bench fails; 1 or 8 needed"


def test_a_short_caption_is_read_alike_by_all(own):
    clean = metric("text_video_score").score(CLIP, asked(CAPTIONS["short"]))
    assert clean.value == pytest.approx(EXPECTED["imagebind_new"]["short"], abs=1e-5)


def test_captions_are_split_after_sentences_then_after_words(tokens):
    (stop,), (word,) = tokens.encode("."), tokens.encode("the")
    assert stop in tokens.stops < tokens.closing
    assert word in tokens.closing - tokens.stops
    open_ = next(n for n in range(256) if n not in tokens.closing)
    sentence = [word] * 39 + [stop]
    assert [len(one) for one in captions.split(sentence * 3, tokens)] == [40, 40, 40]
    assert [len(one) for one in captions.split([word] * 160, tokens)] == [75, 75, 10]
    assert [len(one) for one in captions.split(([open_] * 39 + [word]) * 3, tokens)] == [40, 40, 40]
    assert [len(one) for one in captions.split([open_] * 100, tokens)] == [75, 25]
    assert captions.split(sentence[:75], tokens) == [sentence]


@pytest.mark.parametrize("name", ["text_video_score", "text_video_score@clip"])
def test_all_of_a_long_caption_counts_by_its_length(name, own, tokens):
    score = metric(name)
    pieces = captions.read(tokens, CAPTIONS["long"], "whole")
    assert [len(one) for one in pieces] == [2 + 72, 2 + 36]
    alone = [score.space.encode_text([one]) for one in pieces]
    assert np.linalg.norm(alone[0]) == pytest.approx(1)
    together = score.space.encode_text(pieces)
    np.testing.assert_allclose(together, (2 * alone[0] + alone[1]) / 3, atol=1e-7)
    whole, longer = (score.score(CLIP, asked(CAPTIONS["long"] + more)).value for more in ("", "a red kite."))
    assert whole != pytest.approx(longer, abs=1e-4)  # Words at the end of a long caption count.


def test_clip_sees_two_frames_a_second_whatever_the_rate():
    assert text_video.two_a_second(50, Fraction(25)).tolist() == [6, 18, 31, 43]
    assert len(text_video.two_a_second(100, Fraction(50))) == 4
    assert text_video.two_a_second(1, Fraction(25)).tolist() == [0]
    assert text_video.spread(5, Fraction(25)).tolist() == [0] * 6 + [1] * 12 + [2] * 12 + [3] * 12 + [4] * 6


@pytest.mark.parametrize("name", VARIANTS)
def test_one_frame_is_a_picture_with_words_too(name, own):
    outcome = metric(name).score(silent_clip(CLIP.frames[:1]), asked("a woman at a desk"))
    assert outcome.status == "ok"
    assert -1 <= outcome.value <= 1


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    ("clip", "prompt", "reason"),
    [
        (CLIP, None, "no video caption"),
        (CLIP, asked(" \n"), "no video caption"),
        (
            replace(CLIP, frames=None, audio=np.zeros((1, 160), np.float32), sample_rate_hz=16_000),
            asked("a dog"),
            "no video stream",
        ),
    ],
)
def test_questions_without_an_answer(name, clip, prompt, reason):
    outcome = metric(name).score(clip, prompt)
    assert (outcome.status, outcome.reason) == ("undefined", reason)


@pytest.mark.parametrize("caption", ["&nbsp;", "\ufeff"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_caption_of_no_tokens_is_none(name, caption, own):
    outcome = metric(name).score(CLIP, asked(caption))
    assert (outcome.status, outcome.reason) == ("undefined", "no video caption")


@pytest.mark.parametrize("name", ["text_video_score", "text_video_score@clip"])
def test_ours_knows_what_it_cannot_read_or_see(name):
    score = metric(name)
    assert "Latin" in score.score(CLIP, asked("Женщина сидит за столом (desk)")).reason
    assert "Latin" in score.score(CLIP, asked("一位女士坐在桌前")).reason
    assert score.score(CLIP, asked("Une femme à son bureau, 书")).status == "failed"  # Without weights: it may be read.
    small = silent_clip(np.zeros((3, 31, 64, 3), np.uint8))
    assert score.score(small, asked("a dog")).reason == "too small: 64x31, at least 32 pixels are needed on each side"


def test_missing_weights_and_packages_are_failures(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    score = metric("text_video_score")
    outcome = score.score(CLIP, asked("a dog"))
    assert (outcome.status, outcome.reason) == ("failed", score.check())
    assert "assets pull imagebind-huge clip-vocabulary" in outcome.reason
    monkeypatch.setattr("jova_bench.metrics.prompt.spaces.find_spec", lambda name: None)
    assert "not installed: pip install 'jova-bench[standard]'" in score.check()


def test_other_files_are_refused(tmp_path, files):
    file = tmp_path / "other.gz"
    file.write_bytes(b"something else")
    with pytest.raises(Unavailable, match="weights unreadable: expected CLIP's vocabulary"):
        clip_tokens.load(file)
    torch.save({"something": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(Unavailable, match="weights unreadable: expected"):
        text.load(tmp_path / "other.pth", "cpu")
    torch.save({"model": {"something": torch.zeros(2)}}, tmp_path / "viclip.pth")
    with pytest.raises(Unavailable, match="weights unreadable: expected 'vision_encoder"):
        viclip.load(tmp_path / "viclip.pth", "cpu")


def test_every_variant_is_a_column_of_its_own(own):
    identities = {metric(name).spec.identity for name in VARIANTS}
    assert len(identities) == len(VARIANTS)
    vocabulary = assets.asset_table().digest("clip-vocabulary")
    assert all(vocabulary in one for one in identities)


def test_a_caption_and_a_clip_are_embedded_once(own):
    cache = MemoryCache()
    for name in ("text_video_score", "text_video_score@t2av"):
        first, again = (metric(name, cache).score(CLIP, asked(CAPTIONS["short"])) for _ in range(2))
        assert first == again
    # The benches' caption of 77 tokens at most is the same piece as ours, and the pairs of frames are the same.
    assert len(cache.kept) == 2
