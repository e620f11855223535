"""Which part may know which: read from the imports, wherever in a file they stand."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"jova": "jova", "jova_bench": "jova_bench", "jova_baselines": "baselines"}
"""Package to its folder."""
FILES = sorted(path for folder in PACKAGES.values() for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 300

LAYERS = (
    {
        "arrays", "digests", "errors", "exports", "identity", "ids", "keys", "output", "prompts", "records", "files",
        "cache", "registry", "progress", "stats", "summary", "formatting",
    },
    {"assets", "media"},
    {"suites", "metrics", "execution"},
    {"models"},
    {"runs"},
    {"comparison"},
    {"report", "tools"},
    {"data", "sweep"},
    {"api", "cli", "plugins"},
)  # fmt: skip
"""A package imports only from its own layer's own modules and from layers before it: arrows point one way."""

WRITERS = (
    "assets", "cache", "data.store", "execution.copies", "files.lines", "files.locks", "files.writing", "media",
    "report", "runs.store", "suites.writing", "metrics.networks.embedded",
)  # fmt: skip
"""What may write files; the last stores the weights of the shipped networks for their trainer."""
WRITES = {
    "write_text", "write_bytes", "mkdir", "unlink", "rmdir", "rename", "touch", "savez", "save_file", "copyfile",
    "copyfileobj", "rmtree", "makedirs",
}  # fmt: skip

DOORS = ("api", "cli", "runs.run", "comparison.compare", "sweep.work", "report.html.site")
"""What makes the table of weights where its caller named none; all else is handed one."""


def name_of(path):
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    package = next(name for name, one in PACKAGES.items() if one == folder)
    return ".".join((package, *(rest[:-1] if rest[-1] == "__init__" else rest)))


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


def modules_of(path):
    """Names of our modules that a file imports: `from jova_bench.assets import table` is that module alone."""
    known, found = {name_of(one) for one in FILES}, set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
    return found & known


def part_of(module):
    """The layer's name for a module of the harness: `jova_bench.metrics.lip_sync.curves` is part of `metrics`."""
    return module.split(".")[1] if "." in module else "__init__"


@pytest.mark.parametrize("path", files("jova"), ids=name_of)
def test_the_model_knows_nothing_of_the_harness(path):
    assert not uses(path, "jova_bench") | uses(path, "jova_baselines")


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_the_harness_imports_no_model(path):
    assert not uses(path, "jova") | uses(path, "jova_baselines")


@pytest.mark.parametrize("path", files("jova_baselines"), ids=name_of)
def test_only_the_glue_knows_both(path):
    assert path.stem in ("jova", "jova_edit", "arms", "trained", "weights") or not uses(path, "jova")


def test_nothing_imports_a_folder_that_a_user_may_have_too():
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "fake_upstreams" not in path.parts]
    for path in [*FILES, *tests, *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "evaluators").glob("*.py")]:
        assert not uses(path, "baselines"), path


@pytest.mark.parametrize(
    "path", [path for path in files("jova_bench") if "metrics" in path.relative_to(ROOT).parts], ids=name_of
)
def test_metrics_know_nothing_of_models_runs_or_files(path):
    known = {"arrays", "digests", "errors", "identity", "keys", "prompts", "records", "cache", "registry", "assets"}
    known |= {"metrics", "media.clip", "media.channels", "media.streams", "formatting.messages", "formatting.doors"}
    if path.stem == "torch_inputs":
        known |= {"media"}  # It makes clips of a training loop's tensors.
    if name_of(path) == "jova_bench.metrics.editing.given":
        known |= {"media"}  # It decodes what a prompt gives.
    for module in modules_of(path):
        name = module.removeprefix("jova_bench.")
        assert name.split(".")[0] in known or name in known, f"{path} imports {module}"


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_arrows_point_one_way(path):
    part = part_of(name_of(path))
    if part in ("__init__", "__main__"):
        return  # They offer what is public, and the command.
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    assert part in rank, f"{part} has no layer yet"
    for other in {part_of(name) for name in modules_of(path)} - {"__init__", part}:
        assert rank[other] < rank[part] or rank[other] == rank[part] == 0, f"{part} imports {other}"


