"""Layout of a prompt as one text, the only place that knows it."""

from __future__ import annotations

from jova.text.words import SEGMENTS, Prompt

LAYOUT = 1
"""Version of the layout, part of the fingerprint of encoded prompts."""

TAGS = tuple(f"<{segment.title()}>" for segment in SEGMENTS)
"""Marks of the three parts, as the figure in the authors' repository of JoVA names them."""


def prompt_text(prompt: Prompt) -> str:
    """Joins a prompt to `<Video Caption> ... <Audio Caption> ... <Transcript> ...`.

    Spaces and line breaks become single spaces; a part without words keeps its tag. A prompt without any words is the
    empty text, which classifier-free guidance leads away from.

    Raises:
        ValueError: a part has a tag within it, so that two prompts would be the same text, or is no Unicode.
    """
    parts = [" ".join(part.split()) for part in prompt]
    if not any(parts):
        return ""
    for segment, part in zip(SEGMENTS, parts, strict=True):
        if tag := next((tag for tag in TAGS if tag in part), None):
            raise ValueError(f"expected a {segment} without {tag}, which begins a part of a prompt, got {part[:80]!r}")
        if any("\ud800" <= letter <= "\udfff" for letter in part):
            raise ValueError(f"expected a {segment} of Unicode characters, got half of a pair in {part[:80]!r}")
    return " ".join(word for pair in zip(TAGS, parts, strict=True) for word in pair if word)
