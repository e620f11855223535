"""Measures seconds a clip and steps a second of JoVA's sampling, by model, sampler and number of steps.

    OMP_NUM_THREADS=1 python benchmarks/sampling_speed.py > results/sampling-speed.md

Processor seconds, one thread, one clip at a time. `tiny` is the shipped model. `small-128` has random weights, states
of 64 random tokens in place of a text encoder, and tiny random codecs of the kinds of Wan and LTX-2: what is measured
of it is its network, whose passes cost the same whatever its weights are. Takes about four minutes of a core.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from jova.codecs.ltx_audio import LTXAudioCodec
from jova.codecs.wan import WanCodec
from jova.pipeline import JovaPipeline
from jova.sampling import Sampling
from jova.sizes import SIZES
from jova.text import Prompt, TextStates
from jova.transformer import Jova
from jova_bench.suites.loading import load_suite

TOKENS, CHANNELS = 64, 64
"""Length of a random text, and channels of its states."""
ROUNDS = {"tiny": 3, "small-128": 1}
FIRST = load_suite("embedded").prompts[0]
PROMPT = Prompt(FIRST.video_caption, FIRST.audio_caption, FIRST.transcript)
RUNS: dict[str, list[Sampling]] = {
    "tiny": [
        Sampling(sampler="euler", steps=8),
        Sampling(sampler="euler", steps=25),
        Sampling(sampler="euler", steps=50),
        Sampling(sampler="heun", steps=25),
        Sampling(sampler="unipc", steps=25),
        Sampling(sampler="euler", steps=25, guidance=1.0),
        Sampling(sampler="euler", steps=25, guided_until=1.0),
        Sampling(sampler="euler", steps=25, precision="bfloat16"),
    ],
    "small-128": [
        Sampling(sampler="euler", steps=8),
        Sampling(sampler="heun", steps=8),
        Sampling(sampler="unipc", steps=8),
        Sampling(sampler="euler", steps=25),
    ],
}


class RandomText:
    """Stands for a text encoder: every prompt is the same random states."""

    channels = (CHANNELS,)

    def check(self, prompt: Prompt) -> None:
        """Takes any prompt."""

    def to(self, device: str) -> RandomText:
        """Stays where it is."""
        return self

    def __call__(self, prompts: Sequence[Prompt]) -> TextStates:
        """Returns random states."""
        states = torch.randn(TOKENS, CHANNELS, generator=torch.Generator().manual_seed(0))
        return TextStates.of([[states]] * len(prompts), [states[:1]])


def small() -> JovaPipeline:
    """A pipeline of the size `small-128` with tiny codecs, all random."""
    from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLWan
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    torch.manual_seed(0)
    video = WanCodec(AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1).eval())
    sound = AutoencoderKLLTX2Audio(base_channels=16, ch_mult=(1, 1, 1), num_res_blocks=1, latent_channels=1).eval()
    sound.latents_std.fill_(1)
    vocoder = LTX2Vocoder(hidden_channels=32, resnet_kernel_sizes=[3], resnet_dilations=[[1, 3]]).eval()
    audio = LTXAudioCodec(sound, vocoder)
    config = SIZES["small-128"]
    clock = replace(config.timeline, sample_rate_hz=audio.sample_rate_hz, audio=audio.stream)
    model = Jova(replace(config, timeline=clock, text_channels=(CHANNELS,), audio_channels=audio.channels))
    encoder: Any = RandomText()
    return JovaPipeline(model.eval().requires_grad_(False), video, audio, encoder)


@contextmanager
def timed(pipeline: JovaPipeline) -> Iterator[list[float]]:
    """Yields a list, to which each clip adds the processor seconds of its steps alone."""
    spent: list[float] = []
    denoise: Callable[..., Any] = pipeline.denoise

    def watched(*args: Any, **named: Any) -> Any:
        start = time.process_time()
        found = denoise(*args, **named)
        spent.append(time.process_time() - start)
        return found

    vars(pipeline)["denoise"] = watched
    yield spent
    del vars(pipeline)["denoise"]


def row(model: str, pipeline: JovaPipeline, how: Sampling, compiled: bool = False) -> str:
    """Measures one way of sampling, after a clip that does not count; returns a line of the table."""
    whole, evals = [], 0
    pipeline.sample([PROMPT], [0], **(how | Sampling(steps=2)))
    with timed(pipeline) as steps:
        for seed in range(ROUNDS[model]):
            start = time.process_time()
            evals = pipeline.sample([PROMPT], [seed], **how).function_evals
            whole.append(time.process_time() - start)
    clip, denoising = statistics.median(whole), statistics.median(steps)
    others = [f"{name} {value}" for name, value in how.items() if name not in ("sampler", "steps")]
    numbers = (f"{clip:.2f}", f"{how['steps'] / denoising:.2f}", f"{denoising / evals:.3f}", f"{clip - denoising:.2f}")
    what = ", ".join([*others, *(["compiled"] if compiled else [])])
    return f"| {' | '.join([model, how['sampler'], str(how['steps']), what, str(evals), *numbers])} |"


def main() -> None:
    torch.set_num_threads(1)
    print("# Speed of sampling\n")
    print(
        "Processor seconds, one thread, one clip at a time, guidance 3 until t = 0.25 where nothing else is said;\n"
        f"torch {torch.__version__}. Made by `benchmarks/sampling_speed.py`.\n"
    )
    print(
        "| model | sampler | steps | options | passes a clip | s a clip | steps a second | s a pass | s beside steps |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for model, runs in RUNS.items():
        pipeline = JovaPipeline.from_pretrained() if model == "tiny" else small()
        for how in runs:
            print(row(model, pipeline, how), flush=True)
    pipeline = JovaPipeline.from_pretrained()
    pipeline.compile()
    start = time.process_time()
    pipeline.sample([PROMPT], [0], steps=2)
    took = time.process_time() - start
    print(row("tiny", pipeline, Sampling(sampler="euler", steps=25), compiled=True))
    print(f"\nThe first clip of two steps with compiled blocks took {took:.0f} s.")


if __name__ == "__main__":
    main()
