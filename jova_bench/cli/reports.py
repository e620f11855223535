"""The verb that shows runs: report."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Listed, Verbs, add_assets_flag, add_format_flag, add_verb, names, say, show_view
from jova_bench.cli.publishing import add_hub_flags, is_for_hub, write_for_hub
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.identity import pieces
from jova_bench.output import show

REPORT_EXAMPLES = """  jova-bench report runs/embedded-0a1b2c3d
  jova-bench report runs/embedded-0a1b2c3d --format tex > leaderboard.tex
  jova-bench report runs/embedded-0a1b2c3d --metrics lse_c,wer,fvd --models jova,real --format tex > table.tex
  jova-bench report runs/embedded-0a1b2c3d --slices hair,voice
  jova-bench report runs/embedded-0a1b2c3d --html
  jova-bench report runs/embedded-0a1b2c3d --html --watch
  jova-bench report runs --html
  jova-bench report runs/before runs/after --html pages
  jova-bench report runs/embedded-0a1b2c3d --html pages --sweep runs/sweeps/mouth-loss.json
  jova-bench report runs/embedded-0a1b2c3d --html --votes fit.json
  jova-bench report runs/embedded-0a1b2c3d --vote
  jova-bench report runs/embedded-0a1b2c3d --hub to-push
  jova-bench report as-reported.toml"""


def add(verbs: Verbs) -> None:
    """Adds the verb `report` with its flags."""
    report = add_verb(verbs, "report", "print the leaderboard of a run", REPORT_EXAMPLES, _report)
    add_assets_flag(report)
    report.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folder, or a .toml file of numbers as papers report them; with --html several, or a folder of runs",
    )
    report.add_argument(
        "--metrics",
        action=Listed,
        metavar="NAME,NAME",
        help="columns in their order, in one table: names of metrics, NAME@BENCH, NAME@EVALUATOR, or identities",
    )
    report.add_argument("--models", action=Listed, metavar="NAME,NAME", help="rows in their order (default: all)")
    report.add_argument(
        "--slices",
        action=Listed,
        metavar="TAG,TAG",
        help="also print tables for the prompts of each value of these tags",
    )
    report.add_argument(
        "--html",
        nargs="?",
        const="",
        metavar="DIR",
        help="write HTML pages instead, clips included (default DIR: report in the run)",
    )
    report.add_argument(
        "--reported", metavar="FILE", help="with --html: papers' numbers (.toml), in tables of their own"
    )
    report.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="FILE",
        help="with --html: a .json file of a sweep's results, as curves; repeat for several",
    )
    report.add_argument(
        "--votes", metavar="FILE", help="with --html: people's votes, as `votes fit --format json` prints"
    )
    report.add_argument(
        "--vote",
        nargs="?",
        const="",
        metavar="DIR",
        help="write pages on which people vote blindly on pairs of clips (default DIR: vote in the run)",
    )
    report.add_argument(
        "--questions",
        metavar="FILE",
        help="with --vote: TOML file of what is asked (default: sync, speech, picture, overall)",
    )
    report.add_argument(
        "--watch",
        action="store_true",
        help="with --html: a page of a run that goes on, which renews itself; the pages when the run has finished",
    )
    add_hub_flags(report)
    add_format_flag(report, "without --html: md, csv, json, tex, or bib for the papers behind the metrics")


def _report(args: argparse.Namespace) -> int:
    from jova_bench.report.files import read_leaderboard, view

    if is_for_hub(args):
        return write_for_hub(args)
    if args.html is not None and not args.format and args.vote is None and (len(args.runs) > 1 or _of_runs(args)):
        return _many(args)
    if len(args.runs) > 1:
        raise BenchError(f"expected one RUN, or several with --html, got {len(args.runs)}")
    (args.dir,) = args.runs
    if args.vote is not None:
        return _vote(args)
    if args.questions:
        raise BenchError("expected --vote with --questions, which its pages ask")
    if args.html is not None:
        if args.format:
            raise BenchError(
                f"expected --html or --format, got both; give --format {args.format} in a command of its own"
            )
        if args.metrics is not None or args.models is not None:
            raise BenchError("expected --metrics and --models without --html, whose pages choose by themselves")
        return _pages(args)
    form = args.format or "md"
    write = view(form)
    if args.reported or args.sweep or args.votes or args.watch:
        raise BenchError("expected --html with --reported, --sweep, --votes and --watch, which pages alone can show")
    slices = names(args.slices) or ()
    if not args.dir.endswith(".toml"):
        metrics = None if args.metrics is None else [one.strip() for one in pieces(args.metrics) if one.strip()]
        board = read_leaderboard(args.dir, slices, asset_table(args.assets), metrics, names(args.models))
        show_view(write(board), args.format)
    elif slices or args.metrics is not None or args.models is not None:
        raise BenchError(
            "expected a run folder for --slices, --metrics and --models, got numbers as papers report them"
        )
    else:
        show_view(_reported(args.dir, form), args.format)
    return EXIT_OK


def _of_runs(args: argparse.Namespace) -> bool:
    """Returns whether the one folder that was given holds runs and is none."""
    from jova_bench.runs.found import find_runs, is_run

    folder = Path(args.runs[0])
    return folder.is_dir() and not is_run(folder) and next(find_runs(folder), None) is not None


def _many(args: argparse.Namespace) -> int:
    from jova_bench.progress import Terminal
    from jova_bench.report.many.site import write_many

    of_one = ("slices", "metrics", "models", "reported", "sweep", "votes", "questions", "watch")
    if others := [name for name in of_one if getattr(args, name)]:
        raise BenchError(f"expected one RUN with --{others[0]}, got several, or a folder of runs")
    page = write_many(args.runs, args.html or None, assets=asset_table(args.assets), progress=Terminal())
    show(f"{page}\n")
    return EXIT_OK


def _vote(args: argparse.Namespace) -> int:
    from jova_bench.progress import Terminal
    from jova_bench.report.vote.site import write_vote

    given = ("html", "format", "metrics", "models", "slices", "reported", "sweep", "votes", "watch")
    if others := [name for name in given if getattr(args, name)]:
        raise BenchError(f"expected --vote alone or with --questions, got --{others[0]}, too")
    folder = write_vote(args.dir, args.vote or None, questions=args.questions, progress=Terminal())
    say(f"raters see {folder / 'pages'} and nothing else; `jova-bench votes serve` shows it to those on this machine")
    show(f"{folder}\n")
    return EXIT_OK


def _pages(args: argparse.Namespace) -> int:
    from jova_bench.progress import Terminal
    from jova_bench.report.html.figures import read_sweep
    from jova_bench.report.html.site import write_html
    from jova_bench.report.html.votes import read_fit
    from jova_bench.report.live.watch import watch
    from jova_bench.report.reported import read_reported

    fixed = partial(
        write_html,
        args.dir,
        slices=names(args.slices) or (),
        reported=args.reported,
        sweeps=[read_sweep(file) for file in args.sweep],
        votes=read_fit(args.votes) if args.votes else None,
        assets=asset_table(args.assets),
    )
    target, progress = args.html or None, Terminal()
    if args.watch:
        if args.reported:
            read_reported(args.reported)  # It is needed at the end, and its faults are said now.
        page = watch(args.dir, target, lambda place, shown: fixed(place, progress=shown), progress)
    else:
        page = fixed(target, progress=progress)
    show(f"{page}\n")
    return EXIT_OK


def _reported(path: str, form: str) -> str:
    """Returns papers' numbers as Markdown or LaTeX; they never stand in a table with ours."""
    from jova_bench.report.reported import VIEWS, read_reported

    found = read_reported(path)
    if form not in VIEWS:
        allowed = " or ".join(VIEWS)
        raise BenchError(f"expected --format {allowed} for numbers as reported, got {form}; the file itself is data")
    return VIEWS[form](found)
