"""Clips of people who speak, in which OpenCV finds the face, and a suite that asks for them."""

import json
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.suites.loading import load_suite

SEEN = ("test-00001", "test-00003", "test-00006", "test-00008")
"""Drawn faces of the shipped suite that its cascade finds in every frame, four times as large."""
LONG, PLAIN, BRIEF, FEW = "long", "plain", "brief", 0.28
"""Three prompts: 8.76 s, as much as any bench wants; 2.92 s; and `FEW` seconds, 7 frames, for what looks at each at
length."""
MOVING = "moving"
"""A prompt of three frames, 256 x 128 at 12 fps: no less has motion, and its networks take one frame for seconds."""
DIALOGUE = "dialogue"
"""A prompt of two people."""
MANY, SHORT_S = 10, 1.48
"""Prompts of short clips, for distances of sets."""
INFO = """
name = "talking"
description = "Drawn people who speak"
profile = "standard"
reference_set = "real"
licence = "CC0-1.0"
"""


def write_suite(folder: Path) -> Path:
    """Writes `prompts.jsonl`, the prompts' own clips and image, a reference set, and in `made` what is to be scored.

    Returns:
        The prompts.
    """
    shipped = load_suite("embedded")
    known = {prompt.id: prompt for prompt in shipped.prompts}

    def talk(prompt_id: str) -> Clip:
        return media.read(shipped.path(str(known[prompt_id].reference)))

    first, second, *_ = map(talk, SEEN)
    _write(folder / "made" / "long" / f"{LONG}.mp4", first, enlarged=4, times=3)
    _write(folder / "own" / f"{LONG}.mp4", second, enlarged=4, times=3)
    _write(folder / "made" / "plain" / f"{PLAIN}.mp4", first, enlarged=4)
    _write(folder / "own" / f"{PLAIN}.mp4", second, enlarged=4)
    _write(folder / "made" / "moving" / f"{MOVING}.mp4", _mouth(first), enlarged=4)
    _write(folder / "made" / "dialogue" / f"{DIALOGUE}.mp4", first, times=2)
    _write(folder / "made" / "brief" / f"{BRIEF}.mp4", first, enlarged=4, seconds=FEW)
    _write(folder / "own" / f"{BRIEF}.mp4", second, enlarged=4, seconds=FEW)
    names = [f"short-{k}" for k in range(MANY)]
    talks = map(talk, sorted(known))
    for name in names:
        for place in ("made/short", "own", "real"):
            _write(folder / place / f"{name}.mp4", next(talks), seconds=SHORT_S)
    cv2.imwrite(str(folder / "face.png"), _enlarged(first.frames[:1], 4)[0, ..., ::-1])
    said = {"video_caption": "a face", "audio_caption": "a voice", "transcript": known[SEEN[0]].transcript}
    prompts = []
    for name in (LONG, PLAIN, BRIEF, *names):
        own = f"own/{name}.mp4"
        edit = {"kind": "speech", "clip": own, "span_s": [0.3, 0.6], "words": [1, 1]}
        prompts.append(said | {"id": name, "image": "face.png", "voice": own, "reference": own, "edit": edit})
    first_word, others = said["transcript"].split(maxsplit=1)
    speakers = [{"id": "a", "text": others}, {"id": "b", "text": first_word}]
    prompts += [said | {"id": DIALOGUE, "speakers": speakers}, said | {"id": MOVING}]
    (folder / "suite.toml").write_text(INFO)
    (folder / "prompts.jsonl").write_text("".join(f"{json.dumps(prompt)}\n" for prompt in prompts))
    return folder / "prompts.jsonl"


def _mouth(clip: Clip) -> Clip:
    """Three frames of the lower half, 1/12 s apart."""
    return replace(clip, frames=clip.frames[:6:2, clip.frames.shape[1] // 2 :], fps=Fraction(12))


def _write(path: Path, clip: Clip, enlarged: int = 1, times: int = 1, seconds: float | None = None) -> None:
    """A clip with larger pixels, repeated or cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames, audio = np.tile(clip.frames, (times, 1, 1, 1)), np.tile(clip.audio, times)
    if seconds is not None:
        frames, audio = frames[: round(clip.fps * seconds)], audio[:, : round(clip.sample_rate_hz * seconds)]
    media.write(path, _enlarged(frames, enlarged), clip.fps, audio, clip.sample_rate_hz)


def _enlarged(frames: Iterable[np.ndarray], by: int) -> np.ndarray:
    return np.asarray(frames).repeat(by, axis=1).repeat(by, axis=2)
