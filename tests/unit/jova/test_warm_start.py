"""Tiny random models of diffusers, saved by it, and the JoVA that begins with their weights."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from safetensors.torch import load_file, save_file

from jova.config import JovaConfig
from jova.flow import Batch, Latents, losses, velocity
from jova.joint_attention import Context
from jova.layers import rope_table
from jova.text import TextStates
from jova.timeline import Stream, Timeline
from jova.transformer import Jova, positions
from jova.warm_start import begin
from jova.warm_start.__main__ import main

FRAMES, ROWS, COLUMNS, WORDS, CHANNELS, TEXT = 3, 2, 3, 5, 4, 20
CLIP = JovaConfig(
    vocabulary=(),
    timeline=Timeline(frames=9, fps=Fraction(16), audio=Stream(Fraction(100), 4)),
    video_channels=CHANNELS,
    latent_height=2 * ROWS,
    latent_width=2 * COLUMNS,
    patch=2,
    audio_channels=6,
    text_channels=(TEXT,),
    words="free",
    positions="independent",
)
TIME = torch.tensor([0.2, 0.85])
COGVIDEOX = {
    "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": CHANNELS, "out_channels": CHANNELS,
    "time_embed_dim": 24, "text_embed_dim": TEXT, "num_layers": 2, "sample_width": 2 * COLUMNS,
    "sample_height": 2 * ROWS, "sample_frames": 9, "max_text_seq_length": WORDS,
    "use_rotary_positional_embeddings": True,
}  # fmt: skip
WAN = {
    "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": CHANNELS, "out_channels": CHANNELS,
    "text_dim": TEXT, "freq_dim": 32, "ffn_dim": 56, "num_layers": 2, "rope_max_seq_len": 16,
}  # fmt: skip


def randomised(model):
    """Every weight random, those of norms too, which begin as ones and zeros."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            middle = 1 if p.ndim == 1 and name.endswith("weight") else 0  # scales of norms
            p.copy_(middle + torch.randn(p.shape, generator=draw) * (0.3 if p.ndim < 2 else p[0].numel() ** -0.5))
    return model.eval().requires_grad_(False)


def cogvideox(**changes):
    from diffusers import CogVideoXTransformer3DModel

    return randomised(CogVideoXTransformer3DModel(**COGVIDEOX | changes))


def wan(**changes):
    from diffusers import WanTransformer3DModel

    return randomised(WanTransformer3DModel(**WAN | changes))


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory):
    """Models with their folders."""
    folder, found = tmp_path_factory.mktemp("upstreams"), {}
    models = {"cogvideox": cogvideox(), "cogvideox-2b": cogvideox(use_rotary_positional_embeddings=False), "wan": wan()}
    for name, model in models.items():
        model.save_pretrained(folder / name)
        found[name] = model, folder / name
    return found


def inputs(seed=0):
    """Latents, states of text and tokens, of two clips."""
    draw = torch.Generator().manual_seed(seed)
    video = torch.randn(2, FRAMES, 2 * ROWS, 2 * COLUMNS, CHANNELS, generator=draw)
    audio = torch.randn(2, 4, 6, generator=draw)
    states = torch.randn(2, WORDS, TEXT, generator=draw)
    return Latents(video, audio), states, TextStates.of([[row] for row in states], [states[0, :1]])


def tokens(count, width, seed):
    return torch.randn(2, count, width, generator=torch.Generator().manual_seed(seed))


def rope_of(config):
    return rope_table(positions(config, FRAMES, 2 * ROWS, 2 * COLUMNS, 1)[0], config)  # (V, E / 2)


def doubled(model, block, video, text, words=None, rope=None):
    """Tokens after a block whose audio side is given what its video side is given, as four streams."""
    rope = rope_of(model.config) if rope is None else rope
    streams = [video, text, text, video]
    silent = torch.ones(text.shape[1], rope.shape[1], dtype=rope.dtype)
    times, head_time = model.time(TIME)
    context = Context(
        [part.shape[1] for part in streams], times, head_time,
        torch.cat([rope, silent, silent, rope])[None, None],
        torch.ones(1, 1, 1, sum(part.shape[1] for part in streams), dtype=torch.bool),
        words, torch.ones(1, 1, 1, WORDS, dtype=torch.bool),
    )  # fmt: skip
    return torch.split(model.blocks[block](torch.cat(streams, dim=1), context), context.streams, dim=1)


def timestep_of(upstream):
    """CogVideoX's embedding of the timesteps 1000 (1 - t)."""
    return upstream.time_embedding(upstream.time_proj(1000 * (1 - TIME)))


def close(a, b, at=2e-5):
    torch.testing.assert_close(a, b, atol=at, rtol=at)


