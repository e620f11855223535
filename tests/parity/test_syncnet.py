"""SyncNet against upstream's own numbers for the same random checkpoint, and its cepstra against the package's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jova_bench.errors import Unavailable
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.lip_sync.mfcc import mfcc
from jova_bench.metrics.networks import syncnet
from support import upstream
from support.syncnet_clip import FRAMES, PARITY, crops, sound

EXPECTED = PARITY["outputs"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A random checkpoint in upstream's format: a pickled state_dict."""
    file = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(upstream.fake_state(PARITY["shapes"]), file)
    return file


@pytest.fixture(scope="module")
def net(checkpoint) -> syncnet.SyncNet:
    return syncnet.load(checkpoint)


@pytest.fixture(scope="module")
def embedded(net) -> tuple[np.ndarray, np.ndarray]:
    """Our embeddings of the windows that upstream has: it leaves the last one out."""
    towers = syncnet.Towers(net, "cpu")
    return towers.encode_video(crops()[:-1]), towers.encode_audio(mfcc(sound()))[: FRAMES - 5]


def test_cepstra_are_those_of_the_package():
    found = mfcc(sound())
    assert found.shape == (EXPECTED["mfcc_count"], 13)
    np.testing.assert_allclose(found[EXPECTED["mfcc_rows"]], EXPECTED["mfcc"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.mean(axis=0), EXPECTED["mfcc_mean"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("samples", "count"), [(1, 1), (400, 1), (401, 2), (560, 2), (561, 3), (640 * 50, 199)])
def test_number_of_cepstra(samples: int, count: int):
    assert mfcc(np.ones(samples)).shape == (count, 13)


def test_scale_of_the_sound_is_the_0th_cepstrum():
    # Energies grow with the square: a factor of 32768 adds 2 ln 32768 to the log energy and nothing to the others.
    loud, quiet = mfcc(sound() + 1e-3), mfcc((sound() + 1e-3) / 32768)
    np.testing.assert_allclose(loud[:, 0] - quiet[:, 0], 2 * np.log(32768), rtol=1e-9)
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=1e-8)


def test_embeddings_are_upstreams(embedded):
    for tower, found in zip(("video", "audio"), embedded, strict=True):
        assert found.shape == (EXPECTED["windows"], 1024)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), EXPECTED[f"{tower}_norms"], rtol=1e-5)
        np.testing.assert_allclose(found[EXPECTED["rows"], :6], EXPECTED[tower], rtol=1e-4, atol=1e-4)


def test_scores_are_upstreams(embedded):
    video, audio = embedded
    curve = curves.shift_curve(video + 1e-6, audio, "padded")
    np.testing.assert_allclose(curve, EXPECTED["mean_distances"], rtol=1e-5)
    assert curves.lse_c_of(curve) == pytest.approx(EXPECTED["confidence"], abs=1e-4)
    assert curves.lse_d_of(curve) == pytest.approx(EXPECTED["min_distance"], abs=1e-4)
    assert curves.offset_frames_of(curve) == EXPECTED["offset"]


def test_towers_compute_what_the_network_states(net, embedded):
    frames = torch.from_numpy(crops()[:7]).permute(3, 0, 1, 2).float()
    with torch.inference_mode():
        seen = net.encode_video(torch.stack([frames[:, i : i + 5] for i in range(3)]))
        cepstra = torch.from_numpy(mfcc(sound())).float().T[None, None]
        heard = net.encode_audio(torch.cat([cepstra[..., 4 * i : 4 * i + 20] for i in range(3)]))
    np.testing.assert_allclose(embedded[0][:3], seen.numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(embedded[1][:3], heard.numpy(), rtol=1e-4, atol=1e-4)


def test_sizes_are_those_of_the_checkpoint(tmp_path):
    # Eight channels everywhere but in what comes in.
    narrow = {
        name: [min(size, 8) if axis < 2 else size for axis, size in enumerate(shape)]
        for name, shape in PARITY["shapes"].items()
    }
    torch.save(upstream.fake_state(narrow), tmp_path / "syncnet_v2.model")
    towers = syncnet.Towers(syncnet.load(tmp_path / "syncnet_v2.model"), "cpu")
    assert towers.encode_video(crops()[:6]).shape == (2, 8)
    assert towers.encode_audio(mfcc(sound()[: 6 * 640 + 240])).shape == (2, 8)


def test_a_window_depends_on_nothing_outside_it(net):
    # 12 frames are more than one chunk of windows, so a window at a chunk's edge is among them.
    towers, frames = syncnet.Towers(net, "cpu"), crops()[:12]
    together = towers.encode_video(frames)
    for i in (0, 3, 4, 7):
        np.testing.assert_allclose(towers.encode_video(frames[i : i + 5])[0], together[i], rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_within_two_per_cent(net, embedded):
    found = syncnet.Towers(net, "cpu", torch.bfloat16).encode_video(crops()[:8])
    error = np.linalg.norm(found - embedded[0][:4], axis=1) / np.linalg.norm(embedded[0][:4], axis=1)
    assert error.max() < 0.02
    assert error.max() > 1e-5  # It was not float32 after all.
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}  # The network itself stays as it was.


@pytest.mark.parametrize("broken", ["netcnnlip.4.weight", "netfcaud.1.running_var", "netfclip.3.weight"])
def test_a_checkpoint_that_lacks_something_is_refused(tmp_path, broken: str):
    state = {name: torch.zeros(shape) for name, shape in PARITY["shapes"].items() if name != broken}
    torch.save(state, tmp_path / "syncnet_v2.model")
    with pytest.raises(Unavailable, match=f"weights unreadable: .*{broken}"):
        syncnet.load(tmp_path / "syncnet_v2.model")
