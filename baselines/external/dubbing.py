"""Notes on the source video of models that dub: what of it is used, and whether it shows the answer."""

from __future__ import annotations

from jova_baselines.external.inputs import DrivingAudio, SourceVideo


def used(film: SourceVideo, sound: DrivingAudio) -> str:
    """Returns a note on the part of the source video that is used, where it is played to and fro if it is too short."""
    left = film.seconds - sound.seconds
    if left > 0.04:
        return f"the last {left:.2f} s of the film are left out"
    return f"the film of {film.seconds:.2f} s runs to and fro" if left < -0.04 else ""


def shown(film: SourceVideo, sound: DrivingAudio) -> str:
    """Returns a note if the input shows the answer: the model sees the whole face, mouth included."""
    same = film.origin == sound.origin == "reference"
    return "the film already moves its mouth to this sound" if same else ""
