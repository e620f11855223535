"""Plans any pipeline: its own defaults, five seconds at its own frame rate."""

from __future__ import annotations

from fractions import Fraction

from jova_baselines.any_pipeline.recipe import FRAME_RATES, MOST_FRAMES, SIZE, STEP
from jova_baselines.external.home import fetch_command, missing_weights
from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Frames, Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError

NOT_ARGUMENTS = (STEP, "offload")


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of the pipeline for a prompt.

    Raises:
        BenchError: a number that it needs is not stated, or its weights, which state them, are not here.
    """
    if not options:
        lacks = (
            f"its weights are here: {fetch_command(manifest)}"
            if missing_weights(manifest)
            else "diffusers is installed"
        )
        raise BenchError(f"what it makes is known once {lacks}")
    needed = {name: int(options[name]) for name in (*SIZE, STEP)}
    missing = [name for name, number in needed.items() if number == 0]
    if missing:
        raise BenchError(f"{manifest.name} does not state {' and '.join(missing)}: write them into its options.toml")
    below = [f"{name} = {number}" for name, number in needed.items() if number < 0]
    if below:
        raise BenchError(f"{manifest.name}: expected numbers above 0 in its options.toml, got {' and '.join(below)}")
    rate = next(name for name in FRAME_RATES if name in options)
    fps, step = Fraction(str(options[rate])), int(options[STEP])
    if fps <= 0:
        raise BenchError(f"{manifest.name}: expected a {rate} above 0, got {options[rate]}")
    grid = Frames(step=step, offset=1, least=step + 1, most=step * MOST_FRAMES + 1)
    frames = grid.nearest(inputs.seconds, fps)
    height, width = (int(options[side]) for side in SIZE)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt),
            "num_frames": frames,
            **{key: value for key, value in options.items() if key not in NOT_ARGUMENTS},
        },
        frames=frames,
        fps=fps,
        height=height,
        width=width,
        sample_rate_hz=None,
    )
