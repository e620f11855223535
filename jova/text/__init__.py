"""Text: words of a closed vocabulary with their tokenizer and durations, or states of pretrained encoders."""

from jova.text.batch import TextBatch
from jova.text.states import TextStates
from jova.text.words import SEGMENTS, Prompt, TextTokens, WordTokenizer

__all__ = ["SEGMENTS", "Prompt", "TextBatch", "TextStates", "TextTokens", "WordTokenizer"]
