"""What a folder of shards says of itself: which encoders made it, its buckets, and its files with their digests.

DIR/index.json               everything but the clips; it appears last, and names every file that counts
DIR/<bucket>-<n>.tar         clips in webdataset's form: <bucket>-<n>-<clip>.json and .safetensors of each
DIR/<bucket>-<n>.json        ids of its clips, where they lie in the tar, and their checksums
DIR/null-text.safetensors    states of the empty prompt, where texts are states

A bucket is all clips of one length, size and rate, so that a batch of it needs no padding.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

from jova.files import atomic_path
from jova.timeline import Timeline

FORMAT = "jova-shards@1"
INDEX, NULL_TEXT = "index.json", "null-text.safetensors"
WORDS = "words"
"""Fingerprint of the text of shards that store prompts as they are, for a model that has a vocabulary."""
AGAIN = "encode the clips with python -m jova.data.shards"


SHARD_NAME = re.compile(r"[0-9]+f-[0-9]+x[0-9]+-[0-9]+(_[0-9]+)?fps-[0-9]+")
"""Form of a shard's name, which is the stem of its files: nothing that leads out of their folder."""


@dataclass(frozen=True)
class MadeBy:
    """Fingerprints of the encoders whose latents and states the shards hold."""

    video_codec: str
    audio_codec: str
    text: str = WORDS

    def require(self, held: MadeBy, where: Path) -> None:
        """Raises ValueError if shards are of other encoders than these."""
        for field in fields(self):
            expected, got = getattr(self, field.name), getattr(held, field.name)
            if expected != got:
                what = field.name.replace("_", " ")
                raise ValueError(
                    f"expected shards of the {what} {expected}, got those of {got} in {where}; {AGAIN} and that {what} "
                    "to another --out, or use the one that made them"
                )


