"""The verbs that make runs: run, generate, score."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Listed, Parser, Verbs, add_assets_flag, add_verb, names, say, warn
from jova_bench.cli.endings import say_failures, say_outside
from jova_bench.cli.planning import add_plan_flags, plans_only, show_plan
from jova_bench.errors import BenchError
from jova_bench.output import show, show_json, show_page
from jova_bench.records import Profile
from jova_bench.report.trackers.tracking import check_trackers, track
from jova_bench.runs.request import ANY_PROFILE, DEFAULT_SUITE, Options, profile_of
from jova_bench.suites.clips import BELOW

if TYPE_CHECKING:
    from jova_bench.runs.run import Result

RUN_EXAMPLES = """  jova-bench run --model jova --model real --model shuffled
  jova-bench run --model clips:my_clips --suite my_prompts.jsonl
  jova-bench run --model jova --metrics lse_c,wer --seed 0 --seed 1 --limit 10 --json
  jova-bench run --model jova-edit:work/tiny --model unedited --suite embedded-edits
  jova-bench run --model ovi --model ltx-2 --suite my_prompts.jsonl --device cuda:0 --dry-run --price-per-hour 2.5

The same command continues a run that was stopped; naming more models, seeds or metrics extends it."""
GENERATE_EXAMPLES = """  jova-bench generate --model jova --limit 4
  jova-bench generate --model jova --out runs/mine && jova-bench run --model jova --out runs/mine"""
SCORE_EXAMPLES = """  jova-bench score my_clips
  jova-bench score clip.mp4
  jova-bench score my_clips --suite my_prompts.jsonl --metrics wer,dnsmos --json
  jova-bench score my_clips --metrics lse_c,lse_c@mova
  jova-bench score my_clips --recursive
  jova-bench score my_clips --metrics judge:speaker

