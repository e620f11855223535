"""The verb for data: data prepare."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cli.base import Parser, Verbs, add_assets_flag, add_verb, say, warn
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK, BenchError
from jova_bench.files.paths import at_home
from jova_bench.formatting.messages import fault, shown
from jova_bench.output import show, show_json
from jova_bench.registry import load

if TYPE_CHECKING:
    from jova_bench.data.prepare import Prepared
    from jova_bench.data.records import Settings

EXAMPLES = """  jova-bench data prepare videos --out shards"""
PREPARE_EXAMPLES = """  jova-bench data prepare videos --out shards
  jova-bench data prepare videos --out shards --size 256x256 --size 448x256 --frames 121,73 --fps 25
  jova-bench data prepare videos --out shards --texts mine.csv --whisper large-v3 --workers 8
  jova-bench data prepare videos --out shards --video-codec wan --audio-codec ltx --text-encoder umt5

Every clip is kept or rejected, with the reasons and the model that gave them, in OUT/manifest.jsonl. The same command
continues one that was stopped; new videos of the folder are added. It needs pip install 'jova-bench[data]' and
jova-bench assets pull mediapipe-blazeface-short mediapipe-blazeface-full mediapipe-face-mesh (2 MB)."""

CELL = 16
"""Pixels by which sides are divided: eight of a codec's cell, two cells of a model's patch."""
WORKERS = (
    "processes; 0 for none (default: as many as there are cores and as free memory takes at 1.25 GB each, at least 1)"
)


def add(verbs: Verbs) -> None:
    """Adds the verb `data`, its own verb, and its flags."""
    top = add_verb(verbs, "data", "make training data of videos", EXAMPLES)
    own = top.add_subparsers(dest="data_verb", required=True, metavar="VERB", parser_class=Parser)
    one = add_verb(own, "prepare", "cut, judge and box clips of a folder of videos", PREPARE_EXAMPLES, _prepare)
    one.add_argument("videos", metavar="VIDEOS", help="folder of videos; folders in it are searched, too")
    one.add_argument("--out", required=True, metavar="DIR", help="folder to write, new or to be continued")
    one.add_argument(
        "--size",
        action="append",
        metavar="HEIGHTxWIDTH",
        help="pixels of a clip (default 256x256); repeat for several: each video takes the nearest in shape",
    )
    one.add_argument(
        "--frames",
        default="121,97,73,49",
        metavar="N,N",
        help="lengths of clips, each 1 + 4k frames; the longest that fits is cut (default %(default)s)",
    )
    one.add_argument(
        "--fps", default="25", metavar="RATE", help="frames a second: 25, 30000/1001 (default %(default)s)"
    )
    one.add_argument(
        "--faces", default="mediapipe", metavar="NAME", help="finder: mediapipe, opencv-haar (default %(default)s)"
    )
    one.add_argument(
        "--sync",
        default="auto",
        metavar="NAME",
        help="judge of lips and sound: syncnet (filmed faces), embedded (drawn heads), none; auto is syncnet where its "
        "weights are here, else none (default %(default)s)",
    )
    one.add_argument(
        "--max-offset", type=int, default=1, metavar="N", help="frames by which sound may lead or lag (default 1)"
    )
    one.add_argument(
        "--min-confidence", type=float, metavar="X", help="least LSE-C (default: 3 for syncnet, 0.15 for embedded)"
    )
    one.add_argument(
        "--texts",
        metavar="FILE.csv",
        help="your own texts: columns id (of a clip) or source (path of a video), and transcript, video_caption, "
        "audio_caption; name.txt beside name.mp4 is a transcript, too",
    )
    one.add_argument("--whisper", metavar="SIZE", help="transcribe what has no transcript: large-v3, tiny.en, ...")
    one.add_argument(
        "--language", default="en", metavar="TAG", help="what is spoken, for Whisper (default %(default)s)"
    )
    one.add_argument(
        "--caption-url",
        metavar="URL",
        help="server that describes what has no video caption, by OpenAI's protocol: http://localhost:8000/v1; its key "
        "is read from JOVA_BENCH_CAPTION_KEY",
    )
    one.add_argument("--caption-model", metavar="NAME", help="the server's model")
    one.add_argument(
        "--video-codec",
        metavar="PATH",
        help="with --audio-codec: encode the kept clips by it into DIR/shards at the end",
    )
    one.add_argument("--audio-codec", metavar="PATH", help="the codec of their sound")
    one.add_argument(
        "--text-encoder",
        action="append",
        default=[],
        metavar="DIR",
        help="pretrained text encoder of their prompts; repeat for several; without, shards have the prompts' words",
    )
    one.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="TERMS",
        help="licence terms of a codec that you accept: non-commercial, of MMAudio's weights",
    )
    one.add_argument("--device", default="cpu", metavar="NAME", help="what encodes: cpu, cuda:0 (default %(default)s)")
    one.add_argument("--workers", type=int, metavar="N", help=WORKERS)
    one.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    add_assets_flag(one)


def _prepare(args: argparse.Namespace) -> int:
    from jova_bench.data.captions import Captioner
    from jova_bench.data.describe import Describers
    from jova_bench.data.prepare import default_workers, prepare
    from jova_bench.execution.processes import on_cpu
    from jova_bench.progress import Terminal

    workers = default_workers() if args.workers is None else args.workers
    if workers < 0:
        raise BenchError(f"expected at least 0 workers, got {workers}")
    codecs = (args.video_codec, args.audio_codec)
    if any((*codecs, args.text_encoder, args.accept, args.device != "cpu")) and not all(codecs):
        raise BenchError(
            "expected --video-codec and --audio-codec, with or without --text-encoder, --accept and --device, got some "
            "of them"
        )
    if (args.caption_url is None) != (args.caption_model is None):
        raise BenchError("expected --caption-url and --caption-model together, got one of them")
    out, assets = at_home(args.out), asset_table(args.assets)
    captioner = Captioner(args.caption_url, args.caption_model) if args.caption_url else None
    settings = settings_of(args, assets)
    encode = load("jova.data.shards:main", "what encodes shards") if args.video_codec else None
    if encode and (code := _encode(args, out, partial(encode, sizes=settings.sizes))):
        return code  # Said before all videos are judged.
    if odd := [size for size in settings.sizes if size[0] % CELL or size[1] % CELL]:
        say(f"note: {odd[0][0]}x{odd[0][1]} has a side that is no multiple of {CELL}: few codecs and models take it")
    made = prepare(
        at_home(args.videos),
        out,
        settings,
        Describers(args.whisper, args.language, captioner),
        at_home(args.texts) if args.texts else None,
        on_cpu(workers),
        assets,
        Terminal(),
    )
    _tell(args, out, made)
    if made.failed:
        return EXIT_INCOMPLETE
    return _encode(args, out, encode) if encode else EXIT_OK


def _tell(args: argparse.Namespace, out: Path, made: Prepared) -> None:
    """Says what came of the videos."""
    for line in made.failed:
        warn(f"not done: {line}")
    if made.failed:
        warn(f"{len(made.failed)} not done; repeat the command to try them again")
    if made.hidden:
        say(f"{len(made.hidden)} hidden files with names of videos are left out, such as {shown(made.hidden[0])}")
    if made.unknown:
        say(f"{len(made.unknown)} ids of {args.texts} are of no clip, such as {shown(made.unknown[0])}")
    if args.json:
        counts = {"kept": made.kept, "seconds": made.seconds, "rejected": made.rejected, "failed": len(made.failed)}
        counts |= {"hidden": len(made.hidden), "noted": made.noted}
        show_json(json.dumps(counts) + "\n")
    else:
        show(f"{made.kept} clips kept, {made.seconds:.1f} s, in {out / 'manifest.jsonl'}\n")
        for code, count in sorted(made.rejected.items()):
            show(f"  rejected, {code}: {count}\n")
        for code, count in sorted(made.noted.items()):
            show(f"  kept, noted {code}: {count}\n")


def _encode(args: argparse.Namespace, out: Path, encode: Callable[[list[str]], int]) -> int:
    """Encodes the kept clips by the model's package, which knows the codecs; returns its exit code."""
    words = [str(out), "--out", str(out / "shards"), "--device", args.device]
    words += ["--video-codec", str(at_home(args.video_codec)), "--audio-codec", str(at_home(args.audio_codec))]
    words += [word for folder in args.text_encoder for word in ("--text-encoder", str(at_home(folder)))]
    words += [word for terms in args.accept for word in ("--accept", terms)]
    with contextlib.redirect_stdout(sys.stderr):  # What is printed there are no results of this command.
        return encode(words)


