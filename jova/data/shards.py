"""Encodes the kept clips of a manifest to shards for training.

    python -m jova.data.shards DIR/manifest.jsonl --video-codec F --audio-codec F --text-encoder F --out DIR/shards

Run it again to resume, or after the manifest has grown: a finished shard is encoded again only if one of its clips has
changed. Run it several times at once, each with a --device of its own, to share the work. `jova.data.shard_index` has
the format; of each clip a shard holds

    json           id, fingerprints of the encoders, prompt, speech
    safetensors    video (F, h, w, C) and audio (A, C) latents, float16; mouth (F, h, w), the mask M, float16; boxes
                   (T, 4), from which it is made, NaN without a face; text.<k> (n, C), states of the k-th text encoder
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from jova.codecs.base import PictureCodec, SoundCodec
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.data.encoders import Encoders, TextStatesOf, check_sides
from jova.data.finished import LOCK, Finished, Lines, bytes_of, digest_of, finished_shards
from jova.data.manifest import KeptClip, kept_of, read_lines
from jova.data.shard_index import (
    NULL_TEXT,
    Bucket,
    MadeBy,
    Shard,
    ShardIndex,
    ShardRecord,
    StoredClip,
)
from jova.devices import check_device
from jova.files import atomic_path, check_writable, locked
from jova.reading_flags import device
from jova.text.pretrained import TextEncoder
from jova.text.prompts import PromptEncoder
from jova.training.state import progress

SHARD_BYTES, SHARD_CLIPS = 256 << 20, 100
"""Largest latents and largest number of clips of a shard: what a kill costs at most."""


@dataclass(frozen=True)
class Planned:
    """A shard to be made."""

    name: str
    bucket: Bucket
    clips: Sequence[KeptClip]


def write_shards(
    manifest: Path,
    video_codec: PictureCodec,
    audio_codec: SoundCodec,
    text: TextStatesOf | None,
    out: Path,
    device: str = "cpu",
) -> ShardIndex:
    """Encodes the kept clips of a manifest to shards in OUT, and returns their index.

    Args:
        manifest: `manifest.jsonl`, or its folder.
        video_codec: encodes pictures.
        audio_codec: encodes sound.
        text: encodes prompts; None to store them as words, for a model that has a vocabulary.
        out: folder of the shards, new or one of the same encoders.
        device: that encodes.

    Raises:
        FileNotFoundError: there is no manifest.
        ModuleNotFoundError: webdataset is not installed.
        ValueError: the manifest or a clip is damaged, an encoder refuses one, or OUT cannot be written or has shards
            of other encoders or of another manifest.
    """
    lines = read_lines(manifest)
    clips = kept_of(lines, manifest)
    _tar_writer()
    encoders = Encoders(video_codec.to(device), audio_codec.to(device), text, device)
    by_bucket: dict[Bucket, list[KeptClip]] = {}
    for clip in clips:
        by_bucket.setdefault(encoders.bucket(clip), []).append(clip)
    buckets = {bucket.name: bucket for bucket in sorted(by_bucket, key=lambda bucket: bucket.name)}
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    finished = _encode_missing(out, by_bucket, encoders, lines)
    shards = sorted((shard for shard, _ in finished), key=lambda shard: (shard.bucket, len(shard.name), shard.name))
    with locked(out / LOCK, wait=True):
        null_text = None if text is None else _write_null(out / NULL_TEXT, text.null())
        channels = () if text is None else text.channels
        index = ShardIndex(encoders.made_by, channels, null_text, buckets, tuple(shards))
        index.write(out)
    return index


def _encode_missing(out: Path, by_bucket: dict[Bucket, list[KeptClip]], encoders: Encoders, lines: Lines) -> Finished:
    """Encodes what no shard holds, and returns all shards.

    Other processes may do the same: each takes shards that no other has begun, and at last waits for those of the
    others, to encode what one that was killed has left.
    """
    made_by, total = encoders.made_by, sum(map(len, by_bucket.values()))
    finished = finished_shards(out, made_by, lines)
    for planned in plan(by_bucket, finished):
        for clip in planned.clips:  # Before hours of encoding.
            encoders.check_prompt(clip)
    with progress("encoding clips", sum(len(held) for _, held in finished), total) as show:
        while missing := plan(by_bucket, finished):
            done = total - sum(len(planned.clips) for planned in missing)
            for wait in (False, True):
                busy = []
                for planned in missing:
                    lock = out / f".{planned.name}.lock"
                    with locked(lock, wait) as ours:
                        if not ours:
                            busy.append(planned)
                            continue
                        if not (out / f"{planned.name}.json").is_file():
                            _write_shard(out, planned, encoders, made_by)
                        # A process that has it open finds the shard finished.
                        lock.unlink(missing_ok=True)
                    done += len(planned.clips)
                    show(done, planned.name)
                missing = busy
            finished = finished_shards(out, made_by, lines)
    return finished


def plan(by_bucket: dict[Bucket, list[KeptClip]], finished: Finished) -> list[Planned]:
    """Returns the shards that are missing, which hold each bucket's clips that no shard has, in order.

    Their numbers are the lowest that are free, so that what a kill cost comes out as it would have.
    """
    held, taken = {name for _, ids in finished for name in ids}, {shard.name for shard, _ in finished}
    planned = []
    for bucket, clips in by_bucket.items():
        left = [clip for clip in clips if clip.id not in held]
        latents = 2 * (math.prod(bucket.video) + math.prod(bucket.audio))
        size = max(1, min(SHARD_CLIPS, SHARD_BYTES // latents))
        free = (name for name in (f"{bucket.name}-{number:05d}" for number in count()) if name not in taken)
        planned += [Planned(next(free), bucket, left[start : start + size]) for start in range(0, len(left), size)]
    return planned


def _write_shard(out: Path, planned: Planned, encoders: Encoders, made_by: MadeBy) -> None:
    """Writes one shard, its JSON file last; removes what a process that was killed has left of it."""
    path = out / f"{planned.name}.tar"
    for left in out.glob(f"{planned.name}.part*"):
        left.unlink()
    sums: list[int] = []
    with atomic_path(path) as unfinished:
        with unfinished.open("wb") as file, _tar_writer()(file, encoder=False, mtime=0, user="", group="") as tar:
            for number, clip in enumerate(planned.clips):
                about = {"id": clip.id, "made_by": asdict(made_by), "speech": clip.speech, **clip.prompt._asdict()}
                parts = {
                    "json": json.dumps(about, ensure_ascii=False).encode(),
                    "safetensors": save(encoders.encode(clip, planned.bucket)),
                }
                # A number, not the id, which may have dots: webdataset ends a key at the first.
                tar.write({"__key__": f"{planned.name}-{number:05d}", **parts})
                sums.append(zlib.crc32(parts["safetensors"], zlib.crc32(parts["json"])))
        with tarfile.open(unfinished) as members:
            places = [(member.offset_data, member.size) for member in members]
        with unfinished.open("rb") as whole:
            digest = hashlib.file_digest(whole, "sha256").hexdigest()
        shard = Shard(planned.name, planned.bucket.name, len(sums), unfinished.stat().st_size, digest)
    rows = zip(planned.clips, places[::2], places[1::2], sums, strict=True)
    clips = tuple(
        StoredClip(clip.id, digest_of(clip), about_at, data_at, crc, bytes_of(clip))
        for clip, about_at, data_at, crc in rows
    )
    ShardRecord(made_by, shard, clips).write(path.with_suffix(".json"))


def _write_null(path: Path, states: Sequence[Tensor]) -> str:
    """Writes the states of the empty prompt; returns the file's digest."""
    content = save({f"text.{index}": part for index, part in enumerate(states)})
    if not path.is_file() or path.read_bytes() != content:
        with atomic_path(path) as unfinished:
            unfinished.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _tar_writer() -> Any:
    """Imports webdataset's writer now: only the encoding of shards needs it.

    Raises:
        ModuleNotFoundError: it is not installed; says how to install it.
    """
    try:
        from webdataset.writer import TarWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"shards need {error.name}, which is not installed: pip install 'jova-bench[data]'", name=error.name
        ) from None
    return TarWriter