@dataclass(frozen=True)
class Bucket:
    """Clips of one length, size and rate, and the shapes of their latents."""

    clock: Timeline
    height: int
    """H, pixels."""
    width: int
    video: tuple[int, int, int, int]
    """(F, h, w, C) of the video latents."""
    audio: tuple[int, int]
    """(A, C) of the audio latents."""

    @property
    def name(self) -> str:
        """Name, which begins those of its shards: 73f-64x64-25fps is of 64 rows and 64 columns."""
        rate = str(self.clock.fps).replace("/", "_")
        return f"{self.clock.frames}f-{self.height}x{self.width}-{rate}fps"

    def record(self) -> dict[str, Any]:
        """Returns the bucket as plain values for JSON."""
        clock = asdict(self.clock) | {"fps": str(self.clock.fps)}
        clock["audio"] |= {"units_per_s": str(self.clock.audio.units_per_s)}
        return asdict(self) | {"clock": clock, "video": list(self.video), "audio": list(self.audio)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Inverts `record`."""
        (frames, rows, columns, channels), (tokens, values) = record["video"], record["audio"]
        height, width = record["height"], record["width"]
        _check_counts(frames, rows, columns, channels, tokens, values, height, width)
        clock = Timeline.from_fields(**record["clock"])
        return cls(clock, height, width, (frames, rows, columns, channels), (tokens, values))


@dataclass(frozen=True)
class Shard:
    """One tar of clips of one bucket."""

    name: str
    """Stem of its files."""
    bucket: str
    clips: int
    """Number of clips."""
    bytes: int
    """Size of the tar."""
    sha256: str
    """Digest of the tar."""

    def __post_init__(self) -> None:
        if not all(isinstance(text, str) for text in (self.name, self.bucket, self.sha256)):
            raise TypeError(f"texts in place of {self.name!r}, {self.bucket!r} and {self.sha256!r}")
        if not SHARD_NAME.fullmatch(self.name) or self.name.rpartition("-")[0] != self.bucket:
            raise ValueError(f"shard {self.name!r} of bucket {self.bucket!r}")
        _check_counts(self.clips, self.bytes)


@dataclass(frozen=True)
class ShardIndex:
    """Content of `index.json`."""

    made_by: MadeBy
    text_channels: tuple[int, ...]
    """Channels of the states of each text encoder; none where prompts are words."""
    null_text: str | None
    """Digest of `null-text.safetensors`."""
    buckets: dict[str, Bucket]
    shards: tuple[Shard, ...]
    """Ordered as the clips are: by bucket, then by number."""

    @property
    def clips(self) -> int:
        """Number of clips."""
        return sum(shard.clips for shard in self.shards)

    @cached_property
    def digest(self) -> str:
        """Digest of everything that the shards hold, by the digests of their files."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def counts(self) -> dict[str, int]:
        """Returns the number of clips in each bucket."""
        counts = dict.fromkeys(self.buckets, 0)
        for shard in self.shards:
            counts[shard.bucket] += shard.clips
        return counts

    def write(self, folder: Path) -> None:
        """Writes `index.json`, atomically."""
        with atomic_path(folder / INDEX) as unfinished:
            unfinished.write_text(self._text(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the index of a finished folder of shards.

        Raises:
            FileNotFoundError: there is none: the shards are unfinished.
            ValueError: it is damaged, or of another format.
        """
        with _reading(folder / INDEX) as record:
            buckets = {
                name: Bucket.from_record({key: value for key, value in bucket.items() if key != "clips"})
                for name, bucket in record["buckets"].items()
            }
            shards = tuple(Shard(**shard) for shard in record["shards"])
            channels, null_text = tuple(record["text_channels"]), record["null_text"]
            _check_counts(*channels)
            if [bucket.name for bucket in buckets.values()] != list(buckets) or bool(channels) != bool(null_text):
                raise ValueError("buckets or texts that contradict each other")
            if [shard.bucket for shard in shards] != sorted(
                (shard.bucket for shard in shards), key=list(buckets).index
            ):
                raise ValueError("shards that are not in the order of the buckets")
            index = cls(MadeBy(**record["made_by"]), channels, null_text, buckets, shards)
            if (counts := {name: bucket["clips"] for name, bucket in record["buckets"].items()}) != index.counts():
                raise ValueError(f"shards of {index.counts()} clips in place of {counts}")
            return index

    def _text(self) -> str:
        """Returns the index as JSON, the same for the same shards."""
        counts = self.counts()
        record = {
            "format": FORMAT,
            "made_by": asdict(self.made_by),
            "text_channels": self.text_channels,
            "null_text": self.null_text,
            "buckets": {name: bucket.record() | {"clips": counts[name]} for name, bucket in self.buckets.items()},
            "shards": [asdict(shard) for shard in self.shards],
        }
        return json.dumps(record, indent=1) + "\n"


class StoredClip(NamedTuple):
    """Where a clip lies in its tar."""

    id: str
    digest: str
    """Digest of what its manifest said: whether it has changed since."""
    json: tuple[int, int]
    """Offset and size of its prompt and fingerprints, bytes."""
    safetensors: tuple[int, int]
    """Offset and size of its tensors, bytes."""
    crc32: int
    """Checksum of both, one after the other."""
    bytes: int = 0
    """Size of the clip's file; 0 in shards of before this was stored."""


@dataclass(frozen=True)
class ShardRecord:
    """Content of the JSON file beside a tar: the tar counts as finished once it is there."""

    made_by: MadeBy
    shard: Shard
    clips: tuple[StoredClip, ...]

    def write(self, path: Path) -> None:
        """Writes the file, atomically."""
        record = {
            "format": FORMAT,
            "made_by": asdict(self.made_by),
            "shard": asdict(self.shard),
            "clips": [clip._asdict() for clip in self.clips],
        }
        with atomic_path(path) as unfinished:
            unfinished.write_text(json.dumps(record) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the file; errors are those of `ShardIndex.read`."""
        with _reading(path) as record:
            clips = tuple(StoredClip(**clip) for clip in record["clips"])
            shard = Shard(**record["shard"])
            for clip in clips:
                for offset, size in (clip.json, clip.safetensors):
                    _check_counts(offset, size)
                    if offset + size > shard.bytes:
                        raise ValueError(f"clip {clip.id!r} beyond the end of its tar")
            if len(clips) != shard.clips:
                raise ValueError(f"{len(clips)} clips in place of {shard.clips}")
            return cls(MadeBy(**record["made_by"]), shard, clips)


def _check_counts(*values: Any) -> None:
    """Raises TypeError unless all values are whole numbers above 0."""
    if wrong := [value for value in values if type(value) is not int or value < 1]:
        raise TypeError(f"{wrong[0]!r} in place of a whole number above 0")


@contextmanager
def _reading(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the record in a JSON file of this format; what is raised of its fields becomes one line."""
    try:
        record = json.loads(path.read_bytes())
        found = record.get("format") if isinstance(record, dict) else None
        if found != FORMAT:
            raise ValueError(f"format {found!r} in place of {FORMAT!r}")
        yield record
    except FileNotFoundError:
        raise FileNotFoundError(f"expected finished shards in {path.parent}, got no {path.name}; {AGAIN}") from None
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"expected a record of shards in {path}, got {error!r}; {AGAIN}") from None
