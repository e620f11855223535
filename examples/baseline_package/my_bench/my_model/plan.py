"""Plans my model: the arguments of its worker, and the clip that will come of them."""

from jova_baselines.external.inputs import DURATION_S, ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job for a prompt. Raises BenchError for a prompt that the model cannot do."""
    words = text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words)
    frames, steps = manifest.limits.frames.nearest(DURATION_S, manifest.fps), int(options["steps"])
    return Job(
        arguments={"words": words, "frames": frames, "steps": steps},
        frames=frames,
        fps=manifest.fps,
        height=64,
        width=64,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        function_evals=steps,
    )
