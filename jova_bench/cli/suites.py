"""The verb for suites: suites import, pull, validate."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jova_bench.cli.base import Parser, Verbs, add_verb, say, warn
from jova_bench.digests import shortened
from jova_bench.errors import EXIT_OK, EXIT_USAGE, BenchError
from jova_bench.output import show

EXAMPLES = """  jova-bench suites import verse-bench verse_bench --out suites/verse
  jova-bench suites pull avgen-bench
  jova-bench suites validate suites/verse"""
IMPORT_EXAMPLES = """  jova-bench suites import verse-bench verse_bench --out suites/verse
  jova-bench suites import lrs3 lrs3/test --out lrs3/test/prompts.jsonl
  jova-bench suites import csv mine.csv --out mine.jsonl --language fr
  jova-bench suites import csv sheet.csv --map file=id --map prompt=video_caption --map notes= --out mine.jsonl

Faults of rows that cannot become a prompt are reported with file and line, of many alike the first; then nothing is
written, unless --skip-invalid leaves those rows out. FILE.jsonl names media where they are; DIR gets copies and a
suite.toml.

formats and what SOURCE is:
{formats}"""
PULL_EXAMPLES = """  jova-bench suites pull avgen-bench
  jova-bench suites pull hf:my-lab/my-suite@v2

--suite NAME then runs it. A branch or tag of the Hub becomes the commit that it has now; --suite hf:... downloads
what is not here, and keeps to the commit that was found first."""
SHOWN = 5
"""Number of further lines that a fault names, and number of faults of a kind that are printed."""
_VALUES = re.compile(r"""'[^']*'|"[^"]*"|\d+""")
"""What differs between faults of a kind: what was got, and numbers."""
VALIDATE_EXAMPLES = """  jova-bench suites validate mine.jsonl
  jova-bench suites validate suites/verse"""


def add(verbs: Verbs) -> None:
    """Adds the verb `suites`, its own verbs, and their flags."""
    from jova_bench.suites.importers import FORMATS

    top = add_verb(verbs, "suites", "import or download prompts of others, and validate prompt files", EXAMPLES)
    own = top.add_subparsers(dest="suite_verb", required=True, metavar="VERB", parser_class=Parser)
    formats = "\n".join(f"  {name:<17} {form.source}" for name, form in FORMATS.items())
    take = add_verb(
        own,
        "import",
        "write a prompt file of another benchmark's prompts",
        IMPORT_EXAMPLES.format(formats=formats),
        _import,
    )
    take.add_argument("format", choices=FORMATS, metavar="FORMAT", help="see below")
    take.add_argument("source", metavar="SOURCE", help="file or folder")
    take.add_argument(
        "--out", required=True, metavar="FILE.jsonl|DIR", help="new prompt file, or new folder of a suite"
    )
    take.add_argument("--skip-invalid", action="store_true", help="leave out rows that cannot become a prompt")
    take.add_argument("--language", metavar="TAG", help="BCP 47 tag of transcripts whose source names none")
    take.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="of csv and jsonl: what a column of another name is (tag:NAME: a tag; COLUMN= leaves it out); repeat",
    )
    get = add_verb(own, "pull", "download public prompt sets, each file verified", PULL_EXAMPLES, _pull)
    get.add_argument("names", nargs="+", metavar="NAME", help="see `ls suites`; hf:ORG/NAME@REVISION: of the Hub")
    check = add_verb(
        own, "validate", "report every fault of a prompt file and its suite.toml", VALIDATE_EXAMPLES, _validate
    )
    check.add_argument("file", metavar="FILE", help="prompt file, the folder of a suite, or hf:ORG/NAME@REVISION")


def _import(args: argparse.Namespace) -> int:
    from jova_bench.suites.importers import FORMATS, read_source
    from jova_bench.suites.importers.placing import check_place, place
    from jova_bench.suites.importers.plain import column_map

    form = FORMATS[args.format]
    check_place(Path(args.out))
    found = read_source(args.format, Path(args.source), args.language, column_map(args.map))
    _say_faults([(fault.where, fault.what) for fault in found.faults])
    for note, count in found.notes.items():
        say(f"note: {note} ({count} rows)")
    good = f"{len(found.prompts)} prompts"
    if args.skip_invalid and (ends := [fault.where for fault in found.faults if fault.ends]):
        warn(
            f"{', '.join(ends)}: nothing after is read; correct that: --skip-invalid leaves out rows, not what follows"
        )
        return EXIT_USAGE
    if found.faults and not (args.skip_invalid and found.prompts):
        rows = len({fault.where for fault in found.faults})
        advice = "correct them or give --skip-invalid" if found.prompts else "none is left"
        warn(f"{rows} rows cannot become a prompt ({good} can); {advice}")
        return EXIT_USAGE
    path = place(found, Path(args.out), args.format, form.licence, form.slices)
    skipped = len({fault.where for fault in found.faults})
    left_out = f", {skipped} rows left out as reported above" if skipped else ""
    say(f"{good}{left_out}; licence of the prompts: {form.licence}")
    show(f"{path}\n")
    return EXIT_OK


