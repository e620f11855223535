"""Plans Pocket TTS. The length of the speech is unknown before it is generated."""

from __future__ import annotations

from fractions import Fraction

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

LANGUAGE = "en"
VOICES = (
    "alba", "anna", "azelma", "bill_boerst", "caro_davy", "charles", "cosette", "eponine", "estelle", "eve", "fantine",
    "george", "giovanni", "jane", "javert", "jean", "juergen", "lola", "marius", "mary", "michael", "paul",
    "peter_yearsley", "rafael", "stuart_bell", "vera",
)  # fmt: skip
"""pocket_tts/utils/utils.py @9514983."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of Pocket TTS. Raises BenchError if the transcript or an option is not supported."""
    voice, steps = str(options["voice"]), int(options["decode_steps"])
    if voice not in VOICES:
        raise BenchError(f"expected a voice of Pocket TTS, got {shown(voice)}; {suggest(voice, VOICES)}")
    if steps < 1:
        raise BenchError(f"expected at least 1 decode step, got {steps}")
    if inputs.prompt.language.partition("-")[0].lower() != LANGUAGE:
        raise BenchError(
            f"expected a transcript in English, got {shown(inputs.prompt.language)}; these weights speak no other"
        )
    return Job(
        arguments={"words": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words)},
        frames=0,
        fps=Fraction(0),
        height=0,
        width=0,
        sample_rate_hz=manifest.produces.sample_rate_hz,
    )
