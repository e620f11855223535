"""A folder of pretrained codecs and text encoders becomes clips: tiny random networks in their upstreams' formats."""

import argparse
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from jova.checks import nearest
from jova.codecs.wan import WanCodec
from jova.flow import Latents
from jova.parts import find_parts, missing_parts
from jova.pipeline import JovaPipeline
from jova.samplers import SAMPLERS, GuidedField, flow_times
from jova.sampling import checked
from jova.text import Prompt
from jova.timeline import Stream, Timeline
from support.jova_micro import PROMPTS, editing_pipeline, latents, micro, tokens

PROMPT = Prompt("a man at a desk", "a low voice", "good morning, 42!")
FAST = {"steps": 2, "guidance": 1.5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, wan_folder, ltx_audio_folder, text_folders):
    """24 frames a second of 32 x 48 pixels, 24 kHz, 25 audio tokens a second of 16 values, text of UMT5."""
    root = tmp_path_factory.mktemp("lab")
    clock = Timeline(9, Fraction(24), 24_000, 4, Stream(Fraction(100), 4))
    model = micro(
        vocabulary=(), words="free", text_channels=(16,), timeline=clock, video_channels=16, latent_height=4,
        latent_width=6, audio_channels=16,
    )  # fmt: skip
    model.save(root / "jova.safetensors")
    for name, target in (
        ("video-codec", wan_folder),
        ("audio-codec", ltx_audio_folder),
        ("text-encoder", text_folders["umt5"]),
    ):
        (root / name).symlink_to(target)
    return root


def test_a_folder_of_pretrained_parts_makes_clips_of_several_lengths_and_sizes(folder):
    pipeline = JovaPipeline.from_pretrained(folder)
    clips = pipeline.sample([PROMPT], [0], **FAST)
    assert (clips.frames.shape, clips.audio.shape) == ((1, 9, 32, 48, 3), (1, 9000))
    again = pipeline.sample([PROMPT], [0], **FAST)
    assert np.array_equal(clips.frames, again.frames)
    assert np.array_equal(clips.audio, again.audio)
    image = np.full((48, 32, 3), 200, np.uint8)
    other = pipeline.sample([PROMPT], [0], [image], frames=5, height=48, width=32, **FAST)
    assert (other.frames.shape, other.audio.shape) == ((1, 5, 48, 32, 3), (1, 5000))
    assert pipeline.frames_of(0.3) == 9  # 7.2 frames: 5 and 9 are valid
    with pytest.raises(ValueError, match="expected 1 \\+ 4k frames, got 12; the nearest is 13"):
        pipeline.sample([PROMPT], [0], frames=12)
    for shape in ({"frames": 10**17 + 1}, {"frames": pipeline.frames_of(1e30)}, {"width": 10**9}):
        with pytest.raises(
            ValueError, match=r"expected (frames|width) to be a whole number from 1 to 65,536, got \d{10}"
        ):
            pipeline.config_of(**shape)
    with pytest.raises(ValueError, match="height in multiples of 16 pixels, got 40; the nearest is 32"):
        pipeline.sample([PROMPT], [0], height=40)
    with pytest.raises(ValueError, match=r"expected frames of 32 x 48, got \(48, 32\)"):
        pipeline.sample([PROMPT], [0], [image], **FAST)


def test_offloaded_parts_make_the_same_clip_and_are_moved_for_their_phase_alone(folder, monkeypatch):
    whole, parts = JovaPipeline.from_pretrained(folder), JovaPipeline.from_pretrained(folder, offload=True)
    moves = []

    def spied(part, name):
        move = type(part).to

        def to(self, place):
            moves.append((name, place))
            return move(self, place)

        monkeypatch.setattr(type(part), "to", to)

    for name in ("model", "video_codec", "audio_codec", "encoder"):
        spied(getattr(parts, name), name)
    found, wanted = (each.sample([PROMPT], [3], **FAST) for each in (parts, whole))
    assert np.array_equal(found.frames, wanted.frames)
    assert [name for name, _ in moves] == [
        name for name in ("encoder", "model", "video_codec", "video_codec", "audio_codec") for _ in range(2)
    ]


