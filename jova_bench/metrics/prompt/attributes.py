"""Scores whether a clip has the attributes of its prompt: small classifiers give 1 or 0 per attribute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jova_bench.cache import FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, require_embedded_domain
from jova_bench.metrics.networks import shipped_weights
from jova_bench.metrics.signal.audio import is_silent, log_mel, mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

LOOK, VOICE = "look-classifier", "voice-classifier"
VOTERS = 8
"""Frames, evenly spread over the clip, that vote on hair and background."""


def seen_attributes(clip: Clip, cache: FeatureCache, device: str) -> dict[str, str]:
    """Classifies hair and background. Raises Undefined or Unavailable."""
    require_embedded_domain(clip)
    if clip.frames is None:
        raise Undefined("no video stream")
    voters = clip.frames[np.linspace(0, len(clip.frames) - 1, VOTERS).round().astype(int)]

    def compute() -> dict[str, np.ndarray]:
        import torch

        from jova_bench.metrics.networks import embedded as nets

        with torch.inference_mode():
            votes = nets.load(LOOK, device)(nets.pictures(voters, device)[None])
        return {"answer": np.array([int(vote.argmax()) for vote in votes])}

    return _named(LOOK, cache.get(clip.digest, shipped_weights.extractor(LOOK), compute)["answer"])


def heard_attributes(clip: Clip, cache: FeatureCache, device: str) -> dict[str, str]:
    """Classifies the voice. Raises Undefined or Unavailable."""
    require_embedded_domain(clip)
    audio = mono_16k(clip, "embedded")
    if is_silent(audio):
        raise Undefined("silent")

    def compute() -> dict[str, np.ndarray]:
        import torch

        from jova_bench.metrics.networks import embedded as nets

        with torch.inference_mode():
            votes = nets.load(VOICE, device)(torch.from_numpy(log_mel(audio, nets.MELS)).to(device)[None])
        return {"answer": np.array([int(vote.argmax()) for vote in votes])}

    return _named(VOICE, cache.get(clip.digest, shipped_weights.extractor(VOICE), compute)["answer"])


def _named(evaluator: str, answers: np.ndarray) -> dict[str, str]:
    from jova_bench.metrics.networks import embedded as nets

    classes = nets.read_config(shipped_weights.path(evaluator))["classes"]
    return {tag: names[int(answer)] for (tag, names), answer in zip(classes.items(), answers, strict=True)}


@dataclass(frozen=True)
class PromptAttribute(ClipMetric):
    """Whether one attribute of a clip is the one in its prompt."""

    spec: MetricSpec
    tag: str
    evaluator: str
    cache: FeatureCache
    device: str

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return shipped_weights.missing(self.evaluator)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Returns 1 when the classifier names the prompt's tag, else 0; undefined without such a tag."""
        return self._agrees(clip, prompt)

    def _agrees(self, clip: Clip, prompt: Prompt | None) -> float:
        require_embedded_domain(clip)
        if prompt is None or self.tag not in prompt.tags:
            raise Undefined(f"the prompt has no {self.tag} tag")
        attributes = seen_attributes if self.evaluator == LOOK else heard_attributes
        return float(attributes(clip, self.cache, self.device)[self.tag] == prompt.tags[self.tag])


def build(context: MetricContext, name: str) -> PromptAttribute:
    """Builds `prompt_hair`, `prompt_background` or `prompt_voice`."""
    tag = name.removeprefix("prompt_")
    evaluator, stream = (VOICE, "audio") if tag == "voice" else (LOOK, "video")
    spec = MetricSpec.model_validate(
        {
            "name": name,
            "version": 1,
            "profile": "embedded",
            "backend": evaluator,
            "weights": shipped_weights.digest(evaluator),
            "direction": "up",
            "needs": (stream, "tags"),
            "domain": "clips of the embedded corpus: drawn faces, 64x64, 25 fps",
            "description": f"share of clips with the {tag} that the prompt asks for",
            "proportion": True,
        }
    )
    return PromptAttribute(spec, tag, evaluator, context.cache, context.device)
