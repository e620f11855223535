"""CLAP: parity with LAION's code, checkpoints of transformers, what benches do to the sound, Verse-Bench's FD."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import clap as nets
from jova_bench.metrics.sound import clap
from jova_bench.prompts import Prompt
from support import every_asset
from support.clips import audio_clip
from support.memory_cache import MemoryCache
from support.upstream import fake, fake_state, parity

PARITY = parity("clap")
SHORT = (0.1 * fake((3 * 48_000 + 77,), "clap sound")).numpy()
LONG = (0.1 * fake((12 * 48_000 + 100,), "clap long sound")).numpy()
PROMPT = Prompt(id="p", video_caption="", audio_caption="a dog barks", transcript="")


heard = partial(audio_clip, rate_hz=48_000)


def first(places):
    return places[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random checkpoints in LAION's format, and a tokenizer that spells."""
    folder = tmp_path_factory.mktemp("clap")
    for kind in ("plain", "fusion"):
        every_asset.clap(kind, folder / f"{kind}.pt")
    every_asset.spelling_tokenizer(folder / "tokenizer.json")
    return {path.stem: path for path in folder.iterdir()}


def shapes(kind):
    return PARITY["cases"][kind]["shapes"]


def net_of(files, kind):
    return nets.load(files[kind], files["tokenizer"], "cpu")


@pytest.fixture
def own(files, own_assets):
    kinds = {"clap-music-speech-audioset": "plain", "clap-630k-audioset-fusion": "fusion", clap.TOKENIZER: "tokenizer"}
    return own_assets({name: files[kind] for name, kind in kinds.items()})


def metric(name):
    (found,) = build([name], "standard", MetricContext(NoCache()))
    return found


@pytest.mark.parametrize("kind", ["plain", "fusion"])
def test_sound_and_text_are_embedded_as_by_laion(files, kind, monkeypatch):
    net, expected = net_of(files, kind), PARITY["cases"][kind]
    assert net.fusion == (kind == "fusion")
    np.testing.assert_allclose(net.encode_audio(SHORT, first), expected["audio"], atol=1e-6)
    monkeypatch.setattr(net, "tokens", lambda text: PARITY["tokens"])
    np.testing.assert_allclose(net.encode_text(""), expected["text"], atol=1e-6)


def test_long_sound_is_fused_as_by_laion(files):
    stream, expected = np.random.RandomState(42), PARITY["cases"]["fusion"]
    heard = net_of(files, "fusion").encode_audio(LONG, lambda places: int(stream.choice(places)))
    np.testing.assert_allclose(heard, expected["long"], atol=1e-6)
    stream = np.random.RandomState(42)
    mels, longer = nets.fused(LONG, lambda places: int(stream.choice(places)))
    assert longer
    np.testing.assert_allclose(mels.mean(axis=(1, 2)), expected["mel_fusion_means"], rtol=1e-6)


def test_a_little_more_than_10_s_is_not_fused():
    barely = np.tile(SHORT, 4)[: 480_000 + 479]
    mels, longer = nets.fused(barely, first)
    assert not longer
    assert mels.shape == (4, 1001, 64)


@pytest.mark.parametrize("fusion", [False, True])
def test_checkpoints_of_transformers_are_read_as_they_are(files, tmp_path, fusion):
    from transformers import ClapConfig, ClapModel

    torch.manual_seed(0)
    audio = {
        "patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 2, 1, 1], "num_attention_heads": [1, 2, 2, 4],
        "enable_fusion": fusion, "fusion_type": "aff_2d" if fusion else None,
    }  # fmt: skip
    text = {
        "vocab_size": 40, "hidden_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
        "max_position_embeddings": 82,
    }  # fmt: skip
    theirs = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=32)).eval()
    save_file({name: value.contiguous() for name, value in theirs.state_dict().items()}, tmp_path / "hf.safetensors")
    ours = nets.load(tmp_path / "hf.safetensors", files["tokenizer"], "cpu")
    with torch.inference_mode():
        numbers = torch.tensor([ours.tokens("a dog")])
        read = theirs.get_text_features(numbers, torch.ones_like(numbers)).pooler_output[0]
        mels = nets.fused(SHORT, first)[0] if fusion else nets.single(SHORT, first)
        longer = torch.tensor([[False]])
        heard = theirs.get_audio_features(torch.from_numpy(mels)[None], is_longer=longer).pooler_output[0]
    np.testing.assert_allclose(ours.encode_text("a dog"), read, atol=1e-6)
    np.testing.assert_allclose(ours.encode_audio(SHORT, first), heard, atol=1e-6)


