"""Encodes every clip once, stores the latents in shards, and holds them in memory as float16 (68 kB per clip)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from jova.codecs.audio import AudioCodec
from jova.codecs.base import digest_of_tensors
from jova.codecs.video import VideoCodec
from jova.config import JovaConfig, MouthBox
from jova.data.folder import AGAIN as DATA_AGAIN
from jova.data.folder import Item, read_clips
from jova.files import atomic_path
from jova.flow import Batch, Latents
from jova.mouth_loss import boxes_off_mouth, latent_mask
from jova.text import Prompt, TextBatch, WordTokenizer
from jova.training.state import batch_indices, progress

SHARD = 250
"""Number of clips per shard."""


AGAIN = "encode them with python -m jova.train --stage latents"
"""What to do about latents that a training cannot use."""


class Examples(NamedTuple):
    """Encoded clips with their prompts."""

    video: Tensor
    """(n, F, h, w, C) float16."""
    audio: Tensor
    """(n, A, C) float16."""
    mouth: Tensor
    """(n, F, h, w) float16 mouth mask."""
    text: TextBatch

    @property
    def clips(self) -> int:
        """Number of clips."""
        return len(self.video)

    def rows(self, step: int, batch: int, seed: int) -> Tensor:
        """Returns the clips (batch,) of a step, in the order of `batch_indices`."""
        return batch_indices(step, batch, self.clips, seed)

    def split(self, size: int) -> list[Tensor]:
        """Returns all clips in order, in batches of `size`; the last may be smaller."""
        return list(torch.split(torch.arange(self.clips), size))

    def digest(self) -> str:
        """Returns a digest of everything that a training is given."""
        return digest_of_tensors([self.video, self.audio, self.mouth, *self.text.tensors()])

    def batch(self, rows: Tensor) -> Batch:
        """Returns the examples at `rows` (b,), in float32."""
        data = Latents(self.video[rows].float(), self.audio[rows].float())
        return Batch(data, self.text.select(rows), self.mouth[rows].float())


def encode_items(items: Sequence[Item], codecs: Path, out: Path) -> None:
    """Encodes clips to OUT/<first id>.safetensors, a shard at a time; skips shards that hold them by the same codecs.

    Args:
        items: the clips; more may only be appended between calls.
        codecs: folder of video-codec.safetensors and audio-codec.safetensors.
        out: folder of the shards.
    """
    video_codec, audio_codec = load_codecs(codecs)
    made_by = encoder_digest(video_codec, audio_codec)
    out.mkdir(parents=True, exist_ok=True)
    with progress("encoding clips", 0, len(items)) as show:
        for start in range(0, len(items), SHARD):
            shard = items[start : start + SHARD]
            path = out / f"{shard[0].id}.safetensors"
            ids, held = [item.id for item in shard], _metadata(path)
            # One of more clips stays: another training may need them.
            if held.get("codecs") == made_by and _ids(held)[: len(ids)] == ids:
                continue
            rows: dict[str, list[Tensor]] = {"video": [], "audio": [], "boxes": []}
            for index, (frames, audio, boxes) in enumerate(read_clips(shard)):
                rows["video"].append(video_codec.encode(torch.from_numpy(frames)[None])[0].half())
                rows["audio"].append(audio_codec.encode(torch.from_numpy(audio)[None])[0].half())
                rows["boxes"].append(torch.from_numpy(boxes))
                show(start + index + 1, "")
            tensors = {key: torch.stack(value) for key, value in rows.items()}
            with atomic_path(path) as unfinished:
                save_file(tensors, unfinished, {"codecs": made_by, "ids": json.dumps(ids)})


def unencoded(items: Sequence[Item], out: Path) -> list[Item]:
    """Returns the clips of shards that `encode_items` has not written to OUT."""
    shards = [items[start : start + SHARD] for start in range(0, len(items), SHARD)]
    return [item for shard in shards if not (out / f"{shard[0].id}.safetensors").is_file() for item in shard]


def encoder_digest(*codecs: VideoCodec | AudioCodec) -> str:
    """Returns a digest of the encoders, which do not change when the video codec's refinement network is trained.

    It is not made of their fingerprints, because it stands in the shards of older trainings.
    """
    parts = [getattr(codec, name) for codec in codecs for name in ("mean", "basis", "scale")]
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def load_codecs(folder: Path) -> tuple[VideoCodec, AudioCodec]:
    """Reads the codecs of a training."""
    return VideoCodec.load(folder / "video-codec.safetensors"), AudioCodec.load(folder / "audio-codec.safetensors")


def check_shard(path: Path, ids: list[str], made_by: str) -> None:
    """Raises unless a shard begins with the clips `ids`, encoded by the codecs of the digest `made_by`.

    Raises:
        FileNotFoundError: there is no such shard.
        ValueError: it has other clips, or is of other codecs.
    """
    wanted = f"expected latents of clips {ids[0]} to {ids[-1]} in {path}"
    if not path.is_file():
        raise FileNotFoundError(f"{wanted}, got no file; {AGAIN}")
    metadata = _metadata(path)
    if not (held := _ids(metadata)):
        raise ValueError(f"{wanted}, got a damaged file; {AGAIN}")
    if held[: len(ids)] != ids:
        other = next((f"{mine!r} for {asked!r}" for mine, asked in zip(held, ids, strict=False) if mine != asked), None)
        raise ValueError(f"{wanted}, got {other or f'{len(held)} clips'}; {AGAIN}")
    if metadata.get("codecs") != made_by:
        raise ValueError(f"expected latents of the codecs of this training, got those of others in {path}; {AGAIN}")


def _metadata(path: Path) -> dict[str, str]:
    """Returns the metadata of a shard; none if there is no such file, or a damaged one."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (FileNotFoundError, SafetensorError):
        return {}


