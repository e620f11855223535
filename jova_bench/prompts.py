"""Prompts of a suite: what a clip is to show and say, its files, and what is given of a clip that is edited."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from jova_bench.formatting.messages import FieldFault, shown
from jova_bench.records import Id, Record

Seconds = Annotated[float, Field(ge=0)]
Pixels = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]

WANTED: Mapping[str, tuple[str, ...]] = {
    "speech": ("clip", "span_s", "words"),
    "mouth": ("clip", "box"),
    "picture": (),
    "sound": ("clip",),
}
"""Fields that an edit of each kind has; it has no other but `kind`."""
DRIVEN = ("mouth", "picture")
"""Kinds whose sound is given: that of the prompt's `audio`."""


ALONE = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""First words of the names that Unicode gives the letters of scripts without spaces between words."""
SPOKEN = "%‰'"
"""Punctuation that is read out, or that stands within words."""
NEWER = ("voice", "speakers", "edit")
"""Fields that prompts did not have at first, and that are not written where they are empty."""


class Edit(Record):
    """What is given of a clip, and so what a model makes."""

    kind: Literal["speech", "mouth", "picture", "sound"]
    """What is made: picture and sound of other words in a span of time; the mouth for the prompt's audio; the picture
    for the prompt's audio; or the sound for the clip's picture."""
    clip: str | None = None
    """Clip that is edited (path; relative to the prompt file, absolute when a metric is asked)."""
    span_s: tuple[Seconds, Seconds] | None = None
    """Start and end of what is made, in seconds of the clip."""
    words: tuple[Count, Count] | None = None
    """Index in the transcript of the first new word, and the number of new words; 0 where the span is to be silent."""
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    """Box x0, y0, x1, y1 in pixels that holds the mouth in every frame of the clip."""

    @model_validator(mode="after")
    def _is_whole(self) -> Edit:
        given = tuple(name for name in type(self).model_fields if name != "kind" and getattr(self, name) is not None)
        if set(given) != set(WANTED[self.kind]):
            wanted, got = (", ".join(names) or "no other field" for names in (WANTED[self.kind], given))
            raise ValueError(f"expected of an edit of kind {self.kind!r}: {wanted}; got {got}")
        if self.span_s and not self.span_s[0] < self.span_s[1]:
            raise FieldFault("span_s", f"expected a span whose end is after its start, got {list(self.span_s)}")
        if self.box and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise FieldFault("box", f"expected a box x0, y0, x1, y1 with x0 < x1 and y0 < y1, got {list(self.box)}")
        return self


class Speaker(Record):
    """One of several people in a clip, and what this person says."""

    id: Id
    """Unique in its prompt."""
    text: str
    """Spoken words of all turns, in their order."""
    image: str | None = None
    """Reference image (path; relative to the prompt file, absolute when a metric is asked)."""
    voice: str | None = None
    """Reference voice: speech in other words (path; relative to the prompt file, absolute when a metric is asked)."""


class Prompt(Record):
    """One line of a prompt file."""

    id: Id
    """Unique in its suite."""
    video_caption: str
    """What is to be seen."""
    audio_caption: str
    """What is to be heard, speech apart."""
    transcript: str
    """Spoken words; empty without speech."""
    language: str = "en"
    """BCP 47 tag of the transcript."""
    image: str | None = None
    """Reference image (path; relative to the prompt file, absolute when a metric is asked)."""
    audio: str | None = None
    """Driving audio for audio-driven models (path; relative to the prompt file, absolute when a metric is asked)."""
    voice: str | None = None
    """Reference voice: speech of the person to be heard, in other words (path; relative to the prompt file, absolute
    when a metric is asked)."""
    reference: str | None = None
    """Real clip of the same prompt (path; relative to the prompt file)."""
    speakers: tuple[Speaker, ...] = ()
    """Two or more people in conversation, whose texts together are the transcript; empty where one speaks, or none."""
    tags: Mapping[str, str] = Field(default_factory=dict)
    """Slices of the leaderboard, and the attributes that prompt metrics look for."""
    edit: Edit | None = None
    """What is given, where a clip is to be edited; captions and transcript describe the clip as it is to be."""

    @model_validator(mode="after")
    def _has_what_its_edit_names(self) -> Prompt:
        if self.edit and self.edit.kind in DRIVEN and self.audio is None:
            raise FieldFault("audio", f"expected an audio beside an edit of kind {self.edit.kind!r}, got none")
        if self.edit and self.edit.words:
            there, last = len(self.transcript.split()), sum(self.edit.words)
            if last > there:
                raise FieldFault(
                    "edit.words", f"expected new words within the {there} of the transcript, got some up to {last}"
                )
        return self

    @model_validator(mode="after")
    def _has_speakers_of_its_transcript(self) -> Prompt:
        if not self.speakers:
            return self
        ids = [one.id for one in self.speakers]
        if len(ids) == 1:
            raise FieldFault("speakers", "expected two or more, got one; transcript, image and voice say all of one")
        if twice := next((one for one in ids if ids.count(one) > 1), None):
            raise FieldFault("speakers", f"expected one entry for each, with all that is said, got two of {twice!r}")
        if self.voice:
            raise FieldFault("voice", "expected none beside speakers, got one; name the voice of each")
        together = " ".join(one.text for one in self.speakers)
        said = _words(self.transcript)
        if Counter(said) != Counter(_words(together)):
            got = f"{shown(together)} for {shown(self.transcript)}"
            raise FieldFault("speakers", f"expected texts that together have the words of the transcript, got {got}")
        for number, one in enumerate(self.speakers):
            left = iter(said)  # Searching it takes out all words before the one that is found.
            if not all(word in left for word in _words(one.text)):
                got = f"{shown(one.text)} for {shown(self.transcript)}"
                raise FieldFault(f"speakers.{number}.text", f"expected words in the transcript's order, got {got}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_newer(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        # Digests of suites are of what is written: those of suites that have none of these are as before.
        fields: dict[str, object] = write(self)
        return {name: value for name, value in fields.items() if name not in NEWER or value}

    @property
    def files(self) -> dict[str, str]:
        """Returns the paths that the prompt names, by field: `image`, `audio`, `speakers.0.voice`, `edit.clip`, ..."""
        named = {"image": self.image, "audio": self.audio, "voice": self.voice, "reference": self.reference}
        for number, one in enumerate(self.speakers):
            named |= {f"speakers.{number}.image": one.image, f"speakers.{number}.voice": one.voice}
        named["edit.clip"] = self.edit.clip if self.edit else None
        return {field: path for field, path in named.items() if path is not None}

    def with_files(self, files: Mapping[str, str]) -> Prompt:
        """Returns the prompt with other paths for some of the fields of `files`."""
        moved = {field: path for field, path in files.items() if "." not in field}
        speakers = tuple(
            one.model_copy(
                update={
                    name: files[field] for name in ("image", "voice") if (field := f"speakers.{number}.{name}") in files
                }
            )
            for number, one in enumerate(self.speakers)
        )
        edit = (
            self.edit.model_copy(update={"clip": files["edit.clip"]})
            if self.edit and "edit.clip" in files
            else self.edit
        )
        return self.model_copy(update={**moved, "speakers": speakers, "edit": edit})

    def values(self, tag: str) -> tuple[str, ...]:
        """Returns a tag's values, slices that the prompt is in: `music | speech` are two; empty without the tag."""
        return tuple(dict.fromkeys(part for one in self.tags.get(tag, "").split("|") if (part := one.strip())))


def _words(text: str) -> list[str]:
    """Splits a text into words without case and punctuation, as error rates do; scripts without spaces into letters."""
    words = "".join(map(_spread, unicodedata.normalize("NFKC", text).replace("’", "'").casefold())).split()
    return [bare for word in words if (bare := word.strip("'"))]  # At an edge it may be a quotation mark.


def _spread(letter: str) -> str:
    """Returns a letter with spaces where words end; a space for punctuation. Brackets stay: error rates skip them."""
    if unicodedata.name(letter, "").startswith(ALONE):
        return f" {letter} "
    return " " if unicodedata.category(letter) in ("Po", "Pd", "Pi", "Pf") and letter not in SPOKEN else letter
