import copy
import dataclasses
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jova.codecs import AudioCodec, AudioCodecConfig, VideoCodec, VideoCodecConfig
from jova.codecs.audio import FRAME, HOP, mel_filters
from jova.codecs.base import load_weights, save_weights
from jova.codecs.video import GENERATED_ERROR, from_blocks, from_groups, to_blocks, to_groups


def video_codec() -> VideoCodec:
    """Random statistics and a network whose last layer speaks."""
    return copy.deepcopy(_fitted())


@cache
def _fitted() -> VideoCodec:
    torch.manual_seed(0)
    codec = VideoCodec(VideoCodecConfig(5, 16, widths=(8, 8, 8), blocks=(1, 1, 1)))
    cells = codec.config.cells**2
    root = torch.randn(cells, 768, 12)
    codec.fit(0.1 * torch.randn(cells, 768), root @ root.transpose(1, 2))
    torch.nn.init.normal_(codec.finish.weight)
    return codec.eval().requires_grad_(False)


def frames(count: int, size: int = 16, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (batch, count, size, size, 3), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(("count", "latents"), [(1, 1), (5, 2), (73, 19)])
def test_a_clip_of_1_plus_4k_frames_has_1_plus_k_latents(count, latents):
    codec = video_codec()
    code = codec.encode(frames(count))
    assert code.shape == (2, latents, 2, 2, 5)
    back = codec.decode(code)
    assert back.shape == (2, count, 16, 16, 3)
    assert back.dtype == torch.uint8


@pytest.mark.parametrize(("frame", "latent"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3), (12, 3)])
def test_a_frame_changes_only_the_latent_that_covers_it(frame, latent):
    codec, clip = video_codec(), frames(13)
    other = clip.clone()
    other[:, frame] = 255 - other[:, frame]
    changed = (codec.encode(clip) != codec.encode(other)).any(dim=(0, 2, 3, 4))
    assert changed.nonzero().flatten().tolist() == [latent]


def test_a_latent_changes_only_the_frames_that_it_covers():
    codec, code = video_codec(), video_codec().encode(frames(13))
    other = code.clone()
    other[:, 2] += 3
    changed = (codec.decode(code) != codec.decode(other)).any(dim=(0, 2, 3, 4))
    assert changed.nonzero().flatten().tolist() == [5, 6, 7, 8]


def test_an_image_is_the_first_latent_of_any_clip_that_begins_with_it():
    codec, clip = video_codec(), frames(9)
    torch.testing.assert_close(codec.encode(clip[:, :1])[:, 0], codec.encode(clip)[:, 0])


def test_groups_and_blocks_are_undone():
    clip = frames(9)
    groups = to_groups(clip)
    # Latent 1 covers frames 1 to 4; its values 3 to 5 are the colours of frame 2.
    torch.testing.assert_close(groups[0, 1, 3:6], clip[0, 2].permute(2, 0, 1).float() / 127.5 - 1)
    assert torch.equal(from_groups(groups), clip)
    assert torch.equal(from_blocks(to_blocks(groups[0]), 2), groups[0])


def test_the_linear_part_keeps_what_lies_in_its_components():
    # Blocks made of 4 directions come back exactly from 5 components, through the scaled latents.
    torch.manual_seed(1)
    directions = torch.linalg.qr(torch.randn(768, 4))[0].T
    blocks = 0.2 * torch.randn(4, 600, 4) @ directions
    codec = VideoCodec(VideoCodecConfig(5, 16, widths=(8, 8, 8), blocks=(1, 1, 1)))
    flat = blocks - blocks.mean(1, keepdim=True)
    codec.fit(blocks.mean(1), flat.transpose(1, 2) @ flat / 600)
    groups = from_blocks(blocks, 2)
    latents = codec.linear_encode(groups)
    torch.testing.assert_close(codec.linear_decode(latents), groups, atol=1e-4, rtol=0)
    assert latents.mean().abs() < 1e-3
    # Four of five components vary; the fifth's deviation is clipped to almost nothing, and g counts all five.
    assert latents.square().mean().item() == pytest.approx(1, abs=0.02)


