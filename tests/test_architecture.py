"""Which part may know which: read from the imports, wherever in a file they stand."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("jova", "jova_bench", "baselines")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_LINES = 400

LAYERS = (
    {"channels", "ids", "stats"},
    {"errors"},
    {"types"},
    {"clip"},
    {"files", "lengths", "limits", "origin", "output", "rates", "shown", "writing"},
    {"tracks"},
    {"registry", "cache", "copies", "decode", "encode", "devices", "config", "progress", "text", "labels"},
    {"provenance"},
    {"assets", "media", "suites", "store", "suite_writing"},
    {"clips"},
    {"models", "importers"},
    {"metrics", "folder", "checks"},
    {"clips_folder"},
    {"model_registry"},
    {"executors"},
    {"workers", "making"},
    {"cluster"},
    {"scoring", "generation", "reference", "placement", "grouping"},
    {"aggregate", "manifest"},
    {"results", "pairing"},
    {"verdicts"},
    {"comparison"},
    {"report", "gate", "tracking"},
    {"grid"},
    {"runner", "catalogue", "memory"},
    {"sweep"},
    {"cli", "docs"},
    {"__main__"},
)
"""A module imports only from layers before its own: arrows point one way."""

WRITERS = {"store", "cache", "copies", "suite_writing", "writing", "assets", "media", "report", "viewer"}
WRITES = {
    "write_text", "write_bytes", "mkdir", "unlink", "rmdir", "rename", "touch", "savez", "save_file", "copyfile",
    "copyfileobj", "rmtree", "makedirs",
}  # fmt: skip


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Absolute names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def uses(path, package):
    return {name for name in imports(path) if name == package or name.startswith(f"{package}.")}


def files(package):
    return [path for path in FILES if name_of(path).split(".")[0] == package]


@pytest.mark.parametrize("path", files("jova"), ids=name_of)
def test_the_model_knows_nothing_of_the_harness(path):
    assert not uses(path, "jova_bench") | uses(path, "baselines")


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_the_harness_imports_no_model(path):
    assert not uses(path, "jova") | uses(path, "baselines")


@pytest.mark.parametrize("path", files("baselines"), ids=name_of)
def test_only_the_glue_knows_both(path):
    assert path.stem in ("jova", "arms", "trained") or not uses(path, "jova")


@pytest.mark.parametrize(
    "path", [path for path in files("jova_bench") if {"metrics", "train"} & set(path.parts) == {"metrics"}], ids=name_of
)
def test_metrics_know_nothing_of_models_runs_or_files(path):
    allowed = {"types", "errors", "clip", "cache", "channels", "assets", "registry", "metrics"}
    if path.stem == "torch_metric":
        allowed |= {"media"}  # It makes clips of a training loop's tensors.
    assert {name.split(".")[1] for name in uses(path, "jova_bench") if "." in name} <= allowed


def part_of(module):
    """The layer's name for a module of the harness: `jova_bench.metrics.wer` is part of `metrics`."""
    return module.split(".")[1] if "." in module else "__init__"


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_arrows_point_one_way(path):
    part = part_of(name_of(path))
    if part == "__init__" or "metrics.train" in name_of(path):
        return  # The first offers the runner's names lazily; the second is a tool beside the harness.
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    assert part in rank, f"{part} has no layer yet"
    for other in {part_of(name) for name in uses(path, "jova_bench")} - {"__init__", part}:
        if other in rank:
            assert rank[other] < rank[part], f"{part} imports {other}"


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_only_a_few_modules_write_files(path):
    name = name_of(path)
    # The evaluators' trainer stores their weights through `nets`.
    if part_of(name) in WRITERS or "metrics.train" in name or name.endswith("metrics.nets"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert called not in WRITES, f"{path}:{node.lineno} calls {called}"
            if called == "open":
                modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                assert not any(set(mode) & set("wax+") for mode in modes[:2]), f"{path}:{node.lineno} opens to write"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_statistics_are_arrays_in_numbers_out():
    needed = {name for path in (ROOT / "jova_bench" / "stats").glob("*.py") for name in imports(path)}
    outside = {name for name in needed if not name.startswith("jova_bench.stats")}
    roots = {name.split(".")[0] for name in outside}
    assert roots <= {"__future__", "collections", "dataclasses", "functools", "typing", "math", "numpy", "scipy"}


def test_the_models_core_needs_little():
    for name in ("config", "timeline", "layers", "transformer", "flow", "mouth"):
        roots = {module.split(".")[0] for module in imports(ROOT / "jova" / f"{name}.py")}
        assert roots <= sys.stdlib_module_names | {"torch", "numpy", "safetensors", "jova"}


@pytest.mark.parametrize("path", files("jova_bench") + files("baselines"), ids=name_of)
def test_one_module_reads_toml(path):
    # Each reader with a list of exceptions of its own missed some.
    assert name_of(path) == "jova_bench.files" or "tomllib" not in imports(path)
