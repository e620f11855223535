"""Small sound files of media in several containers, as bytes: what damage is done to."""

import io
from fractions import Fraction

import av
import numpy as np

from jova_bench.media import files as media

RATE_HZ = 16_000


def made(folder):
    """Half a second of a moving picture and a tone, by suffix."""
    frames = (np.arange(12 * 32 * 32 * 3).reshape(12, 32, 32, 3) * 7 % 251).astype(np.uint8)
    sound = np.sin(np.arange(RATE_HZ // 2) * 0.2).astype(np.float32)[None] / 2
    found = {}
    for suffix in (".mp4", ".wav", ".flac"):
        path = folder / f"whole{suffix}"
        media.write(path, frames if suffix == ".mp4" else None, Fraction(25 if suffix == ".mp4" else 0), sound, RATE_HZ)
        found[suffix] = path.read_bytes()
    found[".mkv"] = _encoded(frames, sound, "matroska", "libx264", "flac")
    found[".webm"] = _encoded(frames, sound, "webm", "libvpx", "libopus")
    found[".mov"] = _encoded(frames, sound, "mov", "libx264", "aac")
    return found


def _encoded(frames, sound, container, picture, audio):
    target = io.BytesIO()
    with av.open(target, "w", format=container) as out:
        video = out.add_stream(picture, rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        voice = out.add_stream(audio, rate=48_000 if audio == "libopus" else RATE_HZ)
        voice.layout = "mono"
        for image in frames:
            for packet in video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                out.mux(packet)
        whole = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16), format="s16", layout="mono")
        whole.sample_rate, whole.pts = RATE_HZ, 0
        frame_size = voice.frame_size or 1024
        resampler = av.AudioResampler(voice.codec_context.format, "mono", voice.rate, frame_size)
        for part in [*resampler.resample(whole), *resampler.resample(None)]:
            for packet in voice.encode(part):
                out.mux(packet)
        for stream in (video, voice):
            for packet in stream.encode(None):
                out.mux(packet)
    return target.getvalue()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with Exif that says how it is to be shown."""
    # The first entry of a big-endian directory: tag 0x0112, one short.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)
    return jpeg[:2] + b"\xff\xe1" + (2 + len(exif)).to_bytes(2, "big") + exif + jpeg[2:]
