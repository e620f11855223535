"""Asks the shipped model for silence in every span of the suite of edits, and measures how much quieter each became.

    OMP_NUM_THREADS=1 python benchmarks/silences.py > results/silences.md

The level is the energy of the span that was asked for, in the sound that is returned against that which was given.
"""

from __future__ import annotations

import re

import numpy as np

from jova.codecs.base import WEIGHTS
from jova.editing import ClipEdit, edit, respeak
from jova.pipeline import JovaPipeline
from jova_baselines.jova import parts
from jova_baselines.jova_edit import bracketed
from jova_baselines.unedited import given_picture, given_sound
from jova_bench.arrays import Audio
from jova_bench.suites.loading import load_suite

BATCH = 8
FLOOR = 1e-12
"""Energy of digital silence, full scale being 1."""


def main() -> None:
    suite, pipeline = load_suite("embedded-edits"), JovaPipeline.from_pretrained(WEIGHTS)
    ids, edits = [], []
    for prompt in suite.prompts:
        if prompt.edit is None or prompt.edit.span_s is None:
            continue
        picture, sound = given_picture(prompt, suite).frames, given_sound(prompt, suite).audio
        assert picture is not None
        assert sound is not None
        text = parts(prompt)._replace(transcript=re.sub(r"\[.*?\]", "[]", bracketed(prompt)))
        ids.append(prompt.id)
        edits.append(respeak(picture, sound[0], text, *prompt.edit.span_s))
    rate_hz = pipeline.config.timeline.sample_rate_hz
    rows: list[tuple[str, str, float, float, float]] = []
    for start in range(0, len(edits), BATCH):
        batch = edits[start : start + BATCH]
        for one, audio in zip(batch, edit(pipeline, batch, [0] * len(batch)).audio, strict=True):
            assert one.audio is not None
            before, after = (level_db(one, sound, rate_hz) for sound in (one.audio, audio))
            name = ids[len(rows)]
            rows.append((name, f"{one.span_s[0]:.2f} to {one.span_s[1]:.2f}", before, after, after - before))
    changes = np.array([row[-1] for row in rows])
    print("# Spans asked to be silent\n")
    print(f"Edits of `embedded-edits`, seed 0, by `python benchmarks/silences.py`. Of {len(rows)} spans, ", end="")
    print(f"{(changes <= -10).sum()} are quieter by 10 dB or more, {(changes > -2).sum()} by less than 2 dB.\n")
    print("| edit | span, s | before, dB | after, dB | change, dB |\n|---|---|---|---|---|")
    for name, span, *levels in rows:
        print(f"| {name} | {span} | {' | '.join(f'{level:.1f}' for level in levels)} |")


def level_db(one: ClipEdit, audio: Audio, rate_hz: int) -> float:
    """Returns the level of the span of an edit, in dB of full scale."""
    first, last = (round(rate_hz * end) for end in one.span_s)
    return float(10 * np.log10(np.mean(np.square(audio[first:last], dtype=np.float64)) + FLOOR))


if __name__ == "__main__":
    main()
