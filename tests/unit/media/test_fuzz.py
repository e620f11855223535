"""Whatever bytes a file is made of, it is read or refused with one line, in little memory."""

import random
import tracemalloc

import av
import pytest

from jova_bench.errors import BenchError
from jova_bench.media.files import read, write
from support.muxed import FPS, RATE, mux, noise

INPUTS = 60
"""Of each kind of file."""
KINDS = {
    "mp4": ("flac", "libx264"),
    "mov": ("aac", "libx264"),
    "mkv": ("flac", "libx264"),
    "webm": ("libopus", "libvpx"),
    "avi": ("pcm_s16le", "ffv1"),
    "wav": None,
    "flac": None,
}


def spoilt(whole, rng):
    """Some bytes changed, set to extremes, put in or cut off, mostly in the headers at either end."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(min(len(data), rng.choice((200, 2000, 1 << 30))))
        at = at if rng.random() < 0.7 else len(data) - 1 - at
        change = rng.randrange(5)
        if change == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[at] = rng.choice((0, 127, 128, 255))
        elif change == 2:
            data[at : at + 4] = rng.choice((bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", rng.randbytes(4)))
        elif change == 3:
            data[at:at] = rng.randbytes(rng.randrange(8))
        else:
            del data[at + 1 :]
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_file_is_read_or_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", "0.02")
    av.logging.set_level(None)
    path, rng = tmp_path / f"clip.{kind}", random.Random(kind)
    if KINDS[kind] is None:
        write(path, None, FPS, noise(8000), RATE)
    else:
        mux(path, range(12), KINDS[kind][0], audio=noise(8000), images=KINDS[kind][1])
    whole, refused = path.read_bytes(), []
    tracemalloc.start()
    for _ in range(INPUTS):
        path.write_bytes(spoilt(whole, rng))
        try:
            clip = read(path, pictures=rng.random() < 0.7)
        except BenchError as error:
            refused.append(str(error))
        else:
            assert clip.frames is None or clip.frames.nbytes <= 20_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000
    assert 0 < len(refused) < INPUTS
    assert all(line.startswith(f"cannot decode {path}: ") and "\n" not in line for line in refused)
