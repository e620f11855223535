"""Tokenizer and duration predictor."""

from jova.text.words import SEGMENTS, Prompt, TextTokens, WordTokenizer

__all__ = ["SEGMENTS", "Prompt", "TextTokens", "WordTokenizer"]
