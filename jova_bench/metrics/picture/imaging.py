"""Imaging quality: a prediction of how people rate the noise, blur and compression of a clip's frames, by MUSIQ.

Ours is MUSIQ as trained on KonIQ-10k, photographs of the internet, on two frames a second at their own size, for
which that network was made. VBench's (vbench/imaging_quality.py @ 45e79ec) was trained on SPAQ, photographs by
telephones, and is shown every frame with its longer side brought down to 512 pixels without a low pass: fine blur and
noise go, and what the scaling adds is rated instead.
"""

from __future__ import annotations

from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.picture import predictors as quality
from jova_bench.metrics.picture.ratings import RATE, Rating, RatingVariant, large_enough

VARIANTS = {
    "clean": RatingVariant(
        name="clean",
        predictors=(quality.MUSIQ,),
        scale=(1.0,),
        rate=RATE,
        fits=large_enough,
        params={"fps": int(RATE)},
        unit="of 0 to 100",
        domain="photographic pictures",
        description="mean quality of two frames a second at their own size, by MUSIQ of KonIQ-10k",
        source="Ke et al. 2021, arXiv 2108.05997",
    ),
    "vbench": RatingVariant(
        name="vbench@45e79ec",
        predictors=(quality.MUSIQ_SPAQ,),
        scale=(100.0,),
        rate=None,
        fits=lambda height, width: None,
        params={"long_side": quality.VBENCH_SIDE},
        unit="",
        domain="photographic pictures",
        description="mean quality / 100 of every frame, at most 512 pixels long, by MUSIQ of SPAQ; aliased",
        source="VBench vbench/imaging_quality.py @ 45e79ec, mode `longer`",
    ),
}


def imaging_quality(context: MetricContext, variant: str) -> Rating:
    """Builds the metric of one variant."""
    return Rating("imaging_quality", VARIANTS[variant], context)