@torch.no_grad()
@pytest.mark.parametrize("separate", [0, 1])
def test_blocks_of_cogvideox_are_joint_blocks(upstreams, separate):
    """With both sides alike each key stands twice, which changes no attention: each side is upstream's block."""
    from diffusers.models.embeddings import get_3d_rotary_pos_embed

    upstream, folder = upstreams["cogvideox"]
    model = begin(folder, CLIP, separate).model.eval()
    assert [len(block.weights) for block in model.blocks] == [4 if separate else 2, 2]
    rotary = get_3d_rotary_pos_embed(16, ((0, 0), (ROWS, COLUMNS)), (ROWS, COLUMNS), FRAMES)
    video, text = tokens(FRAMES * ROWS * COLUMNS, 32, 1), tokens(WORDS, 32, 2)
    for index, block in enumerate(upstream.transformer_blocks):
        wanted_video, wanted_text = block(video, text, timestep_of(upstream), rotary)
        audio_out, for_audio, for_video, video_out = doubled(model, index, video, text)
        close(video_out, wanted_video)
        close(for_video, wanted_text)
        close(audio_out, video_out)
        close(for_audio, for_video)
        assert (wanted_video - video).abs().mean() > 0.1  # the block does something


@torch.no_grad()
def test_blocks_of_wan_with_audio_that_equals_the_picture(upstreams):
    upstream, folder = upstreams["wan"]
    model = begin(folder, CLIP).model.eval()
    noisy, states, text = inputs()
    video = tokens(FRAMES * ROWS * COLUMNS, 32, 1)
    _, modulation, words, _ = upstream.condition_embedder(1000 * (1 - TIME), states)
    close(model.text_in(text), words)
    rotary = upstream.rope(noisy.video.permute(0, 4, 1, 2, 3))
    for index, block in enumerate(upstream.blocks):
        wanted = block(video, words, modulation.unflatten(1, (6, -1)), rotary)
        audio_out, _, _, video_out = doubled(model, index, video, video[:, :0], words)
        close(video_out, wanted)
        close(audio_out, video_out)
        assert (wanted - video).abs().mean() > 0.1


@torch.no_grad()
def test_without_audio_the_velocity_of_the_picture_is_wans(upstreams):
    """From the latents to the velocity; Wan's points to the noise, and its time runs there."""
    upstream, folder = upstreams["wan"]
    model = begin(folder, replace(CLIP, fusion="none")).model.eval()
    noisy, states, text = inputs()
    ours = velocity(model(noisy, TIME, text).video, noisy.video, TIME)
    theirs = upstream(noisy.video.permute(0, 4, 1, 2, 3), 1000 * (1 - TIME), states, return_dict=False)[0]
    close(ours, -theirs.permute(0, 2, 3, 4, 1), at=1e-4)
    assert theirs.abs().mean() > 0.1
    joint = begin(folder, CLIP).model.eval()  # there the sound is seen
    assert not torch.allclose(velocity(joint(noisy, TIME, text).video, noisy.video, TIME), ours, atol=1e-3)


@torch.no_grad()
def test_without_audio_the_tokens_of_the_picture_are_cogvideoxs(upstreams):
    """From the latents to the last block; a given image changes nothing at first."""
    from diffusers.models.embeddings import get_3d_rotary_pos_embed

    upstream, folder = upstreams["cogvideox"]
    model = begin(folder, replace(CLIP, fusion="none")).model.eval()
    noisy, states, text = inputs()
    rotary = get_3d_rotary_pos_embed(16, ((0, 0), (ROWS, COLUMNS)), (ROWS, COLUMNS), FRAMES)
    seen = {}
    upstream.norm_final.register_forward_pre_hook(lambda module, args: seen.update(theirs=args[0]))
    upstream(noisy.video.permute(0, 1, 4, 2, 3), states, 1000 * (1 - TIME), image_rotary_emb=rotary)
    model.blocks[-1].register_forward_hook(lambda module, args, out: seen.update(ours=out))
    guess = model(noisy, TIME, text)
    close(seen["ours"][:, -FRAMES * ROWS * COLUMNS :], seen["theirs"], at=1e-4)
    close(velocity(guess.video, noisy.video, TIME), torch.zeros_like(noisy.video))  # the head begins as zero


@torch.no_grad()
def test_sines_of_the_older_cogvideox_are_learned_positions(upstreams):
    upstream, folder = upstreams["cogvideox-2b"]
    model = begin(folder, CLIP).model
    close(model.places(FRAMES, ROWS, COLUMNS), upstream.patch_embed.pos_embedding[0, WORDS:].float())
    video, text = tokens(FRAMES * ROWS * COLUMNS, 32, 1), tokens(WORDS, 32, 2)
    wanted, _ = upstream.transformer_blocks[0](video, text, timestep_of(upstream))
    still = torch.ones_like(rope_of(model.config))
    close(doubled(model, 0, video, text, rope=still)[-1], wanted)
    longer = replace(CLIP, timeline=Timeline(frames=21), latent_height=8)
    assert begin(folder, longer).model.config.learned_positions == (6, 4, COLUMNS)


