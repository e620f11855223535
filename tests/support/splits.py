"""A split of a corpus as a training finds it, made of noise."""

import json

import numpy as np
import torch
from safetensors.torch import save_file

from jova.codecs.audio import AudioCodec
from jova.codecs.base import WEIGHTS
from jova.codecs.video import VideoCodec
from jova.config import PRESETS
from jova.data.folder import FORMAT
from jova.data.vocabulary import CORPUS, words
from jova.parts import FILES
from jova.training.latents import encoder_digest
from jova_bench.suites.loading import load_suite


def made_split(folder, split, count):
    """A finished split of a corpus without clips, and its latents as the shipped codecs would have made them: noise."""
    codecs = (VideoCodec.load(WEIGHTS / FILES[1]), AudioCodec.load(WEIGHTS / FILES[2]))
    config = PRESETS["ablation"](tuple(words()))
    asked = load_suite("embedded").prompts
    generator = torch.Generator().manual_seed(count)
    root = folder / "corpus" / split
    (root / "tracks").mkdir(parents=True)
    prompts = [asked[i].model_dump() | {"id": f"{split}-{i:05d}"} for i in range(count)]
    (root / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    (root / "dataset.json").write_text(json.dumps({"format": FORMAT, "corpus": CORPUS, "split": split, "count": count}))
    for prompt in prompts:
        np.savez(root / "tracks" / f"{prompt['id']}.npz", phoneme_times=np.array([[0.2, 0.4], [0.4, 2.5]]))
    latents = {
        "video": torch.randn(count, *config.video_shape, generator=generator).half(),
        "audio": torch.randn(count, *config.audio_shape, generator=generator).half(),
        "boxes": torch.tensor([20.0, 36.0, 44.0, 52.0]).expand(count, config.timeline.frames, 4).contiguous(),
    }
    made_by = {"codecs": encoder_digest(*codecs), "ids": json.dumps([prompt["id"] for prompt in prompts])}
    (folder / "latents" / split).mkdir(parents=True)
    save_file(latents, folder / "latents" / split / f"{prompts[0]['id']}.safetensors", metadata=made_by)
