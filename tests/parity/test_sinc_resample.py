"""torchaudio's resampling without torchaudio."""

import numpy as np
import pytest

from jova_bench.metrics.signal.sinc_resample import sinc_resample
from support.upstream import fake, parity

UPSTREAM = parity("resample")
KAISER = {"width": 64, "rolloff": 0.9475937167399596, "beta": 14.769656459379492}
"""As fadtk calls it, after resampy's kaiser_best."""


@pytest.mark.parametrize("ratio", [key for key in UPSTREAM if "-" in key])
@pytest.mark.parametrize(("window", "options"), [("hann", {}), ("kaiser", KAISER)])
def test_every_sample_is_torchaudios(ratio, window, options):
    expected = UPSTREAM[ratio]
    from_hz, to_hz = map(int, ratio.split("-"))
    found = sinc_resample(fake((1, 2000), "wave")[0].numpy(), from_hz, to_hz, **options)
    assert found.dtype == np.float32
    assert len(found) == expected["length"]
    np.testing.assert_allclose([*found[:8], *found[-8:]], expected[window], rtol=1e-4, atol=3e-6)
    assert np.linalg.norm(found) == pytest.approx(expected["norms"][window == "kaiser"], rel=1e-5)


def test_a_tone_stays_where_it_is():
    seconds = np.arange(4800) / 48_000
    found = sinc_resample(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), 48_000, 16_000)
    expected = np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000)
    np.testing.assert_allclose(found[50:-50], expected[50:-50], atol=5e-3)


def test_nothing_to_do():
    audio = np.ones(5, np.float32)
    assert sinc_resample(audio, 16_000, 16_000) is audio
    assert len(sinc_resample(np.zeros(0, np.float32), 48_000, 16_000)) == 0
    assert len(sinc_resample(audio, 48_000, 16_000)) == 2
