import json
from dataclasses import asdict, replace
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from jova.config import PRESETS, JovaConfig
from jova.flow import Given, Latents
from jova.layers import rope_table, rotate
from jova.precision import autocast
from jova.text import TextTokens
from jova.transformer import Jova, positions, rope_tables
from support.jova_micro import CONFIG, PROMPTS, WORDS, latents, micro, tokens

SHAPE = (3, 4, 4, 5)  # latent frames, rows and columns of cells, audio tokens
TIME = torch.tensor([0.1, 0.5, 0.9])


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def run(model: Jova, noisy: Latents, text: TextTokens, time: torch.Tensor = TIME, given=None) -> Latents:
    with torch.inference_mode():
        return model(noisy, time, text, given)


@pytest.mark.parametrize("fusion", ["joint", "cross", "none"])
def test_output_shapes_are_input_shapes(fusion):
    x = latents(3)
    y = run(micro(fusion=fusion), x, tokens())
    assert (y.video.shape, y.audio.shape) == (x.video.shape, x.audio.shape)


@pytest.mark.parametrize(("fusion", "meets"), [("joint", True), ("cross", True), ("none", False)])
def test_sound_reaches_the_picture_unless_there_is_no_fusion(fusion, meets):
    model, x, other = micro(fusion=fusion), latents(3), latents(3, seed=1)
    before = run(model, x, tokens())
    new_audio = run(model, Latents(x.video, other.audio), tokens())
    new_video = run(model, Latents(other.video, x.audio), tokens())
    # Bit-equal, not merely close: two separate attentions, no masked leak.
    assert torch.equal(before.video, new_audio.video) is not meets
    assert torch.equal(before.audio, new_video.audio) is not meets
    assert not torch.equal(before.audio, new_audio.audio)


def test_cross_attention_costs_the_parameters_of_joint_within_five_percent():
    sizes = {fusion: parameters(Jova(replace(PRESETS["tiny"](WORDS), fusion=fusion))) for fusion in ("joint", "cross")}
    assert abs(sizes["cross"] / sizes["joint"] - 1) < 0.05
    assert parameters(micro(fusion="none")) == parameters(micro())


def test_tiny_fits_in_eighteen_megabytes_of_bfloat16():
    assert 2 * parameters(Jova(PRESETS["tiny"](WORDS))) < 18e6


def test_first_blocks_have_four_sets_of_weights_and_later_ones_two():
    model = micro(separate_blocks=2, shared_blocks=3)
    assert [len(block.weights) for block in model.blocks] == [4, 4, 2, 2, 2]


def test_both_text_groups_matter():
    """Silencing one text group inside the model changes the output: neither is a bystander."""
    for group in (1, 2):
        model, x = micro(), latents(3)
        before = run(model, x, tokens())
        model.blocks[0].weights[group].attention_out.weight.data.zero_()
        assert not torch.allclose(before.video, run(model, x, tokens()).video, atol=1e-6)


@pytest.mark.parametrize("fusion", ["joint", "cross", "none"])
def test_padding_changes_nothing(fusion):
    model, x, text = micro(fusion=fusion), latents(3), tokens()
    longer = TextTokens(*(torch.nn.functional.pad(field, (0, 5)) for field in text[:-1]), text.spans)
    for a, b in zip(run(model, x, text), run(model, x, longer), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@pytest.mark.parametrize("fusion", ["joint", "cross", "none"])
def test_a_clip_does_not_depend_on_its_batch(fusion):
    model, x = micro(fusion=fusion), latents(3)
    together = run(model, x, tokens())
    for row in range(3):
        alone = run(model, Latents(*(z[row : row + 1] for z in x)), tokens(PROMPTS[row : row + 1]), TIME[row : row + 1])
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a[0], b[row], atol=1e-5, rtol=0)


