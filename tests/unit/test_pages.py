"""Pages name modules and files that exist, the site has all of them, and it loads nothing from a network."""

import importlib
import re
import subprocess
import sys

import pytest
import yaml

import jova_bench
from jova_bench import plugins
from support.shown import PAGES, ROOT

TEXTS = (
    *PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
    *(ROOT / "results").rglob("*.md"), *(ROOT / ".github").rglob("*.md"), *(ROOT / ".github").rglob("*.yml"),
)  # fmt: skip
GROUPS = {"jova_bench.swept_models"}
"""Groups of entry points that are called as no module is."""


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_every_module_that_a_page_names_is_there(page):
    text = re.sub(r"https?://\S+", "", page.read_text(encoding="utf-8"))
    for name in set(re.findall(r"(?<![\w./-])(?:jova|jova_bench|jova_baselines|evaluators)(?:\.[A-Za-z_]\w*)+", text)):
        assert name in GROUPS or there(name), name


def there(name):
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for part in parts[k:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_names_that_are_not_there_are_noticed():
    assert there("jova_bench.metrics.base.to_outcome")
    assert not there("jova_bench.metrics.base.no_such_name")
    assert not there("jova_bench.no_such_module")


FOLDERS = r"(?:jova|jova_bench|baselines|evaluators|docs|results|tests|benchmarks|examples)"


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_every_file_that_a_page_names_is_there(page):
    text = re.sub(r"https?://\S+", "", page.read_text(encoding="utf-8"))
    for name in set(re.findall(rf"(?<![\w./-]){FOLDERS}/[\w./*-]*[\w*]", text)):
        if re.search(r"(?:^|/)[A-Z_]+(?:/|$)", name) or name in WRITTEN:
            continue  # `baselines/NAME` is for the reader to fill in.
        assert list(ROOT.glob(name)), name
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        assert re.match(r"https?:|mailto:", link) or (page.parent / link).exists(), link


WRITTEN = {"results/reference.json"}
"""Files that an example's commands write."""


def test_every_page_is_in_the_menu():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert re.search(rf"[ :]{page.name}$", settings, re.MULTILINE), page.name


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list((ROOT / "docs").glob("*.md")))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\bsrc=\"?([^\"\s>]+)|<link[^>]*\bhref=\"?([^\"\s>]+)", text)
        assert not [one for pair in loaded for one in pair if one.startswith(("http", "//"))], page
    for name in jova_bench.__all__:
        assert name == "__version__" or f'id="jova_bench.{name}"' in (tmp_path / "site" / "api.html").read_text(), name
    for name in set(plugins.__all__) - set(jova_bench.__all__):
        assert f'id="jova_bench.plugins.{name}"' in (tmp_path / "site" / "api.html").read_text(), name


def test_the_citation_has_the_packages_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == jova_bench.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", jova_bench.__version__)


def test_environment_variables_that_pages_name_are_read_by_the_code():
    files = [path for folder in ("jova_bench", "baselines") for path in (ROOT / folder).rglob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    named = {name for page in TEXTS for name in re.findall(r"JOVA_BENCH_[A-Z_]+", page.read_text(encoding="utf-8"))}
    assert len(named) > 3
    for name in named:
        assert f'"{name}"' in code, name


def test_the_page_of_formats_names_every_field_of_what_is_written():
    from jova_bench.comparison.frozen import Frozen, FrozenCell, FrozenColumn, Vectors
    from jova_bench.prompts import Prompt
    from jova_bench.records import Finding, Sample, Score
    from jova_bench.runs.manifest import Manifest, ModelRecord
    from jova_bench.suites.loading import SuiteInfo
    from jova_bench.summary import Cost, Estimate, Summary

    shown = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "file-formats.md").read_text(encoding="utf-8")))
    for record in (
        Prompt, SuiteInfo, Manifest, ModelRecord, Sample, Finding, Score, Summary, Estimate, Cost, Frozen, FrozenColumn,
        FrozenCell, Vectors,
    ):  # fmt: skip
        fields = {field.serialization_alias or name for name, field in record.model_fields.items()}
        assert fields <= shown, record.__name__


def test_targets_that_pages_and_workflows_name_are_in_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [page.read_text(encoding="utf-8") for page in (*TEXTS, ROOT / ".ci" / "run")]
    named = {name for text in texts for name in re.findall(r"(?:`|run: |^)make (?:-s )?([a-z]+)", text, re.MULTILINE)}
    assert {"check", "gate", "parity", "site", "test"} <= named <= targets