def test_the_front_end_is_that_of_transformers():
    from transformers import ClapFeatureExtractor

    theirs = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    mels = theirs(SHORT, sampling_rate=48_000, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(nets.single(SHORT, first), mels, atol=1e-4)


def test_short_sound_is_repeated_whole_then_padded():
    assert nets.filled(np.ones(480_000, np.float32)).sum() == 480_000
    filled = nets.filled(np.ones(200_000, np.float32))
    assert (len(filled), filled.sum(), filled[-1]) == (480_000, 400_000, 0)


def test_text_is_cut_to_77_tokens_that_still_end(files):
    net = net_of(files, "plain")
    assert net.tokens("ab") == [0, 5, 6, 2]
    long = net.tokens("a" * 100)
    assert (len(long), long[0], long[-1], long[-2]) == (77, 0, 2, 5)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda state: {"a": torch.ones(1)}, "expected 'text_model.embeddings.word_embeddings.weight'"),
        (lambda state: {k: v for k, v in state.items() if "audio_branch.norm" not in k}, "does not fit"),
    ],
)
def test_other_files_are_refused(files, tmp_path, spoil, reason):
    torch.save({"state_dict": spoil(fake_state(shapes("plain")))}, tmp_path / "x.pt")
    with pytest.raises(Unavailable, match=reason):
        nets.load(tmp_path / "x.pt", files["tokenizer"], "cpu")


# The metric


def test_the_score_is_the_cosine_of_both_embeddings(files, own):
    score = metric("clap_score")
    assert score.check() is None
    value = score.score(heard(SHORT), PROMPT, None).value
    net = net_of(files, "plain")
    assert value == pytest.approx(float(net.encode_audio(SHORT, first) @ net.encode_text("a dog barks")), abs=1e-6)
    assert -1 <= value <= 1


def test_long_sound_counts_whole_every_10_s_by_length(files, own):
    sound = np.concatenate([np.tile(SHORT, 4)[:480_000], 0.5 * SHORT])
    net = net_of(files, "plain")
    mean = 480_000 * net.encode_audio(sound[:480_000], first) + len(SHORT) * net.encode_audio(0.5 * SHORT, first)
    expected = mean / np.linalg.norm(mean) @ net.encode_text("a dog barks")
    assert metric("clap_score").score(heard(sound), PROMPT, None).value == pytest.approx(float(expected), abs=1e-6)


def test_stereo_and_other_rates_are_heard_as_one_sound_at_48_khz(own):
    score = metric("clap_score")
    mono = score.score(heard(SHORT), PROMPT, None).value
    stereo = score.score(heard(np.stack([SHORT * 1.5, SHORT * 0.5])), PROMPT, None).value
    assert stereo == pytest.approx(mono, abs=1e-5)
    time = np.arange(3 * 48_000) / 48_000
    high = 0.1 * np.sin(2 * np.pi * 440 * time)
    low = 0.1 * np.sin(2 * np.pi * 440 * time[: 3 * 16_000] * 3)
    at_48 = score.listener.sound(heard(high))
    at_16 = score.listener.sound(audio_clip(low))
    assert at_48 @ at_16 > 0.97  # a tone has nothing above 8 kHz that resampling could lose, but for its edges


@pytest.mark.parametrize(
    ("clip", "prompt", "reason"),
    [
        (heard(SHORT), None, "no audio caption"),
        (heard(SHORT), PROMPT.model_copy(update={"audio_caption": " "}), "no audio caption"),
        (heard(0 * SHORT), PROMPT, "silent"),
        (heard(np.zeros((1, 0))), PROMPT, "silent"),
        (audio_clip(None), PROMPT, "no audio stream"),
    ],
)
def test_questions_without_an_answer(own, clip, prompt, reason):
    outcome = metric("clap_score").score(clip, prompt, None)
    assert (outcome.status, outcome.reason) == ("undefined", reason)


def test_without_weights_it_says_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    score = metric("clap_score")
    assert score.check() == "weights missing: jova-bench assets pull clap-music-speech-audioset roberta-tokenizer"
    outcome = score.score(heard(SHORT), PROMPT, None)
    assert (outcome.status, outcome.reason) == ("failed", score.check())


# What benches do to the sound


