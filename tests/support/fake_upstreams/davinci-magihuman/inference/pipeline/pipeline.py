"""Stands for GAIR-NLP/daVinci-MagiHuman: the signatures of its pipeline, its lengths and sizes, no network."""

import os
from pathlib import Path

import acts
from inference.common import parse_config
from inference.model.dit import get_dit

from .video_generate import MagiEvaluator


class MagiPipeline:
    def __init__(self, model, evaluation_config, device="cuda"):
        self.evaluation_config = evaluation_config
        config, upscaler = parse_config(), None
        if evaluation_config.use_sr_model:
            config.engine_config.load = evaluation_config.sr_model_path
            upscaler = get_dit("arch", config.engine_config)
        for part in ("audio_model_path", "txt_model_path", "vae_model_path"):
            assert next(Path(getattr(evaluation_config, part)).glob("*"), None), part
        for part in ("student_config_path", "student_ckpt_path"):
            assert Path(getattr(evaluation_config, part)).is_file(), part
        told = {name: os.environ.get(name) for name in ("CPU_OFFLOAD", "SR2_1080")}
        passes = [evaluation_config.cfg_number, evaluation_config.sr_cfg_number]
        acts.note("load", model=model, upscaler=upscaler, passes=passes, **told)
        self.evaluator = MagiEvaluator(model, upscaler, evaluation_config, device)
