"""Synchformer: by how many seconds the sound of a clip is off, as one of 21 classes (arXiv 2401.16423).

Our own reading of the paper and of v-iashin/Synchformer @ b66668a (model/), with the names and shapes of
synchformer_state_dict.pth (hkchengrex/MMAudio, release v0.1). Segments of 0.64 s are encoded each by itself
(`video_encoder`, `audio_encoder`); a small transformer (`head`) compares 14 of them at once. Widths and depths are read
from the checkpoint; the numbers of attention heads are not in it.

Letters: B clips, S segments, D width, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.networks.synchformer.audio_encoder import AudioEncoder
from jova_bench.metrics.networks.synchformer.head import Head
from jova_bench.metrics.networks.synchformer.video_encoder import VideoEncoder

UNUSED = "vfeat_extractor.patch_embed."
"""A patch embedding of single frames: in the checkpoint, but never run."""


class Synchformer(nn.Module):
    """The encoders of video and audio, and the transformer that compares them."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Builds layers of the sizes of a checkpoint; its weights are loaded afterwards."""
        super().__init__()
        self.vfeat_extractor = VideoEncoder(checkpoint.part(state, "vfeat_extractor."))
        self.afeat_extractor = AudioEncoder(checkpoint.part(state, "afeat_extractor."))
        (wide, of_video), (_, of_audio) = state["vproj.weight"].shape, state["aproj.weight"].shape
        self.vproj, self.aproj = nn.Linear(of_video, wide), nn.Linear(of_audio, wide)
        self.transformer = Head(checkpoint.part(state, "transformer."))

    def encode_video(self, frames: Tensor) -> Tensor:
        """Maps (S, 3, 16, 224, 224) RGB in [-1, 1] to (S, 8, D)."""
        return self.vfeat_extractor(frames)

    def encode_audio(self, mel: Tensor) -> Tensor:
        """Maps (S, 128, 66) normalised log-mel to (S, 6, D)."""
        return self.afeat_extractor(mel)

    def compare(self, video: Tensor, audio: Tensor) -> Tensor:
        """Maps (B, S, 8, D) of video and (B, S, 6, D) of audio to (B, C) logits."""
        return self.transformer(self.vproj(video).flatten(1, 2), self.aproj(audio).flatten(1, 2))


def load(path: Path, device: str) -> Synchformer:
    """Loads a checkpoint. Raises Unavailable when it is not one of Synchformer."""
    state = {name: value for name, value in checkpoint.tensors(path).items() if not name.startswith(UNUSED)}
    try:
        net = Synchformer(state)
    except KeyError as missing:
        raise Unavailable(f"weights unreadable: expected {missing} in {path}") from missing
    checkpoint.load_weights(net, state, path)
    return net.to(device)
