"""Runs FantasyTalking in its own environment, through the two functions of its infer.py (@8c2d0c9)."""

from __future__ import annotations

from argparse import Namespace


class Kept:
    """The pipeline, with the frames of its last call.

    Upstream's `main` writes them into a file named by the second, encodes that again beside the sound, and gives the
    name: two lossy steps, and one name for samples of one second.
    """

    def __init__(self, pipe):
        self.pipe, self.frames = pipe, None

    def __call__(self, *arguments, **named):
        """Runs the pipeline and keeps its frames."""
        self.frames = self.pipe(*arguments, **named)
        return self.frames


def load(weights, device, options):
    """Loads the pipeline, the audio networks, and the other inputs of `main`."""
    from infer import load_models

    persistent = options["persistent_parameters"]
    pipe, *others = load_models(
        Namespace(
            wan_model_dir=f"{weights}/Wan2.1-I2V-14B-720P",
            fantasytalking_model_path=f"{weights}/fantasytalking_model.ckpt",
            wav2vec_model_dir=f"{weights}/wav2vec2-base-960h",
            num_persistent_param_in_dit=None if persistent < 0 else persistent,
        )
    )
    return Kept(pipe), others


def generate(
    model,
    seed,
    folder,
    prompt,
    fps,
    max_frames,
    frames,
    image_size,
    audio_scale,
    prompt_guidance,
    audio_guidance,
    image,
    audio,
):
    """Generates one sample: frames (T, H, W, 3), no longer than the audio."""
    import numpy as np
    from infer import main

    pipe, (fantasytalking, processor, wav2vec) = model
    pipe.frames = None
    arguments = Namespace(
        image_path=image,
        audio_path=audio,
        prompt=prompt,
        output_dir=folder,
        image_size=image_size,
        audio_scale=audio_scale,
        prompt_cfg_scale=prompt_guidance,
        audio_cfg_scale=audio_guidance,
        max_num_frames=max_frames,
        fps=fps,
        seed=seed,
    )
    main(arguments, pipe, fantasytalking, processor, wav2vec)
    if not pipe.frames:
        raise RuntimeError("FantasyTalking's pipeline made no frames")
    return {"frames": np.stack([np.asarray(one) for one in pipe.frames[:frames]]), "fps": fps}
