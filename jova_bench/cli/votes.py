"""The verb for people's votes: votes plan, serve, fit, agree."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jova_bench.cli.base import Parser, Verbs, add_format_flag, add_verb, show_view
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.formatting.messages import shown
from jova_bench.output import show, show_json, show_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXAMPLES = """  jova-bench votes plan --models 3 --prefer 0.6
  jova-bench votes fit votes.jsonl
  jova-bench votes agree runs/embedded-0a1b2c3d votes.jsonl"""
PLAN_EXAMPLES = """  jova-bench votes plan
  jova-bench votes plan --prefer 0.6 --models 4 --per-rater 10
  jova-bench votes plan first-votes.jsonl

Without a file, the share of ties and the correlations of votes are assumed; first votes measure them."""
SERVE_EXAMPLES = """  jova-bench votes serve runs/embedded-0a1b2c3d/vote --rater ann --rater ben

STUDY is a folder that `report --vote` wrote. Each rater has an address of its own, which stays the same; give it to
no other. The server is for browsers on this machine (others reach it by `ssh -L 8000:localhost:8000`). Answers are
appended to STUDY/answers and never replaced. Ctrl-C ends it."""
FIT_EXAMPLES = """  jova-bench votes fit votes.jsonl
  jova-bench votes fit ann.jsonl ben.jsonl --format json > fit.json
  jova-bench votes fit runs/embedded-0a1b2c3d/vote
  jova-bench report runs/embedded-0a1b2c3d --html --votes fit.json

FILE may be the folder of a study, whose answers are read with its key. A line of a file is one answer:
{"rater", "prompt_id", "question", "left", "right", "answer"}, where left and right are
models and answer is left, right, same or broken; "expected" makes it an attention check."""
AGREE_EXAMPLES = """  jova-bench votes agree runs/embedded-0a1b2c3d votes.jsonl
  jova-bench votes agree runs/embedded-0a1b2c3d ann.jsonl ben.jsonl --format csv

Of every metric of the run: how often it prefers the clip that people prefer, and how far it orders models as people
do."""
Found = TypeVar("Found")
FORMATS = "md, csv or json"


def add(verbs: Verbs) -> None:
    """Adds the verb `votes`, its own verbs, and their flags."""
    top = add_verb(
        verbs, "votes", "plan votes of people on clips, rate models by them, and test metrics against them", EXAMPLES
    )
    own = top.add_subparsers(dest="votes_verb", required=True, metavar="VERB", parser_class=Parser)
    plan = add_verb(own, "plan", "show how many votes tell two models apart", PLAN_EXAMPLES, _plan)
    plan.add_argument("files", nargs="*", metavar="FILE", help="first votes, which say what is assumed otherwise")
    plan.add_argument(
        "--prefer", action="append", type=float, metavar="P",
        help="true share of votes for the better model among those that decide; repeat for several (default a range)",
    )  # fmt: skip
    plan.add_argument("--models", type=int, metavar="N", help="models of which every two are compared (default 2)")
    plan.add_argument("--per-rater", type=int, metavar="N", help="votes of a rater on two models (default 20)")
    plan.add_argument("--per-prompt", type=int, metavar="N", help="votes on a prompt and two models (default 3)")
    plan.add_argument("--power", type=float, metavar="P", help="probability to show the preference (default 0.8)")
    plan.add_argument("--json", action="store_true", help="print a JSON object instead of the table")
    serve = add_verb(
        own, "serve", "show a study to raters on this machine, and keep their answers", SERVE_EXAMPLES, _serve
    )
    serve.add_argument("study", type=Path, metavar="STUDY", help="folder that `report --vote` wrote")
    serve.add_argument("--rater", action="append", default=[], metavar="NAME", help="repeat for several")
    serve.add_argument("--port", type=int, default=8000, metavar="N", help="0 for any that is free (default 8000)")
    fit = add_verb(own, "fit", "fit strengths of models to votes, with intervals", FIT_EXAMPLES, _fit)
    fit.add_argument("files", nargs="+", metavar="FILE", help="files of votes, JSON lines, or folders of studies")
    add_format_flag(fit, FORMATS)
    agree = add_verb(
        own, "agree", "show which metrics of a run agree with people's votes on its clips", AGREE_EXAMPLES, _agree
    )
    agree.add_argument("run", metavar="RUN", help="run folder whose clips were voted on")
    agree.add_argument("files", nargs="+", metavar="FILE", help="files of votes, JSON lines, or folders of studies")
    add_format_flag(agree, FORMATS)


def _plan(args: argparse.Namespace) -> int:
    from jova_bench.votes.plan import SHARES, Design, plan_votes
    from jova_bench.votes.reading import read_votes

    given = ((name, getattr(args, name)) for name in ("models", "per_rater", "per_prompt", "power"))
    design = Design(**{name: value for name, value in given if value is not None})
    found = plan_votes(args.prefer or SHARES, design, read_votes(args.files) if args.files else ())
    if args.json:
        show_json(found.json())
    else:
        show_page(found.markdown())
    return EXIT_OK


def _serve(args: argparse.Namespace) -> int:
    from jova_bench.votes.serve import admit, server
    from jova_bench.web.local import HOST

    raters = admit(args.study, args.rater)
    with server(args.study, raters, args.port) as serving:
        for name, one in raters.raters.items():
            show(f"{name}: http://{HOST}:{serving.server_port}/{one.token}/\n")
        serving.serve_forever()
    return EXIT_OK


def _fit(args: argparse.Namespace) -> int:
    from jova_bench.votes.fit import fit_votes
    from jova_bench.votes.reading import read_votes
    from jova_bench.votes.tables import VIEWS

    view = _view(args.format, VIEWS)
    show_view(view(fit_votes(read_votes(args.files))), args.format)
    return EXIT_OK


def _agree(args: argparse.Namespace) -> int:
    from jova_bench.votes.agree import agree
    from jova_bench.votes.agreement_tables import VIEWS
    from jova_bench.votes.reading import read_votes

    view = _view(args.format, VIEWS)
    show_view(view(agree(args.run, read_votes(args.files))), args.format)
    return EXIT_OK


def _view(name: str | None, known: Mapping[str, Callable[[Found], str]]) -> Callable[[Found], str]:
    """Returns the view of a format. Raises BenchError where there is none."""
    if (name or "md") not in known:
        raise BenchError(f"expected one of the formats {', '.join(known)}, got {shown(name)}")
    return known[name or "md"]
