"""Writes the files of a gate: reference, tolerances, a page that explains them, and a workflow of GitHub Actions."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.gate import gate, read_tolerances
from jova_bench.comparison.gate_page import Gate
from jova_bench.comparison.gate_start import Gated, Start
from jova_bench.comparison.results import freeze
from jova_bench.errors import BenchError
from jova_bench.files.writing import write_file
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown
from jova_bench.formatting.text import code, counted, escaped, table
from jova_bench.suites.folder import folder_suite
from jova_bench.suites.loading import load_suite

FOLDER = Path("gate")
"""Where the files of a gate lie in a repository."""
REFERENCE, TOLERANCES, PAGE = FOLDER / "reference.json", FOLDER / "tolerances.toml", FOLDER / "README.md"
WORKFLOW = Path(".github") / "workflows" / "gate.yml"
ACTION = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w.-]+)*@[\w./-]+", re.ASCII)
CLIPS = "clips:"
"""Begins the name of a model that is a folder of clips."""
NEXT = "runs/next"

_HEAD = """# How much worse each metric may get before the gate fails, in its own unit: a tenth of the width of its 95 %
# interval in reference.json (of several models, of the widest), where its test finds a loss as small as that. One
# without a line may get no worse, as far as its test can tell.
"""
_PAGE = """# Gate

A build fails when a run is worse than `reference.json` in any metric by more than `tolerances.toml` allows, prompt by
prompt. By hand:

```sh
{run} --out {next}
jova-bench gate {reference} {next} --tolerances {tolerances}
```

Line 1 says `passed` or why not, line 2 how many metrics are worse, better, unchanged (no difference was shown) or
underpowered, and from line 3 on stands what changed, with the samples that lost most. Exit codes: 0 passed, 3 worse,
4 something no longer compares, such as a metric of a new version, 5 a sample failed, or a test could not have shown a
difference.

## What is tested

{count} of the suite {suite}. *Found* is the smallest loss that a metric's test finds four times in five.

{table}
{left_out}
## When a change is wanted

Remove `{reference}`, `{tolerances}`, `{page}` and, where there is one,
`{workflow}`; run `jova-bench gate init {next}` with the options of before, and commit what it writes
with the reason. What is not removed is kept as it was. A tolerance may be edited; one smaller than what its test finds
makes the gate say `underpowered`.
"""
_WORKFLOW = """# Fails when a run is worse than {reference}, which {page} explains.
name: gate
on:
  pull_request:
  workflow_dispatch:
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    steps:
      - uses: actions/checkout@v4
{clips}      - uses: {uses}
        with:
          run: {run}
          assets: {assets}
          extras: {extras}
"""
_CLIPS = """      # Make the clips in {folders} here, unless they are committed.
"""


def gate_texts(begun: Start, suite: str | None, uses: str | None, assets: AssetTable) -> dict[Path, str]:
    """Returns the text of each file of a gate.

    Args:
        begun: what is gated.
        suite: as the command of a run names it; None for the suite that has the name of the run's.
        uses: `OWNER/NAME@REF` of the repository of jova_bench; None writes no workflow.
        assets: the table of weights.

    Raises:
        BenchError: the suite is not the run's, `uses` is no such name, or a workflow cannot hold the command.
    """
    if uses is not None and not ACTION.fullmatch(uses):
        raise BenchError(f"expected {option('uses')} as OWNER/NAME@REF, got {shown(uses)}")
    words = command(begun, suite)
    texts = {REFERENCE: freeze(begun.reference), TOLERANCES: _tolerances(begun.metrics), PAGE: _page(begun, words)}
    if uses is not None:
        texts[WORKFLOW] = _workflow(begun, words, uses, assets)
    return texts


def first_gate(begun: Start, root: Path, run: str, assets: AssetTable) -> Gate:
    """Gates a run by the reference and the tolerances that are kept in a repository, and by new ones where none are.

    Raises:
        BenchError: a kept file is faulty, or does not fit the other or the run.
    """
    reference, tolerances = root / REFERENCE, root / TOLERANCES
    return gate(
        reference if reference.exists() else replace(begun.reference, source=str(reference)),
        run,
        read_tolerances(tolerances)
        if tolerances.exists()
        else {one.name: one.tolerance for one in begun.metrics if one.tolerance is not None},
        assets=assets,
    )


def write_gate(texts: Mapping[Path, str], root: Path) -> list[str]:
    """Writes what is not there yet into the folder of a repository, and returns a line for each file."""
    lines = []
    for name, text in texts.items():
        if (root / name).exists():
            lines.append(f"kept {root / name}, which was there; remove it, and it is made again")
        else:
            write_file(root / name, text)
            lines.append(f"wrote {root / name}")
    if WORKFLOW not in texts:
        how = "jova_bench's repository on GitHub, whose action.yml runs the gate"
        lines.append(f"no workflow: {option('uses')} OWNER/NAME@REF names {how}")
    return lines


def command(begun: Start, suite: str | None) -> list[str]:
    """Returns the words after `jova-bench` that make such a run again, without the folder.

    Raises:
        BenchError: the suite is not the run's.
    """
    manifest, models = begun.run.manifest, begun.reference.models
    asked = [manifest.models[model].asked for model in models]
    known = {prompt.id for prompt in manifest.prompts}
    where, prompts = _suite(begun, suite)
    metrics = ",".join(dict.fromkeys(spec.identity.select for spec in begun.specs))
    shared = ["--profile", manifest.profile, "--metrics", metrics]
    folder = asked[0].removeprefix(CLIPS) if len(asked) == 1 and asked[0].startswith(CLIPS) else None
    if folder is not None and where is None and suite is None and _own_prompts(folder) == manifest.prompts_digest:
        return ["score", folder, *shared]
    if where is None:
        raise BenchError(
            f"expected {option('suite')} with the prompts of {begun.reference.source}, got "
            f"{'none' if suite is None else shown(suite)}; name the file or folder that its command named"
        )
    if folder is not None and known != prompts:  # `score` measures clips that answer no prompt, too.
        return ["score", folder, "--suite", where, *shared]
    used = {prompt_id for model in models for prompt_id, _ in begun.reference.cells(model)}
    seeds = [word for seed in manifest.seeds for word in ("--seed", str(seed))] if manifest.seeds != (0,) else []
    limit = ["--limit", str(len(used))] if len(used) < len(known) else []
    named = [word for one in asked for word in ("--model", one)]
    return ["run", *named, "--suite", where, *shared, *seeds, *limit]


def _suite(begun: Start, suite: str | None) -> tuple[str | None, set[str]]:
    """Returns how a command names the run's suite, and the ids of its prompts; None where it is not known."""
    where = begun.run.manifest.suite if suite is None else suite
    try:
        found = load_suite(where)
    except BenchError:
        if suite is not None:
            raise
        return None, set()
    if found.prompts_digest != begun.reference.prompts_digest:
        return None, set()
    return where, {prompt.id for prompt in found.prompts}