def test_text_time_and_image_each_change_the_output():
    model, x, text = micro(), latents(3), tokens()
    before = run(model, x, text)
    no_text = run(model, x, text.drop_text(torch.ones(3, dtype=torch.bool)))
    later = run(model, x, text, TIME + 0.05)
    image = Given.nothing(latents(3, seed=2)).with_image(torch.tensor([True, False, True]))
    with_image = run(model, x, text, given=image)
    assert not torch.allclose(before.video, no_text.video)
    assert not torch.allclose(before.video, later.video)
    assert not torch.allclose(before.video[0], with_image.video[0])
    torch.testing.assert_close(before.video[1], with_image.video[1], atol=1e-5, rtol=0)  # a row without an image


def test_patches_are_cut_and_joined_without_loss():
    model, video = micro(), latents(2).video
    patches = model.patchify(video)
    # 3 latent frames x 2 x 2 tokens of 2 x 2 cells x 3 channels; token 1 is the upper right of frame 0.
    assert patches.shape == (2, 12, 12)
    assert torch.equal(patches[0, 1].view(2, 2, 3), video[0, 0, :2, 2:])
    assert torch.equal(model.unpatchify(patches, video.shape), video)


def test_a_model_takes_clips_of_other_lengths_and_sizes_than_its_own():
    model, other = micro(), Latents(torch.randn(2, 4, 4, 6, 3), torch.randn(2, 8, 6))
    made = run(model, other, tokens(PROMPTS[:2]), TIME[:2])
    assert (made.video.shape, made.audio.shape) == (other.video.shape, other.audio.shape)
    patches = model.patchify(other.video)  # 4 frames of 2 x 3 tokens
    assert patches.shape == (2, 24, 12)
    assert torch.equal(model.unpatchify(patches, other.video.shape), other.video)


def test_positions_of_a_sampling_are_of_use_in_training():
    model, other = micro(), Latents(torch.randn(1, 2, 6, 2, 3), torch.randn(1, 3, 6))
    run(model, other, tokens(PROMPTS[:1]), TIME[:1])
    model(other, TIME[:1], tokens(PROMPTS[:1])).video.sum().backward()
    assert model.video_in.weight.grad.abs().sum() > 0


def test_aligned_positions_are_equal_for_the_same_instant():
    video, audio = positions(replace(CONFIG, positions="aligned"), *SHAPE)
    assert video.shape == (12, 3)
    assert audio.shape == (5, 3)
    # The first tokens see frame 0 alone. Latent 1 lies midway between audio tokens 1 and 2, latent 2 between 3 and 4.
    # In units of 80 ms: 20 ms = .25; 120 ms = 1.5 between 1 and 2.
    torch.testing.assert_close(audio[:, 0], torch.tensor([0.25, 1, 2, 3, 4]))
    torch.testing.assert_close(video[::4, 0], torch.tensor([0.25, 1.5, 3.5]))
    assert video[:4, 1:].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    same = rope_table(audio[:1], CONFIG)[0], rope_table(video[:1], CONFIG)[0]
    assert torch.equal(*same)


