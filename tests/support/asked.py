"""What models are asked for: prompts, suites of them, and the plan of a baseline for one."""

from fractions import Fraction
from importlib import import_module

from jova_baselines.external.inputs import DrivingAudio, ModelInput, ReferenceImage, SourceVideo
from jova_baselines.external.manifest import load, package
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite

TEXTS = ("video_caption", "audio_caption", "transcript", "language")


def prompt(transcript="hello", **fields):
    """A prompt of which only some fields matter."""
    plain = {"id": "p", "video_caption": "a face", "audio_caption": "a voice"}
    return Prompt(transcript=transcript, **plain | fields)


def prompts(*captions, **fields):
    """Prompts p0, p1, ... of pictures with these captions."""
    return tuple(prompt(id=f"p{k}", video_caption=caption, **fields) for k, caption in enumerate(captions))


def suite_of(*prompts, folder=None):
    """A suite whose digest depends on its prompts and whose files are in a folder."""
    digest = "".join(one.model_dump_json() for one in prompts)
    return Suite("asked", prompts, folder, digest, None, None)


def film(frames=121, fps=24, size=(96, 128), origin="reference"):
    """A source video, (height, width) in size, of which only the description is used."""
    return SourceVideo(None, frames, Fraction(fps), *size, origin)


def planned(name, seconds=None, *, image=None, video=None, origin="prompt", **changes):
    """The job of a baseline for one prompt.

    Args:
        name: of the baseline.
        seconds: of driving sound, or None for none.
        image: (height, width), or None for none.
        video: a `film`, or None.
        origin: of the driving sound.
        changes: of the prompt's texts and of the options.
    """
    manifest = load(name)
    texts = {key: changes.pop(key) for key in TEXTS if key in changes}
    inputs = ModelInput(
        prompt(**texts),
        None if image is None else ReferenceImage(None, *image, "prompt"),
        None if seconds is None else DrivingAudio(None, seconds, 48_000, origin),
        video,
    )
    plan = import_module(f"jova_baselines.{package(name).name}.plan").plan
    return plan(inputs, manifest, {**manifest.options, **changes})
