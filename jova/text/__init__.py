"""Text encoders."""

from jova.text.words import PARTS, Prompt, TextTokens, WordTokenizer

__all__ = ["PARTS", "Prompt", "TextTokens", "WordTokenizer"]
