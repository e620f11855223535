"""Closed vocabulary of the procedural corpus: words, voices and appearances.

Words and voices were chosen by the errors of the offline recogniser (pocketsphinx, a JSGF grammar of these
slots): with 80 sentences per voice, `six` (11 % misheard), `five` (44 %), `black` (26 %), `set` (19 %), `bring`
(36 %) and `here` (6 %) were dropped, and the voices kept have a word error rate below 4 % where the default
en-us voices have 13 to 35 %.
"""

from __future__ import annotations

CORPUS = "talking-heads@1"
"""Name and version of the corpus."""

SLOTS: dict[str, tuple[str, ...]] = {
    "command": ("bin", "lay", "place", "put", "hold"),
    "colour": ("blue", "green", "red", "white", "yellow"),
    "object": ("box", "paper", "window", "kettle"),
    "preposition": ("near", "under", "with", "from"),
    "digit": ("zero", "one", "two", "three", "four", "seven", "eight", "nine"),
    "adverb": ("again", "now", "please", "soon"),
}
"""Words of each slot of a GRID-style sentence (Cooke et al. 2006)."""

TEMPLATES: tuple[tuple[str, ...], ...] = (
    ("command", "colour", "digit"),
    ("command", "colour", "preposition", "digit"),
    ("command", "colour", "object", "digit"),
    ("command", "colour", "preposition", "digit", "adverb"),
    ("command", "colour", "object", "preposition", "digit", "adverb"),
)
"""Slots of the sentences: three to six words, so that the duration of the speech varies."""

VOICES: dict[str, str] = {"robotic": "en-us+klatt4", "bright": "en-us+f2", "soft": "en-us+f5", "deep": "en-us+m6"}
"""Voice word -> espeak-ng voice."""

PITCHES: dict[str, int] = {"low": 38, "high": 60}
"""Pitch word -> centre of espeak-ng's pitch parameter (0 to 100)."""

SPEEDS: dict[str, int] = {"slow": 168, "steady": 190, "fast": 214}
"""Speed word -> words per minute at the centre."""

Colour = tuple[int, int, int]

HAIR: dict[str, Colour] = {
    "black": (28, 26, 32),
    "blonde": (232, 200, 96),
    "red": (196, 66, 26),
    "grey": (158, 156, 164),
    "purple": (122, 56, 160),
    "blue": (48, 92, 204),
}
SKIN: dict[str, Colour] = {
    "pale": (246, 214, 190),
    "tan": (214, 164, 122),
    "brown": (156, 104, 70),
    "dark": (98, 64, 46),
}
CLOTHES: dict[str, Colour] = {
    "white": (236, 236, 240),
    "navy": (34, 48, 104),
    "orange": (236, 138, 32),
    "pink": (240, 112, 160),
}
BACKGROUND: dict[str, Colour] = {
    "green": (86, 166, 106),
    "blue": (96, 148, 214),
    "yellow": (238, 216, 112),
    "pink": (236, 164, 190),
    "grey": (188, 190, 194),
    "teal": (44, 132, 136),
}
STYLES: tuple[str, ...] = ("short", "long")
SWAY: tuple[str, ...] = ("still", "swaying", "nodding")
BLINK: tuple[str, ...] = ("staring", "blinking")


def words() -> tuple[str, ...]:
    """Returns the vocabulary of the tokenizer, sorted: every word that distinguishes captions or sentences."""
    seen: set[str] = set()
    for group in (*SLOTS.values(), VOICES, PITCHES, SPEEDS, HAIR, SKIN, CLOTHES, BACKGROUND, STYLES, SWAY, BLINK):
        seen.update(group)
    return tuple(sorted(seen))
