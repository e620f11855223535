"""Takes voices out of a sound: MDX-Net (Kim et al. 2021, arXiv 2111.12203) with the weights `Kim_Vocal_2`.

The network is given the spectra of both channels, real and imaginary parts, and gives those of the voices. A sound is
heard in pieces of 5.9 s that overlap by a quarter, are faded by Hann windows and added. As audio-separator 0.30.2 does
it by default, in floating point to the end, where that writes 16 bits. From 798148b on audio-separator multiplies by
the loudest sample and leaves out the compensation: other levels, and so other cepstra.

Source: nomadkaraoke/python-audio-separator @ 99840ee, separator/architectures/mdx_separator.py and uvr_lib_v5/stft.py;
TRvlvr/application_data @ 3826b05, mdx_model_data/model_data_new.json, 970b3f9492014d18fefeedfe4773cb42.

Letters: N samples, n samples of a piece.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks.onnx_session import open_session

Sound = npt.NDArray[np.float32]
"""(2, N), nominal range [-1, 1]."""

FFT, HOP = 7680, 1024
BINS, FRAMES = 3072, 256
"""Frequencies, up to 17.6 kHz, and frames of one input."""
DROPPED = 3
"""Lowest frequencies, up to 14 Hz, that the network is not given."""
PIECE = HOP * (FRAMES - 1)
STEP = PIECE * 3 // 4
TRIM = FFT // 2
COMPENSATION = 1.009
LOUDEST = 0.9
"""Louder sound is scaled down to this before and after."""


class MdxNet:
    """Separates voices, on the CPU."""

    def __init__(self, file: Path) -> None:
        """Loads the network. Raises Unavailable for a file that is none, or takes or gives another shape."""
        self._session = open_session(file)
        takes, gives = self._session.get_inputs(), self._session.get_outputs()
        sides = [4, BINS, FRAMES]
        if [one.shape[1:] for one in takes] != [sides] or [one.shape[1:] for one in gives] != [sides]:
            raise Unavailable(
                f"weights unreadable: expected one input and one output of (any, 4, {BINS}, {FRAMES}) in {file}, got "
                f"{[one.shape for one in takes]} and {[one.shape for one in gives]}"
            )
        self._input = takes[0].name
        self._window = torch.hann_window(FFT)

    def voices(self, sound: Sound) -> Sound:
        """Returns what is sung or said in a sound: (2, N) at 44.1 kHz to (2, N)."""
        count = sound.shape[1]
        own = PIECE - 2 * TRIM
        padded = np.pad(limited(sound), ((0, 0), (TRIM, own + TRIM - count % own)))
        total, weight = np.zeros_like(padded), np.zeros(padded.shape[1], np.float32)
        for start in range(0, padded.shape[1], STEP):
            piece = padded[:, start : start + PIECE]
            length = piece.shape[1]
            faded = self._piece(np.pad(piece, ((0, 0), (0, PIECE - length))))[:, :length]
            window = np.hanning(length)
            # In place, so that it rounds as upstream.
            faded *= window
            total[:, start : start + length] += faded
            weight[start : start + length] += window
        kept = slice(TRIM, TRIM + count)  # Where the padding begins and ends, windows are 0.
        return limited(total[:, kept] / weight[kept] * np.float32(COMPENSATION))

    def _piece(self, piece: Sound) -> Sound:
        """Runs the network on one piece: (2, n) to (2, n)."""
        spectrum = torch.stft(torch.from_numpy(piece), FFT, HOP, window=self._window, return_complex=True)
        parts = torch.view_as_real(spectrum[:, :BINS]).permute(0, 3, 1, 2).reshape(1, 4, BINS, FRAMES)
        parts[:, :, :DROPPED] = 0
        (made,) = self._session.run(None, {self._input: parts.numpy()})
        voices = torch.zeros_like(spectrum)
        halves = torch.from_numpy(made).reshape(2, 2, BINS, FRAMES).permute(0, 2, 3, 1)
        voices[:, :BINS] = torch.view_as_complex(halves.contiguous())
        return torch.istft(voices, FFT, HOP, window=self._window).numpy()


def limited(sound: Sound) -> Sound:
    """Scales a sound down to a peak of `LOUDEST` where it is louder."""
    peak = np.abs(sound).max()
    return sound * (np.float32(LOUDEST) / peak) if peak > LOUDEST else sound
