"""The command line: `jova-bench` or `python -m jova_bench`. Results go to stdout, talk goes to stderr.

Nothing heavy is imported before a verb is known, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

import jova_bench
from jova_bench.config import DEFAULT_SUITE
from jova_bench.types import EXIT_OK, EXIT_USAGE, BenchError

if TYPE_CHECKING:
    from jova_bench.runner import Result

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
SHOWN_FAILURES = 5

EXIT_CODES = """exit codes:
  0 ok   2 bad input   3 regression   4 not comparable   5 a sample failed or a test is underpowered"""

EXAMPLES = {
    "run": """examples:
  jova-bench run --model jova --model real --model shuffled
  jova-bench run --model clips:my_clips --suite my_prompts.jsonl --profile standard
  jova-bench run --model jova --metrics lse_c,wer --seed 0 --seed 1 --limit 10 --json

The same command continues a run that was stopped; naming more models, seeds or metrics extends it.""",
    "generate": """examples:
  jova-bench generate --model jova --limit 4
  jova-bench generate --model jova --out runs/mine && jova-bench run --model jova --out runs/mine""",
    "score": """examples:
  jova-bench score my_clips
  jova-bench score my_clips --suite my_prompts.jsonl --metrics wer,dnsmos --json

A clip answers the prompt whose id is the clip's file stem, in --suite or in DIR/prompts.jsonl.
A clip without a prompt is scored by what needs none.""",
    "report": """examples:
  jova-bench report runs/embedded-0a1b2c3d
  jova-bench report runs/embedded-0a1b2c3d --format csv > leaderboard.csv""",
    "ls": """examples:
  jova-bench ls models
  jova-bench ls metrics --json""",
    "doctor": """examples:
  jova-bench doctor""",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Prints the line and leaves."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """All verbs and flags."""
    top = Parser(
        prog="jova-bench",
        description="Reproducible evaluation of joint video-audio generation.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"jova-bench {jova_bench.__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)

    def verb(name: str, summary: str, action: Callable[[argparse.Namespace], int]) -> Parser:
        one = verbs.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        one.set_defaults(action=action)
        return one

    run = verb("run", "generate with models, score the clips, and print a leaderboard", _run)
    generate = verb("generate", "generate with models and stop there", _generate)
    score = verb("score", "score the clips in a folder", _score)
    score.add_argument("dir", metavar="DIR", help="folder of mp4, mkv, mov, webm, wav or flac files")
    for one in (run, generate):
        one.add_argument(
            "--model", action="append", required=True, metavar="NAME", help="see `ls models`; repeat for several"
        )
        one.add_argument("--seed", action="append", type=int, metavar="N", help="repeat for several (default 0)")
    for one, suite, profile in (
        (run, DEFAULT_SUITE, "embedded"),
        (generate, DEFAULT_SUITE, "embedded"),
        (score, None, "standard"),
    ):
        one.add_argument(
            "--suite", default=suite, metavar="NAME|FILE", help=f"shipped suite or a .jsonl file (default {suite})"
        )
        one.add_argument(
            "--profile",
            default=profile,
            choices=("embedded", "standard"),
            help=f"evaluators that judge (default {profile})",
        )
        one.add_argument("--limit", type=int, metavar="N", help="only the first N prompts")
        one.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:i (default auto)")
        one.add_argument("--out", metavar="DIR", help="run folder (default runs/<suite>-<digest>)")
    for one in (run, score):
        one.add_argument("--metrics", metavar="A,B,C", help="see `ls metrics` (default: all of the profile)")
        one.add_argument("--json", action="store_true", help="print the summary object instead of the leaderboard")
    report = verb("report", "print the leaderboard of a run", _report)
    report.add_argument("dir", metavar="RUN", help="run folder")
    report.add_argument("--format", choices=("md", "csv", "json"), default="md", help="default md")
    ls = verb("ls", "list what there is", _ls)
    ls.add_argument("what", choices=("models", "suites", "metrics"))
    ls.add_argument("--json", action="store_true", help="print a list of objects")
    verb("doctor", "say what is installed, what is missing, and how to get it", _doctor)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    args = parser().parse_args(argv)
    try:
        code: int = args.action(args)
        sys.stdout.flush()
        return code
    except BenchError as error:
        _say(" ".join(str(error).split()))
        return error.exit_code
    except KeyboardInterrupt:
        _say("stopped; the same command continues where it was")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout has seen enough, e.g. `| head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        _say(f"{error}; nothing that was recorded is lost, the same command continues")
        return EXIT_USAGE


def entry() -> NoReturn:
    """The installed command."""
    sys.exit(main())


def _say(line: str) -> None:
    print(f"jova-bench: {line}", file=sys.stderr, flush=True)


def _names(text: str | None) -> list[str] | None:
    """`a,b,c` as a list."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _run(args: argparse.Namespace) -> int:
    from jova_bench.progress import Terminal
    from jova_bench.runner import run

    result = run(
        args.model,
        args.suite,
        profile=args.profile,
        metrics=_names(args.metrics),
        seeds=args.seed or (0,),
        limit=args.limit,
        device=args.device,
        out=args.out,
        progress=Terminal(),
    )
    return _show(result, args.json)


