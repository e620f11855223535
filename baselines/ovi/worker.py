"""Runs Ovi in its own environment, through the engine that its inference.py drives (@5b69b25)."""

from __future__ import annotations

import logging


class LastError(logging.Handler):
    """Stores the last line of the last logged error: the upstream logs exceptions and returns nothing."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.line = "no reason was logged"

    def emit(self, record):
        """Handles one log record."""
        self.line = record.getMessage().strip().rpartition("\n")[2] or self.line


def load(weights, device, options):
    """Loads the engine. The upstream reads its configuration at import, by a path relative to the checkout."""
    from omegaconf import OmegaConf
    from ovi.ovi_fusion_engine import OviFusionEngine

    config = OmegaConf.create(
        {
            "ckpt_dir": weights,
            "model_name": options["variant"],
            "cpu_offload": options["cpu_offload"],
            "qint8": options["qint8"],
        }
    )
    # The one GPU that this process sees is number 0 to upstream.
    return OviFusionEngine(config=config, device=0 if device.startswith("cuda") else device)


def generate(
    engine,
    seed,
    folder,
    prompt,
    size,
    steps,
    solver,
    shift,
    video_guidance,
    audio_guidance,
    slg_layer,
    video_negative_prompt,
    audio_negative_prompt,
    image,
):
    """Generates one sample: frames (T, H, W, 3) and mono audio."""
    error = LastError()
    logging.getLogger().addHandler(error)
    try:
        made = engine.generate(
            text_prompt=prompt,
            image_path=image,
            video_frame_height_width=size,
            seed=seed,
            solver_name=solver,
            sample_steps=steps,
            shift=shift,
            video_guidance_scale=video_guidance,
            audio_guidance_scale=audio_guidance,
            slg_layer=slg_layer,
            video_negative_prompt=video_negative_prompt,
            audio_negative_prompt=audio_negative_prompt,
        )
    finally:
        logging.getLogger().removeHandler(error)
    if made is None:
        # In upstream's words, so that a lack of memory is known for what it is.
        raise RuntimeError(f"Ovi gave nothing: {error.line}")
    video, audio, _ = made  # (3, T, H, W) in [-1, 1]; (N,)
    return {"frames": video.transpose(1, 2, 3, 0), "fps": 24, "audio": audio, "rate_hz": 16000}
