"""What packages of others import: the names are promised, and pages and examples show no others."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import jova_bench
from jova_bench import plugins
from jova_bench.exports import HOME
from support.shown import PAGES, ROOT, blocks

PROMISED = """
BenchError CacheKey Clip ClipMetric Edit Embedder Family FrechetMetric Generated Generator KernelMetric Media
MetricContext MetricEntry MetricSpec Outcome Plan Prompt Refused SetDistance SetMetric Setting Suite SweptModel Training
Unavailable Undefined Variant require_embedded_domain set_distance
"""
"""A name that goes, or is added, is a change of the public interface: docs/versions.md says what that needs."""
OF_EXTERNAL_MODELS = {
    "jova_baselines.external.generator.WorkerBaseline",
    "jova_baselines.external.inputs.DURATION_S",
    "jova_baselines.external.inputs.ModelInput",
    "jova_baselines.external.job.Job",
    "jova_baselines.external.manifest.Manifest",
    "jova_baselines.external.manifest.Options",
    "jova_baselines.external.manifest.load",
    "jova_baselines.external.render.text",
}
"""What the package of docs/baselines.md imports, which is promised, too."""
OF_JOVA = {
    "jova.codecs.loading.load_audio_codec",
    "jova.codecs.loading.load_video_codec",
    "jova.pipeline.JovaPipeline",
    "jova.sample.read_image",
    "jova.text.Prompt",
    "jova.text.PromptEncoder",
    "jova.text.TextEncoder",
}
"""Names of JoVA that pages may import, promised as well."""


def test_these_names_are_promised_and_no_others():
    assert plugins.__all__ == dir(plugins) == PROMISED.split()
    assert "`jova_bench.plugins.__all__`" in (ROOT / "docs" / "versions.md").read_text()
    assert not hasattr(plugins, "no_such_name")


@pytest.mark.parametrize("module", [jova_bench, plugins])
def test_names_are_as_a_type_checker_sees_them(module):
    (block,) = [node for node in ast.parse(Path(module.__file__).read_text()).body if isinstance(node, ast.If)]
    seen = {f"{node.module}.{alias.name}" for node in block.body for alias in node.names}
    assert seen == {f"{HOME[name]}.{name}" for name in module.__all__ if name != "__version__"}
    for name in set(module.__all__) - {"__version__"}:
        assert getattr(module, name) is getattr(import_module(HOME[name]), name)


def test_importing_imports_nothing_heavy():
    heavy = "{'torch', 'scipy', 'av', 'pandas', 'numpy'}"
    code = (
        f"import sys, jova_bench.plugins as p; dir(p); p.BenchError; print({heavy} & {{*sys.modules}}); p.set_distance"
    )
    code += "; p.FrechetMetric; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n") == ["set()", "False", ""]


def imported(text):
    """Names that a file imports of our packages, with their modules."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("jova"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jova"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_pages_and_examples_import_what_is_promised_alone():
    shown = [text for page in PAGES for text in blocks(page, "python")]
    shown += [path.read_text() for path in (ROOT / "examples").rglob("*.py")]
    used = {name for text in shown for name in imported(text)}
    promised = {f"jova_bench.{name}" for name in jova_bench.__all__} | {"jova_bench"}
    promised |= {f"jova_bench.plugins.{name}" for name in plugins.__all__} | OF_EXTERNAL_MODELS | OF_JOVA
    assert "jova_bench.plugins.set_distance" in used
    assert used - promised == set()
    assert used >= OF_EXTERNAL_MODELS