def test_weights_without_counterpart_and_those_left_behind_are_told(upstreams):
    found = begin(upstreams["wan"][1], CLIP)
    assert found.fresh == ["audio_head.out.bias", "audio_head.out.weight", "audio_in.bias", "audio_in.weight"]
    assert found.left == []
    found = begin(upstreams["cogvideox"][1], CLIP)
    assert {name.split(".")[0] for name in found.fresh} == {"audio_head", "audio_in", "time", "video_head"}
    assert [name for name in found.fresh if name.startswith("time")] == ["time.out.bias", "time.out.weight"]
    assert {name.split(".")[0] for name in found.left} == {"norm_final", "norm_out", "proj_out"}


@pytest.mark.parametrize("name", ["cogvideox", "cogvideox-2b", "wan"])
def test_a_warm_start_is_stored_and_trains(upstreams, name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jova.warm_start.__main__.SIZES", {"base": replace(CLIP, positions="offset")})
    assert main([str(upstreams[name][1]), "--out", str(tmp_path / "model.safetensors")]) == 0
    assert "without counterpart: audio_head" in capsys.readouterr().out
    model = Jova.load(tmp_path / "model.safetensors").requires_grad_(True).train()
    assert model.config.positions == "offset"
    noisy, _, text = inputs()
    batch = Batch(noisy, text, torch.rand(noisy.video.shape[:-1]))
    result = losses(model, batch, torch.Generator().manual_seed(0), mouth_weight=5.0, prediction="v")
    result.total.backward()
    assert result.total.isfinite()
    assert model.audio_head.out.weight.grad.abs().sum() > 0
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_a_pipeline_in_several_files_is_read_as_one_file_is(upstreams, tmp_path):
    upstream, folder = upstreams["wan"]
    upstream.save_pretrained(tmp_path / "transformer", max_shard_size="40KB")
    assert len(list((tmp_path / "transformer").glob("*.safetensors"))) > 1
    torch.manual_seed(0)
    one = begin(folder, CLIP).model.state_dict()
    torch.manual_seed(0)
    several = begin(tmp_path, CLIP).model.state_dict()
    assert all(torch.equal(tensor, several[name]) for name, tensor in one.items())


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("wan", {"in_channels": 36}, f"expected in_channels {CHANNELS} in the config of .*, got 36"),
        ("wan", {"image_dim": 1280}, "expected image_dim None in the config of .*, got 1280"),
        ("wan", {"patch_size": [2, 2, 2]}, r"expected patch_size \[1, 2, 2\] .* got \[2, 2, 2\]"),
        ("wan", {"ffn_dim": 64}, r"weights for blocks.0.weights.\d.ffn_in.weight .* \(64, 32\), got \(56, 32\)"),
        (
            "wan",
            {"num_layers": 3},
            "expected a tensor blocks.2.scale_shift_table of a WanTransformer3DModel in .*, none",
        ),
        ("wan", {"_class_name": "FluxTransformer2DModel"}, "CogVideoX.* or Wan.* got FluxTransformer2DModel"),
        ("cogvideox", {"patch_size_t": 2}, "expected patch_size_t None .* got 2"),
        ("cogvideox", {"in_channels": 32}, f"expected in_channels {CHANNELS} .* got 32"),
    ],
)
def test_models_that_do_not_fit_are_refused(upstreams, name, changes, message, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(upstreams[name][1], folder)
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message.replace(", none", ", got none")):
        begin(folder, CLIP)


def test_other_faults_are_one_line(upstreams, tmp_path, capsys):
    out = ["--out", str(tmp_path / "model.safetensors")]
    assert main([str(tmp_path), *out]) == 2
    assert "jova.warm_start: expected a transformer that diffusers saved in" in capsys.readouterr().err
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "WanTransformer3DModel"}))
    assert main([str(tmp_path), *out]) == 2
    assert "in one safetensors file or diffusion_pytorch_model.safetensors.index.json" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"expected no separate blocks .* got 1"):
        begin(upstreams["wan"][1], CLIP, 1)
    with pytest.raises(ValueError, match="expected at most 2 separate blocks, got 3"):
        begin(upstreams["cogvideox"][1], CLIP, 3)
    (tmp_path / "one.safetensors").write_bytes(b"no tensors")
    assert main([str(tmp_path), *out]) == 2
    assert "expected a safetensors file, got a damaged one in" in capsys.readouterr().err
    (tmp_path / "config.json").write_text("{")
    assert main([str(tmp_path), *out]) == 2
    assert "expected JSON in" in capsys.readouterr().err
    damaged = tmp_path / "damaged"
    shutil.copytree(upstreams["wan"][1], damaged)
    (file,) = damaged.glob("*.safetensors")
    tensors = load_file(file)
    del tensors["proj_out.bias"]
    save_file(tensors, file)
    with pytest.raises(ValueError, match=r"expected a tensor proj_out\.bias"):
        begin(damaged, CLIP)