def _ids(metadata: Mapping[str, str]) -> list[str]:
    """Returns the ids of a shard's clips; none where its metadata are damaged."""
    try:
        ids: list[str] = json.loads(metadata.get("ids", "[]"))
    except ValueError:
        return []
    return ids


def load_examples(
    items: Sequence[Item], codecs: Path, folder: Path, config: JovaConfig, mouth_box: MouthBox
) -> Examples:
    """Loads clips that `encode_items` encoded, with mouth masks and tokens for this model.

    Args:
        items: the first clips of those that were encoded, or all.
        codecs: folder of the codecs that encoded them.
        folder: of the shards.
        config: of the model.
        mouth_box: area of the masks.

    Raises:
        FileNotFoundError: a clip or a codec is missing.
        ValueError: the latents are of other clips or codecs, or have another shape than the model's.
    """
    made_by = encoder_digest(*load_codecs(codecs))
    clock, cells = config.timeline, (config.latent_height, config.latent_width)
    video = torch.empty(len(items), *config.video_shape, dtype=torch.float16)
    audio = torch.empty(len(items), *config.audio_shape, dtype=torch.float16)
    mouth = torch.empty(len(items), *config.video_shape[:-1], dtype=torch.float16)
    for start in range(0, len(items), SHARD):
        wanted = [item.id for item in items[start : start + SHARD]]
        path = folder / f"{wanted[0]}.safetensors"
        check_shard(path, wanted, made_by)
        shard = {name: tensor[: len(wanted)] for name, tensor in load_file(path).items()}
        if {"video", "audio", "boxes"} - shard.keys() or any(len(part) < len(wanted) for part in shard.values()):
            raise ValueError(
                f"expected video, audio and boxes of {len(wanted)} clips in {path}, got "
                f"{', '.join(f'{len(part)} of {name}' for name, part in shard.items())}; {AGAIN}"
            )
        rows = slice(start, start + len(wanted))
        if shard["video"].shape[1:] != config.video_shape or shard["audio"].shape[1:] != config.audio_shape:
            raise ValueError(
                f"expected latents of {config.video_shape} and {config.audio_shape}, "
                f"got {tuple(shard['video'].shape[1:])} and {tuple(shard['audio'].shape[1:])} in {folder}"
            )
        video[rows], audio[rows] = shard["video"], shard["audio"]
        for row, boxes in enumerate(shard["boxes"], start):
            area = boxes if mouth_box == "mouth" else boxes_off_mouth(boxes)
            mouth[row] = latent_mask(area, clock.video, cells, config.pixels_per_cell)
    text = WordTokenizer(config.vocabulary, config.words_per_part)([prompt_of(item) for item in items])
    return Examples(video, audio, mouth, text.with_spans(torch.stack([span_of(item) for item in items])))


def prompt_of(item: Item) -> Prompt:
    """Returns the prompt of a clip."""
    return Prompt(*(str(item.prompt[part]) for part in Prompt._fields))


def span_of(item: Item) -> Tensor:
    """Returns start and end of the speech of a clip, (2,) seconds."""
    times = item.track("phoneme_times")
    if times.ndim != 2 or not len(times) or times.shape[1] != 2:
        raise ValueError(
            f"expected phoneme_times of a start and an end each in {item.tracks}, got shape {times.shape}; {DATA_AGAIN}"
        )
    return torch.tensor([times[0, 0], times[-1, 1]], dtype=torch.float32)