def test_bad_shapes_are_refused_with_what_was_expected():
    codec = video_codec()
    with pytest.raises(ValueError, match=r"expected 1 \+ 4k frames.*got 4 frames"):
        codec.encode(frames(4))
    with pytest.raises(ValueError, match="expected frames of 16 x 16"):
        codec.encode(frames(5, size=24))


def test_silence_fills_the_last_token():
    # Token 0 covers 640 samples, each other 1280: 700 samples need two tokens, as 1920 do.
    codec, sound = AudioCodec(AudioCodecConfig()), torch.randn(1, 700)
    tokens = codec.encode(sound)
    assert tokens.shape[1] == 2
    assert torch.equal(tokens, codec.encode(torch.nn.functional.pad(sound, (0, 1220))))
    assert codec.decode(tokens).shape == (1, 1920)


def test_settling_removes_what_pictures_never_show_and_keeps_the_rest():
    codec = VideoCodec(VideoCodecConfig(channels=1, size=16, common=2))  # 4 cells
    # Cells of pictures always agree, and vary with variance 1 around 5: one component, of variance 4.
    codec.fit_common(torch.full((4,), 5.0), torch.ones(4, 4))
    seen = codec.wiener_filter(torch.tensor([1.0, 3.0, 2.0, 2.0]).view(1, 1, 2, 2, 1))
    kept = 4 / (4 + GENERATED_ERROR**2)  # Wiener: variance / (variance + error)
    torch.testing.assert_close(seen.flatten(), torch.full((4,), 5 + kept * (2 - 5)))
    assert seen.shape == (1, 1, 2, 2, 1)


def test_settling_a_real_clip_changes_it_little_and_a_blocky_one_much(real_clips):
    codec = VideoCodec.load()
    clip = torch.from_numpy(real_clips[0].frames[:73])[None]
    latents = codec.encode(clip)
    error = GENERATED_ERROR * torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))

    def steps_between_cells(pictures):  # of the plain background in the upper left corner, in levels
        corner = pictures[0, :, :16, :16].float()
        across = corner.diff(dim=2).abs().mean((0, 1, 3))
        return (across[7] - across[[*range(7), *range(8, 15)]].mean()).item()

    assert steps_between_cells(codec.decode(latents)) < 0.3
    assert steps_between_cells(codec.decode(latents + error)) > 1
    assert steps_between_cells(codec.decode(codec.wiener_filter(latents + error))) < 0.3
    assert (codec.wiener_filter(latents) - latents).square().mean() < 0.02 * latents.square().mean()


def test_codecs_survive_being_stored(tmp_path):
    codec, clip = video_codec(), frames(5)
    codec.half().float()
    codec.save(tmp_path / "v.safetensors")
    again = VideoCodec.load(tmp_path / "v.safetensors")
    assert again.config == codec.config
    assert torch.equal(again.encode(clip), codec.encode(clip))
    with pytest.raises(ValueError, match="expected a jova-audio-codec@1 file, got 'jova-video-codec@2'"):
        AudioCodec.load(tmp_path / "v.safetensors")
    with pytest.raises(FileNotFoundError, match=r"train it with python -m jova\.train"):
        VideoCodec.load(tmp_path / "none.safetensors")


@dataclasses.dataclass(frozen=True)
class Pair:
    a: int
    b: float


def test_config_travels_inside_the_file(tmp_path):
    save_weights(tmp_path / "x.safetensors", {"t": torch.ones(2).half()}, Pair(3, 0.5), "pair@1")
    config, tensors = load_weights(tmp_path / "x.safetensors", "pair@1", lambda **fields: Pair(**fields))
    assert config == Pair(3, 0.5)
    assert tensors["t"].dtype == torch.float32


def speech_like(seconds_frames: int) -> torch.Tensor:
    """(2, N): gliding harmonics with a syllable-rate envelope."""
    time = torch.arange(seconds_frames * FRAME) / 16_000
    rows = []
    for pitch in (120.0, 190.0):
        phase = 2 * np.pi * pitch * (time + 0.05 * torch.sin(3 * time))
        tone = sum(torch.sin(k * phase) / k for k in range(1, 12))
        rows.append(0.1 * tone * (0.5 - 0.5 * torch.cos(2 * np.pi * 4 * time)))
    return torch.stack(rows)


