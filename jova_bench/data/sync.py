"""Judges whether lips and sound belong together, by our own LSE-C and offset, where a judge is at hand.

A judge has a domain: SyncNet knows filmed faces, the shipped evaluator drawn heads alone. What no judge of the domain
can tell is not judged, and stays without a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from jova_bench.arrays import Audio, FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import NoCache
from jova_bench.data.framing import at_rate, crop_of, cropped
from jova_bench.data.records import Sync
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces.clock import FPS
from jova_bench.metrics.lip_sync import embedded, syncnet
from jova_bench.metrics.lip_sync.curves import lse_c_of, offset_frames_of
from jova_bench.metrics.lip_sync.variants import VARIANTS
from jova_bench.metrics.networks import shipped_weights

NONE = "none"
Middle = tuple[float, float]
DRAWN_SIDE = 64
"""Pixels along each side of what the shipped evaluator was trained on."""
SHIPPED = "syncnet-a"


@dataclass(frozen=True)
class SyncJudge:
    """Judges one clip."""

    by: str
    """Name, digests and domain, for the manifest."""
    missing: str | None
    """Why it cannot run here; None if it can."""
    least: float
    """Confidence below which a clip counts as out of sync, on the judge's own scale."""
    curve: Callable[[Frames, Fraction, Audio, int, Middle], FloatArray]
    """Maps (T, H, W, 3) frames, their rate, (N,) samples, their rate and the middle of the face to a shift curve (31,).
    Raises Undefined."""

    def judge(self, frames: Frames, fps: Fraction, audio: Audio, rate_hz: int, middle: Middle) -> Sync:
        """Returns offset and confidence. Raises Undefined where this clip cannot be judged.

        Args:
            frames: (T, H, W, 3) as the source has them.
            fps: their rate.
            audio: (N,).
            rate_hz: its rate.
            middle: x and y of the middle of the speaker's face, in pixels.
        """
        curve = self.curve(frames, fps, audio, rate_hz, middle)
        return Sync(offset_frames=int(offset_frames_of(curve)), confidence=round(lse_c_of(curve), 6), by=self.by)


def sync_judge(name: str, assets: AssetTable) -> SyncJudge | None:
    """Returns the judge of one of `NAMES`; None for `none`; loads nothing. Raises BenchError for another name."""
    if name == NONE:
        return None
    if name not in _BUILD:
        raise BenchError(f"expected the name of a sync judge, got {shown(name)}; {suggest(name, NAMES)}")
    return _BUILD[name](assets)


def at_hand(assets: AssetTable) -> str:
    """Returns the name of the judge of filmed faces where its weights are here, else `none`."""
    return NONE if _syncnet(assets).missing else "syncnet"


def _syncnet(assets: AssetTable) -> SyncJudge:
    """Builds SyncNet v2 as the metric `lse_c` of the standard profile has it; LatentSync's data filter asks 3."""
    protocol, context = VARIANTS["clean"], MetricContext(NoCache(), "cpu", assets=assets)

    def curve(frames: Frames, fps: Fraction, audio: Audio, rate_hz: int, middle: Middle) -> FloatArray:
        clip = clip_from_arrays(frames[:, :], fps, audio[None], rate_hz)
        curves = syncnet.face_curves(clip, protocol, context)
        return max((one.curve for one in curves), key=lse_c_of)

    digests = f"{assets.digest(syncnet.WEIGHTS)},{assets.digest('s3fd')}"
    by = f"syncnet-v2 and s3fd [{digests}] (clean; filmed faces)"
    return SyncJudge(by, syncnet.missing(protocol, assets), 3.0, curve)


def _embedded(assets: AssetTable) -> SyncJudge:
    """Builds the shipped evaluator; its least is between chance, 0.08, and real clips of its domain, 0.44."""

    def curve(frames: Frames, fps: Fraction, audio: Audio, rate_hz: int, middle: Middle) -> FloatArray:
        size, rate = (DRAWN_SIDE, DRAWN_SIDE), Fraction(FPS)
        crop = crop_of(frames.shape[1], frames.shape[2], size, middle)
        pictures = at_rate(cropped(frames, crop, size), fps, rate, floor(len(frames) / fps * rate))
        clip = clip_from_arrays(pictures[:, :], rate, audio[None], rate_hz)
        return embedded.embedded_curve(
            replace(clip, in_domain=True), NoCache(), SHIPPED.removeprefix("syncnet-"), "cpu"
        )

    by = f"{SHIPPED} [{shipped_weights.digest(SHIPPED)}] (embedded; drawn heads)"
    return SyncJudge(by, shipped_weights.missing(SHIPPED), 0.15, curve)


_BUILD: dict[str, Callable[[AssetTable], SyncJudge]] = {"syncnet": _syncnet, "embedded": _embedded}
NAMES = (*_BUILD, NONE)
