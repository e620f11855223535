"""Reads shards of `jova.data.shards` as the source of a training: any clip by its number, nothing kept between steps.

Clips are numbered in the order of the index: by bucket, then by shard. What a step is given depends on its number alone
(`jova.training.order`), so that a training resumes with its step and no other state, and any number of ranks sees the
same clips in the same order. Nothing is unpickled: of a tar, only JSON and safetensors are read, by their offsets.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from jova.config import MouthBox
from jova.data.shard_index import AGAIN, INDEX, NULL_TEXT, Bucket, MadeBy, Shard, ShardIndex, ShardRecord
from jova.flow import Batch, Latents
from jova.mouth_loss import boxes_off_mouth, latent_mask
from jova.text import Prompt, TextBatch, TextStates, WordTokenizer
from jova.training.order import bucket_batch


class StoredExample(NamedTuple):
    """One clip of a shard."""

    prompt: Prompt
    span: tuple[float, float]
    """Start of the first and end of the last stretch of speech, seconds; zeros without."""
    tensors: dict[str, Tensor]


class ShardDataset:
    """Encoded clips in shards; implements `jova.training.source.Source`."""

    def __init__(
        self, folder: Path, made_by: MadeBy, tokenizer: WordTokenizer | None = None, mouth_box: MouthBox = "mouth"
    ) -> None:
        """Reads the index of a finished folder of shards.

        Args:
            folder: of the shards.
            made_by: fingerprints of the encoders of the model that is trained.
            tokenizer: of a model that has a vocabulary; None for one that reads states.
            mouth_box: area of the mouth masks.

        Raises:
            FileNotFoundError: there are no shards, or they are unfinished.
            ValueError: they are of other encoders, or damaged.
        """
        self.folder, self.index, self.tokenizer, self.mouth_box = folder, ShardIndex.read(folder), tokenizer, mouth_box
        made_by.require(self.index.made_by, folder / INDEX)
        if (self.index.null_text is None) != (tokenizer is not None):
            wanted, held = ("words", "states") if tokenizer else ("states", "words")
            raise ValueError(f"expected shards with prompts as {wanted}, got {held} in {folder}; {AGAIN}")
        if not self.index.shards:
            raise ValueError(f"expected clips in {folder / INDEX}, got none; {AGAIN}")
        self._null = self._read_null()
        self._records: dict[str, ShardRecord] = {}
        self._ends = list(accumulate(shard.clips for shard in self.index.shards))
        counts = {bucket: clips for bucket, clips in self.index.counts().items() if clips}
        self._buckets, self._counts = list(counts), list(counts.values())
        self._bucket_ends = list(accumulate(self._counts))

    @property
    def clips(self) -> int:
        """Number of clips."""
        return self.index.clips

    def digest(self) -> str:
        """Returns a digest of everything that a training is given."""
        facts = [self.index.digest, self.mouth_box, self.tokenizer.words if self.tokenizer else None]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def rows(self, step: int, batch: int, seed: int) -> Tensor:
        """Returns the clips (batch,) of a step, all of one bucket."""
        bucket, rows = bucket_batch(step, batch, self._counts, seed)
        return rows + self._bucket_ends[bucket] - self._counts[bucket]

    def split(self, size: int) -> list[Tensor]:
        """Returns all clips in order, in batches of at most `size` of one bucket."""
        numbers = torch.arange(self.clips)
        parts = torch.tensor_split(numbers, self._bucket_ends[:-1])
        return [batch for part in parts for batch in torch.split(part, size)]

    def batch(self, rows: Tensor) -> Batch:
        """Returns the clips at `rows` (b,), all of one bucket, in float32 on the CPU.

        Raises:
            FileNotFoundError: a shard is missing.
            ValueError: the clips are of several buckets, or a shard is damaged or not the index's.
        """
        numbers = rows.tolist()
        names = sorted({self._buckets[bisect_right(self._bucket_ends, number)] for number in numbers})
        if len(names) != 1:
            raise ValueError(f"expected clips of one bucket, got {', '.join(names) or 'none'}")
        bucket = self.index.buckets[names[0]]
        examples = [self.example(number) for number in numbers]
        video, audio = (torch.stack([one.tensors[name] for one in examples]).float() for name in ("video", "audio"))
        mouth = torch.stack([self._mouth(one.tensors, bucket) for one in examples]).float()
        return Batch(Latents(video, audio), self._text_of(examples), mouth)

    @property
    def text(self) -> TextBatch | None:
        """Prompts of all clips where they are words; None where they are states, which are too large."""
        if self.tokenizer is None:
            return None
        return self._text_of([self.example(number) for number in range(self.clips)])

    def example(self, number: int) -> StoredExample:
        """Reads one clip; errors are those of `batch`."""
        place = bisect_right(self._ends, number)
        shard = self.index.shards[place]
        tar, record = self.folder / f"{shard.name}.tar", self._record(shard)
        where = record.clips[number - self._ends[place]]  # from the end of the shard
        try:
            with tar.open("rb") as file:
                parts = [_read(file, *span) for span in (where.json, where.safetensors)]
        except FileNotFoundError:
            raise FileNotFoundError(f"expected the shard that {INDEX} names, got no {tar}; {AGAIN}") from None
        if zlib.crc32(parts[1], zlib.crc32(parts[0])) != where.crc32:
            raise ValueError(f"expected clip {where.id} in {tar} with its checksum, got a damaged file; {AGAIN}")
        try:
            about: dict[str, Any] = json.loads(parts[0])
            tensors = load(parts[1])
            self.index.made_by.require(MadeBy(**about["made_by"]), tar)
            prompt = Prompt(*(str(about[field]) for field in Prompt._fields))
            speech = [(float(start), float(end)) for start, end in about["speech"]]
            _check(tensors, self.index, self.index.buckets[shard.bucket])
        except (KeyError, TypeError, SafetensorError) as error:
            raise ValueError(f"expected clip {where.id} in {tar}, got {error!r}; {AGAIN}") from None
        return StoredExample(prompt, (speech[0][0], speech[-1][1]) if speech else (0.0, 0.0), tensors)

    def _record(self, shard: Shard) -> ShardRecord:
        """Returns where the clips of a shard lie; reads it once."""
        if (record := self._records.get(shard.name)) is not None:
            return record
        record = ShardRecord.read(self.folder / f"{shard.name}.json")
        if record.shard != shard:
            raise ValueError(f"expected the shard {shard.name} that {self.folder / INDEX} names, got another; {AGAIN}")
        self._records[shard.name] = record
        return record

    def _mouth(self, tensors: dict[str, Tensor], bucket: Bucket) -> Tensor:
        """Returns the mouth mask (F, h, w) of the area that this training weighs."""
        if self.mouth_box == "mouth":
            return tensors["mouth"]
        cells = bucket.video[1:3]
        return latent_mask(boxes_off_mouth(tensors["boxes"]), bucket.clock.video, cells, bucket.height // cells[0])

    def _text_of(self, examples: list[StoredExample]) -> TextBatch:
        spans = torch.tensor([example.span for example in examples], dtype=torch.float32)
        if self.tokenizer is not None:
            return self.tokenizer([example.prompt for example in examples]).with_spans(spans)
        encoders = range(len(self._null))
        states = [[example.tensors[f"text.{k}"] for k in encoders] for example in examples]
        return TextStates.of(states, self._null).with_spans(spans)

    def _read_null(self) -> list[Tensor]:
        """Reads the states of the empty prompt, (n, C) by encoder."""
        if self.index.null_text is None:
            return []
        path = self.folder / NULL_TEXT
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != self.index.null_text:
            raise ValueError(f"expected the states of the empty prompt in {path}, got no file or another; {AGAIN}")
        tensors = load(content)
        return [tensors[f"text.{k}"] for k in range(len(self.index.text_channels))]


def _read(file: Any, offset: int, size: int) -> bytes:
    """Reads a part of a file."""
    file.seek(offset)
    return bytes(file.read(size))


def _check(tensors: dict[str, Tensor], index: ShardIndex, bucket: Bucket) -> None:
    """Raises TypeError unless a clip's tensors have the shapes of its bucket, and numbers in them."""
    shapes = {
        "video": bucket.video,
        "audio": bucket.audio,
        "mouth": bucket.video[:3],
        "boxes": (bucket.clock.frames, 4),
    }
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise TypeError(f"{name} of {tuple(tensors[name].shape)} in place of {shape}")
        if name != "boxes" and not bool(tensors[name].isfinite().all()):  # Boxes are NaN without a face.
            raise TypeError(f"{name} with values that are no number")
    for k, channels in enumerate(index.text_channels):
        if tensors[f"text.{k}"].shape[1:] != (channels,):
            raise TypeError(f"text.{k} of {tuple(tensors[f'text.{k}'].shape)} in place of (n, {channels})")
        if not bool(tensors[f"text.{k}"].isfinite().all()):
            raise TypeError(f"text.{k} with values that are no number")