def _generate(args: argparse.Namespace) -> int:
    from jova_bench.progress import Terminal
    from jova_bench.runner import run

    result = run(
        args.model,
        args.suite,
        profile=args.profile,
        seeds=args.seed or (0,),
        limit=args.limit,
        device=args.device,
        out=args.out,
        scoring=False,
        progress=Terminal(),
    )
    _say_failures(result)
    print(result.folder)
    return result.exit_code


def _score(args: argparse.Namespace) -> int:
    from jova_bench.progress import Terminal
    from jova_bench.runner import score

    result = score(
        args.dir,
        args.suite,
        profile=args.profile,
        metrics=_names(args.metrics),
        limit=args.limit,
        device=args.device,
        out=args.out,
        progress=Terminal(),
    )
    return _show(result, args.json)


def _show(result: Result, as_json: bool) -> int:
    """Prints a scored run, and writes its leaderboard beside its records."""
    from jova_bench.report import write_report

    files = write_report(result.folder)
    if as_json and result.summary is not None:
        print(json.dumps(result.summary.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2))
    else:
        print(files[0].read_text(encoding="utf-8"), end="")
    _say_failures(result)
    _say(f"everything is in {result.folder}")
    return result.exit_code


def _say_failures(result: Result) -> None:
    for sample in result.failed[:SHOWN_FAILURES]:
        _say(f"failed: {sample.model}, prompt {sample.prompt_id}, seed {sample.seed}: {sample.reason}")
    if len(result.failed) > SHOWN_FAILURES:
        _say(f"failed: {len(result.failed) - SHOWN_FAILURES} more, see {result.folder / 'samples.jsonl'}")


def _report(args: argparse.Namespace) -> int:
    from jova_bench.report import leaderboard
    from jova_bench.store import read_run

    found = read_run(args.dir)
    if found.summary is None:
        raise BenchError(f"expected a finished run, got {args.dir}, which has no summary; repeat its command")
    board = leaderboard(found.summary, found.manifest)
    print({"md": board.markdown, "csv": board.csv, "json": board.json}[args.format](), end="")
    return EXIT_OK


def _ls(args: argparse.Namespace) -> int:
    from jova_bench import catalogue

    listing = {"models": catalogue.models, "suites": catalogue.suites, "metrics": catalogue.metrics}
    found = listing[args.what]()
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return EXIT_OK
    for item in found:
        print(_line(args.what, item))
    return EXIT_OK


def _line(what: str, item: dict[str, Any]) -> str:
    """One item of a listing."""
    if what == "suites":
        return f"{item['name']:<20} {item['prompts']} prompts, domain {item['domain'] or 'any'}"
    state = "" if item["available"] else f"  [{item['why_not']}]"
    if what == "models":
        return f"{item['name']:<12} needs {', '.join(item['needs']) or 'nothing'}{state}"
    name = f"{item['name']} ({item['profile']})"
    return f"{name:<30} {item['direction']:<6} {item['description']}{state}"


def _doctor(args: argparse.Namespace) -> int:
    from jova_bench import catalogue

    for key, value in catalogue.machine().items():
        print(f"{key:<24} {', '.join(cast(list[str], value)) if isinstance(value, list) else value}")
    for item in catalogue.packages():
        state = item["version"] or f"missing, for {item['for']}: {item['install']}"
        print(f"{item['name']:<24} {state}")
    for kind, found in (("model", catalogue.models()), ("metric", catalogue.metrics())):
        for item in found:
            if not item["available"]:
                print(f"{kind} {item['name']}: {item['why_not']}")
    return EXIT_OK
