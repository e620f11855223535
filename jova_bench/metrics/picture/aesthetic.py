"""AS, the aesthetic score: a prediction of how people rate the beauty of a clip's frames.

Ours is LAION's predictor (CLIP ViT-L/14 and a small head, free to use) on two frames a second. What it finds
beautiful is what raters of photographs and of drawn pictures did; it knows nothing of faces that move.

VBench's aesthetic quality is that network with an older, linear head, on every frame, scaled without a low pass.
THEval's is TOPIQ (arXiv 2308.03060), trained on people's votes on photographs (AVA), on every frame.

Verse-Bench's AS (calculate_metrics.py `evaluate_aesthetic_video`, aesthetic/ @ 5645a09) is the mean of three scores of
every frame, brought to about 0 .. 1: aesthetic-predictor-v2-5 / 10, MUSIQ / 100 and MANIQA, of which the last two
rate how sharp and clean a picture is, not how beautiful. Its MANIQA takes crops at random places that are never the
same twice; here they are drawn with a seed, so the bench's own numbers scatter around ours.
"""

from __future__ import annotations

from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.picture import predictors as quality
from jova_bench.metrics.picture.ratings import RATE, Rating, RatingVariant, large_enough

DOMAIN = "photographs and drawn pictures"


def _larger_than_a_crop(height: int, width: int) -> str | None:
    side = quality.CROP_SIDE
    return f"too small: {width}x{height}, MANIQA cuts {side} pixels out of more" if min(height, width) <= side else None


VARIANTS = {
    "clean": RatingVariant(
        name="clean",
        predictors=(quality.LAION,),
        scale=(1.0,),
        rate=RATE,
        fits=large_enough,
        params={"fps": int(RATE)},
        unit="of 1 to 10",
        domain=DOMAIN,
        description="mean aesthetic score of two frames a second, by LAION's predictor",
        source="christophschuhmann/improved-aesthetic-predictor @ 6934dd8",
    ),
    "versebench": RatingVariant(
        name="versebench@5645a09",
        predictors=(quality.V2_5, quality.MUSIQ, quality.MANIQA),
        scale=(10.0, 100.0, 1.0),
        rate=None,
        fits=_larger_than_a_crop,
        params={"crop_seed": quality.CROP_SEED},
        unit="",
        domain=DOMAIN,
        description="mean of aesthetic-predictor-v2-5 / 10, MUSIQ / 100 and MANIQA: the last two rate noise and blur",
        source="Verse-Bench calculate_metrics.py, aesthetic/ @ 5645a09",
    ),
    "vbench": RatingVariant(
        name="vbench@45e79ec",
        predictors=(quality.LAION_LINEAR,),
        scale=(10.0,),
        rate=None,
        fits=lambda height, width: None,
        params={},
        unit="",
        domain=DOMAIN,
        description="mean of LAION's first, linear predictor / 10 over every frame, scaled without a low pass",
        source="VBench vbench/aesthetic_quality.py @ 45e79ec; LAION-AI/aesthetic-predictor @ 6d122ad",
    ),
    "theval": RatingVariant(
        name="theval@cfe23fe",
        predictors=(quality.TOPIQ_IAA,),
        scale=(1.0,),
        rate=None,
        fits=lambda height, width: None,
        params={},
        unit="of 1 to 10",
        domain=DOMAIN,
        description="mean aesthetic score of every frame, squeezed into 384x384, by TOPIQ of AVA; 4.6842 for the"
        " paper's real videos",
        source="Newbyl/THEval Video_Quality/global_aesthetic.py; pyiqa 0.1.13 topiq_iaa",
        direction="target",
    ),
}


def aesthetic_score(context: MetricContext, variant: str = "clean") -> Rating:
    """Builds the metric of one variant."""
    return Rating("aesthetic_score", VARIANTS[variant], context)
