"""Lists the packages that the harness uses, and what this machine has."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from jova_bench.assets.table import AssetTable

PACKAGES = (
    ("torch", "everything", "torch"),
    ("av", "reading and writing clips", "av"),
    ("httpx2", "downloads, models and judges behind servers", "httpx2"),
    ("torchmetrics", "metrics in training loops", "torchmetrics"),
    ("pystoi", "stoi", "pystoi"),
    ("jiwer", "wer, cer", "jiwer"),
    ("whisper-normalizer", "wer, cer", "whisper-normalizer"),
    ("num2words", "wer, cer (standard)", "num2words"),
    ("indic-numtowords", "wer, cer (standard)", "indic-numtowords"),
    ("pocketsphinx", "wer, cer (embedded)", "pocketsphinx"),
    ("speechmos", "dnsmos", "speechmos onnxruntime"),
    ("onnxruntime", "dnsmos", "onnxruntime"),
    ("pesq", "pesq (built with a C compiler)", "pesq"),
    ("transformers", "wer, cer, clap_score, fd_clap, ce, cu, pc, pq (standard)", "transformers"),
    ("openai-whisper", "wer, cer (standard) where transformers is not", "openai-whisper"),
    ("diffusers", "the models ltx-2, kandinsky-6, wan2.2-ti2v and diffusers:...", "'jova-bench[diffusers]'"),
    ("ray", "--executor ray", "'jova-bench[ray]'"),
    ("mlflow-skinny", "--track mlflow", "'jova-bench[mlflow]'"),
    ("wandb", "--track wandb", "'jova-bench[wandb]'"),
    ("tensorboard", "--track tensorboard", "'jova-bench[tensorboard]'"),
    ("jinja2", "report --html", "'jova-bench[report]'"),
    ("plotly", "report --html", "'jova-bench[report]'"),
    ("pyyaml", "report --hub", "'jova-bench[report]'"),
    ("ai-edge-litert", "data prepare, mouth_audio_corr, lse_c@mediapipe", "'jova-bench[face-mediapipe]'"),
    ("scenedetect-headless", "data prepare", "'jova-bench[data]'"),
    ("silero-vad", "data prepare, mouth_audio_corr", "'jova-bench[face-mediapipe]'"),
    ("espeakng-loader", "generating the corpus", "espeakng-loader"),
    ("opencv-python-headless", "generating the corpus", "opencv-python-headless"),
)
"""Distribution, its purpose, and the argument of `pip install`."""


def packages() -> list[dict[str, Any]]:
    """Lists packages by name: the version here, or the pip line that installs it."""
    found: list[dict[str, Any]] = []
    for name, purpose, install in PACKAGES:
        try:
            here: str | None = version(name)
        except PackageNotFoundError:
            here = None
        found.append({"name": name, "version": here, "for": purpose, "install": f"pip install {install}"})
    return found


def machine(assets: AssetTable) -> dict[str, Any]:
    """Describes Python, devices and the folder of weights; `packages` has the version of torch."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "python": platform.python_version(),
        "devices": ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(count))],
        "weights": str(assets.folder),
    }
