"""Makes the suite of edits: drawn clips, what is given of them, and what a perfect edit of each would be.

    python -m jova.data.edits --out DIR

Clips are of the corpus's split `test`, from the first one on that the suite `embedded` does not have.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova.data import missing_packages
from jova.data import vocabulary as vocab
from jova.data.corpus import (
    FPS,
    FRAMES,
    Split,
    TalkingHead,
    make_clip,
    make_dubbed,
    make_prompt,
    make_respoken,
    rng_for,
    seed_of,
    split_of,
)
from jova.data.folder import write_clip
from jova.files import atomic_path

FIRST, SOURCES = 128, 24
"""First clip of the split that is edited, and number of clips."""
_SPLIT: Split = "test"
_MARGIN_S = 0.04
"""What is made before the first replaced word and after the last, in seconds."""
_TOLERANCE = 0.4
"""Largest difference of the new words' natural length from that of the replaced ones, as a share of the latter."""
_INFO = """\
name = "embedded-edits"
description = "24 drawn talking heads, each edited in four ways: runs offline on a CPU"
domain = "embedded"
profile = "embedded"
reference_set = "embedded-reference"
licence = "Apache-2.0"
slices = ["edit"]
metrics = ["wer_new", "kept_psnr", "kept_audio"]
"""


@dataclass(frozen=True)
class Source:
    """A clip that is edited, and what it would be with other words and with another sentence."""

    index: int
    """Place of the clip in its split."""
    prompt: dict[str, Any]
    clip: TalkingHead
    words: tuple[int, int]
    """First new word of `respoken`, and their number."""
    respoken: TalkingHead
    respoken_transcript: str

    @property
    def file(self) -> str:
        """Path of the clip in the suite's folder."""
        return f"clips/{_SPLIT}-{self.index:05d}.mp4"

    @property
    def key(self) -> tuple[dict[str, str], str, int]:
        """Tags, transcript and seed, which `make_clip` takes."""
        return self.prompt["tags"], self.prompt["transcript"], seed_of(_SPLIT, self.index)


def sources(count: int = SOURCES) -> Iterator[Source]:
    """Yields the clips to be edited: one word is new in the first, two in the next, and so on in turn.

    A clip is left out when no other sentence of the split fits.
    """
    index, found = FIRST, 0
    while found < count:
        prompt: dict[str, Any] = make_prompt(_SPLIT, index)
        tags, transcript = prompt["tags"], prompt["transcript"]
        clip = make_clip(tags, transcript, seed_of(_SPLIT, index))
        if other := _respoken(index, clip, tags, transcript, 1 + found % 2):
            words, said, respoken = other
            yield Source(index, prompt, clip, words, respoken, said)
            found += 1
        index += 1


def prompts_of(source: Source, other: Source) -> list[dict[str, Any]]:
    """Returns the records of a clip's four edits, in the order of their kinds; the mouth gets the sound of `other`."""
    clip, first = source.clip, source.words[0]
    last = first + source.words[1] - 1
    start_s = max(float(clip.word_times[first, 0]) - _MARGIN_S, 0.0)
    end_s = min(float(clip.word_times[last, 1]) + _MARGIN_S, FRAMES / FPS)
    boxes = clip.mouth_box.astype(float)
    box = [*boxes[:, :2].min(0), *boxes[:, 2:].max(0)]
    given = source.file
    speech, mouth = (f"{kind}-{source.index:05d}" for kind in ("speech", "mouth"))
    return [
        _record(source, "speech", source.respoken_transcript, f"truth/{speech}.mp4")
        | {
            "edit": {"kind": "speech", "clip": given, "span_s": _rounded([start_s, end_s], 3), "words": [*source.words]}
        },
        _record(source, "mouth", other.prompt["transcript"], f"truth/{mouth}.mp4", other)
        | {"audio": other.file, "edit": {"kind": "mouth", "clip": given, "box": _rounded(box, 2)}},
        # Sound and first frame of the clip itself: no second copy of them.
        _record(source, "picture", source.prompt["transcript"], given)
        | {"image": given, "audio": given, "edit": {"kind": "picture"}},
        _record(source, "sound", source.prompt["transcript"], given) | {"edit": {"kind": "sound", "clip": given}},
    ]