def test_no_module_leads_back_to_itself():
    arrows = {name_of(path): modules_of(path) - {name_of(path)} for path in FILES}
    state = {}

    def visit(module, way):
        state[module] = "open"
        for other in sorted(arrows.get(module, ())):
            assert state.get(other) != "open", f"a circle of imports: {' -> '.join((*way, module, other))}"
            if other not in state:
                visit(other, (*way, module))
        state[module] = "done"

    for module in sorted(arrows):
        if module not in state:
            visit(module, ())


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_only_a_few_modules_write_files(path):
    name = name_of(path).removeprefix("jova_bench.")
    if any(name == one or name.startswith(f"{one}.") for one in WRITERS):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert called not in WRITES, f"{path}:{node.lineno} calls {called}"
            if called == "open":
                modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                assert not any(set(mode) & set("wax+") for mode in modes[:2]), f"{path}:{node.lineno} opens to write"


@pytest.mark.parametrize("path", files("jova_bench"), ids=name_of)
def test_only_doors_make_a_table_of_weights(path):
    name = name_of(path).removeprefix("jova_bench.")
    if any(name == one or name.startswith(f"{one}.") for one in DOORS):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert called != "asset_table", f"{path}:{node.lineno} reads the environment"
            given = {keyword.arg for keyword in node.keywords}
            assert called != "MetricContext" or "assets" in given, f"{path}:{node.lineno} names no table"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_stay_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{lines} lines"


def test_statistics_are_arrays_in_numbers_out():
    needed = {name for path in (ROOT / "jova_bench" / "stats").glob("*.py") for name in imports(path)}
    outside = {name for name in needed if not name.startswith("jova_bench.stats")}
    roots = {name.split(".")[0] for name in outside}
    assert roots <= {"__future__", "collections", "dataclasses", "functools", "typing", "math", "numpy", "scipy"}


def test_the_models_core_needs_little():
    core = ("config", "sizes", "timeline", "layers", "joint_attention", "transformer", "flow", "samplers", "mouth_loss")
    # Text and codecs are part of it: what the pretrained ones need is imported when they are first used.
    parts = (path for name in ("text", "codecs", "warm_start") for path in (ROOT / "jova" / name).glob("*.py"))
    for path in (*(ROOT / "jova" / f"{name}.py" for name in core), *parts):
        roots = {module.split(".")[0] for module in imports(path)}
        assert roots <= sys.stdlib_module_names | {"torch", "numpy", "safetensors", "jova"}


@pytest.mark.parametrize("path", files("jova_bench") + files("jova_baselines"), ids=name_of)
def test_one_module_reads_toml(path):
    # Each reader with a list of exceptions of its own missed some.
    assert name_of(path) == "jova_bench.files.reading" or "tomllib" not in imports(path)


@pytest.mark.parametrize("path", files("jova_bench") + files("jova_baselines"), ids=name_of)
def test_one_function_computes_the_digest_of_a_file(path):
    """In blocks, whatever its size, and in one place."""
    if name_of(path) != "jova_bench.digests":
        text = path.read_text(encoding="utf-8")
        assert "hashlib.file_digest" not in text
        assert not re.search(r"(?:sha256|short_digest)\([^\n]*read_bytes\(\)", text)


def test_the_picture_shows_the_layers():
    from xml.etree import ElementTree

    svg = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
    space = {"s": "http://www.w3.org/2000/svg"}
    shown = [
        {text.text for text in layer.findall("s:text[@class='part']", space)}
        for layer in svg.findall("s:g[@class='layer']", space)
    ]
    assert shown[::-1] == list(LAYERS)  # Commands at the top.
