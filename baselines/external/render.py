"""Prompt renderers: pure functions from a prompt to the text that a model reads, named in manifests.

A prompt has a video caption, an audio caption and a transcript; most models read one text. A part that contains markup
of a model's own format is refused, because the model would interpret it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.prompts import Prompt

Rendered = str | dict[str, object]

LANGUAGES: Mapping[str, str] = {
    "en": "English", "zh": "Mandarin", "yue": "Cantonese", "ja": "Japanese", "ko": "Korean", "de": "German",
    "fr": "French",
}  # fmt: skip
"""Languages of daVinci-MagiHuman, by their codes (README @209209b)."""
CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Kana, Chinese characters and Hangul, as a class of a pattern."""
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana and Chinese characters, as a class of a pattern: no blanks between words."""
PIECE, UNSPACED_PIECE = 16, 2
"""Characters that count as a word: the most that sentencepiece puts into a token by default, and of those scripts
what a word usually has."""


def picture(prompt: Prompt) -> str:
    """Returns the video caption, for audio-driven models."""
    return sentence(prompt.video_caption)


def nothing(prompt: Prompt) -> str:
    """Returns no text, for models that read none."""
    return ""


def sound(prompt: Prompt) -> str:
    """Returns the audio caption, for models that generate audio for a video."""
    return sentence(prompt.audio_caption)


def words(prompt: Prompt) -> str:
    """Returns the transcript, for text-to-speech models."""
    return " ".join(prompt.transcript.split())


def prose(prompt: Prompt) -> str:
    """Returns one paragraph with the transcript in quotes: LTX-2, MOVA and others trained on descriptions."""
    words = " ".join(prompt.transcript.split()).replace('"', "'")
    parts = [sentence(prompt.video_caption)]
    if words:
        parts.append(f'The person says: "{words}"')
    if prompt.audio_caption.strip():
        parts.append(f"The sound: {sentence(prompt.audio_caption)}")
    return " ".join(parts)


def scene(prompt: Prompt) -> str:
    """Returns both captions in one paragraph, without the transcript, for models that do not speak.

    Raises:
        BenchError: JavisDiT reads `{` as JSON and `|0|` as the beginning of a loop (scripts/inference.py @b505b37).
    """
    _without(prompt, r"[{}]|\|\d+\|", ("video_caption", "audio_caption"))
    return " ".join(part for part in (picture(prompt), sound(prompt)) if part)


def ovi(prompt: Prompt) -> str:
    """Returns the format of Ovi 1.1: transcript between <S> and <E>, `Audio:` and the audio caption (README @5b69b25).

    The first Ovi (720x720) reads <AUDCAP> instead; the upstream converts one form to the other by a pattern that
    matches everything after the first `Audio:`, so that there may be only one.
    """
    _without(prompt, r"<\s*/?\s*(S|E|AUDCAP|ENDAUDCAP)\s*>|Audio:", ("video_caption", "audio_caption", "transcript"))
    words = " ".join(prompt.transcript.split())
    parts = [sentence(prompt.video_caption)]
    if words:
        parts.append(f"The person says, <S>{words}<E>.")
    if prompt.audio_caption.strip():
        parts.append(f"Audio: {sentence(prompt.audio_caption)}")
    return " ".join(parts)


def tagged(prompt: Prompt) -> str:
    """Returns the format of Kandinsky 6: transcript in <S> and <E>, audio caption in <AUDCAP> and <ENDAUDCAP>.

    Source: what its prompts are expanded to, diffusers 0.42.1, `pipelines/kandinsky6/pipeline_kandinsky6_ti2va.py`.
    """
    _without(prompt, r"<\s*/?\s*(S|E|AUDCAP|ENDAUDCAP)\s*>", ("video_caption", "audio_caption", "transcript"))
    words = " ".join(prompt.transcript.split())
    parts = [sentence(prompt.video_caption)]
    if words:
        parts.append(f"The person says, <S>{words}<E>.")
    if prompt.audio_caption.strip():
        parts.append(f"<AUDCAP>{sentence(prompt.audio_caption)}<ENDAUDCAP>")
    return " ".join(parts)


def verse(prompt: Prompt) -> dict[str, object]:
    """Returns the fields of a Verse-Bench file, which UniVerse-1 reads: a list of sounds, and the transcript apart.

    Raises:
        BenchError: the upstream treats an audio prompt that contains `none` or `no ambient` as an empty
            one (fastvideo/sample/sample_universe.py @2b9bb02).
    """
    _without(prompt, r"(?i)none|no ambient", ("audio_caption",))
    return {
        "video_prompt": sentence(prompt.video_caption),
        "audio_prompt": [sentence(prompt.audio_caption)] if prompt.audio_caption.strip() else [],
        "speech_prompt": {"speaker": "the person", "text": " ".join(prompt.transcript.split())},
    }


def magihuman(prompt: Prompt) -> str:
    """Returns daVinci-MagiHuman's three parts: a body, the dialogue again, and the background sound.

    The format is that of prompts/enhanced_prompt_design.md @209209b, without its enhancement, for which a language
    model rewrites the prompt. An audio caption beside a transcript may be of the voice, of the background or of both:
    it stands in the body, and no background sound is stated.
    """
    _without(prompt, r"(?i)[<>]|dialogue\s*:|background sound\s*:", ("video_caption", "audio_caption", "transcript"))
    words, sounds = " ".join(prompt.transcript.split()).replace('"', "'"), sentence(prompt.audio_caption)
    spoken = f'The person says: "{words}"' if words else ""
    parts = [" ".join(part for part in (picture(prompt), spoken, sounds) if part)]
    if words:
        language = LANGUAGES.get(prompt.language.partition("-")[0])
        parts.append(f'Dialogue:\n<{", ".join(filter(None, ("The person", language)))}>: "{words}"')
    if not words or not sounds:
        parts.append(f"Background Sound:\n<{sounds.rstrip('.') or 'No prominent background sound'}>")
    # A space between any two characters of these scripts.
    return re.sub(rf"(?<=[{CJK}])(?=[{CJK}])", " ", "\n\n".join(parts))


RENDERERS: Mapping[str, Callable[[Prompt], Rendered]] = {
    "nothing": nothing,
    "picture": picture,
    "sound": sound,
    "words": words,
    "prose": prose,
    "scene": scene,
    "ovi": ovi,
    "tagged": tagged,
    "verse": verse,
    "magihuman": magihuman,
}


def rendered(name: str, prompt: Prompt) -> Rendered:
    """Renders a prompt by the name of a renderer. Raises BenchError if there is no such renderer."""
    if name not in RENDERERS:
        raise BenchError(f"expected the name of a prompt renderer, got {shown(name)}; {suggest(name, RENDERERS)}")
    return RENDERERS[name](prompt)


def text(name: str, prompt: Prompt, most_words: int | None = None) -> str:
    """Renders a prompt to one text.

    Args:
        name: of the renderer.
        prompt: to render.
        most_words: largest number of words that the model reads.

    Raises:
        BenchError: the text has more words, or the renderer returns no text.
    """
    made = rendered(name, prompt)
    if not isinstance(made, str):
        raise BenchError(f"expected a renderer of one text, got {shown(name)}")
    if most_words is not None:
        short("a prompt", made, most_words)
    return made


def short(what: str, made: str, most_words: int) -> None:
    """Raises BenchError if a text has more words than the model reads tokens."""
    if (count := count_words(made)) > most_words:
        raise BenchError(f"expected {what} of at most {most_words} words, got {count}; the rest would be cut")


def count_words(made: str) -> int:
    """Returns about the fewest tokens that a text can have.

    A word between blanks is one, or one for every `PIECE` characters; where a script has no blanks, one for every
    `UNSPACED_PIECE`. How many it has only upstream's tokenizer knows, which lies in upstream's environment.
    """
    runs = [run for word in made.split() for run in re.findall(rf"[{UNSPACED}]+|[^{UNSPACED}]+", word)]
    return sum(-(-len(run) // (UNSPACED_PIECE if re.match(f"[{UNSPACED}]", run) else PIECE)) for run in runs)


def sentence(part: str) -> str:
    """Returns a part on one line, with a full stop if it has no final punctuation; empty stays empty."""
    line = " ".join(part.split())
    return line if not line or line[-1] in ".!?。！？…\"'" else f"{line}."


def _without(prompt: Prompt, reserved: str, parts: tuple[str, ...]) -> None:
    """Raises BenchError if a part contains markup that matches the pattern `reserved`."""
    for part in parts:
        if found := re.search(reserved, getattr(prompt, part)):
            raise BenchError(
                f"expected a {part.replace('_', ' ')} without {found[0]!r}, which this model reads as markup, "
                f"got it in {prompt.id!r}"
            )
