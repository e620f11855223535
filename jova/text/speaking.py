"""How long a prompt takes to say, and when to begin: the one thing a clip is told beside its prompt.

Where nobody fixes when words are said, a model has to choose it while its sound is still noise, and undertrained ones
lose words then. So the words of a transcript stand, for the sound, at the times at which they are about to be said:
the true ones in training, and planned ones when sampling, as text-to-speech models plan their durations. The picture
is not told; it follows the sound.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jova.text.words import PARTS, TextTokens

EDGE_S = 0.06
"""Silence that every clip has at both ends."""
SHORTEST_S = 0.3
"""No plan makes speech shorter than this."""


class SpeakingTime(nn.Module):
    """Seconds of speech as a sum over the prompt's words, those of captions too: `fast` takes time away.

    Fitted in closed form, not learned by gradient.
    """

    seconds: Tensor
    """(parts, words) what each word adds."""
    deviation: Tensor
    """() standard deviation of what is left, in seconds."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words
        self.register_buffer("seconds", torch.zeros(len(PARTS), words))
        self.register_buffer("deviation", torch.zeros(()))

    def fit(self, text: TextTokens) -> None:
        """Least squares over prompts with known spans, slightly damped because words of a caption come in sets."""
        counts = self._counts(text).double()  # (B, P W)
        lengths = (text.spans[:, 1] - text.spans[:, 0]).double()  # (B,)
        gram = counts.T @ counts + torch.eye(counts.shape[1], dtype=torch.float64)
        weights = torch.linalg.solve(gram, counts.T @ lengths)  # (P W,)
        self.seconds.copy_(weights.view_as(self.seconds))
        self.deviation.copy_((lengths - counts @ weights).square().mean().sqrt())

    def plan(self, text: TextTokens, clip_s: float, generators: list[torch.Generator]) -> Tensor:
        """When each of B prompts is said, in a clip of `clip_s` seconds: (B, 2) seconds.

        Args:
            text: the prompts.
            clip_s: length of the clip.
            generators: one per prompt, on the CPU.
        """
        draws = torch.stack([torch.rand(2, generator=one) for one in generators])  # (B, 2)
        usual = self._counts(text).to(self.seconds) @ self.seconds.flatten()  # (B,)
        normal = torch.special.ndtri(draws[:, 0].clamp(1e-4, 1 - 1e-4)).to(usual)
        room = clip_s - 2 * EDGE_S
        lengths = (usual + self.deviation * normal).clamp(min(SHORTEST_S, room), room)
        starts = EDGE_S + draws[:, 1].to(usual) * (room - lengths)
        return torch.stack([starts, starts + lengths], dim=1)

    def _counts(self, text: TextTokens) -> Tensor:
        """(B, P W) how often each prompt has each word in each part."""
        counts = torch.zeros(len(text.ids), len(PARTS) * self.words, device=text.ids.device)
        return counts.scatter_add_(1, text.parts * self.words + text.ids, text.mask.to(counts))