def _own_prompts(folder: str) -> str | None:
    """Returns the digest of the prompts that a folder of clips has of its own; None where there is no such folder."""
    try:
        return folder_suite(Path(folder), None).prompts_digest
    except BenchError:
        return None


def _tolerances(metrics: Sequence[Gated]) -> str:
    lines = [
        f"# {one.name}: no line; its test finds losses from {one.detectable:.2g} on"
        if one.tolerance is None
        else f"{one.name if re.fullmatch(r'[A-Za-z0-9_-]+', one.name) else json.dumps(one.name)} = {one.tolerance!r}"
        for one in metrics
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _page(begun: Start, words: Sequence[str]) -> str:
    """Explains the gate: how to run and read it, what it tests, and what it leaves out."""
    body = [
        [escaped(one.name), escaped(one.unit), "none" if one.tolerance is None else f"{one.tolerance!r}", _found(one)]
        for one in begun.metrics
    ]
    left_out = "".join(f"- {escaped(line)}\n" for line in begun.left_out)
    prompts = {prompt_id for model in begun.reference.models for prompt_id, _ in begun.reference.cells(model)}
    return _PAGE.format(
        run=shlex.join(["jova-bench", *words]),
        next=NEXT,
        reference=REFERENCE,
        tolerances=TOLERANCES,
        page=PAGE,
        workflow=WORKFLOW,
        count=counted(len(prompts), "prompt"),
        suite=escaped(begun.reference.suite),
        table=table(["Metric", "Unit", "Tolerance", "Found"], body),
        left_out=f"\nLeft out, because nothing could be tested:\n\n{left_out}" if left_out else "",
    )


def _found(one: Gated) -> str:
    """Formats the detectable loss: of a model that gives the same clips again it is zero, but for rounding."""
    return f"{one.detectable:.2g}" if one.tolerance is None else "less than the tolerance"


def _workflow(begun: Start, words: Sequence[str], uses: str, assets: AssetTable) -> str:
    if any(re.search(r"[\s\"']", word) for word in words):
        wrong = code(shlex.join(words))
        raise BenchError(f"expected names without spaces and quotes for a workflow, got {wrong}; rename them")
    profile = begun.run.manifest.profile
    extras = [profile, *(["pesq"] if any(spec.name == "pesq" for spec in begun.specs) else [])]
    asked = (begun.run.manifest.models[model].asked for model in begun.reference.models)
    folders = [one.removeprefix(CLIPS) for one in asked if one.startswith(CLIPS)]
    return _WORKFLOW.format(
        reference=REFERENCE,
        page=PAGE,
        uses=uses,
        clips=_CLIPS.format(folders=", ".join(folders)) if folders else "",
        run=json.dumps(" ".join(words), ensure_ascii=False),
        assets=json.dumps(" ".join(_weights(begun, assets))),
        extras=json.dumps(",".join(extras)),
    )


def _weights(begun: Start, assets: AssetTable) -> list[str]:
    """Returns the words after `assets pull` that get the weights of the gated metrics; none in the embedded profile."""
    if begun.run.manifest.profile != "standard":
        return []
    wanted = [
        asset
        for asset in assets.entries.values()
        if any(asset.serves(spec.name, spec.identity.bench) for spec in begun.specs)
    ]
    terms = dict.fromkeys(asset.terms for asset in wanted if asset.terms)
    return [asset.name for asset in wanted] + [word for one in terms for word in ("--accept", one)]
