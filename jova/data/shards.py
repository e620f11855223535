"""Encodes the kept clips of a manifest to shards for training.

    python -m jova.data.shards DIR/manifest.jsonl --video-codec F --audio-codec F --text-encoder F --out DIR/shards

Run it again to resume, or after the manifest has grown: a finished shard is encoded again only if one of its clips has
changed. `jova.data.shard_index` has the format; of each clip a shard holds

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from jova.codecs.base import PictureCodec, SoundCodec
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.data.encoders import Encoders, TextStatesOf
from jova.data.manifest import KeptClip, read_manifest
from jova.data.shard_index import INDEX, NULL_TEXT, Bucket, MadeBy, Shard, ShardIndex, ShardRecord, StoredClip
from jova.files import atomic_path
from jova.text.pretrained import TextEncoder
from jova.text.prompts import PromptEncoder
from jova.training.state import progress

SHARD_BYTES, SHARD_CLIPS = 256 << 20, 1000
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
        ValueError: the manifest or a clip is damaged, or OUT has shards of other encoders.
    """
    clips = read_manifest(manifest)
    _tar_writer()
    encoders = Encoders(video_codec.to(device), audio_codec.to(device), text, device)
    made_by = encoders.made_by
    by_bucket: dict[Bucket, list[KeptClip]] = {}
    for clip in clips:
        by_bucket.setdefault(encoders.bucket(clip), []).append(clip)
    buckets = {bucket.name: bucket for bucket in sorted(by_bucket, key=lambda bucket: bucket.name)}
    out.mkdir(parents=True, exist_ok=True)
    with only_writer(out):
        finished = _finished(out, made_by, clips)
        null_text = None if text is None else _write_null(out / NULL_TEXT, text.null())
        done = sum(len(held) for _, held in finished.values())
        with progress("encoding clips", done, len(clips)) as show:
            shards = [shard for shard, _ in finished.values()]
            for planned in plan(by_bucket, finished):
                shards.append(_write_shard(out, planned, encoders, made_by))
                done += len(planned.clips)
                show(done, planned.name)
        shards.sort(key=lambda shard: (shard.bucket, len(shard.name), shard.name))
        index = ShardIndex(made_by, () if text is None else text.channels, null_text, buckets, tuple(shards))
        index.write(out)
    return index


def plan(by_bucket: dict[Bucket, list[KeptClip]], finished: dict[str, tuple[Shard, set[str]]]) -> list[Planned]:
    """Returns the shards that are missing, which hold each bucket's clips that no shard has, in order.

    Their numbers are the lowest that are free, so that what a kill cost comes out as it would have.
    """
    held = {name for _, ids in finished.values() for name in ids}
    planned = []
    for bucket, clips in by_bucket.items():
        left = [clip for clip in clips if clip.id not in held]
        latents = 2 * (math.prod(bucket.video) + math.prod(bucket.audio))
        size = max(1, min(SHARD_CLIPS, SHARD_BYTES // latents))
        free = (name for name in (f"{bucket.name}-{number:05d}" for number in count()) if name not in finished)
        planned += [Planned(next(free), bucket, left[start : start + size]) for start in range(0, len(left), size)]
    return planned


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Holds OUT for this process, and removes what a killed one left unfinished.

    Raises:
        ValueError: another process is writing there.
    """
    with (out / ".lock").open("a") as lock:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(
                    f"expected no other process to write shards in {out}, got one; wait for it, or use another --out"
                ) from None
        for left in out.glob("*.part[0-9]*"):
            left.unlink()
        yield


def _finished(out: Path, made_by: MadeBy, clips: Sequence[KeptClip]) -> dict[str, tuple[Shard, set[str]]]:
    """Returns the finished shards of OUT by name, each with its ids; removes those of clips that have changed.

    Raises:
        ValueError: they are of other encoders.
    """
    kept = {clip.id: clip for clip in clips}
    found = {}
    for path in sorted(out.glob("*-[0-9]*.json")):
        record = ShardRecord.read(path)
        made_by.require(record.made_by, path)
        tar, held = path.with_suffix(".tar"), {clip.id: clip.digest for clip in record.clips}
        whole = tar.is_file() and tar.stat().st_size == record.shard.bytes
        if whole and all(name in kept and _digest_of(kept[name]) == digest for name, digest in held.items()):
            found[path.stem] = (record.shard, set(held))
            continue
        # The index first: without one, nothing reads what is being changed.
        for stale in (out / INDEX, path, tar):
            stale.unlink(missing_ok=True)
    return found


def _write_shard(out: Path, planned: Planned, encoders: Encoders, made_by: MadeBy) -> Shard:
    """Writes one shard, its JSON file last, and returns what the index says of it."""
    path = out / f"{planned.name}.tar"
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
        StoredClip(clip.id, _digest_of(clip), about_at, data_at, crc) for clip, about_at, data_at, crc in rows
    )
    ShardRecord(made_by, shard, clips).write(path.with_suffix(".json"))
    return shard


def _digest_of(clip: KeptClip) -> str:
    """Returns a digest of what a manifest says of a clip, and of the sizes of its files: whether it has changed."""
    sizes = [path.stat().st_size if path.is_file() else None for path in (clip.path, clip.boxes_path)]
    facts = (clip.id, clip.frames, str(clip.fps), clip.height, clip.width, clip.boxes, clip.speech, clip.prompt, sizes)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


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


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m jova.data.shards`; returns its exit code."""
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
    parser.add_argument("--device", default="cpu", help="device that encodes, such as cuda:0 (default: cpu)")
    arguments = parser.parse_args(argv)
    try:
        text = None
        if arguments.text_encoder:
            encoders = [TextEncoder(folder, device=arguments.device) for folder in arguments.text_encoder]
            text = PromptEncoder(encoders)
        index = write_shards(
            arguments.manifest,
            load_video_codec(arguments.video_codec),
            load_audio_codec(arguments.audio_codec, arguments.accept),
            text,
            arguments.out,
            arguments.device,
        )
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"jova.data.shards: {error}", file=sys.stderr)
        return 2
    for name, clips in index.counts().items():
        print(f"{name}: {clips} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
