"""SenseVoice and its voice detector with random weights, as FunASR reads them: two folders, as published.

FunASR itself says which names and shapes the configured networks have, and SentencePiece makes the vocabulary, so this
needs both; they are no part of the project's own environment.
"""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from support.upstream import fake_state

SENSEVOICE, DETECTOR = "sensevoice-small", "fsmn-vad"
MELS = 80
COMMON = {"fs": 16_000, "window": "hamming", "n_mels": MELS, "frame_length": 25, "frame_shift": 10, "cmvn_file": None}
RECOGNISER = {
    "model": "SenseVoiceSmall",
    "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
    "encoder": "SenseVoiceEncoderSmall",
    "encoder_conf": {
        "output_size": 16, "attention_heads": 2, "linear_units": 16, "num_blocks": 2, "tp_blocks": 1,
        "input_layer": "pe", "pos_enc_class": "SinusoidalPositionEncoder", "normalize_before": True, "kernel_size": 11,
        "sanm_shfit": 0, "selfattention_layer_type": "sanm",
    },
    "tokenizer": "SentencepiecesTokenizer",
    "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
    "frontend": "WavFrontend",
    "frontend_conf": COMMON | {"lfr_m": 7, "lfr_n": 6},
}  # fmt: skip
VOICES = {
    "model": "FsmnVADStreaming",
    "model_conf": {},
    "encoder": "FSMN",
    "encoder_conf": {
        "input_dim": 5 * MELS, "input_affine_dim": 8, "fsmn_layers": 2, "linear_dim": 8, "proj_dim": 8, "lorder": 20,
        "rorder": 0, "lstride": 1, "rstride": 0, "output_affine_dim": 8, "output_dim": 8,
    },
    "frontend": "WavFrontendOnline",
    "frontend_conf": COMMON | {"dither": 0.0, "lfr_m": 5, "lfr_n": 1},
}  # fmt: skip
WORDS = "the quick brown fox jumps over the lazy dog while five boxing wizards pack my liquor jugs"


def missing() -> bool:
    """Whether these files can be made, and read, here."""
    return not all(map(find_spec, ("funasr", "sentencepiece", "kaldi_native_fbank", "librosa")))


def write(folder: Path, named: Mapping[str, str]) -> dict[str, Path]:
    """Writes the files.

    Args:
        folder: where.
        named: path in it for each asset, as published.
    """
    import sentencepiece
    import yaml

    files = {name: folder / path for name, path in named.items()}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
    bpe = files[f"{SENSEVOICE}-bpe"]
    with bpe.open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(WORDS.split()), model_writer=model, vocab_size=60, model_type="bpe", minloglevel=2
        )
    for name, config, merged in ((SENSEVOICE, RECOGNISER, 7), (DETECTOR, VOICES, 5)):
        paths = {"init_param": files[name].name, "config": files[f"{name}-config"].name}
        paths["frontend_conf"] = {"cmvn_file": files[f"{name}-mvn"].name}
        if name == SENSEVOICE:
            paths["tokenizer_conf"] = {"bpemodel": bpe.name}
        files[f"{name}-config"].write_text(yaml.safe_dump(config))
        files[f"{name}-configuration"].write_text(json.dumps({"model": {"type": "funasr"}, "file_path_metas": paths}))
        files[f"{name}-mvn"].write_text(_normalisation(merged * MELS))
        torch.save(fake_state(_shapes(files[name].parent, config)), files[name])
    return files


def _normalisation(size: int) -> str:
    """Means and deviations of the features, in Kaldi's text format."""
    shift, scale = (" ".join(f"{value:.6f}" for value in values) for values in (np.full(size, -10), np.full(size, 0.2)))
    rows = "".join(
        f"<{name}> {size} {size}\n<LearnRateCoef> 0 [ {values} ]\n"
        for name, values in (("AddShift", shift), ("Rescale", scale))
    )
    return f"<Nnet>\n<Splice> {size} {size}\n[ 0 ]\n{rows}</Nnet>\n"


def _shapes(folder: Path, config: Mapping[str, object]) -> dict[str, tuple[int, ...]]:
    """What the checkpoint of a configuration holds."""
    from funasr import AutoModel

    conf = dict(config)
    (vocabulary,) = folder.glob("*.bpe.model") if "tokenizer" in conf else (None,)
    if vocabulary:
        conf["tokenizer_conf"] = {**conf["tokenizer_conf"], "bpemodel": str(vocabulary)}
    net, _ = AutoModel.build_model(**conf, device="cpu", ncpu=torch.get_num_threads())
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}
