"""The verb that trains, scores and compares arms: sweep."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Verbs, add_assets_flag, add_verb, names, say
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.formatting.messages import shown
from jova_bench.output import show_json, show_page

if TYPE_CHECKING:
    from jova_bench.sweep.model import SweptModel, Value
    from jova_bench.sweep.spec import SweepSpec

EXAMPLES = """  jova-bench sweep mouth-loss --dry-run
  jova-bench sweep mouth-loss
  jova-bench sweep fusion --seeds 0,1,2
  jova-bench sweep guidance --limit 16
  jova-bench sweep mine.toml --only mouth_weight=0
  jova-bench sweep --base preset=ablation --factor mouth_weight=0,5 --factor fusion=joint,none --grid

Built in: mouth-loss, mouth-curve, fusion, cross, positions and words train; guidance and steps sample with the
shipped weights. A file says in TOML what to vary: jova_bench's repository has
docs/sweeps.md, which says how, and examples in jova_bench/sweep/builtin.

Every arm is trained alike, generates clips for the same prompts and sampling seeds, is scored, and is compared with the
base arm, paired. The same command continues a sweep that was stopped. An arm is identified by a digest of all its
settings: a finished one is reused by every sweep that contains it. All sweeps of one --out share corpus, latents and
arms.

OUT/NAME.json, .md and .svg hold the result."""


def add(verbs: Verbs) -> None:
    """Adds the verb `sweep` and its flags."""
    one = add_verb(
        verbs, "sweep", "train, sample and score arms that differ in a setting, and compare", EXAMPLES, _sweep
    )
    one.add_argument(
        "sweep", nargs="?", metavar="NAME|FILE", help="built-in sweep or a TOML file (default: flags alone)"
    )
    one.add_argument(
        "--base", action="append", default=[], metavar="SETTING=VALUE", help="setting of the base arm; repeat"
    )
    one.add_argument(
        "--factor", action="append", default=[], metavar="SETTING=A,B", help="what to vary; replaces the file's; repeat"
    )
    one.add_argument("--grid", action="store_true", help="every combination instead of one factor at a time")
    one.add_argument(
        "--seeds",
        action="append",
        metavar="A,B,C",
        help="training seeds (default 0); arms that a sweep does not repeat get the first",
    )
    one.add_argument("--only", action="append", metavar="ARM", help="this arm and the base alone; repeat for several")
    one.add_argument("--steps", metavar="N", help="steps of the optimiser, as --base steps=N")
    one.add_argument("--clips", metavar="N", help="training clips, as --base clips=N")
    one.add_argument("--limit", type=int, metavar="N", help="the first N prompts")
    one.add_argument(
        "--device", default="auto", metavar="D", help="of sampling: auto, cpu, cuda or cuda:i (default auto)"
    )
    one.add_argument("--threads", type=int, metavar="N", help="trainings at once, one core each (default: all cores)")
    add_assets_flag(one)
    one.add_argument("--out", type=Path, metavar="DIR", help="folder of all sweeps (default runs/sweeps)")
    one.add_argument("--dry-run", action="store_true", help="print the arms and which of them are finished")
    one.add_argument("--json", action="store_true", help="print a JSON object instead of the tables")


def _sweep(args: argparse.Namespace) -> int:
    from jova_bench.execution.processes import available_cores
    from jova_bench.files.writing import check_writable
    from jova_bench.progress import Terminal
    from jova_bench.report.curves import curves
    from jova_bench.report.texts import write_texts
    from jova_bench.sweep.model import swept_model
    from jova_bench.sweep.tables import dry_run, markdown
    from jova_bench.sweep.work import OUT, plan_sweep, sweep

    threads = available_cores() if args.threads is None else args.threads
    if threads < 1:
        raise BenchError(f"expected at least one thread, got {threads}")
    spec = _spec(args)
    model = swept_model(spec.model)
    spec = spec.model_copy(update=_flags(args, spec, model))
    out = args.out or OUT
    plan = plan_sweep(
        spec,
        model,
        seeds=_seeds(",".join(args.seeds or ["0"])),
        only=args.only,
        out=out,
        assets=asset_table(args.assets),
    )
    if args.dry_run:
        show_page(dry_run(plan, model))
        return EXIT_OK
    check_writable(out)
    result = sweep(plan, model, device=args.device, threads=threads, progress=Terminal())
    values = result.record()
    record, text = json.dumps(values, ensure_ascii=False, indent=1) + "\n", markdown(result)
    write_texts(out, {f"{spec.name}.json": record, f"{spec.name}.md": text})
    write_texts(out, {f"{spec.name}.svg": curves(values)})  # After the result, which a picture must not cost.
    if args.json:
        show_json(record)
    else:
        show_page(text)
    say(f"also in {out}: {spec.name}.json, .md and .svg")
    return result.exit_code


def _spec(args: argparse.Namespace) -> SweepSpec:
    from jova_bench.sweep.spec import SweepSpec, built_in, read_spec

    if args.sweep is not None:
        return read_spec(args.sweep)
    if not args.factor:
        raise BenchError(f"expected a sweep ({', '.join(built_in())}), a TOML file or --factor, got none of them")
    return SweepSpec()


def _flags(args: argparse.Namespace, spec: SweepSpec, model: SweptModel) -> dict[str, object]:
    """Returns the fields of a sweep that the flags change. Raises BenchError for an unknown setting."""
    known = {setting.name: setting for setting in model.settings}

    def split(text: str) -> tuple[str, str]:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise BenchError(f"expected SETTING=VALUE, got {shown(text)}; settings are: {', '.join(known)}")
        return name, value

    given = [*args.base, *(f"{name}={getattr(args, name)}" for name in ("steps", "clips") if getattr(args, name))]
    base: dict[str, Value] = {name: known[name].read(value) for name, value in map(split, given)}
    factors = {
        name: tuple(known[name].read(value) for value in values.split(",")) for name, values in map(split, args.factor)
    }
    changed: dict[str, object] = {"base": {**spec.base, **base}}
    if factors:
        changed |= {"factors": factors, "repeat": None}
    if args.grid:
        changed["design"] = "grid"
    if args.limit is not None:
        if args.limit < 1:
            raise BenchError(f"expected a limit of at least 1 prompt, got {args.limit}")
        changed["limit"] = args.limit
    return changed


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in names(text) or []]
    except ValueError as error:
        raise BenchError(f"expected training seeds such as 0,1,2, got {shown(text)}") from error