def command(folder, out, *flags):
    """Runs `sample` with a step."""
    from jova import sample
    from jova.flags import add_sample_flags

    parser = argparse.ArgumentParser()
    add_sample_flags(parser)
    parts = zip(("video-caption", "audio-caption", "transcript"), PROMPT, strict=True)
    texts = [f"--{name}={text}" for name, text in parts]
    return sample.run(parser.parse_args([*texts, f"--weights={folder}", f"--out={out}", "--steps=1", *flags]))


def test_flags_of_the_command_reach_the_network_and_the_codec(folder, tmp_path, monkeypatch):
    """`torch.compile` takes half a minute; benchmarks/sampling_speed.py has it compile in earnest."""
    plain = command(folder, tmp_path / "plain.mp4", "--seconds=0.2").read_bytes()
    compiled, tiled = [], []
    monkeypatch.setattr(torch, "compile", lambda call, **how: compiled.append(call.__self__) or call)
    tiles = WanCodec.enable_tiling
    monkeypatch.setattr(WanCodec, "enable_tiling", lambda codec: tiled.append(codec) or tiles(codec))
    assert command(folder, tmp_path / "both.mp4", "--seconds=0.2", "--compile", "--tiling").read_bytes() == plain
    assert [type(block).__name__ for block in compiled] == ["JointBlock"] * 2
    assert len(tiled) == 1
    assert tiled[0]._tiling


def test_a_codec_without_tiles_is_refused():
    with pytest.raises(ValueError, match="expected a video codec that decodes in tiles, got VideoCodec"):
        editing_pipeline().tile()


