"""VideoScore2: its arithmetic and its frames against the originals, a tiny random model behind it, and no answers."""

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from safetensors import torch as safetensors

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import qwen_vl
from jova_bench.metrics.prompt import video_score
from jova_bench.prompts import Prompt
from support import qwen_files, upstream
from support.clips import silent_clip
from support.memory_cache import MemoryCache

PARITY = upstream.parity("video_score")
PROMPT = Prompt(id="p", video_caption="a cup of tea", audio_caption="", transcript="")
MARKS = np.arange(1, 6)


@pytest.fixture(scope="module")
def spell():
    return qwen_files.tokens()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return qwen_files.write(tmp_path_factory.mktemp("videoscore2"))


def metric(name="video_score_text", cache=None):
    (found,) = build([name], "standard", MetricContext(cache or NoCache()))
    return found


def said(spell, name):
    """A text of the golden answers token by token, and the logits of 1 to 5 that the originals were given."""
    ids = spell.encode(PARITY["answers"][name][0], add_special_tokens=False).ids
    digits = [spell.token_to_id(digit) for digit in "12345"]
    steps = [3 * upstream.fake((1, spell.get_vocab_size()), f"{name} {k}")[0, digits].double() for k in range(len(ids))]
    texts = tuple(spell.decode(ids[: k + 1], skip_special_tokens=False) for k in range(len(ids)))
    return texts, np.array([step.numpy() for step in steps])


@pytest.mark.parametrize("name", PARITY["answers"])
def test_upstreams_marks_equal_the_originals(name, spell):
    expected = [np.nan if mark is None else mark for mark in PARITY["answers"][name][1]]
    np.testing.assert_allclose(video_score.likeliest_times_probability(*said(spell, name)), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "marks"),
    [("as asked", "435"), ("thinks in the same words", "435"), ("numbered", "423"), ("not a mark", ""), ("cut", "")],
)
def test_our_marks_are_means_where_the_answer_gives_them(name, marks, spell):
    texts, digits = said(spell, name)
    found = video_score.mean_marks(texts, digits)
    if not marks:
        assert np.isnan(found).all()
        return
    answer = texts[-1]
    at, places = len(answer), []
    for mark in reversed(marks):  # The marks are the last places where these digits stand in this order.
        at = answer.rindex(f": {mark}", 0, at)
        places.insert(0, next(k for k, text in enumerate(texts) if text == answer[: at + 3]))
    chances = torch.softmax(torch.tensor(digits[places]), dim=1).numpy()
    np.testing.assert_allclose(found, chances @ MARKS)


def test_marks_by_hand(spell):
    text = "visual quality: **4**; text-to-video alignment: 3, physical/common-sense consistency: 5"
    texts = tuple(text[: k + 1] for k in range(len(text)))
    digits = np.zeros((len(text), 5))
    digits[text.index("4")] = np.log([0.05, 0.05, 0.1, 0.6, 0.2])
    digits[text.index("5")] = [-np.inf, -np.inf, -np.inf, 0, 0]
    assert video_score.mean_marks(texts, digits) == pytest.approx([3.85, 3, 4.5])
    assert np.isnan(video_score.likeliest_times_probability(texts, digits)).all()
    plain = text.replace("*", "")
    texts, digits = tuple(plain[: k + 1] for k in range(len(plain))), np.zeros((len(plain), 5))
    digits[plain.index("4")] = np.log([0.05, 0.05, 0.1, 0.6, 0.2])
    assert video_score.likeliest_times_probability(texts, digits) == pytest.approx([2.4, 0.2, 0.2])
    assert np.isnan(video_score.mean_marks((), np.zeros((0, 5)))).all()
    half = "visual quality: 3.5; text-to-video alignment: 3, physical/common-sense consistency: 5"
    assert np.isnan(video_score.mean_marks(tuple(half[: k + 1] for k in range(len(half))), np.zeros((99, 5)))).all()


def test_frames_and_sizes_are_those_of_qwens_utilities():
    for count, fps, expected in PARITY["frames"]:
        assert qwen_vl.seen_frames(count, Fraction(fps)).tolist() == expected, (count, fps)
    for height, width, *expected in PARITY["sizes"]:
        assert list(qwen_vl.seen_size(height, width)) == expected, (height, width)
    with pytest.raises(Undefined, match="too long: 33 s, at most 32 s can be seen"):
        qwen_vl.seen_frames(33 * 24, Fraction(24))