def _pull(args: argparse.Namespace) -> int:
    """Pulls suites and prints a line for each. Returns 2 if one failed."""
    from jova_bench.formatting.messages import shown, suggest
    from jova_bench.progress import meter
    from jova_bench.suites.hub import PREFIX, pulled
    from jova_bench.suites.loading import load_suite
    from jova_bench.suites.public import public_suites, pull_public

    code, known = EXIT_OK, public_suites()
    for name in args.names:
        try:
            if name.startswith(PREFIX):
                name = pulled(name, meter, again=True).address
            elif name in known:
                pull_public(known[name], meter)
            else:
                hint = suggest(name, known, "jova-bench ls suites")
                raise BenchError(f"expected a public suite or {PREFIX}ORG/NAME@REVISION, got {shown(name)}; {hint}")
            suite = load_suite(name)
            suite.reference_folder()
            licence = suite.licence or "not stated"
            show(f"{name}: {len(suite.prompts)} prompts, digest {shortened(suite.digest)}, licence {licence}\n")
        except BenchError as error:
            warn(" ".join(str(error).split()))
            code = EXIT_USAGE
    return code


def _say_faults(faults: Sequence[tuple[str, str]]) -> None:
    """Prints each fault, (place, what) of a row, once: with its first place, and how many other rows have it.

    Of those that differ in a value alone, the last one has the number of those left.
    """
    places: dict[str, list[str]] = {}
    for where, what in faults:
        places.setdefault(what or where, []).append(where)
    left = Counter(_VALUES.sub("", what or where) for where, what in faults)
    told = Counter[str]()
    for what, (first, *others) in places.items():
        kind = _VALUES.sub("", what)
        told[kind] += 1
        left[kind] -= 1 + len(others)
        if told[kind] > SHOWN:
            continue
        lines = ", ".join(one.rpartition(":")[2] for one in others[:SHOWN]) + ", ..." * (len(others) > SHOWN)
        more = f" (and {len(others)} more row{'s' * (len(others) > 1)}: {lines})" if others else ""
        more += f" (and {left[kind]} more like it)" * (told[kind] == SHOWN and left[kind] > 0)
        warn(f"{first}{more}" if what == first else f"{first}: {what}{more}")


def _validate(args: argparse.Namespace) -> int:
    from jova_bench.progress import meter
    from jova_bench.runs.suite_faults import suite_faults
    from jova_bench.suites.edits import edit_faults
    from jova_bench.suites.hub import PREFIX, pulled
    from jova_bench.suites.loading import load_suite
    from jova_bench.suites.prompt_file import prompt_file, read_prompts

    of_hub = args.file.startswith(PREFIX)
    path = prompt_file(pulled(args.file, meter).folder if of_hub else Path(args.file))
    prompts, faults = read_prompts(path, edit_faults)
    if not faults:
        suite = load_suite(path)
        faults = suite_faults(suite)
    lines = [re.fullmatch(rf"({re.escape(str(path))}:\d+): (.*)", fault, re.DOTALL) for fault in faults]
    _say_faults([(line[1], line[2]) if line else (fault, "") for line, fault in zip(lines, faults, strict=True)])
    if faults:
        warn(f"{len(faults)} faults, {len(prompts)} good prompts")
        return EXIT_USAGE
    named = ({re.sub(r"\.\d+\.", ".", field) for field in prompt.files} for prompt in prompts)  # Speakers have numbers.
    counts = dict(Counter(field for fields in named for field in sorted(fields)))
    counts = {"transcript": sum(bool(prompt.transcript) for prompt in prompts), **counts}
    totals = ", ".join(f"{count} with {field}" for field, count in counts.items())
    show(f"{suite.name}: {len(prompts)} prompts, {totals}; digest {shortened(suite.digest)}\n")
    for tag in dict.fromkeys(tag for prompt in prompts for tag in prompt.tags):
        values = {value for prompt in prompts for value in prompt.values(tag)}
        show(f"  tag {tag}: {len(values)} values{', a slice of every table' * (tag in suite.slices)}\n")
    return EXIT_OK
