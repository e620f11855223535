"""VideoScore2: a language model that sees thinks aloud about a clip and gives three marks from 1 to 5 (2509.22799).

How the picture looks, whether it shows what was asked, and whether what happens in it could happen. All three are read
from one answer. Ours takes each token that is the likeliest, reads the marks where the answer ends, and gives the mean
mark by the model's own probabilities of 1 to 5 at that place.

Upstream's script (TIGER-AI-Lab/VideoScore2 vs2_inference.py @ e6abe26) draws its answers, so that the same clip has
another mark each time; here the draw is that of a seed that follows from the clip. Its mark is the likeliest digit
times the digit's probability: 4 at a probability of 0.6 is 2.4, below a certain 3. And it looks for the marks after the
names alone, in the format that it asks for: where the model writes `(1) visual quality - clarity: 4`, there is none.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.cache import CacheKey
from jova_bench.digests import short_digest
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.picture.sizes import too_small
from jova_bench.metrics.prompt.captions import check_latin, video_caption
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from jova_bench.metrics.networks.qwen_vl import Qwen

WEIGHTS = "videoscore2"
NAMES = {
    "video_score_visual": "visual quality",
    "video_score_text": "text-to-video alignment",
    "video_score_physics": "physical/common-sense consistency",
}
"""Metrics, and what the model calls them, in the order of its answer."""
QUESTION = """
    You are an expert for evaluating AI-generated videos from three dimensions:
    (1) visual quality – clarity, smoothness, artifacts;
    (2) text-to-video alignment – fidelity to the prompt;
    (3) physical/common-sense consistency – naturalness and physics plausibility.

    Video prompt: {}

    Please output in this format:
    visual quality: <v_score>;\x20
    text-to-video alignment: <t_score>,\x20
    physical/common-sense consistency: <p_score>
    """
"""Upstream's, which the model was trained to answer; spaces at the ends of lines are its own."""
MIN_SIDE = 32
"""Pixels of the shorter side; less is no picture to speak of."""
MARKS = np.arange(1, 6)
_NAMED = [re.escape(name) for name in NAMES.values()]
_LOOSE = re.compile(
    ".*?".join(rf"{name}[^\d:\n]*:[\s*]*([1-5])(?!\d|\.\d)" for name in _NAMED), re.DOTALL | re.IGNORECASE
)
_STRICT = re.compile(".*?".join(rf"{name}:\s*(\d+)" for name in _NAMED), re.DOTALL | re.IGNORECASE)

Texts = tuple[str, ...]
"""An answer up to each of its tokens."""


def mean_marks(texts: Texts, digits: FloatArray) -> FloatArray:
    """Returns the (3,) mean marks by the probabilities of 1 to 5 where the answer last gives all three; else NaN."""
    answer = texts[-1] if texts else ""
    for name in reversed(list(re.finditer(_NAMED[0], answer, re.IGNORECASE))):
        if found := _LOOSE.match(answer, name.start()):
            at = [next(k for k, text in enumerate(texts) if len(text) > found.start(one)) for one in (1, 2, 3)]
            return np.array([_probabilities(digits[k]) @ MARKS for k in at])
    return np.full(3, np.nan)


def likeliest_times_probability(texts: Texts, digits: FloatArray) -> FloatArray:
    """Returns upstream's (3,) marks: the likeliest of 1 to 5 times its probability among them; NaN for none."""
    answer = texts[-1] if texts else ""
    found = np.full(3, np.nan)
    if not _STRICT.search(answer):
        return found
    for place, name in enumerate(_NAMED):
        if not (digit := re.search(rf"{name}:\D*\d", answer, re.IGNORECASE)):
            continue
        upto = answer[: digit.end()]
        if upto in texts:  # The digit ends a token, as it does in the tokens of Qwen.
            chances = _probabilities(digits[texts.index(upto)])
            found[place] = round((int(chances.argmax()) + 1) * float(chances.max()), 4)
    return found


def _probabilities(logits: FloatArray) -> FloatArray:
    """Returns (5,) probabilities among 1 to 5."""
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())


@dataclass(frozen=True)
class VideoScoreVariant:
    """How the model is asked, and what is made of its answer."""

    name: str
    """`clean`, or `PROJECT@COMMIT`."""
    read: Callable[[Texts, FloatArray], FloatArray]
    """The answer up to each token and (n, 5) logits of 1 to 5 to (3,) marks, NaN where there is none."""
    drawn: bool
    dtype: str
    says: str
    source: str


