"""Runs Pocket TTS in its own environment, through its class TTSModel (@9514983)."""

from __future__ import annotations

import logging


class Errors(logging.Handler):
    """Stores logged errors: the upstream generates in a thread, whose failure looks like the end of the speech."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        """Handles one log record."""
        self.lines.append(record.getMessage())


def load(weights, device, options):
    """Loads the model and its voice, on the CPU. It finds its files by name, in a cache of their own."""
    from pocket_tts import TTSModel

    model = TTSModel.load_model(
        language="english",
        temp=options["temperature"],
        lsd_decode_steps=options["decode_steps"],
        eos_threshold=options["eos_threshold"],
    )
    return model, model.get_state_for_audio_prompt(options["voice"])


def generate(model, seed, folder, words):
    """Generates one sample: mono audio. Its noise comes from the global random generator."""
    speaker, voice = model
    errors = Errors()
    logging.getLogger("pocket_tts").addHandler(errors)
    try:
        made = speaker.generate_audio(voice, words)
    finally:
        logging.getLogger("pocket_tts").removeHandler(errors)
    if errors.lines:
        raise RuntimeError(f"Pocket TTS broke off: {errors.lines[-1]}")
    return {"audio": made, "rate_hz": speaker.sample_rate}  # (N,)
