"""A VAE trained on one's own clips: crops, loss, resumption, and what the adapter of codecs reads."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers", reason="the VAE needs jova-bench[diffusers]")

from jova.codecs.loading import load_video_codec
from jova.data.folder import Item, write_clip
from jova.files import atomic_path
from jova.training.crops import draw_crops, read_pictures, trimmed
from jova.training.distributed import LOCK, Ranks, alone
from jova.training.state import detached, generator_of
from jova.training.vae_loss import VaeTraining, decode_unclamped, new_network, reconstruction_loss
from jova.training.vae_start import begin
from jova.training.wan_vae import VaeTrainer, main

SIZES = ((32, 32), (40, 32), (36, 46), (32, 48))
"""Heights and widths of the clips; of 36 x 46 pixels 32 x 40 are whole cells."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Four clips of moving gradients; the second has no tracks, the third a face in some frames alone."""
    folder = tmp_path_factory.mktemp("videos")
    for number, (height, width) in enumerate(SIZES):
        y, x, t = np.mgrid[:height, :width, :11]
        pixels = np.stack([128 + 100 * np.sin((x + 2 * t) / 9 + number), 3 * y + 0 * x, 90 + 0 * x], axis=-1)
        frames = pixels.transpose(2, 0, 1, 3).clip(0, 255).astype(np.uint8)
        write_clip(folder / "clips" / f"c{number}.mp4", frames, np.zeros(11 * 640, np.float32))
        if number != 1:
            boxes = np.tile(np.array([8, 16, 24, 28], np.float32), (11, 1))
            boxes[: 5 * (number == 2)] = np.nan
            with atomic_path(folder / "tracks" / f"c{number}.npz") as unfinished:
                np.savez(unfinished, mouth_box=boxes)
    return folder


def items_of(videos):
    return [Item({"id": f"c{number}"}, videos) for number in range(4)]


def test_crops_are_cut_with_their_masks_to_what_all_clips_have(videos):
    items = items_of(videos)
    frames, mask = draw_crops(items, 9, 64, generator_of(0, 3))
    assert frames.shape == (4, 9, 32, 32, 3)  # of 11 frames, 1 + 4k of them; the smallest picture
    assert mask.shape == (4, 9, 32, 32)
    # The mask lies where the mouth is: 16 x 12 pixels of it are inside of the crops of the first, at its corner.
    np.testing.assert_array_equal(mask[0, 0].nonzero().amin(0), (16, 8))
    np.testing.assert_array_equal(mask[0, 0].nonzero().amax(0), (27, 23))
    assert mask[1].sum() == 0  # no tracks
    seen = mask[2].flatten(1).any(1).sum()
    assert 4 <= seen <= 6  # of frames 0 to 4 no face is known, and the crop begins at frame 0, 1 or 2
    again = draw_crops(items, 9, 64, generator_of(0, 3))
    assert torch.equal(frames, again[0])
    whole = torch.stack([read_pictures(items[3])[0]])
    crops = [draw_crops(items[3:], 5, 16, generator_of(0, step))[0] for step in range(8)]
    assert len({crop.numpy().tobytes() for crop in crops}) == 8
    assert all(crop.unique().max() <= whole.max() for crop in crops)


def test_a_crop_of_a_frame_and_its_mask_move_together(tmp_path):
    # A white mouth on black: whatever is cropped, the mask is where it is white.
    frames = np.zeros((9, 64, 64, 3), np.uint8)
    frames[:, 20:36, 30:46] = 255
    write_clip(tmp_path / "clips" / "a.mp4", frames, np.zeros(9 * 640, np.float32))
    with atomic_path(tmp_path / "tracks" / "a.npz") as unfinished:
        np.savez(unfinished, mouth_box=np.tile(np.array([30, 20, 46, 36], np.float32), (9, 1)))
    for step in range(5):
        crop, mask = draw_crops([Item({"id": "a"}, tmp_path)], 5, 40, generator_of(1, step))
        np.testing.assert_array_equal(crop[..., 1] > 127, mask > 0.5)


def test_clips_lose_what_is_no_whole_cell(videos):
    frames, boxes = trimmed(*read_pictures(items_of(videos)[2]))
    assert frames.shape == (9, 32, 40, 3)
    assert boxes.shape == (9, 4)


