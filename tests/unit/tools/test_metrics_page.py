"""What is written of the metrics is made from the metrics."""

import json
import re
from dataclasses import replace

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build_all
from jova_bench.metrics.catalogue import CATALOGUE
from jova_bench.tools.metrics_page import document
from support.shown import PAGES, ROOT, blocks

FILE = ROOT / "docs" / "metrics.md"


def test_the_committed_file_is_what_the_catalogue_says():
    assert FILE.read_text(encoding="utf-8") == document(), "python -m jova_bench.tools.metrics_page > docs/metrics.md"


def test_every_protocol_is_told_with_its_identity():
    text = document()
    for select, metric in build_all(MetricContext(NoCache())):
        assert f"`{select}`" in text
        assert f"(`{metric.spec.name}`)" in text
        # Digests that only this machine has recorded are no part of the text.
        assert replace(metric.spec.identity, weights=None, params="") in text


def test_clean_comes_before_compat():
    for section in document().split("\n### ")[1:]:
        items = re.findall(r"^- \*\*.*?\*\* \((clean|compat)", section.split("\n## ")[0], re.MULTILINE)
        assert items == sorted(items)
        assert items


def test_weights_that_are_here_change_nothing(tmp_path, monkeypatch):
    before = document()
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    table = assets.asset_table()
    for asset in table.entries.values():
        path = table.path(asset.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"something")
        table.digest(asset.name)
    assert document() == before
    assert assets.folder() == tmp_path


def test_weights_name_metrics_that_there_are():
    standard = [one for entry in CATALOGUE if entry.profile == "standard" for one in entry.choices()]
    known = {one.entry.name for one in standard} | {f"{one.entry.name}@{one.variant or 'clean'}" for one in standard}
    for asset in assets.published().values():
        assert set(asset.metrics) <= known, asset.name


def test_a_metric_asks_at_once_for_all_that_it_misses_and_pulling_it_gets_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    told = 0
    for select, metric in build_all(MetricContext(NoCache())):
        if metric.spec.profile == "standard":
            asked = (metric.check() or "").partition("assets pull ")[2].partition(" --accept")[0].split()
            needed = {
                one.name for one in assets.published().values() if one.serves(select.partition("@")[0], bench(select))
            }
            assert set(asked) == needed, select
            told += len(asked)
    assert told


def bench(select):
    return select.partition("@")[2] or None


def test_records_of_the_pages_are_prompts_and_votes():
    from jova_bench.prompts import Prompt
    from jova_bench.votes.records import Vote

    records = [json.loads(block) for page in PAGES for block in blocks(page, "json")]
    for record in records:
        (Vote if "rater" in record else Prompt).model_validate(record)
    assert len(records) > 2


def test_the_page_of_commands_has_all_verbs():
    from jova_bench.cli.program import parser

    (verbs,) = (action for action in parser()._actions if action.dest == "verb")
    told = re.findall(r"^\| `([a-z ]+)` \|", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(told) == set(verbs.choices)