def main(argv: Sequence[str] | None = None, sizes: Sequence[tuple[int, int]] | None = None) -> int:
    """Runs `python -m jova.data.shards`; returns its exit code.

    Args:
        argv: words of the command line.
        sizes: (H, W) of clips that are still to be made: whether their shards could be is checked, and none is made.
    """
    parser = argparse.ArgumentParser(
        prog="python -m jova.data.shards", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path, help="manifest.jsonl of prepared videos, or its folder")
    parser.add_argument(
        "--video-codec", type=Path, required=True, metavar="F", help="file or folder of the video codec"
    )
    parser.add_argument(
        "--audio-codec", type=Path, required=True, metavar="F", help="file or folder of the audio codec"
    )
    parser.add_argument(
        "--text-encoder", type=Path, action="append", default=[], metavar="F",
        help="folder of a pretrained text encoder, once for each; without, prompts are stored as words, for a "
        "model with a vocabulary",
    )  # fmt: skip
    parser.add_argument(
        "--accept", action="append", default=[], metavar="TERMS",
        help="licence terms of a codec that you accept: those of MMAudio's weights are non-commercial",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the shards")
    parser.add_argument("--device", type=device, default="cpu", help="what encodes: cpu, cuda or cuda:1 (default: cpu)")
    arguments = parser.parse_args(argv)
    try:
        check_device(arguments.device)
        text = None
        if arguments.text_encoder:
            encoders = [TextEncoder(folder, device=arguments.device) for folder in arguments.text_encoder]
            text = PromptEncoder(encoders)
        video_codec = load_video_codec(arguments.video_codec)
        audio_codec = load_audio_codec(arguments.audio_codec, arguments.accept)
        if sizes is not None:
            for height, width in sizes:
                check_sides(video_codec, height, width)
            return 0
        index = write_shards(arguments.manifest, video_codec, audio_codec, text, arguments.out, arguments.device)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"jova.data.shards: {error}", file=sys.stderr)
        return 2
    for name, clips in index.counts().items():
        print(f"{name}: {clips} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