VARIANTS = {
    "clean": VideoScoreVariant(
        "clean",
        mean_marks,
        drawn=False,
        dtype="bfloat16",
        says="mean mark by VideoScore2's probabilities of 1 to 5, of its likeliest answer",
        source="He et al. 2025, arXiv 2509.22799",
    ),
    "videoscore2": VideoScoreVariant(
        "videoscore2@e6abe26",
        likeliest_times_probability,
        drawn=True,
        dtype="float32",
        says="the likeliest of 1 to 5 times its probability, of one drawn answer, by the clip's own seed (upstream: "
        "another each time); no value where the names are not followed by a colon",
        source="TIGER-AI-Lab/VideoScore2 vs2_inference.py @ e6abe26",
    ),
}


class VideoScore(ClipMetric):
    """One of the three marks of a clip."""

    def __init__(self, name: str, variant: VideoScoreVariant, context: MetricContext) -> None:
        super().__init__(context)
        self._variant = variant
        self._files = tuple(one for one in self.assets.entries if one.partition("-")[0] == WEIGHTS)
        digests = [self.assets.digest(one) for one in self._files]
        self._digest = None if None in digests else short_digest(",".join(map(str, digests)).encode())
        self.spec = MetricSpec(
            name=name,
            version=1,
            profile="standard",
            backend=WEIGHTS,
            protocol=variant.name,
            weights=self._digest,
            params={"fps": 2, "dtype": variant.dtype},
            unit="of 1 to 5",
            direction="up",
            needs=("video",),
            domain="pictures whose caption is English, of at most 32 s",
            description=f"{NAMES[name]}: {variant.says}",
            source=variant.source,
        )

    def check(self) -> str | None:
        """Returns which package or weights are missing; None if none is."""
        package = None if find_spec("transformers") else "not installed: pip install 'jova-bench[standard]'"
        return join_reasons(package, self.assets.missing(*self._files))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Asks about the clip's frames and the prompt's video caption; `reference` is ignored."""
        from jova_bench.metrics.networks import qwen_vl

        caption = video_caption(prompt)
        if clip.frames is None:
            raise Undefined("no video stream")
        frames = clip.frames
        if self._variant.name == "clean":
            check_latin(caption)
            if reason := too_small(frames.shape[1:3], MIN_SIDE):
                raise Undefined(reason)
            if clip.fps < qwen_vl.RATE:
                raise Undefined(f"too few frames per second: {float(clip.fps):.3g}, at least {qwen_vl.RATE} needed")
        shown, size = qwen_vl.seen_frames(len(frames), clip.fps), qwen_vl.seen_size(*frames.shape[1:3])
        if reason := self.check():
            raise Unavailable(reason)
        question = QUESTION.format(caption)
        asked = {"variant": self._variant.name, "question": short_digest(question.encode())}

        def ask() -> dict[str, FloatArray]:
            key = f"{WEIGHTS}[{self._digest}] {self._variant.name} on {self.device}"
            answer = cached_network(key, self._load).answer(
                frames[shown], size, question, zlib.crc32(f"{clip.digest} {question}".encode())
            )
            return {"marks": self._variant.read(answer.texts, answer.digits)}

        marks = self.cache.get(clip.digest, CacheKey(WEIGHTS, 1, self._digest, asked), ask)["marks"]
        mark = float(np.asarray(marks)[list(NAMES).index(self.spec.name)])
        if np.isnan(mark):
            raise Undefined(f"VideoScore2 gives no mark for {NAMES[self.spec.name]}")
        return mark

    def _load(self) -> Qwen:
        from jova_bench.metrics.networks.qwen_vl import Qwen, parts

        files = [self.assets.find(one) for one in self._files]
        if elsewhere := next((file for file in files if file.parent != files[0].parent), None):
            raise Unavailable(f"weights unreadable: expected all files of a model in one folder, got {elsewhere}")
        if unknown := parts(self.assets.find(f"{WEIGHTS}-index")) - {file.name for file in files}:
            raise Unavailable(
                f"weights unreadable: expected the parts that have digests, got {min(unknown)} in the index"
            )
        return Qwen(files[0].parent, self.device, self._variant.dtype, self._variant.drawn)


def build(context: MetricContext, name: str, variant: str) -> VideoScore:
    """Builds one of `NAMES` by one of `VARIANTS`."""
    return VideoScore(name, VARIANTS[variant], context)
