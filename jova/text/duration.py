"""Predicts the duration and onset of speech, the only conditioning beside the prompt. Ours: no source of JoVA has it.

Without it a model has to decide the timing of words while its audio is still noise, and undertrained ones lose words
then. Words of the transcript therefore have temporal positions in text-for-audio: the true ones in training, and
predicted ones when sampling, as in text-to-speech models with a duration predictor. In text-for-video they have none.
Video queries attend to text-for-audio, too, so the picture can read these times; `results/knockout.md` measures what is
left of lip-sync when it cannot.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jova.text.words import SEGMENTS, TextTokens

EDGE_S = 0.06
"""Silence at both ends of every clip, in seconds."""
SHORTEST_S = 0.3
"""Shortest predicted duration of speech, in seconds."""


class DurationPredictor(nn.Module):
    """Linear model of the duration of speech: a sum over the prompt's words, caption words included (`fast` subtracts).

    Fitted in closed form, not learned by gradient descent.
    """

    seconds: Tensor
    """(segments, words) seconds that each word adds."""
    deviation: Tensor
    """() standard deviation of the residual, in seconds."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words
        self.register_buffer("seconds", torch.zeros(len(SEGMENTS), words))
        self.register_buffer("deviation", torch.zeros(()))

    def fit(self, text: TextTokens) -> None:
        """Fits by ridge regression on prompts with known spans; without the ridge, caption words are collinear."""
        counts = self._counts(text).double()  # (B, S W)
        lengths = (text.spans[:, 1] - text.spans[:, 0]).double()  # (B,)
        gram = counts.T @ counts + torch.eye(counts.shape[1], dtype=torch.float64)
        weights = torch.linalg.solve(gram, counts.T @ lengths)  # (S W,)
        self.seconds.copy_(weights.view_as(self.seconds))
        self.deviation.copy_((lengths - counts @ weights).square().mean().sqrt())

    def plan(self, text: TextTokens, clip_s: float, generators: list[torch.Generator]) -> Tensor:
        """Draws the span of the speech of each prompt: a normal duration and a uniform onset.

        Args:
            text: B prompts.
            clip_s: length of the clip, in seconds.
            generators: one per prompt, on the CPU.

        Returns:
            (B, 2) start and end, in seconds.
        """
        draws = torch.stack([torch.rand(2, generator=generator) for generator in generators])  # (B, 2)
        mean = self._counts(text).to(self.seconds) @ self.seconds.flatten()  # (B,)
        normal = torch.special.ndtri(draws[:, 0].clamp(1e-4, 1 - 1e-4)).to(mean)
        room = clip_s - 2 * EDGE_S
        lengths = (mean + self.deviation * normal).clamp(min(SHORTEST_S, room), room)
        starts = EDGE_S + draws[:, 1].to(mean) * (room - lengths)
        return torch.stack([starts, starts + lengths], dim=1)

    def _counts(self, text: TextTokens) -> Tensor:
        """Counts words by segment: (B, segments x words)."""
        counts = torch.zeros(len(text.ids), len(SEGMENTS) * self.words, device=text.ids.device)
        return counts.scatter_add_(1, text.segments * self.words + text.ids, text.mask.to(counts))
