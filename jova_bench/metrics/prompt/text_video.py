"""Text-video score: whether the picture shows what was asked, as the cosine of a clip and its video caption.

Clean: ImageBind, the same five pairs of frames that `imagebind_score` sees, and all of the caption. The variant `clip`
asks CLIP ViT-L/14 of two frames a second. Both know objects, scenes and styles and little of numbers, of which does
what to which, and of order in time: a clip that shows the things of its prompt at rest may score as well as one in
which they move. Cosines of a network compare with cosines of the same network alone.

Benches read at most 77 tokens, VABench's ViCLIP 32. JavisBench and T2AV-Compass run ImageBind as it was before 1125e1e:
of a longer caption it loses the mark that it is read at, and takes the word of the highest number in the vocabulary
for it. JavisBench's CLIP and VABench's ViCLIP are shown red for blue, because frames whose colours are in order go
through `cvtColor(frame, COLOR_BGR2RGB)` once more. All that is done here under their names. VABench fails on clips of
2 to 7 frames; it computes ImageBind's cosine of caption and picture, too, and reports ViCLIP's.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from jova_bench.arrays import Indices
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.picture.sizes import too_small
from jova_bench.metrics.prompt.captions import Reading, check_latin, read, video_caption
from jova_bench.metrics.prompt.spaces import TOKENS, ClipSpace, ImageBindSpace, Space, ViClipSpace
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

RATE = Fraction(2)
"""Frames per second that CLIP sees."""
JAVISBENCH_FRAMES = 48
MIN_SIDE = 32
"""Pixels of the shorter side; less is no picture to compare with words."""


@dataclass(frozen=True)
class TextVideoVariant:
    """Describes how one bench compares pictures and words."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    reading: Reading
    says: str
    """Description in `ls metrics`."""
    source: str
    frames: str = "stretches"
    """Which frames are seen."""
    network: str = "imagebind"
    """ImageBind, ViCLIP or the asset of a CLIP."""

    @property
    def clean(self) -> bool:
        """Returns whether it is ours."""
        return self.name == "clean"

    def space(self, context: MetricContext) -> Space:
        """Returns its network."""
        if self.network == "imagebind":
            return ImageBindSpace(context)
        if self.network == "viclip-l14":
            return ViClipSpace(context)
        return ClipSpace(context, self.network, self.frames, two_a_second if self.clean else spread, not self.clean)


def two_a_second(count: int, fps: Fraction) -> Indices:
    """Selects two frames a second, at least one."""
    from jova_bench.metrics.signal.frames import resample_frame_indices

    found = resample_frame_indices(count, fps, RATE)
    return found if len(found) else np.zeros(1, dtype=np.int64)


def spread(count: int, fps: Fraction) -> Indices:
    """Selects 48 frames from the first to the last; some of a shorter clip twice."""
    import torch

    return torch.linspace(0, count - 1, JAVISBENCH_FRAMES).round().long().numpy()


_JAVISBENCH = "JavisVerse/JavisDiT eval/javisbench/src/metrics.py @b505b37"
VARIANTS = {
    "clean": TextVideoVariant(
        "clean",
        "whole",
        "cosine of ImageBind's embeddings of the picture and of all of the video caption",
        "Girdhar et al. 2023, arXiv 2305.05665",
    ),
    "clip": TextVideoVariant(
        "clean",
        "whole",
        "mean cosine of two frames a second and all of the video caption, in the space of CLIP ViT-L/14",
        "Radford et al. 2021, arXiv 2103.00020",
        "2 fps",
        "clip-vit-l14",
    ),
    "javisbench": TextVideoVariant(
        "javisbench@b505b37",
        "torn",
        "TV-IB: ImageBind's own example; of a caption above 75 tokens it reads 76 at some word",
        f"{_JAVISBENCH} `calc_imagebind_score`",
    ),
    "javisbench-clip": TextVideoVariant(
        "javisbench-clip@b505b37",
        "beginning",
        "CLIP: mean cosine of 48 frames, red and blue exchanged, and the caption's first 75 tokens, by CLIP ViT-B/32",
        f"{_JAVISBENCH} `calc_clip_score`",
        "48 linspace bgr",
        "clip-vit-b32",
    ),
    "t2av": TextVideoVariant(
        "t2av@b726966",
        "torn",
        "T-V: ImageBind's own example; of a caption above 75 tokens it reads 76 at some word",
        "NJU-LINK/T2AV-Compass Objective/Similarity/ImageBind-main/batch_inference_video_text.py @b726966",
    ),
    "vabench": TextVideoVariant(
        "vabench@0b1fe7c",
        "beginning",
        "T-V: cosine of eight frames, red and blue exchanged, and the caption's first 30 tokens, by ViCLIP-L/14",
        "tanABCC/VABench vabench/second_viclip.py @0b1fe7c",
        "8 middles bgr",
        "viclip-l14",
    ),
}


@dataclass(frozen=True)
class TextVideoScore(ClipMetric):
    """Cosine of a clip and its caption."""

    spec: MetricSpec
    variant: TextVideoVariant
    space: Space

    def check(self) -> str | None:
        """Returns why the network cannot run here; None if it can."""
        return self.space.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the frames with the prompt's video caption; `reference` is ignored."""
        caption = video_caption(prompt)
        if clip.frames is None:
            raise Undefined("no video stream")
        if self.variant.clean:
            check_latin(caption)
            if reason := too_small(clip.frames.shape[1:3], MIN_SIDE):
                raise Undefined(reason)
        if reason := self.space.unfit(len(clip.frames)):
            raise Undefined(reason)
        pieces = read(self.space.tokens(), caption, self.variant.reading, self.space.most)
        return self.space.agreement(clip, self.space.encode_text(pieces))


def text_video_score(context: MetricContext, variant: str) -> TextVideoScore:
    """Builds the score by one of `VARIANTS`."""
    chosen = VARIANTS[variant]
    space = chosen.space(context)
    spec = MetricSpec(
        name="text_video_score",
        version=1,
        profile="standard",
        backend=chosen.network,
        protocol=chosen.name,
        weights=context.assets.digest(space.weights),
        params={
            "caption": chosen.reading,
            "frames": chosen.frames,
            "tokens": str(context.assets.digest(TOKENS)),
        },
        unit="cosine",
        direction="up",
        needs=("video",),
        domain="pictures whose caption is English",
        description=chosen.says,
        source=chosen.source,
    )
    return TextVideoScore(spec, chosen, space)
