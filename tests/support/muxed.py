"""Media files as other programs might write them, with frames and samples that say which they are."""

from fractions import Fraction

import av
import numpy as np

RATE = 16000
FPS = Fraction(25)


def codes(clip):
    return [finding.code for finding in clip.findings]


def numbered(count=50, height=64, width=64):
    """Frames whose grey level says their number."""
    grey = (20 + 3 * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(grey[:, None, None, None], (count, height, width, 3)).copy()


def numbers(frames):
    return np.rint((frames.mean(axis=(1, 2, 3)) - 20) / 3).astype(int).tolist()


def noise(samples=32000, channels=1, seed=0):
    """Noise on the 16-bit grid, so that FLAC and PCM give it back exactly."""
    return (np.random.default_rng(seed).integers(-3000, 3000, (channels, samples)) / 32768).astype(np.float32)


def mux(
    path,
    pts,
    codec="flac",
    audio_start=0,
    audio=None,
    options=None,
    hole=0,
    time_base=Fraction(1, 25),
    images="libx264",
    rate=25,
):
    """A file as some other program might write it: frame k at `pts[k]` ticks, sound from `audio_start` samples on.

    `hole` samples are missing from the timestamps in the middle of the sound. The frames are `numbered`.
    """
    audio = noise() if audio is None else audio
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(images, rate=rate, options={"bf": "0", "crf": "10"} if images == "libx264" else {})
        video.codec_context.time_base = time_base
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=RATE, layout="mono")
        for tick, image in zip(pts, numbered(len(pts)), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = tick, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for start in range(0, audio.shape[1], 4000):
            block = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(audio[:, start : start + 4000]), format="fltp", layout="mono"
            )
            block.sample_rate, block.time_base = RATE, Fraction(1, RATE)
            block.pts = audio_start + start + (hole if start >= audio.shape[1] // 2 else 0)
            container.mux(sound.encode(block))
        container.mux(sound.encode())
    return path


def delay_samples(reference, heard):
    """By how many samples `heard` is later: the peak of the cross-correlation."""
    size = reference.shape[1] + heard.shape[1]
    spectrum = np.fft.rfft(heard[0], size) * np.conj(np.fft.rfft(reference[0], size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)))
    return lag - size if lag > size // 2 else lag