def test_the_loss_has_the_values_that_follow_by_hand(monkeypatch):
    class Flat:
        """Its posterior is a normal distribution of mean 1 and variance e, and it decodes to 0.2 everywhere."""

        def encode(self, pixels):
            self.shape = pixels.shape
            mean = torch.ones(1, 16, 2, 2, 2)
            posterior = type("Posterior", (), {"mean": mean, "logvar": torch.ones_like(mean)})
            return type("Encoded", (), {"latent_dist": posterior})

        def decode(self, latents):
            self.latents = latents
            return torch.full(self.shape, 0.2)

    frames = torch.zeros(1, 5, 16, 16, 3, dtype=torch.uint8)
    frames[:, :, :, 8:] = 255
    mask = torch.zeros(1, 5, 16, 16)
    mask[..., :8] = 1
    training = VaeTraining(steps=1, mouth_weight=2.0, edge_weight=0.5, kl_weight=0.2, kl_warmup=1000)
    network = Flat()
    monkeypatch.setattr("jova.training.vae_loss.decode_unclamped", Flat.decode)
    parts = reconstruction_loss(network, frames, mask, training, 500, generator_of(0, 0))
    # Left |0.2 + 1| with weight 3, right |0.2 - 1| with 1; the one edge, of height 2, is among 15 columns outside of M.
    assert parts["pixel"].item() == pytest.approx((3 * 1.2 + 0.8) / 2, rel=1e-6)
    assert parts["edge"].item() == pytest.approx(2 / 15 / 3, rel=1e-6)
    assert parts["kl"].item() == pytest.approx((1 + np.e - 1 - 1) / 2, rel=1e-6)
    assert parts["loss"].item() == pytest.approx(2.2 + 0.5 * 2 / 45 + 0.1 * (np.e - 1) / 2, rel=1e-6)
    assert network.latents.std() == pytest.approx(np.exp(0.5), rel=0.3)  # drawn from the posterior


def test_pixels_outside_of_the_range_have_a_gradient_that_brings_them_back():
    torch.manual_seed(0)
    network = new_network(4)
    latents = torch.randn(1, 16, 3, 2, 2)
    unclamped = decode_unclamped(network, latents)
    assert unclamped.shape == (1, 3, 9, 16, 16)
    torch.testing.assert_close(unclamped.clamp(-1, 1), network.decode(latents).sample)
    with torch.no_grad():
        network.decoder.conv_out.bias += 5
    outside = decode_unclamped(network, latents)
    assert outside.min() > 1
    outside.sub(0.5).abs().mean().backward()
    assert network.decoder.conv_out.bias.grad.abs().sum() > 0.5
    assert not network.decoder._forward_hooks


def test_a_killed_training_goes_on_as_if_it_had_not_been(videos, tmp_path):
    training, items = VaeTraining(steps=4, base_dim=4, batch=2, crop=16, frames=5), items_of(videos)
    whole = VaeTrainer(training, items, tmp_path / "whole")
    for _ in range(4):
        whole.advance()
    broken = VaeTrainer(training, items, tmp_path / "broken")
    broken.advance()
    broken.advance()
    broken.save()
    broken.advance()  # lost
    resumed = VaeTrainer(training, items, tmp_path / "broken")
    assert resumed.step == 2
    resumed.advance()
    resumed.advance()
    for name, value in whole.ema.items():
        assert torch.equal(value, resumed.ema[name]), name
    for name, value in detached(whole.network).items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    stored = whole.codec().vae.state_dict()
    assert all(torch.equal(value, whole.ema[name]) for name, value in stored.items())
    assert any(not torch.equal(value, whole.network.state_dict()[name]) for name, value in stored.items())
    moments = (one.optimiser.state_dict()["state"] for one in (whole, resumed))
    for ours, theirs in zip(*(state.values() for state in moments), strict=True):
        assert torch.equal(ours["exp_avg_sq"], theirs["exp_avg_sq"])


def test_a_loss_that_is_no_number_moves_no_weight(videos, tmp_path):
    training, items = VaeTraining(steps=4, base_dim=4, batch=2, crop=16, frames=5), items_of(videos)
    trainer = VaeTrainer(training, items, tmp_path)
    trainer.network.decoder.conv_out.bias.data.fill_(torch.nan)
    before = detached(trainer.network)
    with pytest.raises(ValueError, match=r"expected a finite loss and finite gradients at step 0, got a loss of nan"):
        trainer.advance()
    assert trainer.step == 0
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value.nan_to_num(), before[name].nan_to_num()), name
    assert all(value.isfinite().all() for value in trainer.ema.values())