def test_independent_positions_count_each_stream_by_itself():
    video, audio = positions(replace(CONFIG, positions="independent"), *SHAPE)
    assert audio[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert video[::4, 0].tolist() == [0, 1, 2]
    x = latents(3)
    a, b = (run(micro(positions=p), x, tokens()) for p in ("aligned", "independent"))
    assert not torch.allclose(a.video, b.video)


def test_offset_positions_are_aligned_and_overlap_nowhere():
    config = replace(CONFIG, positions="offset")
    aligned, offset = (positions(replace(CONFIG, positions=kind), *SHAPE) for kind in ("aligned", "offset"))
    assert torch.equal(aligned[0], offset[0])
    assert torch.equal(aligned[1][:, 0], offset[1][:, 0])
    assert torch.equal(offset[1][:, 1:], torch.full((5, 2), -1.0))
    model, text = micro(positions="offset"), tokens(PROMPTS[:1]).with_spans(torch.tensor([[0.1, 0.32]]))
    context = model.context(latents(1), torch.zeros(1), text)
    audio, for_audio, for_video, video = torch.split(context.rope[0, 0], context.streams)
    places = torch.tensor([[0.0, -2, -2]]), torch.tensor([[(0.1 + 0.05) * 12.5, -2, -2]])
    silent, place = (rope_table(at, config)[0] for at in places)
    torch.testing.assert_close(for_video, silent.expand(7, -1))
    torch.testing.assert_close(for_audio[4], place)  # "place", as in the test of timed words
    parts = [{tuple(row.tolist()) for row in torch.view_as_real(part).flatten(1)} for part in (audio, video)]
    texts = {tuple(row.tolist()) for row in torch.view_as_real(torch.cat([for_audio, for_video])).flatten(1)}
    assert not parts[0] & parts[1]
    assert not texts & (parts[0] | parts[1])
    # With aligned positions they do: audio lies on the upper left token of the picture.
    aligned = [{tuple(row.tolist()) for row in part} for part in aligned]
    assert (0.25, 0, 0) in aligned[0] & aligned[1]


def test_temporal_positions_count_audio_tokens_or_latents():
    by_latents = positions(replace(CONFIG, time_unit="video latent"), *SHAPE)
    by_tokens = positions(CONFIG, *SHAPE)
    for a, b in zip(by_latents, by_tokens, strict=True):
        torch.testing.assert_close(2 * a[:, 0], b[:, 0])  # an audio token is half a latent
        assert torch.equal(a[:, 1:], b[:, 1:])


def test_rotary_attention_sees_only_differences_of_position():
    q, k = torch.randn(2, 16)
    places = torch.tensor([[3.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    near, far = (rope_table(places + shift, CONFIG) for shift in (0.0, 5.0))
    dots = [rotate(q, rope[0]) @ rotate(k, rope[1]) for rope in (near, far)]
    torch.testing.assert_close(dots[0], dots[1])
    assert rotate(q, near[0]).norm() == pytest.approx(q.norm().item(), rel=1e-5)
    assert torch.equal(rotate(q, rope_table(torch.zeros(1, 3), CONFIG)[0]), q)


def test_base_and_pairs_of_the_rotation_are_the_configs():
    config = replace(CONFIG, rope_base=10_000.0, rope_pairs=(3, 4, 1))
    angles = rope_table(torch.tensor([[2.0, 3.0, 5.0]]), config)[0].angle()
    by_hand = [2, 2 * 10_000 ** (-1 / 3), 2 * 10_000 ** (-2 / 3), 3, 0.3, 0.03, 0.003, 5 - 2 * torch.pi]
    torch.testing.assert_close(angles, torch.tensor(by_hand))


@pytest.mark.parametrize(
    "changes",
    [
        {"qk_norm": "layer-own"},
        {"qk_norm": "rms-own"},
        {"qk_norm": "rms-width", "fusion": "cross"},
        {"prediction": "v"},
        {"modulation": "shared", "activation": "gelu-tanh"},
        {"modulation": "own", "time_width": 12, "time_frequencies": 20},
        {"learned_positions": (4, 3, 2), "ffn": Fraction(5, 4)},
        {"text_attention": "cross", "separate_blocks": 0, "shared_blocks": 2, "words": "free"},
        {"text_attention": "cross", "separate_blocks": 0, "shared_blocks": 2, "words": "free", "fusion": "none"},
    ],
)
def test_each_option_is_stored_and_computes_clips_one_by_one(changes, tmp_path):
    model, x, text = micro(**changes), latents(3), tokens()
    assert not torch.equal(run(model, x, text).video, run(micro(), x, text).video)
    longer = TextTokens(*(torch.nn.functional.pad(field, (0, 5)) for field in text[:-1]), text.spans)
    together = run(model, x, longer)
    for row in range(3):
        alone = run(model, Latents(*(z[row : row + 1] for z in x)), tokens(PROMPTS[row : row + 1]), TIME[row : row + 1])
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a[0], b[row], atol=1e-5, rtol=0)
    no_text = run(model, x, text.drop_text(torch.ones(3, dtype=torch.bool)))
    for before, after in zip(together, no_text, strict=True):
        assert not torch.allclose(before, after)
    model.save(tmp_path / "model.safetensors")
    with autocast("bfloat16", "cpu"):
        halved = run(model, x, text)
    for a, b in zip(halved, run(model, x, text), strict=True):
        torch.testing.assert_close(a.float(), b, atol=0.1, rtol=0.1)
    loaded = Jova.load(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    assert torch.equal(run(loaded, x, text).audio, run(model.bfloat16().float(), x, text).audio)


@pytest.mark.parametrize("fusion", ["joint", "none"])
def test_text_by_cross_attention_has_masks_for_padding_alone(fusion, monkeypatch):
    """A mask rules out the fastest kernels, and the values are those with a mask."""
    model = micro(text_attention="cross", separate_blocks=0, shared_blocks=2, words="free", fusion=fusion)
    masks, attention = [], F.scaled_dot_product_attention
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda q, k, v, mask=None: masks.append(mask) or attention(q, k, v, mask)
    )
    x, short = latents(3), [PROMPTS[2]] * 3
    whole = run(model, x, tokens(short))
    # Of each of two blocks: attention of all tokens, or of each side; then audio's and video's to the text.
    assert masks == [None] * (8 if fusion == "none" else 6)
    masks.clear()
    padded = TextTokens._make(field[:3] for field in tokens([*short, PROMPTS[0]]))
    for found, wanted in zip(run(model, x, padded), whole, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert sum(mask is not None for mask in masks) == 4
    assert all(mask is None or mask.shape == (3, 1, 1, padded.mask.shape[1]) for mask in masks)


def test_every_weight_of_every_option_learns():
    kinds = ({"qk_norm": "rms-own", "modulation": "own"}, {"qk_norm": "layer-own", "modulation": "shared"})
    more = {"learned_positions": (3, 2, 2), "prediction": "v"}
    crossed = {"text_attention": "cross", "separate_blocks": 0, "shared_blocks": 2, "words": "free"}
    for changes in (*(kind | more for kind in kinds), crossed | {"qk_norm": "rms-width"}):
        model = micro(**changes).train()
        x, text = latents(3), tokens()
        guess = model(x, TIME, text, Given.nothing(x).with_image(torch.ones(3, dtype=torch.bool)))
        (guess.video.square().sum() + guess.audio.square().sum()).backward()
        # The last block's text goes nowhere, whatever the options.
        last = f"blocks.{len(model.blocks) - 1}."
        idle = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
        assert all(name.startswith((f"{last}adaln.1", f"{last}adaln.2")) for name in idle), idle


def test_learned_positions_name_frame_row_and_column():
    model = micro(learned_positions=(3, 2, 2))
    places = model.places(3, 2, 2).view(3, 2, 2, -1)
    frames, rows, columns = (table.weight for table in model.places.tables)
    torch.testing.assert_close(places[2, 0, 1], frames[2] + rows[0] + columns[1])
    with pytest.raises(ValueError, match=r"at most \[3, 2, 2\] .* got \[4, 2, 2\]"):
        run(model, Latents(torch.randn(1, 4, 4, 4, 3), torch.randn(1, 7, 6)), tokens(PROMPTS[:1]), TIME[:1])


def test_a_saved_model_comes_back(tmp_path):
    model, x = micro(fusion="cross", positions="independent"), latents(3)
    model.save(tmp_path / "model.safetensors")
    loaded = Jova.load(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    rounded = model.bfloat16().float()  # stored in bfloat16
    assert torch.equal(run(loaded, x, tokens()).video, run(rounded, x, tokens()).video)


def test_config_survives_json_and_refuses_unknown_fields():
    assert JovaConfig.from_fields(**asdict(CONFIG)) == CONFIG
    older = {name: value for name, value in asdict(CONFIG).items() if name not in ("words", "editing")}
    assert JovaConfig.from_fields(**older) == CONFIG  # words of older models were timed, and they edit nothing
    # Files of jova@3 have squares only, and audio tokens of whole frames.
    square = {name: value for name, value in older.items() if name not in ("latent_height", "latent_width")}
    clock = {"frames": 9, "fps": 25, "sample_rate_hz": 16_000, "frames_per_latent": 4, "frames_per_audio_token": 2}
    assert JovaConfig.from_fields(**square | {"latent_size": 4, "timeline": clock}) == CONFIG
    changed = replace(CONFIG, ffn=Fraction(35, 8), rope_pairs=(2, 3, 3), learned_positions=(3, 2, 2))
    stored = json.loads(json.dumps(asdict(changed), default=str))
    assert JovaConfig.from_fields(**stored) == changed
    with pytest.raises(TypeError, match="depth"):
        JovaConfig.from_fields(**asdict(CONFIG), depth=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion": "late"}, "one of joint, cross, none, got 'late'"),
        ({"words": "late"}, "one of timed, free, got 'late'"),
        ({"positions": "none"}, "one of aligned, independent, offset, got 'none'"),
        ({"qk_norm": "batch"}, "qk_norm to be one of layer, layer-own, rms-own, rms-width, got 'batch'"),
        ({"prediction": "noise"}, "prediction to be one of x, v, got 'noise'"),
        ({"modulation": "none"}, "one of shallow, shared, own, got 'none'"),
        ({"ffn": Fraction(4, 3)}, "ffn times width = 32 to be a whole number, got 4/3"),
        ({"rope_pairs": (4, 2, 1)}, r"8 in all, got \(4, 2, 1\)"),
        ({"learned_positions": (3, 2)}, r"frames, rows and columns, got \(3, 2\)"),
        ({"time_width": 8}, "modulation own where there is a time_width, got shallow"),
        ({"text_attention": "cross"}, "got 1 separate blocks and words timed"),
        ({"patch": 3}, "divide the latent's sides of 4 x 4 cells, got 3"),
        ({"width": 40}, "multiple of 8 heads = 16, got 40"),
        ({"fusion": "cross", "ffn": 2}, "ffn above 2"),
        ({"vocabulary": ()}, "got no words"),
        ({"editing": True, "task": "audio-driven"}, "task joint for a model that edits, got 'audio-driven'"),
    ],
)
def test_shapes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **changes)


def test_timed_words_stand_for_the_audio_where_they_are_spoken():
    text = tokens(PROMPTS[:1]).with_spans(torch.tensor([[0.1, 0.32]]))
    # place red now: middles 2.5, 6.5, 9.5 of 11 letters, after four words of captions; 12.5 audio tokens a second.
    said = torch.tensor([0, 0, 0, 0, 0.1 + 0.05, 0.1 + 0.13, 0.1 + 0.19]) * 12.5
    there, nowhere = (rope_table(torch.nn.functional.pad(t[:, None], (0, 2)), CONFIG) for t in (said, torch.zeros(7)))
    cases = (({}, there), ({"task": "audio-driven"}, nowhere), ({"words": "free"}, nowhere))
    for changes, wanted in cases:
        model = micro(**changes)
        context = model.context(latents(1), torch.zeros(1), text)
        audio, for_audio, for_video, video = torch.split(context.rope[0, 0], context.streams)
        torch.testing.assert_close(for_audio, wanted)
        assert torch.equal(for_video, nowhere)
        video_rope, audio_rope = rope_tables(CONFIG, *SHAPE)
        assert torch.equal(audio, audio_rope)
        assert torch.equal(video, video_rope)


def test_video_tokens_are_counted_by_frame_row_and_column():
    """As `patchify` orders them: 6 x 4 cells are 3 rows of 2 tokens."""
    video, _ = positions(CONFIG, 2, 6, 4, 3)
    assert video[:, 1:].tolist() == [[y, x] for _ in range(2) for y in range(3) for x in range(2)]
    assert (video[6:, 0] > video[:6, 0]).all()
    # A cell that moves moves the token of its row and column, and a position reaches that token alone.
    marked = torch.zeros(1, 2, 6, 4, CONFIG.video_channels)
    marked[0, 1, 4:, 2:] = 1
    place = int(((video[:, 1] == 2) & (video[:, 2] == 1)).nonzero()[1])
    assert micro().patchify(marked)[0].abs().sum(-1).nonzero().flatten().tolist() == [place]
