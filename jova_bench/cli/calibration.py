"""The verb that plants changes on real clips and shows how metrics respond: calibrate."""

from __future__ import annotations

import argparse
from typing import get_args

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Listed, Verbs, add_assets_flag, add_verb, names
from jova_bench.metrics.responses import Axis
from jova_bench.output import show_json, show_page
from jova_bench.records import Profile

EXAMPLES = """  jova-bench calibrate av_offset_frames lse_c my_clips
  jova-bench calibrate wer embedded --limit 16 --changes noise,music,other-sound
  jova-bench calibrate dnsmos nisqa my_clips --changes aac,noise-10 --json

CLIPS is a folder of real clips, a run folder (the clips of `real`, or of its only model), or a suite whose prompts name
their real clips. Each change is planted alone, at several strengths, and compared with the clips as they are, clip by
clip. From about a dozen clips on a difference can be shown; with fewer the table says that none can.

The same command continues a calibration that was stopped; more metrics or changes are added to it. OUT is a run folder,
with a model for each change, and has calibration.json, .md, .svg and .html. Exit code 5 when a changed clip could not
be made, or there are too few clips."""


def add(verbs: Verbs) -> None:
    """Adds the verb `calibrate` with its flags."""
    one = add_verb(
        verbs, "calibrate", "plant known changes on real clips, and show which of them metrics notice", EXAMPLES, _run
    )
    one.add_argument("metrics", nargs="+", metavar="METRIC", help="see `ls metrics`")
    one.add_argument("clips", metavar="CLIPS", help="folder of real clips, run folder, or suite with real clips")
    one.add_argument(
        "--changes",
        action=Listed,
        metavar="A,B,C",
        help=f"{', '.join(Axis)}; or one alone, such as h264-28 (default all)",
    )
    one.add_argument("--limit", type=int, metavar="N", help="only the first N clips")
    one.add_argument(
        "--profile",
        choices=get_args(Profile),
        help="set of evaluators (default: that of the suite or run; standard for a folder of clips)",
    )
    one.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda (all GPUs) or cuda:0,cuda:1 (default auto)"
    )
    one.add_argument(
        "--workers", type=int, metavar="N", help="processes that score; 0 for this one alone (default: one per core)"
    )
    one.add_argument("--out", metavar="DIR", help="run folder (default runs/calibrate-<clips>-<digest>)")
    one.add_argument("--json", action="store_true", help="print the JSON object instead of the table")
    add_assets_flag(one)


def _run(args: argparse.Namespace) -> int:
    from jova_bench.calibration.run import calibrate
    from jova_bench.calibration.tables import overview
    from jova_bench.progress import Terminal
    from jova_bench.runs.request import Options

    found, _ = calibrate(
        [name for given in args.metrics for name in names(given) or [given]],
        args.clips,
        names(args.changes),
        Options(
            profile=args.profile,
            limit=args.limit,
            device=args.device,
            workers=args.workers,
            out=args.out,
            assets=asset_table(args.assets),
            progress=Terminal(),
        ),
    )
    if args.json:
        show_json(found.model_dump_json(by_alias=True, indent=1) + "\n")
    else:
        show_page(overview(found) + "\n")
    return found.exit_code
