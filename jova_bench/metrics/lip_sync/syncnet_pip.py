"""LSE-C and LSE-D by the syncnet-python package: its network and its arithmetic, on faces that we crop.

syncnet-python 0.2.3 (nawta/SyncNet_py309_313), `SyncNetInstance.evaluate` and what `SyncNetPipeline.inference` makes of
several faces: the largest confidence and the smallest distance, even of different faces. Its pipeline needs an
ffmpeg binary and gives a clip without a face the best distance there is, 0; here such a clip is undefined.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics import faces
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.lip_sync import syncnet as lse
from jova_bench.metrics.lip_sync.curves import MAX_SHIFT, NUMBERS
from jova_bench.metrics.lip_sync.variants import PACKAGE
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import RATE_HZ, mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

HOW = (
    "not installed: pip install --no-deps syncnet-python==0.2.3 scenedetect==0.6.7.1 ffmpeg-python future "
    "python-speech-features tqdm platformdirs"
)
"""The flag --no-deps keeps torchvision out, which it never imports and which may not load."""
BATCH = 20
Name = Literal["lse_c", "lse_d"]
CONFIDENCE, DISTANCE = 1, 2
"""Columns of what `evaluate` returns; the first is the offset."""


@dataclass(frozen=True)
class PackageLipSync(ClipMetric):
    """One number of a clip as the package computes it."""

    spec: MetricSpec
    context: MetricContext

    def check(self) -> str | None:
        """Returns which package or weights are missing; None if none is."""
        return join_reasons(None if find_spec("syncnet_python") else HOW, lse.missing(PACKAGE, self.context.assets))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        if clip.frames is None:
            raise Undefined("no video stream")
        sound = mono_16k(clip)
        if why_not := self.check():
            raise Unavailable(why_not)
        assets, device = self.context.assets, self.context.device
        file = assets.find(lse.WEIGHTS)
        weights = assets.digest(lse.WEIGHTS)

        def compute() -> Arrays:
            heard = lse.scored(clip, sound, PACKAGE, self.context)
            judge = cached_network(f"syncnet-python@2[{weights}] on {device}", partial(_load, file, device))
            frames = faces.at_25_fps(clip)
            assert PACKAGE.crop is not None
            pairs = [(faces.crops(frames, one.track, PACKAGE.crop), one.sound) for one in heard]
            return {"scores": np.array([evaluate(judge, *pair) for pair in pairs])}

        key = CacheKey("syncnet-python", 2, weights, {"variant": PACKAGE.name, **lse.parameters(PACKAGE, assets)})
        scores = np.asarray(self.context.cache.get(clip.digest, key, compute)["scores"], dtype=np.float64)
        best = scores[:, CONFIDENCE].max() if self.spec.name == "lse_c" else scores[:, DISTANCE].min()
        return float(best)


def evaluate(judge: Any, pictures: npt.NDArray[np.uint8], sound: FloatArray) -> tuple[float, float, float]:
    """Returns offset in frames, confidence and distance.

    Args:
        judge: the package's `SyncNetInstance`.
        pictures: (n, 224, 224, 3) BGR.
        sound: (m,) at 16 kHz, full scale 32768.
    """
    import torch
    from scipy.io import wavfile

    with tempfile.TemporaryDirectory() as folder:  # The package reads files.
        for k, picture in enumerate(pictures):
            # It looks for names that end in .jpg; OpenCV reads what is inside, and PNG loses nothing.
            opencv.cv2().imencode(".png", picture)[1].tofile(Path(folder) / f"{k:06d}.jpg")
        wavfile.write(Path(folder) / "audio.wav", RATE_HZ, sound.astype(np.int16))
        options = SimpleNamespace(tmp_dir=folder, batch_size=BATCH, vshift=MAX_SHIFT)
        # It prints, changes how numpy prints, and keeps gradients.
        with contextlib.redirect_stdout(sys.stderr), np.printoptions(), torch.inference_mode():
            offset, confidence, distance = judge.evaluate(options)
    return offset, confidence, distance


def _load(file: Path, device: str) -> Any:
    from jova_bench.metrics.networks import checkpoint

    try:
        from syncnet_python import SyncNetInstance, SyncNetModel
    except ImportError as error:
        raise Unavailable(f"{HOW} ({' '.join(str(error).split())})") from error
    net = checkpoint.load_weights(SyncNetModel(), checkpoint.tensors(file), file)
    return SyncNetInstance(net, device)


def build(context: MetricContext, name: Name) -> PackageLipSync:
    """Builds LSE-C or LSE-D as the package computes it."""
    number = NUMBERS[name]
    spec = MetricSpec(
        name=name,
        version=2,  # Version 1 resampled with a short filter.
        profile="standard",
        backend="syncnet-python",
        protocol=PACKAGE.name,
        weights=context.assets.digest(lse.WEIGHTS),
        params=lse.parameters(PACKAGE, context.assets),
        unit=number.unit,
        direction=number.direction,
        needs=("video", "audio"),
        domain=lse.DOMAIN,
        description=f"{number.says}; {PACKAGE.says}",
        source=PACKAGE.source,
    )
    return PackageLipSync(spec, context)