def settings_of(args: argparse.Namespace, assets: AssetTable) -> Settings:
    """Makes the settings of the flags. Raises BenchError for values that no clip can have."""
    from pydantic import ValidationError

    from jova_bench.data.records import Settings
    from jova_bench.data.sync import at_hand, sync_judge
    from jova_bench.metrics.lip_sync.curves import MAX_SHIFT

    try:
        rate = Fraction(args.fps)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 120:
        raise BenchError(f"expected --fps from 1 to 120, a number or a fraction, got {shown(args.fps)}")
    if not re.fullmatch(r"\d{1,5}(,\d{1,5})*", args.frames):
        raise BenchError(f"expected --frames as numbers of frames, like 121,73, got {shown(args.frames)}")
    sizes = [re.fullmatch(r"(\d{1,4})x(\d{1,4})", size) for size in args.size or ["256x256"]]
    if None in sizes:
        wrong = args.size[sizes.index(None)]
        raise BenchError(f"expected --size as height x width in pixels, like 256x448, got {shown(wrong)}")
    if not 0 <= args.max_offset <= MAX_SHIFT:
        raise BenchError(f"expected --max-offset from 0 to {MAX_SHIFT} frames, got {args.max_offset}")
    name = at_hand(assets) if args.sync == "auto" else args.sync
    judge = sync_judge(name, assets)
    try:
        return Settings(
            fps=f"{rate.numerator}/{rate.denominator}",
            lengths=tuple(int(n) for n in args.frames.split(",")),
            sizes=tuple((int(size[1]), int(size[2])) for size in sizes if size),
            faces=args.faces,
            sync=name,
            max_offset=args.max_offset,
            min_confidence=args.min_confidence if args.min_confidence is not None else judge.least if judge else 0.0,
        )
    except ValidationError as error:
        raise BenchError(fault(error)) from error