def disc(height, width):
    """A light disc of 40 pixels in the middle of a dark picture."""
    y, x = np.mgrid[:height, :width]
    inside = (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2 < 20**2
    return np.where(inside, 220, 30).astype(np.uint8)[..., None].repeat(3, 2)


def sides_of(picture):
    """Rows and columns of the disc, and its middle."""
    light = picture[..., 1] > 125
    rows, columns = (np.flatnonzero(light.any(axis=axis)) for axis in (1, 0))
    return (len(rows), len(columns)), ((rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2)


@pytest.mark.parametrize(
    ("image", "clip", "across"),
    [
        # The part of aspect 3:2 of 120 x 80 is 53 x 80, of which a pixel becomes 48 / 80 = 32 / 53.3 = 0.6.
        ((120, 80), (32, 48), 24),
        # 80 x 120 has it: 32 / 80 = 48 / 120 = 0.4.
        ((80, 120), (32, 48), 16),
        # The part of aspect 2:3 of 80 x 120 is 80 x 53: 48 / 80 = 32 / 53.3.
        ((80, 120), (48, 32), 24),
        # That of 120 x 80 is all of it: 48 / 120 = 32 / 80.
        ((120, 80), (48, 32), 16),
        # That of aspect 3:2 of 60 x 200 is 60 x 90: 32 / 60 = 48 / 90.
        ((60, 200), (32, 48), 21.3),
    ],
)
def test_a_circle_in_a_picture_is_one_in_the_clip(folder, tmp_path, monkeypatch, image, clip, across):
    """The first frame that the codec is given, by the command, and by the harness for a prompt with an image."""
    import av

    from jova_baselines.jova import JovaFromImage
    from support import jova_micro

    av.VideoFrame.from_ndarray(disc(*image), format="rgb24").save(tmp_path / "disc.png")
    seen = []
    encode = JovaPipeline.encode_video

    def watched(pipeline, frames):
        seen.append(frames[0, 0].numpy())
        return encode(pipeline, frames)

    monkeypatch.setattr(JovaPipeline, "encode_video", watched)
    size = [f"--height={clip[0]}", f"--width={clip[1]}"]
    command(folder, tmp_path / "clip.mp4", *size, f"--image={tmp_path / 'disc.png'}", "--frames=1")
    if clip == (32, 48):  # The harness asks for the model's own size.
        suite = jova_micro.suite(tmp_path, image="disc.png")
        list(JovaFromImage("cpu", folder, sampling={"steps": 1}).generate(suite.prompts, 0, suite))
    for picture in seen:
        assert picture.shape == (*clip, 3)
        sides, middle = sides_of(picture)
        assert sides == pytest.approx((across, across), abs=1)
        assert middle == pytest.approx(((clip[0] - 1) / 2, (clip[1] - 1) / 2), abs=0.5)
    assert len(seen) == 1 + (clip == (32, 48))


def test_the_harness_runs_such_a_folder(folder, tmp_path):
    from jova_baselines.jova import JovaGenerator
    from support import jova_micro

    model, suite = JovaGenerator("cpu", folder), jova_micro.suite(tmp_path)
    assert model.check() is None
    plan = model.plan(suite.prompts[0], suite)
    assert (plan.frames, plan.fps, plan.height, plan.width, plan.sample_rate_hz) == (9, 24, 32, 48, 24_000)
    (folder / "sampling.json").write_text('{"steps": 2, "audio_guidance": 1.5, "shift": 3}')
    try:
        told = model.plan(suite.prompts[0], suite)
        assert (told.settings["steps"], told.settings["shift"], told.weights) == (2, 3, plan.weights)
        assert "shift 3" in told.note
    finally:
        (folder / "sampling.json").unlink()


def test_the_codec_control_takes_clips_of_the_folders_rates_and_any_size(folder, tmp_path):
    from jova.data.folder import write_clip
    from jova_baselines.jova import CodecRoundTrip
    from jova_bench.errors import BenchError
    from support import jova_micro

    def made(frames, height, fps, rate):
        sound = np.zeros(frames * rate // fps, np.float32)
        write_clip(tmp_path / "real.mp4", np.full((frames, height, 48, 3), 90, np.uint8), sound, fps, rate)
        suite = jova_micro.suite(tmp_path, reference="real.mp4")
        (one,) = CodecRoundTrip("cpu", folder).generate(suite.prompts, 0, suite)
        return one.media

    clip = made(9, 40, 24, 24_000)
    assert (clip.frames.shape, clip.fps) == ((9, 40, 48, 3), 24)
    assert (clip.audio.shape, clip.sample_rate_hz) == ((1, 9000), 24_000)
    for given, said in (
        ((9, 40, 25, 24_000), "expected a reference clip of 24 frames/s and 24000 Hz, got 25 and 24000"),
        ((9, 40, 24, 16_000), "of 24 frames/s and 24000 Hz, got 24 and 16000"),
        ((8, 40, 24, 24_000), r"real.mp4: expected .*1 \+ 4k.* got 8"),
        ((9, 44, 24, 24_000), "real.mp4: expected .* multiples of 8 pixels, got 44 x 48"),
    ):
        with pytest.raises(BenchError, match=said):
            made(*given)


def test_codecs_and_text_encoders_of_another_training_are_refused(folder, tmp_path, text_folders):
    """Channels, rates and strides are the same: the fingerprints in the model's file tell them apart."""
    own = JovaPipeline.from_pretrained(folder)
    made_by = {
        "video_codec": own.video_codec.fingerprint,
        "audio_codec": own.audio_codec.fingerprint,
        "text": own.encoder.fingerprint,
    }
    for name in ("video-codec", "audio-codec", "text-encoder"):
        (tmp_path / name).symlink_to((folder / name).resolve())
    own.model.save(tmp_path / "jova.safetensors", made_by)
    assert JovaPipeline.from_pretrained(tmp_path).config == own.config
    for name, fingerprint in made_by.items():
        own.model.save(tmp_path / "jova.safetensors", made_by | {name: "other"})
        said = f"expected the {name.replace('_', ' ')} other, with which the model was trained, got {fingerprint}"
        with pytest.raises(ValueError, match=said):
            JovaPipeline.from_pretrained(tmp_path)


def test_missing_and_doubled_parts_are_named(folder, tmp_path):
    assert missing_parts(tmp_path) == ["jova-tiny.safetensors", "video-codec.safetensors", "audio-codec.safetensors"]
    for name in ("jova.safetensors", "video-codec", "audio-codec"):
        (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(FileNotFoundError, match="got no text-encoder"):
        find_parts(tmp_path)
    (tmp_path / "text-encoder").symlink_to("../moved/text")
    with pytest.raises(
        FileNotFoundError, match=r"got no text-encoder \(it is a link to .*moved/text, where nothing is\)"
    ):
        find_parts(tmp_path)
    (tmp_path / "jova-tiny.safetensors").symlink_to(folder / "jova.safetensors")
    with pytest.raises(ValueError, match=r"expected one of jova-tiny.safetensors and jova.safetensors .* got both"):
        find_parts(tmp_path)


def gaussian(noisy, time):
    """Velocity whose data are normal, of mean 1.5 and deviation 0.7: E[x_1 | x_t] has a closed form."""
    variance = (1 - time) ** 2 + (0.7 * time) ** 2
    return Latents(*((1.5 + time * 0.49 / variance * (x - 1.5 * time) - x) / (1 - time) for x in noisy))


@pytest.mark.parametrize(("name", "least", "most"), [("euler", 1.9, 2.1), ("heun", 3.8, 4.5), ("unipc", 3.8, 4.5)])
def test_the_error_falls_by_the_order_of_the_sampler(name, least, most):
    """From noise x_0 the flow of normal data leads to 1.5 + 0.7 x_0."""
    start = Latents(*(torch.linspace(-2, 2, n).view(1, n, 1) for n in (9, 5)))
    ends = (SAMPLERS[name](gaussian, start, flow_times(steps)) for steps in (40, 80, 160))
    errors = [float((end.video - 1.5 - 0.7 * start.video).abs().max()) for end in ends]
    for before, after in pairwise(errors):
        assert least < before / after < most


def test_shifted_times_are_denser_at_the_noise_and_none_are_even():
    assert all(flow_times(n) == [k / n for k in range(n + 1)] for n in range(1, 200))
    assert flow_times(2, 3.0) == [0, 0.25, 1]  # a share of noise of 1/2 becomes 3/2 / 2


def test_picture_and_sound_are_guided_apart():
    model, text, x = micro(), tokens(), latents(3)
    with torch.no_grad():
        both, same, low, high = (
            GuidedField(model, text, None, *scales)(x, 0.1)
            for scales in ((3.0,), (3.0, 1.0, 3.0), (3.0, 1.0, 1.0), (1.0, 1.0, 3.0))
        )
        plain = GuidedField(model, text, None, 1.0)(x, 0.1)
    assert torch.equal(both.video, same.video)
    assert torch.equal(both.audio, same.audio)
    assert torch.equal(low.video, both.video)
    assert torch.equal(high.audio, both.audio)
    torch.testing.assert_close(low.audio, plain.audio, atol=1e-5, rtol=1e-5)
    assert not torch.equal(low.audio, both.audio)


def test_numbers_between_two_valid_ones_go_to_the_nearest():
    assert [nearest(n, 4, 1) for n in (0, 1, 2, 3, 4, 5, 7, 8)] == [1, 1, 1, 1, 5, 5, 5, 9]
    assert [nearest(n, 16, 0) for n in (1, 16, 24, 25)] == [16, 16, 16, 32]


def test_options_of_no_use_are_refused():
    for wrong in (
        {"steps": 0},
        {"shift": 0},
        {"sampler": "dpm"},
        {"guided_until": 2},
        {"frames": 9},
        {"guidance": "3"},
        {"guidance": float("nan")},
        {"audio_guidance": 1e300},
        {"precision": "half"},
    ):
        with pytest.raises(ValueError, match=r"^expected"):
            checked(wrong)
        with pytest.raises(ValueError, match=r"^here: expected"):
            checked(wrong, "here: ")


def test_a_model_needs_its_own_text_encoders(folder):
    pipeline = JovaPipeline.from_pretrained(folder)
    with pytest.raises(ValueError, match="expected text encoders of 16 channels, got no text encoder"):
        JovaPipeline(pipeline.model, pipeline.video_codec, pipeline.audio_codec)


def test_the_sound_may_have_a_guidance_of_its_own():
    pipeline, prompts = editing_pipeline(), PROMPTS[:1]
    both = pipeline.sample(prompts, [0], steps=1, guidance=4.0)
    own = pipeline.sample(prompts, [0], steps=1, guidance=4.0, audio_guidance=1.0)
    assert np.array_equal(own.frames, both.frames)
    assert not np.allclose(own.audio, both.audio, atol=1e-3)