def test_patches_are_those_of_transformers():
    pil = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    frame = upstream.fake_pictures((84, 112), "patches")
    theirs = pil.Qwen2VLImageProcessorPil(do_resize=False)(frame, return_tensors="pt")
    ours, grid = qwen_vl.patches(np.stack([frame] * 4), (84, 112))
    assert grid == (2, 6, 8)
    assert theirs["image_grid_thw"].tolist() == [[1, 6, 8]]
    for pair in ours.chunk(2):
        torch.testing.assert_close(pair, theirs["pixel_values"].float(), atol=1e-5, rtol=0)
    # Of a patch, the first half of each colour is of the earlier frame.
    later, _ = qwen_vl.patches(np.stack([frame, 255 - frame]), (84, 112))
    one, other = later.reshape(-1, 3, 2, 196).unbind(dim=2)
    torch.testing.assert_close(one, ours[:48].reshape(-1, 3, 2, 196)[:, :, 0])
    assert not torch.allclose(one, other)


def test_larger_frames_are_scaled_without_aliases():
    stripes = np.zeros((2, 224, 224, 3), np.uint8)
    stripes[:, :, ::2] = 255
    shown, _ = qwen_vl.patches(stripes, (112, 112))
    of_inner = shown.reshape(4, 4, 2, 2, 3, -1)[1:3, 1:3]  # Its edges see one stripe more of one kind.
    assert (of_inner.amax(dim=(0, 1, 2, 3, 5)) - of_inner.amin(dim=(0, 1, 2, 3, 5))).max() < 0.1


@pytest.fixture(scope="module")
def models(files):
    folder = files["videoscore2-config"].parent
    return {drawn: qwen_vl.Qwen(folder, "cpu", "float32", drawn) for drawn in (False, True)}


def test_the_model_answers_what_its_network_says(models, monkeypatch):
    monkeypatch.setattr(models[False].net.generation_config, "max_new_tokens", 5)
    frames = upstream.fake_pictures((4, 56, 84), "asked")
    model = models[False]
    answer = model.answer(frames, (56, 84), "what is this?", 0)
    assert len(answer.texts) == len(answer.digits) <= 5
    # The same by one call of the network: text, marks and two pairs of frames of 2 x 3 tokens.
    chat = qwen_vl.CHAT.format(f"{qwen_vl.STARTS}{qwen_vl.VIDEO * 12}{qwen_vl.ENDS}what is this?")
    ids = torch.tensor([qwen_files.tokens().encode(chat, add_special_tokens=False).ids])
    pixels, grid = qwen_vl.patches(frames, (56, 84))
    kinds = 2 * (ids == model.net.config.video_token_id).int()
    rest = {"pixel_values_videos": pixels, "video_grid_thw": torch.tensor([grid]), "mm_token_type_ids": kinds}
    with torch.inference_mode():
        model.net.model.rope_deltas = None
        logits = model.net(input_ids=ids, second_per_grid_ts=torch.tensor([1.0]), **rest).logits[0, -1]
    np.testing.assert_allclose(answer.digits[0], logits[model._digits], rtol=1e-4, atol=1e-5)
    others = [
        model.answer(frames[::-1], (56, 84), "what is this?", 0),
        model.answer(frames, (56, 84), "what is that?", 0),
    ]
    assert all(not np.allclose(other.digits[0], answer.digits[0]) for other in others)
    assert np.array_equal(model.answer(frames, (56, 84), "what is this?", 1).digits, answer.digits)


def test_draws_are_those_of_their_seed(models, monkeypatch):
    model = models[True]
    settings = model.net.generation_config
    assert (settings.temperature, settings.do_sample, settings.top_k) == (0.7, True, 50)
    assert settings.repetition_penalty == 1.05
    assert settings.max_new_tokens == 1024
    monkeypatch.setattr(settings, "max_new_tokens", 12)
    frames = upstream.fake_pictures((2, 56, 56), "drawn")
    before = torch.get_rng_state()
    first, again, other = (model.answer(frames, (56, 56), "what?", seed).texts[-1] for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)


class Says:
    """A model that gives an answer, all of whose digits are a certain 4."""

    def __init__(self, text):
        self.text, self.asked = text, []

    def answer(self, frames, size, question, seed):
        self.asked.append((frames.shape, size, question, seed))
        texts = tuple(self.text[: k + 1] for k in range(len(self.text)))
        return qwen_vl.Answer(texts, np.tile([0.0, 0, 0, 50, 0], (len(texts), 1)))