@pytest.mark.parametrize("change", ["seed", "clips"])
def test_a_checkpoint_of_another_training_is_refused(videos, tmp_path, change):
    training, items = VaeTraining(steps=4, base_dim=4, batch=2, crop=16, frames=5), items_of(videos)
    VaeTrainer(training, items, tmp_path).save()
    other = {"seed": VaeTraining(steps=4, base_dim=4, batch=2, crop=16, frames=5, seed=1), "clips": training}[change]
    with pytest.raises(ValueError, match=f"got other {change}; use another --out"):
        VaeTrainer(other, items[:2] if change == "clips" else items, tmp_path)


def test_the_adapter_reads_what_a_training_stored(videos, tmp_path, monkeypatch):
    arguments = ["--videos", str(videos), "--out", str(tmp_path), "--base-dim", "4"]
    assert main([*arguments, "--steps", "2"]) == 0
    monkeypatch.setattr(VaeTrainer, "advance", lambda _: 1 / 0)  # A finished training takes no step, fewer end it.
    (tmp_path / "vae" / "config.json").unlink()
    assert main([*arguments, "--steps", "1"]) == 0
    codec = load_video_codec(tmp_path / "vae")
    assert (codec.channels, codec.frames_per_latent, codec.pixels_per_cell) == (16, 4, 8)
    # The last clip is held out; latents of the three others have mean 0 and deviation 1 in every channel.
    latents = [codec.encode(trimmed(*read_pictures(item))[0][None]).flatten(0, -2) for item in items_of(videos)[:3]]
    torch.testing.assert_close(torch.cat(latents).mean(0), torch.zeros(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cat(latents).std(0), torch.ones(16), atol=1e-3, rtol=0)
    record = json.loads((tmp_path / "wan-vae.jsonl").read_text().splitlines()[-1])
    assert record["step"] == 1
    # What is logged is the quality of the stored codec, of which normalisation changes nothing.
    frames = trimmed(*read_pictures(items_of(videos)[3]))[0][None]
    error = (codec.decode(codec.encode(frames)).float() - frames).square().mean()
    assert record["psnr"] == pytest.approx(10 * np.log10(255**2 / error.item()), abs=0.02)
    assert np.isfinite(record["mouth_psnr"])


def test_an_image_is_latent_0_and_later_frames_do_not_move_it():
    torch.manual_seed(0)
    network = new_network(4).eval()
    clip = torch.rand(1, 3, 9, 32, 32) * 2 - 1
    begin(network, clip)
    with torch.no_grad():
        latents, image = (network.encode(part).latent_dist.mode() for part in (clip, clip[:, :, :1]))
    assert latents.shape == (1, 16, 3, 4, 4)
    torch.testing.assert_close(latents[:, :, :1], image, atol=1e-5, rtol=1e-4)


def test_bad_input_is_one_line(videos, tmp_path, capsys):
    assert main(["--videos", str(tmp_path / "none"), "--out", str(tmp_path), "--steps", "1"]) == 2
    assert "expected two clips or more" in capsys.readouterr().err
    (videos / "clips" / "damaged.mp4").write_bytes(b"not a video")
    try:
        assert main(["--videos", str(videos), "--out", str(tmp_path), "--steps", "1", "--base-dim", "4"]) == 2
        (line,) = capsys.readouterr().err.splitlines()  # Before the first step: it is one of those held out.
        assert "expected a clip with picture and sound as damaged.mp4" in line
    finally:
        (videos / "clips" / "damaged.mp4").unlink()


def test_a_vae_without_its_checkpoint_and_a_folder_that_is_in_use_are_left_alone(videos, tmp_path, capsys):
    flags = ["--videos", str(videos), "--out", str(tmp_path), "--steps", "1"]
    with alone(tmp_path, Ranks()):
        assert main(flags) == 2
    assert "expected no other training in" in capsys.readouterr().err
    (tmp_path / "vae").mkdir()
    assert main(flags) == 2
    assert f"expected the checkpoint {tmp_path / 'wan-vae.state'} beside {tmp_path / 'vae'}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOCK, "vae"]
