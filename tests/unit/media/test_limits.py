"""No file takes more memory than the limit allows, and a clip takes its own size once."""

import gc
import tracemalloc

import av
import pytest

from jova_bench.errors import BenchError
from jova_bench.media.files import read, write
from support.muxed import FPS, RATE, mux, noise


def peak_bytes(path):
    """What Python and numpy hold at most while a file is read."""
    read(path)  # Imports are no part of it.
    tracemalloc.start()
    clip = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, clip


@pytest.mark.parametrize("lost", [(), (10, 11, 12, 40, 41)])
def test_a_clip_is_in_memory_once(tmp_path, lost):
    # 64 x 64 x 3 are 12,288 bytes; libav's own buffers are not counted.
    peak, clip = peak_bytes(mux(tmp_path / "clip.mp4", [k for k in range(200) if k % 50 not in lost]))
    held = clip.frames.nbytes + clip.audio.nbytes
    assert held < peak < held + 300_000
    assert held > 2_300_000


def test_decoded_frames_are_given_back_one_by_one(tmp_path):
    # libav's own buffers of a frame live as long as the object: in a cycle, until Python looks for cycles.
    path = mux(tmp_path / "clip.mp4", range(50))
    gc.collect()
    gc.disable()
    try:
        read(path)
        assert sum(isinstance(one, av.VideoFrame) for one in gc.get_objects()) <= 2
    finally:
        gc.enable()


@pytest.mark.parametrize("gigabytes", ["0.0005", "1e-9"])
def test_a_clip_beyond_the_limit_is_refused(tmp_path, monkeypatch, gigabytes):
    # 50 frames of 64 x 64 are 614,400 bytes; two seconds of sound counted at 48 kHz are 384,000.
    path = mux(tmp_path / "clip.mp4", range(50))
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", "0.001")
    assert len(read(path).frames) == 50
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", gigabytes)
    expected = (
        r"cannot decode .*clip\.mp4: expected at most .* GB decoded, got .* \(64 x 64, 50 frames in 2\.0 s; "
        r"1 channels, 2\.0 s at 16000 Hz\); set JOVA_BENCH_MAX_CLIP_GB$"
    )
    with pytest.raises(BenchError, match=expected):
        read(path)


def test_the_limit_holds_where_headers_say_nothing(tmp_path, monkeypatch):
    path = mux(tmp_path / "clip.mkv", range(50), options={"live": "1"})
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", "0.0003")
    peak, refused = 0, False
    tracemalloc.start()
    try:
        read(path)
    except BenchError as error:
        refused = "expected at most" in str(error)
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused
    assert peak < 1_000_000
    # Two seconds of sound alone count 384,000.
    with pytest.raises(BenchError, match=r"\(1 channels, 1\.\d s at 16000 Hz\)"):
        read(path, pictures=False)


def test_a_slow_or_stretched_clip_counts_by_its_length(tmp_path, monkeypatch):
    # Two frames 100 s apart are two frames; brought to 25 fps they are 2500.
    path = mux(tmp_path / "clip.mp4", [0, 2500], audio=noise(1600))
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", "0.03")
    with pytest.raises(BenchError, match=r"at most 0\.03 GB decoded, got 0\.0308 GB .* 2 frames in 100\.0 s"):
        read(path)


@pytest.mark.parametrize("said", ["none", "0", "-1", "nan", "inf"])
def test_a_limit_is_a_number_of_gigabytes(tmp_path, monkeypatch, said):
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", said)
    with pytest.raises(BenchError, match="expected a number of gigabytes above 0 in JOVA_BENCH_MAX_CLIP_GB, got"):
        read(tmp_path / "clip.mp4")


@pytest.mark.parametrize("rate", [1, 3, 3_999, 384_001, 16_777_215])
def test_rates_that_no_sound_has_are_refused(tmp_path, rate):
    path = tmp_path / "sound.wav"
    write(path, None, FPS, noise(), RATE)
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(BenchError, match=rf"expected sound of 4000 to 384000 Hz, got {rate} Hz"):
        read(path)
