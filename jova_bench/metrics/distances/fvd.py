"""FVD and KVD as in the papers: logits of Inception I3D (Unterthiner et al. 2018, arXiv 1812.01717).

What a clip becomes before it is embedded moves FVD more than most models do, so it is a protocol:

- `clean`: 25 frames a second, as I3D was trained; every whole window of 16 frames, one after the other; scaled with a
  low pass to a shorter side of 224 pixels, of which the middle square is kept; values -1 .. 1. A clip has as many
  vectors as windows, and counts once.
- `javisbench@b505b37` (eval/javisbench/src: dataset.py, utils.py, fvd/fvd.py): 24 frames from first to last,
  letterboxed; a range error shows the network [0, 1] for [-1, 1]. The real clips are the prompts' own. KVD is
  computed after the sets were centred in place, so that it misses their means.
- `latentsync@a229c39` (eval/eval_fvd.py, eval/fvd.py): frames 20 to 35, in each the first face that mediapipe finds,
  cut out without margin and squashed to a square; the same range error; StyleGAN-V's TorchScript network.

Letters: T frames, p windows, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, SetMetric, join_reasons
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.distances import latentsync_faces as latentsync
from jova_bench.metrics.distances.base import FrechetMetric, KernelMetric, PublishedFrechet, SetDistance
from jova_bench.metrics.distances.references import set_distance
from jova_bench.metrics.faces.litert import SHORT_RANGE
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.real_clips import Embedder, Kind
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from torch import Tensor

FPS, WINDOW = 25, 16
JAVIS_FRAMES = 24
SIDE = 224
BATCH = 4
"""Windows in one pass: 1 GB of activations."""


@dataclass(frozen=True)
class FvdVariant:
    """What a clip becomes, and which copy of the network sees it."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    asset: str
    show: Callable[[Clip, AssetTable], Tensor]
    """Clip and weights -> (p, 3, T, 224, 224), as the network is shown it. Raises Undefined."""
    params: Mapping[str, str | int]
    kind: Kind
    frechet: type[FrechetMetric]
    kernel: type[KernelMetric]
    description: str
    source: str
    kernel_note: str = ""
    """What to know of its KVD."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot run here, weights aside."""
    files: tuple[str, ...] = ()
    """Assets that it needs beside the network."""


def clean_windows(clip: Clip) -> Tensor:
    """Returns (p, 3, 16, 224, 224) in [-1, 1]: every whole window of the clip at 25 fps."""
    import torch

    from jova_bench.metrics.signal.frames import resample_frame_indices

    frames = _frames(clip)
    at = resample_frame_indices(len(frames), clip.fps, Fraction(FPS))
    count = len(at) // WINDOW
    if not count:
        raise Undefined(f"too short: {len(at)} frames at {FPS} fps, {WINDOW} needed")
    shown = []
    for window in at[: count * WINDOW].reshape(count, WINDOW):
        height, width = frames.shape[1:3]
        scale = SIDE / min(height, width)
        size = (max(SIDE, round(height * scale)), max(SIDE, round(width * scale)))
        scaled = _scaled(frames, window, size, 1)  # (16, 3, h, w)
        top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
        shown.append(scaled[:, :, top : top + SIDE, left : left + SIDE].transpose(0, 1) / 127.5 - 1)
    return torch.stack(shown)


def javisbench_window(clip: Clip) -> Tensor:
    """Returns (1, 3, 24, 224, 224) in [-0.004, 1]: frames from first to last, letterboxed in the bench's black."""
    import torch
    from torch.nn.functional import pad

    frames = _frames(clip)
    at = torch.linspace(0, len(frames) - 1, JAVIS_FRAMES).round().long().numpy()
    height, width = frames.shape[1:3]
    size = (SIDE, int(SIDE * width / height)) if height > width else (int(SIDE * height / width), SIDE)
    if not min(size):
        raise Undefined(f"frames of {width} x {height} have no side of a pixel when their longer one has {SIDE}")
    scaled = _scaled(frames, at, size, 255)  # (24, 3, h, w)
    top, left = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    boxed = pad(scaled, (left, SIDE - size[1] - left, top, SIDE - size[0] - top))
    # Meant for [-1, 1], given [0, 1]: black comes out as grey.
    levels = ((boxed + 1) * 127.5).clamp(0, 255).to(torch.uint8)
    return ((levels.float() / 255 - 0.5) * 2).transpose(0, 1)[None]


def _frames(clip: Clip) -> np.ndarray:
    if clip.frames is None:
        raise Undefined("no video stream")
    return clip.frames


def _scaled(frames: np.ndarray, at: np.ndarray, size: tuple[int, int], whole: int) -> Tensor:
    """Resizes some of (T, H, W, 3) frames to (n, 3, h, w) float32, a few at a time to save memory."""
    import torch
    from torch.nn.functional import interpolate

    from jova_bench.metrics.signal.frames import few

    parts = []
    for part in few(at):
        pictures = _channels_first(frames[part]).float()
        parts.append(interpolate(pictures / whole if whole != 1 else pictures, size, mode="bilinear", antialias=True))
    return torch.cat(parts)