def audio_codec(audio: torch.Tensor) -> AudioCodec:
    """All 640 components, so that only the spectrum's inversion loses anything."""
    codec = AudioCodec(AudioCodecConfig(channels=640))
    codec.fit(codec.stacks(audio).flatten(0, 1))
    return codec


def test_audio_round_trip_keeps_length_and_time():
    audio = speech_like(33)
    codec = audio_codec(audio)
    code = codec.encode(audio)
    assert code.shape == (2, 17, 640)
    back = codec.decode(code)
    assert back.shape == audio.shape
    # The envelopes agree without any shift.
    envelopes = [x.unfold(1, HOP, HOP).square().mean(-1).sqrt() for x in (audio, back)]
    scores = []
    for shift in (-2, -1, 0, 1, 2):
        moved = torch.roll(envelopes[1], shift, 1)
        scores.append(torch.corrcoef(torch.stack([envelopes[0].flatten(), moved.flatten()]))[0, 1].item())
    assert np.argmax(scores) == 2
    assert scores[2] > 0.98


def test_a_click_stays_within_a_hop():
    click = torch.zeros(1, 33 * FRAME)
    click[0, 9000] = 0.9
    audio = torch.cat([click, speech_like(33)])
    back = audio_codec(audio).decode(audio_codec(audio).encode(audio))[0]
    energy = back.square()
    centre = (energy * torch.arange(len(energy))).sum() / energy.sum()
    assert abs(centre.item() - 9000) <= HOP


@pytest.mark.parametrize("token", [0, 1, 7])
def test_token_j_holds_the_sound_of_frames_2j_minus_1_and_2j(token):
    audio = 0.05 * torch.randn(1, 33 * FRAME, generator=torch.Generator().manual_seed(0))
    codec = audio_codec(audio.repeat(2, 1))
    other = audio.clone()
    # The middle of the token's span, half a window (256 samples) away from its neighbours.
    start = max(0, (2 * token - 1) * FRAME + 256)
    other[:, start : (2 * token + 1) * FRAME - 256] *= -3
    changed = (codec.stacks(audio) - codec.stacks(other)).abs().amax(dim=(0, 2)) > 1e-4
    assert changed.nonzero().flatten().tolist() == [token]


def test_a_clip_sounds_the_same_in_any_batch():
    audio = speech_like(17)
    codec = audio_codec(audio)
    code = codec.encode(audio)
    assert torch.equal(codec.decode(code)[1:], codec.decode(code[1:]))


def test_istft_inverts_stft():
    audio = torch.randn(2, 20 * HOP, generator=torch.Generator().manual_seed(0))
    codec = AudioCodec(AudioCodecConfig(channels=8))
    torch.testing.assert_close(codec.istft(codec.stft(audio)), audio, atol=1e-4, rtol=0)


def test_mel_filters_peak_at_their_centres():
    filters = mel_filters(80, 257)
    # The mel scale of O'Shaughnessy puts 1000 Hz at 1000 mel (999.99); 8 kHz is 2840 mel, so that 81 steps of
    # 35.06 mel put 1000 mel at 28.5 steps: between filters 27 and 28 (the first has its centre at step 1).
    centres = (filters * torch.linspace(0, 8000, 257)).sum(1) / filters.sum(1)
    assert centres[26] < 1000 < centres[29]
    assert (filters.amax(1) > 0.5).all()
    assert (centres.diff() > 0).all()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (
            {"format": "jova-audio-codec@1", "config": '{"channels": 6, "width": 3}'},
            "expected the config of a .*'width'",
        ),
        (
            {"format": "jova-audio-codec@1", "config": "{"},
            "expected the config of a jova-audio-codec@1 file, got another",
        ),
        (
            {"format": "jova-audio-codec@1"},
            "expected the config of a jova-audio-codec@1 file, got another in .*'config'",
        ),
        (
            {"format": "jova-audio-codec@1", "config": "{}"},
            "expected the tensors that its config names, got others in ",
        ),
        ({}, "expected a jova-audio-codec@1 file, got 'no format' in "),
    ],
)
def test_a_file_of_another_network_says_so_in_one_line(tmp_path, metadata, message):
    save_file({"other": torch.zeros(2)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(ValueError, match=message) as error:
        AudioCodec.load(tmp_path / "a.safetensors")
    assert "\n" not in str(error.value)
    assert str(tmp_path / "a.safetensors") in str(error.value)
