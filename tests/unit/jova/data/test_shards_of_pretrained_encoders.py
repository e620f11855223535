"""Shards by the codecs and text encoders of others, in their formats, and of clips that are no squares."""

from fractions import Fraction

import torch

from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.data.manifest import read_manifest
from jova.data.shard_index import MadeBy
from jova.data.shards import main
from jova.text.pretrained import TextEncoder
from jova.text.prompts import PromptEncoder
from jova.training.shard_dataset import ShardDataset
from support.prepared_clips import line, write_manifest


def test_the_command_encodes_portraits_at_any_rate(tmp_path, wan_folder, ltx_audio_folder, text_folders):
    lines = [line(f"tall-{k}", fps="30000/1001", height=48, width=32, transcript="Straße, now!") for k in range(2)]
    lines += [line("wide", fps="24/1", height=32, width=64, frames=10)]
    path, out = write_manifest(tmp_path, lines), tmp_path / "shards"
    flags = ["--video-codec", str(wan_folder), "--audio-codec", str(ltx_audio_folder), "--out", str(out)]
    flags += [word for name in ("umt5", "qwen2") for word in ("--text-encoder", str(text_folders[name]))]
    assert main([str(path), *flags]) == 0

    video, audio = load_video_codec(wan_folder), load_audio_codec(ltx_audio_folder)
    text = PromptEncoder([TextEncoder(text_folders[name]) for name in ("umt5", "qwen2")])
    data = ShardDataset(out, MadeBy(video.fingerprint, audio.fingerprint, text.fingerprint))
    tall, wide = (data.index.buckets[name] for name in ("9f-48x32-30000_1001fps", "9f-32x64-24fps"))
    assert tall.video[:3] == (3, 6, 4)
    assert wide.video[:3] == (3, 4, 8)
    assert wide.clock.exact_seconds == Fraction(9, 24)  # of 10 frames, the nine that the codec takes
    assert data.index.text_channels == text.channels

    rows = torch.tensor([data.clips - 2, data.clips - 1])  # the buckets are ordered by name
    batch, clips = data.batch(rows), read_manifest(path)
    for row, clip in enumerate(clips[:2]):
        assert torch.equal(batch.data.video[row], video.encode(clip.picture(9)[None])[0].half().float())
        assert torch.equal(batch.data.audio[row], audio.encode(clip.sound(tall.clock)[None])[0].half().float())
        for hidden, states in zip(batch.text.encoders, text.states(clip.prompt), strict=True):
            assert torch.equal(hidden.states[row][hidden.mask[row]], states)
    for hidden, null in zip(batch.text.encoders, text.null(), strict=True):
        assert torch.equal(hidden.null, null)
    assert batch.mouth.shape == (2, 3, 6, 4)
    assert batch.mouth[0, 0, 2].tolist() == [0, 1, 1, 0]