def prepared(bench, audio, rate_hz=48_000):
    return clap.prepare(np.asarray(audio, np.float32), rate_hz, clap.VARIANTS[bench])


def test_verse_bench_sets_the_peak_and_rounds_towards_zero():
    sound = prepared("versebench", [0.0, 0.5, -0.25, 0.1])
    top = 10 ** (-1 / 20)
    by_hand = [0, int(top * 32767), -int(top / 2 * 32767), int(top / 5 * 32767)]
    np.testing.assert_allclose(sound * 32767, by_hand, atol=1e-3)


def test_av_benchmark_centres_and_hears_8_s():
    sound = prepared("avbenchmark", np.tile([1.0, 0.0], 240_000))
    assert len(sound) == 8 * 48_000
    np.testing.assert_allclose(sound[:2], [0.5, -0.5])


def test_mova_hears_everything_faster():
    assert len(prepared("mova", SHORT)) == pytest.approx(len(SHORT) * 2 / 3, abs=1)
    assert len(prepared("javisbench", SHORT)) == len(SHORT)


def test_mova_draws_pieces_by_its_seed_and_others_take_the_middle(files, own):
    net = net_of(files, "fusion")
    longer = np.tile(LONG, 2)
    stream = np.random.RandomState(42)
    expected = net.encode_audio(prepared("mova", longer), lambda places: int(stream.choice(places)))
    for _ in range(2):  # every clip begins the seed anew
        np.testing.assert_allclose(metric("clap_score@mova").listener.sound(heard(longer)), expected, atol=1e-6)
    middle = net.encode_audio(prepared("versebench", longer), lambda places: places[len(places) // 2])
    np.testing.assert_allclose(metric("clap_score@versebench").listener.sound(heard(longer)), middle, atol=1e-6)


def test_benches_are_never_one_column(own):
    names = [f"clap_score@{bench}" for bench in clap.VARIANTS if bench != "clean"]
    found = build(["clap_score", *names], "standard", MetricContext(NoCache()))
    assert len({one.spec.identity for one in found}) == 5
    assert found[1].spec.identity.startswith(
        "clap_score@2/standard/compat:versebench@5645a09:clap-630k-audioset-fusion["
    )
    # The same weights and other steps before them are other numbers, too.
    clean, avbenchmark = found[0], found[2]
    assert clean.spec.weights == avbenchmark.spec.weights
    a, b = (one.score(heard(SHORT + 0.2), PROMPT, None).value for one in (clean, avbenchmark))
    assert a != b


def test_features_are_cached_by_sound_and_steps(own):
    cache = MemoryCache()
    for bench in ("versebench", "mova", "versebench"):
        (score,) = build([f"clap_score@{bench}"], "standard", MetricContext(cache))
        assert score.score(heard(SHORT), PROMPT, None).status == "ok"
    assert len(cache.kept) == 3  # the sound twice, its caption once: both benches have one network


# Verse-Bench's FD


def test_fd_of_a_pair_is_twice_one_minus_the_cosine(own):
    fd = metric("fd_clap@versebench")
    made, real = heard(SHORT), heard(LONG)
    a, b = fd.listener.sound(made), fd.listener.sound(real)
    # np.cov of a row was the variance of its numbers: a Gaussian in 32 dimensions with one number for a covariance.
    exact = np.sum((a - b) ** 2) + np.cov(a) + np.cov(b) - 2 * np.sqrt(np.cov(a) * np.cov(b))
    value = fd.score(made, PROMPT, real).value
    assert value == pytest.approx(float(exact), abs=1e-9)
    assert value == pytest.approx(2 * (1 - a @ b), abs=1e-3)
    assert fd.score(made, PROMPT, made).value == 0


def test_fd_needs_a_caption_and_another_clip_to_compare_with(own):
    fd = metric("fd_clap@versebench")
    assert fd.score(heard(SHORT), PROMPT, None).reason == "no reference clip"
    assert fd.score(heard(SHORT, timing="reference"), PROMPT, heard(SHORT)).reason == "is the reference"
    assert fd.score(heard(SHORT), None, heard(SHORT)).reason == "no audio caption"
    assert fd.score(heard(0 * SHORT), PROMPT, heard(SHORT)).reason == "silent"


def test_the_tokens_are_part_of_the_identity(own):
    score = metric("clap_score")
    assert score.spec.params["tokens"] == assets.asset_table().digest(clap.TOKENIZER)
    assert str(assets.asset_table().digest(clap.TOKENIZER)) in score.spec.identity
