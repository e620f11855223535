"""What holds for every video codec, and what is Wan's alone."""

import math
from types import SimpleNamespace

import pytest
import torch

from jova.codecs import VideoCodec, VideoCodecConfig
from jova.codecs.fingerprint import fingerprint_of
from jova.codecs.loading import load_video_codec
from jova.codecs.wan import WanCodec
from support.tiny_codecs import wan

CASES = {"ours": (16, 16), "wan": (16, 24), "wan-2.2": (32, 48)}
"""Height and width of frames by codec: 2 x 3 cells, or 2 x 2."""
PRETRAINED = ["wan", "wan-2.2"]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A codec of random components, whose refinement network speaks."""
    torch.manual_seed(0)
    codec = VideoCodec(VideoCodecConfig(5, 16, widths=(8, 8, 8), blocks=(1, 1, 1)))
    root = torch.randn(4, 768, 12)
    codec.fit(0.1 * torch.randn(4, 768), root @ root.transpose(1, 2))
    torch.nn.init.normal_(codec.finish.weight)
    path = tmp_path_factory.mktemp("ours") / "video-codec.safetensors"
    codec.save(path)
    return path


@pytest.fixture(scope="module")
def paths(ours, wan_folder, wan_2_2_folder):
    return {"ours": ours, "wan": wan_folder, "wan-2.2": wan_2_2_folder}


@pytest.fixture(scope="module")
def codecs(paths):
    return {name: load_video_codec(path) for name, path in paths.items()}


def frames(name: str, count: int, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (batch, count, *CASES[name], 3), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("count", "latents"), [(1, 1), (5, 2), (9, 3)])
def test_a_clip_of_1_plus_4k_frames_has_1_plus_k_latents(codecs, name, count, latents):
    codec, (height, width) = codecs[name], CASES[name]
    code = codec.encode(frames(name, count, 2))
    side = codec.pixels_per_cell
    assert code.shape == (2, latents, height // side, width // side, codec.channels)
    assert code.dtype == torch.float32
    back = codec.decode(code)
    assert back.shape == (2, count, height, width, 3)
    assert back.dtype == torch.uint8
    assert back.is_contiguous()


@pytest.mark.parametrize("name", CASES)
def test_an_image_is_the_first_latent_of_any_clip_that_begins_with_it(codecs, name):
    clip = frames(name, 9)
    torch.testing.assert_close(codecs[name].encode(clip[:, :1])[:, 0], codecs[name].encode(clip)[:, 0])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("frame", [0, 1, 4, 5, 8])
def test_frame_f_first_moves_latent_f_over_4_rounded_up(codecs, name, frame):
    clip = frames(name, 9)
    other = clip.clone()
    other[:, frame] = 255 - other[:, frame]
    changed = (codecs[name].encode(clip) - codecs[name].encode(other)).abs().amax(dim=(0, 2, 3, 4)) > 1e-6
    assert changed.nonzero().flatten()[0] == math.ceil(frame / 4)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("count", "nearest"), [(0, 1), (2, 1), (3, 1), (4, 5), (7, 5), (8, 9)])
def test_other_lengths_are_refused_with_the_nearest_valid_one(codecs, name, count, nearest):
    with pytest.raises(
        ValueError, match=rf"1 \+ 4k frames, got {count} frames; the nearest valid length is {nearest}$"
    ):
        codecs[name].encode(torch.zeros(1, count, *CASES[name], 3, dtype=torch.uint8))


@pytest.mark.parametrize("name", CASES)
def test_other_arrays_are_refused(codecs, name):
    clip = frames(name, 1)
    for bad in (clip.float(), clip[0], clip[..., :2]):
        with pytest.raises(ValueError, match=r"^expected frames"):
            codecs[name].encode(bad)


@pytest.mark.parametrize("name", CASES)
def test_a_clip_does_not_depend_on_its_batch(codecs, name):
    clips = frames(name, 5, 3)
    code = codecs[name].encode(clips)
    torch.testing.assert_close(codecs[name].encode(clips[1:2]), code[1:2])
    assert torch.equal(codecs[name].decode(code[1:2]), codecs[name].decode(code)[1:2])


@pytest.mark.parametrize("name", CASES)
def test_a_stored_codec_makes_the_same_latents(codecs, name, tmp_path):
    codec, clip = codecs[name], frames(name, 5)
    codec.save(tmp_path / "again.safetensors")  # A folder, where the codec is one.
    again = load_video_codec(tmp_path / "again.safetensors")
    assert torch.equal(again.encode(clip), codec.encode(clip))
    assert torch.equal(again.decode(again.encode(clip)), codec.decode(codec.encode(clip)))
    assert again.fingerprint == codec.fingerprint


def changed(path, ending):
    """A codec with another value in the first of its tensors whose name has this ending."""
    codec = load_video_codec(path)
    name, tensor = next((name, value) for name, value in codec.state_dict().items() if name.endswith(ending))
    tensor[(0,) * tensor.ndim] += 1
    return codec if isinstance(codec, VideoCodec) else WanCodec(codec.vae), name


@pytest.mark.parametrize(
    ("name", "encodes", "decodes"),
    [("ours", "basis", "finish.weight"), ("wan", "conv_in.weight", "decoder.conv_out.weight")],
)
def test_the_fingerprint_is_of_what_encodes(codecs, paths, name, encodes, decodes):
    codec, before = changed(paths[name], encodes)
    assert codec.fingerprint != codecs[name].fingerprint, before
    assert changed(paths[name], decodes)[0].fingerprint == codecs[name].fingerprint


def test_the_fingerprint_is_of_values_and_settings():
    weight = torch.arange(6.0).reshape(2, 3)
    same = fingerprint_of("x", {"a": 1}, {"w": weight, "b": weight})
    assert same == fingerprint_of("x", {"a": 1}, {"b": weight.double(), "w": weight.T.contiguous().T})
    others = [
        fingerprint_of("y", {"a": 1}, {"w": weight, "b": weight}),
        fingerprint_of("x", {"a": 2}, {"w": weight, "b": weight}),
        fingerprint_of("x", {"a": 1}, {"w": weight, "c": weight}),
        fingerprint_of("x", {"a": 1}, {"w": weight, "b": weight.reshape(3, 2)}),
    ]
    assert len({same, *others}) == 5


@pytest.mark.parametrize("name", PRETRAINED)
def test_latents_are_normalised_with_the_networks_mean_and_deviation(codecs, paths, name, monkeypatch):
    codec = load_video_codec(paths[name])
    mean, deviation = (
        torch.tensor(codec.vae.config[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std")
    )
    unit = torch.randn(1, codec.channels, 5, 20, 20)
    mode = mean + deviation * unit
    monkeypatch.setattr(codec.vae, "encode", lambda x: SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: mode)))
    code = codec.encode(frames(name, 1))
    assert code.std(dim=(0, 1, 2, 3)).sub(1).abs().max() < 0.1
    torch.testing.assert_close(code, unit.permute(0, 2, 3, 4, 1), atol=1e-5, rtol=1e-5)
    given = []
    monkeypatch.setattr(
        codec.vae, "decode", lambda z: given.append(z) or SimpleNamespace(sample=torch.zeros(1, 3, 1, 8, 8))
    )
    codec.decode(code)
    torch.testing.assert_close(given[0], mode, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_callers_precision_does_not_matter_and_the_codecs_own_does(paths, name):
    codec, clip = load_video_codec(paths[name]), frames(name, 5)
    code = codec.encode(clip)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(codec.encode(clip), code)
    before = codec.fingerprint
    half = codec.to(torch.bfloat16)
    coarse = half.encode(clip)
    assert coarse.dtype == torch.float32
    assert 0 < (coarse - code).abs().max() < 0.1
    assert half.decode(coarse).dtype == torch.uint8
    assert half.fingerprint == before


def test_sides_have_to_be_multiples_of_a_cell(codecs):
    for name, wanted in (("wan", "8 pixels, got 20 x 24; the nearest valid size is 16 x 24"), ("wan-2.2", "16 x 32$")):
        with pytest.raises(ValueError, match=wanted):
            codecs[name].encode(torch.zeros(1, 1, 20, 24, 3, dtype=torch.uint8))


def test_latents_of_other_channels_are_refused(codecs):
    with pytest.raises(ValueError, match=r"expected latents \(B, F, h, w, 16\), got \(1, 1, 2, 2, 5\)"):
        codecs["wan"].decode(torch.zeros(1, 1, 2, 2, 5))


def test_only_decoding_is_tiled(paths, monkeypatch):
    codec = load_video_codec(paths["wan"])
    clip = torch.zeros(1, 1, 16, 272, 3, dtype=torch.uint8)
    whole = codec.encode(clip)
    calls = []
    tiled = codec.vae.tiled_decode
    monkeypatch.setattr(codec.vae, "tiled_decode", lambda *args, **more: calls.append(1) or tiled(*args, **more))
    codec.enable_tiling()
    assert torch.equal(codec.encode(clip), whole)
    assert codec.decode(whole).shape == clip.shape
    assert calls == [1]
    codec.enable_tiling(False)
    codec.decode(whole)
    assert calls == [1]


@pytest.mark.parametrize(("width", "apart"), [(256, 0), (320, 1)])
def test_tiles_make_nearly_the_same_picture(paths, width, apart):
    """Tiles of 256 pixels are blended over 64; all of a random network's attention ends at the edges of a tile.

    The mean difference is below one level, where two pictures of such a network are 8 levels apart.
    """
    codec = load_video_codec(paths["wan"])
    latents = torch.randn(2, 2, 4, width // 8, 16, generator=torch.Generator().manual_seed(0))
    whole = codec.decode(latents).int()
    codec.enable_tiling()
    difference = (codec.decode(latents).int() - whole).abs().float()
    assert difference.mean() <= apart
    assert difference.max() <= 40 * apart
    assert (whole[0] - whole[1]).abs().float().mean() > 5


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"dim_mult": [1, 2, 2], "temperal_downsample": [True, True]}, "scale_factor_spatial = 4.*got 8"),
        ({"temperal_downsample": [False, False, True]}, "4 frames per latent, got 2"),
        ({"latents_mean": [0.0] * 4}, r"of 16 channels, got \(4,\) and \(16,\)"),
        ({"latents_std": None}, r"of 16 channels, got \(16,\) and \(0,\)"),
        ({"latents_std": [1.0] * 15 + [0.0]}, "deviations above 0 of latents"),
    ],
)
def test_a_network_whose_config_does_not_fit_its_layers_is_refused(fields, fault):
    with pytest.raises(ValueError, match=fault):
        WanCodec(wan(**fields))
