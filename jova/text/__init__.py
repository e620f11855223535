"""Text: words of a closed vocabulary with their tokenizer and durations, or states of pretrained encoders."""

from jova.text.batch import TextBatch
from jova.text.pretrained import TextEncoder
from jova.text.prompts import PromptEncoder
from jova.text.states import TextStates
from jova.text.words import SEGMENTS, Prompt, TextTokens, WordTokenizer

__all__ = [
    "SEGMENTS",
    "Prompt",
    "PromptEncoder",
    "TextBatch",
    "TextEncoder",
    "TextStates",
    "TextTokens",
    "WordTokenizer",
]