def write_edits(out: Path, count: int = SOURCES) -> None:
    """Writes the suite's folder: `prompts.jsonl` in the order of kinds, `suite.toml`, `clips`, `truth`.

    A mouth gets the sound of the clip before it, that of the first clip the sound of the second.
    """
    found, there = [], list(sources(count))
    for source, other in zip(there, [there[1], *there], strict=False):
        speech, mouth, picture, sound = prompts_of(source, other)
        clips = (
            (sound["reference"], source.clip),
            (speech["reference"], source.respoken),
            (mouth["reference"], make_dubbed(source.key, other.key)),
        )
        for path, clip in clips:
            write_clip(out / path, clip.frames, clip.audio)
        found.append((speech, mouth, picture, sound))
    with atomic_path(out / "prompts.jsonl") as unfinished:
        unfinished.write_text(
            "".join(json.dumps(prompt) + "\n" for kind in zip(*found, strict=True) for prompt in kind)
        )
    with atomic_path(out / "suite.toml") as unfinished:
        unfinished.write_text(_INFO)


def _record(source: Source, kind: str, transcript: str, reference: str, heard: Source | None = None) -> dict[str, Any]:
    """Returns the record of a source's prompt, changed for one edit, whose sound may be that of another."""
    heard = heard or source
    voice = {name: heard.prompt["tags"][name] for name in ("voice", "pitch", "speed")}
    return source.prompt | {
        "audio_caption": heard.prompt["audio_caption"],
        "id": f"{kind}-{source.index:05d}",
        "transcript": transcript,
        "reference": reference,
        "tags": source.prompt["tags"] | voice | {"edit": kind},
    }


def _respoken(
    index: int, clip: TalkingHead, tags: dict[str, str], transcript: str, count: int
) -> tuple[tuple[int, int], str, TalkingHead] | None:
    """Draws a sentence of the split with `count` new words side by side whose length fits into the place of the old."""
    for first, said in _other_sentences(index, transcript, count):
        old_s = _length_s(clip, first, count)
        try:
            respoken = make_respoken(tags, transcript, seed_of(_SPLIT, index), said)
        except ValueError:  # Too long for the clip.
            continue
        if abs(_length_s(respoken, first, count) - old_s) <= _TOLERANCE * old_s:
            return (first, count), said, respoken
    return None


def _other_sentences(index: int, transcript: str, count: int) -> list[tuple[int, str]]:
    """Lists (first new word, sentence) of all sentences of the split with `count` new words, in a drawn order."""
    words = transcript.split()
    slots = [next(slot for slot in vocab.SLOTS.values() if word in slot) for word in words]
    found: list[tuple[int, str]] = []
    for first in range(len(words) - count + 1):
        replaced: list[list[str]] = [[]]
        for place in range(first, first + count):
            replaced = [[*new, word] for new in replaced for word in slots[place] if word != words[place]]
        sentences = (" ".join([*words[:first], *new, *words[first + count :]]) for new in replaced)
        found += [(first, sentence) for sentence in sentences if split_of(sentence) == _SPLIT]
    return [found[place] for place in rng_for("edit", "speech", index).permutation(len(found))]


def _length_s(clip: TalkingHead, first: int, count: int) -> float:
    return float(clip.word_times[first + count - 1, 1] - clip.word_times[first, 0])


def _rounded(values: list[float], digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def main() -> int:
    """Parses the command line and makes the suite; returns the exit code."""
    if missing := missing_packages():
        print(f"jova.data.edits: {missing}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        prog="python -m jova.data.edits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the suite")
    try:
        write_edits(parser.parse_args().out)
    except OSError as error:
        print(f"jova.data.edits: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