A clip answers the prompt whose id is the clip's file stem, in --suite or in DIR/prompts.jsonl. A prompt without a clip
is a failed sample (exit code 5); a clip without a prompt is scored by what needs none, after the prompts. Of one file
the values are printed, and why other metrics have none, such as distances between sets of clips."""


def add(verbs: Verbs) -> None:
    """Adds the verbs `run`, `generate` and `score` with their flags."""
    run = add_verb(verbs, "run", "generate with models, score the clips, and print a leaderboard", RUN_EXAMPLES, _run)
    generate = add_verb(
        verbs, "generate", "generate clips with models, without scoring them", GENERATE_EXAMPLES, _generate
    )
    score = add_verb(verbs, "score", "score the clips in a folder, or one clip", SCORE_EXAMPLES, _score)
    score.add_argument("dir", metavar="DIR", help="folder of mp4, mkv, mov, webm, wav or flac files, or one file")
    score.add_argument(
        "--recursive", action="store_true", help="score the clips of all folders below DIR, too, as DIR/** does"
    )
    for one in (run, generate):
        _add_models(one)
        _add_request(one, DEFAULT_SUITE, f"that of the suite's suite.toml, else {ANY_PROFILE}")
    _add_request(score, None, f"{ANY_PROFILE}, which judges any clip, whatever the suite")
    for one in (run, score):
        _add_judges(one)
    generate.add_argument("--json", action="store_true", help="with --dry-run: print the plan as an object")


def _add_models(verb: Parser) -> None:
    """Adds the flags of the verbs that generate."""
    verb.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="NAME",
        help="see `ls models`; clips:DIR for a folder of clips, clips:DIR/** with those below it, jova:DIR or "
        "jova-edit:DIR for weights of your own training, v1-videos:URL#MODEL for a model of a server, "
        "diffusers:OWNER/NAME@COMMIT for any pipeline of diffusers; repeat for more",
    )
    add_plan_flags(verb)
    verb.add_argument("--seed", action="append", type=int, metavar="N", help="repeat for several (default 0)")
    verb.add_argument(
        "--retry-answered",
        action="store_true",
        help="ask again where a model refused or gave no clip as planned: a second draw, which tables tell (default: "
        "only what the machine failed is tried again)",
    )


def _add_request(verb: Parser, suite: str | None, profile: str) -> None:
    """Adds the flags of all verbs that make a run, with the default suite, and the default profile in words."""
    verb.add_argument(
        "--suite",
        default=suite,
        metavar="NAME|FILE|DIR",
        help=f"of `ls suites`, a .jsonl file, or a folder with prompts.jsonl "
        f"(default {suite or 'DIR/prompts.jsonl, where there is one'})",
    )
    verb.add_argument(
        "--profile",
        choices=get_args(Profile),
        help=f"set of evaluators (default {profile})",
    )
    verb.add_argument("--limit", type=int, metavar="N", help="only the first N prompts")
    verb.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda (all GPUs) or cuda:0,cuda:1 (default auto)"
    )
    verb.add_argument("--executor", default="processes", metavar="X", help="processes or ray (default processes)")
    verb.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="number; 0 runs all in this process (default: one per GPU, to score one per core)",
    )
    verb.add_argument("--out", metavar="DIR", help="run folder (default runs/<suite>-<digest>)")


def _add_judges(verb: Parser) -> None:
    """Adds the flags of the verbs that score."""
    verb.add_argument(
        "--metrics",
        action=Listed,
        metavar="A,B,C",
        help="see `ls metrics`; judge:FILE.toml asks a language model (default: all clean ones of the profile)",
    )
    verb.add_argument("--whisper", metavar="SIZE", help="tiny.en, small, ...: size of Whisper for wer and cer")
    verb.add_argument(
        "--json",
        action="store_true",
        help="print the summary object instead of the leaderboard; of run --dry-run, the plan",
    )
    verb.add_argument(
        "--strict",
        action="store_true",
        help="exit with 5 if a metric failed, too, such as for missing weights (default: if a clip failed)",
    )
    verb.add_argument(
        "--track",
        action="append",
        metavar="T",
        help="also log the finished run to mlflow, wandb or tensorboard; repeat for several",
    )
    add_assets_flag(verb)


def _metrics(args: argparse.Namespace) -> list[str] | None:
    """Returns the metrics that `--metrics` and `--whisper` select; None for the default."""
    from jova_bench.metrics.build import with_whisper

    wanted = names(args.metrics)
    return wanted if args.whisper is None else with_whisper(args.whisper, wanted, args.profile)


def _run(args: argparse.Namespace) -> int:
    from jova_bench.runs.run import run
    from jova_bench.suites.loading import load_suite

    planned = plans_only(args)
    check_trackers(args.track)
    suite = load_suite(args.suite)
    args.profile = profile_of(args.profile, suite)
    options = _options(args, **_draws(args), **_judges(args))
    if planned:
        return show_plan(args, suite, options)
    return _show(run(args.model, suite, options), args)


def _generate(args: argparse.Namespace) -> int:
    from jova_bench.runs.run import run

    planned = plans_only(args)
    if args.json and not planned:
        raise BenchError("expected --json with --dry-run, got it alone: what is generated is no summary; leave it out")
    options = _options(args, **_draws(args), scoring=False)
    if planned:
        return show_plan(args, args.suite, options)
    result = run(args.model, args.suite, options)
    say_failures(result)
    if result.folder.exists():
        show(f"{result.folder}\n")
    return result.exit_code


def _score(args: argparse.Namespace) -> int:
    from jova_bench.runs.run import score

    check_trackers(args.track)
    if args.recursive and Path(args.dir).is_file():
        raise BenchError(f"expected a folder with --recursive, got the file {args.dir!r}; leave out --recursive")
    args.profile = args.profile or ANY_PROFILE
    folder = Path(args.dir) / BELOW if args.recursive else args.dir
    return _show(score(folder, args.suite, _options(args, **_judges(args))), args)


def _options(args: argparse.Namespace, **more: Any) -> Options:
    """Returns the options of any of the three verbs, and `more` options of one of them."""
    from jova_bench.progress import Terminal

    shared = ("profile", "limit", "device", "out", "executor", "workers")
    return Options(**{name: getattr(args, name) for name in shared}, **more, progress=Terminal())


def _draws(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the options of the verbs that generate."""
    return {"seeds": args.seed or (0,), "retry_answered": args.retry_answered}


def _judges(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the options of the verbs that score."""
    return {"metrics": _metrics(args), "strict": args.strict, "assets": asset_table(args.assets)}


def _show(result: Result, args: argparse.Namespace) -> int:
    """Prints a scored run, writes its leaderboard beside its records, and logs it to the trackers of `--track`."""
    from jova_bench.report.files import write_report
    from jova_bench.report.one_clip import clip_markdown

    if result.summary is None:
        return result.exit_code  # No model could run; each was a line.
    files = write_report(result.folder, assets=asset_table(args.assets))
    if args.json:
        found = result.summary.model_dump(mode="json", by_alias=True)
        show_json(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    else:
        one = args.verb == "score" and Path(args.dir).is_file()
        show_page(clip_markdown(result.summary) if one else files[0].read_text(encoding="utf-8"))
    say_failures(result)
    say_outside(result.summary)
    say(f"results are in {result.folder}")
    for name in dict.fromkeys(args.track or ()):
        try:
            say(track(name, result.folder, files))
        except BenchError as error:
            warn(str(error))  # The run itself is complete, and the next tracker may take it.
    return result.exit_code
