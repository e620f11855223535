"""How many faces a clip shows: the median over frames 0.24 s apart at most, near and far faces alike.

A clip that was to show one speaker and shows none, or two, is worth a look: other than one is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low

from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Measured, MetricContext
from jova_bench.metrics.faces import portrait as faces
from jova_bench.prompts import Prompt
from jova_bench.records import Finding, MetricSpec

NOT_ONE = "faces_not_one"
"""Code of the finding."""


@dataclass(frozen=True)
class FaceCount(ClipMetric):
    """Number of faces."""

    spec: MetricSpec
    context: MetricContext

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        return faces.missing(self.context.assets)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Measured:
        """Counts the clip's faces; `prompt` and `reference` are ignored."""
        counts = [int(count) for count in faces.portrait(clip, self.context).counts]
        found = median_low(counts)
        if found == 1:
            return Measured(1.0)
        what = "no face" if not found else f"{found} faces"
        detail = f"{what} in most frames that were searched, {min(counts)} to {max(counts)} in all"
        return Measured(float(found), (Finding(code=NOT_ONE, detail=detail),))


def face_count(context: MetricContext) -> FaceCount:
    """Builds the number of faces."""
    spec = MetricSpec(
        name="face_count",
        version=1,
        profile="standard",
        backend="face-mesh",
        weights=faces.WEIGHTS,
        params=faces.PARAMS,
        unit="faces",
        direction="target",
        needs=("video",),
        domain="photographic faces, seen from the front or half from the side",
        description="faces in most of the frames that were searched; other than one is a finding of the clip",
        source="MediaPipe BlazeFace, arXiv 1907.05047, confirmed by its face mesh",
    )
    return FaceCount(spec, context)
