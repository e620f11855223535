"""A folder of prepared clips, as `jova-bench data prepare` leaves it, of small noisy pictures and real files."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np

from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.video import VideoCodec, VideoCodecConfig
from jova.data.folder import write_clip

WORDS = ("red", "blue", "hair", "low", "voice", "place", "now")


def codecs():
    """A video codec of 32 x 32 pixels and an audio codec, both tiny."""
    audio = AudioCodec(AudioCodecConfig(channels=6))
    return VideoCodec(VideoCodecConfig(3, 32, widths=(8, 8, 8), blocks=(1, 1, 1))).eval(), audio.eval()


def line(name, **fields):
    """A line of a manifest for a kept clip of 9 frames of 32 x 32 pixels."""
    record = {
        "id": name, "source": f"{name}.mkv", "start_s": 1.0, "end_s": 1.36, "status": "kept", "reasons": [],
        "fps": "25/1", "frames": 9, "height": 32, "width": 32, "crop": [0, 0, 32, 32], "boxes": f"tracks/{name}.npz",
        "sync": None, "speech": [[0.04, 0.12], [0.16, 0.3]], "transcript": "place red now", "transcript_by": "csv",
        "video_caption": "red hair", "audio_caption": "low voice",
    }  # fmt: skip
    return record | fields


def write_manifest(root, lines):
    """Writes the lines, and the files of each kept clip that are not there."""
    for folder in ("clips", "tracks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(lines):
        if one["status"] == "kept" and not (root / "clips" / f"{one['id']}.mp4").is_file():
            random, fps = np.random.default_rng(number), Fraction(one["fps"])
            count, size = one["frames"], (one["height"], one["width"], 3)
            frames = np.clip(random.normal(100 + number, 30, (count, *size)), 0, 255).astype(np.uint8)
            sound = random.normal(0, 0.1, round(count / fps * 16_000)).astype(np.float32)
            write_clip(root / "clips" / f"{one['id']}.mp4", frames, sound, fps)
            boxes = np.tile(np.float32([8, 16, 24, 24]), (count, 1))
            boxes[-1] = np.nan
            np.savez(root / "tracks" / f"{one['id']}.npz", mouth_box=boxes, confidence=np.ones(count, np.float32))
    path = root / "manifest.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def mixed(root):
    """Eleven kept clips of three buckets and two that are rejected."""
    lines = [line(f"clip.{k}", video_caption=("red" if k % 2 else "blue") + " hair") for k in range(5)]
    lines += [line(f"short-{k}", frames=5, end_s=1.2) for k in range(3)]
    lines += [line(f"cinema-{k}", fps="24/1") for k in range(3)]
    gone = {"status": "rejected", "reasons": [{"code": "two_faces", "by": "rule", "detail": "two"}]}
    lines[2:2] = [line("crowd", **gone), line("cut", **gone)]
    return write_manifest(root, lines)