def test_three_metrics_read_one_answer(files, own_assets, monkeypatch):
    own_assets(files)
    model = Says(PARITY["answers"]["as asked"][0])
    monkeypatch.setattr(video_score.VideoScore, "_load", lambda self: model)
    cache, clip = MemoryCache(), silent_clip(upstream.fake_pictures((50, 64, 96), "clip"))
    for name in video_score.NAMES:
        assert metric(name, cache).score(clip, PROMPT).value == pytest.approx(4)
    ((shape, size, question, _),) = model.asked
    assert (shape, size) == ((4, 64, 96, 3), qwen_vl.seen_size(64, 96))
    assert "    Video prompt: a cup of tea\n" in question
    assert "<v_score>; \n    text-to-video alignment: <t_score>, \n" in question
    # Another question is another answer, and another protocol another column.
    other = PROMPT.model_copy(update={"video_caption": "a cup of $coffee {0}"})
    assert metric(cache=cache).score(clip, other).status == "ok"
    assert metric("video_score_text@videoscore2", cache).score(clip, PROMPT).value == pytest.approx(4)
    assert len(model.asked) == len(cache.kept) == 3
    assert "compat:videoscore2@e6abe26" in metric("video_score_text@videoscore2").spec.identity


def test_an_answer_without_marks_has_none(files, own_assets, monkeypatch):
    own_assets(files)
    monkeypatch.setattr(video_score.VideoScore, "_load", lambda self: Says("I cannot say."))
    outcome = metric().score(silent_clip(np.zeros((50, 64, 64, 3), np.uint8)), PROMPT)
    assert (outcome.status, outcome.reason) == ("undefined", "VideoScore2 gives no mark for text-to-video alignment")


def test_from_files_to_an_answer(files, own_assets, monkeypatch):
    own_assets(files)
    monkeypatch.setattr(qwen_vl, "MOST_TOKENS", 3)
    for name in ("video_score_text", "video_score_text@videoscore2"):
        found = metric(name)
        assert found.check() is None
        assert "?" not in found.spec.identity
        outcome = found.score(silent_clip(upstream.fake_pictures((12, 32, 32), "files"), fps=12), PROMPT)
        assert (outcome.status, "gives no mark" in outcome.reason) == ("undefined", True), outcome


@pytest.mark.parametrize(
    ("prompt", "shape", "fps", "why"),
    [
        (None, (9, 64, 64), 9, "no video caption"),
        (PROMPT, (1, 64, 64), 9, "too short: 1 frame, 2 needed"),
        (PROMPT, (9, 31, 64), 9, "too small: 64x31"),
        (PROMPT, (9, 32, 32), 1, "too few frames per second: 1, at least 2 needed"),
        (PROMPT, (70, 32, 32), 2, "too long: 35 s"),
        (PROMPT, (2, 32, 6432), 2, "too narrow: 6432x32, at most 200 to 1"),
        (PROMPT.model_copy(update={"video_caption": "一杯茶"}), (9, 64, 64), 9, "not in Latin letters"),
    ],
)
def test_undefined(prompt, shape, fps, why):
    outcome = metric().score(silent_clip(np.zeros((*shape, 3), np.uint8), fps), prompt)
    assert (outcome.status, why in outcome.reason) == ("undefined", True), outcome


def test_without_pictures_weights_or_package_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    sound = clip_from_arrays(None, Fraction(0), np.zeros((1, 8000), np.float32), 16000)
    assert metric().score(sound, PROMPT).reason == "no video stream"
    outcome = metric().score(silent_clip(np.zeros((9, 64, 64, 3), np.uint8), 9), PROMPT)
    assert (outcome.status, outcome.reason) == ("failed", metric().check())
    assert "weights missing: jova-bench assets pull videoscore2-part-1" in outcome.reason
    monkeypatch.setattr(video_score, "find_spec", lambda name: None)
    assert "not installed: pip install 'jova-bench[standard]'" in metric().check()


@pytest.mark.parametrize("fault", ["index", "part", "missing", "tokenizer"])
def test_other_files_are_refused(fault, files, own_assets, tmp_path):
    moved = {name: tmp_path / file.name for name, file in files.items()}
    for name, file in files.items():
        moved[name].write_bytes(file.read_bytes())
    index, part = moved["videoscore2-index"], moved["videoscore2-part-2"]
    if fault == "index":
        index.write_text(json.dumps({"weight_map": {"more": "unknown.safetensors"}}))
    elif fault == "missing":  # transformers alone would draw these numbers at random.
        state = safetensors.load_file(part)
        state.pop(gone := min(state))
        safetensors.save_file(state, part, {"format": "pt"})
        places = json.loads(index.read_text())["weight_map"]
        index.write_text(json.dumps({"metadata": {}, "weight_map": {k: v for k, v in places.items() if k != gone}}))
    else:
        moved["videoscore2-tokenizer" if fault == "tokenizer" else "videoscore2-part-2"].write_bytes(b"{}")
    own_assets(moved)
    outcome = metric().score(silent_clip(np.zeros((9, 64, 64, 3), np.uint8), 9), PROMPT)
    assert (outcome.status, "weights unreadable" in outcome.reason) == ("failed", True), outcome
    if fault == "missing":
        assert "missing keys" in outcome.reason