def _channels_first(frames: np.ndarray) -> Tensor:
    """Maps (T, H, W, 3) to (T, 3, H, W)."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)


def logits(shown: Tensor, asset: str, context: MetricContext) -> np.ndarray:
    """Returns (p, 400) float32 logits of (p, 3, T, 224, 224). Raises Unavailable without the weights."""
    import torch

    from jova_bench.metrics.networks import shaped

    device = context.device
    net = cached_network(f"{asset}[{context.assets.digest(asset)}]@{device}", lambda: load(asset, context))
    with shaped.inference():
        found = [net(shown[start : start + BATCH].to(device)) for start in range(0, len(shown), BATCH)]
    return torch.cat(found).float().cpu().numpy()


def load(asset: str, context: MetricContext) -> Callable[[Tensor], Tensor]:
    """Loads the network of an asset. Raises Unavailable when it is missing, damaged or unknown."""
    import torch

    from jova_bench.metrics.networks import i3d, shaped

    path, device = context.assets.find(asset), context.device
    if asset == "i3d":
        return shaped.load(i3d.I3D, path, device)
    if context.assets.get(asset).sha256 is None:
        raise Unavailable(f"weights unverified: {path} can run code, so its sha256 must be stated with it")
    try:
        net = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise Unavailable(f"weights unreadable: expected TorchScript in {path}, got {_line(error)}") from error
    return partial(net, rescale=False, resize=False, return_features=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


class CentredKernel(KernelMetric):
    """JavisBench's KVD: both sets have lost their means to the FVD before it."""

    def distance(self, features: FloatArray) -> float:
        """Returns the distance of an (n, d) or (n, p, d) set of at least 2 clips."""
        features = self._two_or_more(features)
        x, y = (dist.clustered(one).rows for one in (features, self._reference))
        return dist.kernel_distance(x - x.mean(axis=0), y - y.mean(axis=0), dist.polynomial_kernel)

    # The inherited form measures another distance than the one above.
    distances = SetMetric.distances


CLEAN = FvdVariant(
    "clean",
    "i3d",
    lambda clip, assets: clean_windows(clip),
    {"fps": FPS, "window": WINDOW, "side": SIDE, "resize": "antialias-short-side-centre"},
    "suite",
    FrechetMetric,
    KernelMetric,
    "of the clips' pictures from real clips: I3D logits of every 16 frames at 25 fps",
    "arXiv 1812.01717; network of songweige/TATS tats/fvd",
)
JAVISBENCH = FvdVariant(
    "javisbench@b505b37",
    "i3d",
    lambda clip, assets: javisbench_window(clip),
    {"frames": JAVIS_FRAMES, "side": SIDE, "resize": "letterbox", "range": "0..1"},
    "prompts",
    PublishedFrechet,
    CentredKernel,
    "from the prompts' own clips: 24 frames, letterboxed, in half the range that I3D expects",
    "JavisVerse/JavisDiT eval/javisbench/src/fvd/fvd.py, src/metrics.py calc_fvd_kvd_fad",
    kernel_note="; blind to a difference of the means",
)
LATENTSYNC = FvdVariant(
    "latentsync@a229c39",
    "i3d-torchscript",
    latentsync.window,
    {"frames": "20..35", "side": SIDE, "faces": "mediapipe-short-range", "resize": "face-area", "range": "0..1"},
    "prompts",
    PublishedFrechet,
    KernelMetric,
    "from the prompts' own clips: mediapipe's faces of 16 frames, in half the range that I3D expects",
    "bytedance/LatentSync eval/eval_fvd.py, eval/fvd.py",
    missing=latentsync.missing,
    files=(SHORT_RANGE.asset,),
)
VARIANTS = {"clean": CLEAN, "javisbench": JAVISBENCH, "latentsync": LATENTSYNC}


def build(context: MetricContext, name: str, variant: str) -> SetDistance:
    """Builds FVD, or KVD with KID's polynomial kernel."""
    protocol = VARIANTS[variant]

    def compute(clip: Clip) -> Arrays:
        return {"logits": logits(protocol.show(clip, context.assets), protocol.asset, context)}

    key = CacheKey("i3d", 1, context.assets.digest(protocol.asset), {"variant": protocol.name})
    kernel: dict[str, str | int] = {"kernel": "cubic"} if name == "kvd" else {}
    spec = MetricSpec(
        name=name,
        version=1,
        profile="standard",
        backend="i3d-kinetics400" if protocol.asset == "i3d" else protocol.asset,
        protocol=protocol.name,
        weights=context.assets.digest(protocol.asset),
        params={**protocol.params, **kernel},
        level="set",
        direction="down",
        needs=("video", "reference_set"),
        domain="any video of at least 0.64 s" if protocol is CLEAN else "what the bench was made for",
        description=f"{'unbiased kernel' if kernel else 'Fréchet'} distance {protocol.description}"
        + (protocol.kernel_note if kernel else ""),
        source=protocol.source,
    )
    of = protocol.kernel if kernel else protocol.frechet
    missing = join_reasons(protocol.missing(), context.assets.missing(protocol.asset, *protocol.files))
    return set_distance(of, spec, Embedder(key, compute, "logits"), context, protocol.kind, missing)
