"""Which part may know which: read from the imports, wherever in a file they stand."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {"jova": "jova", "jova_bench": "jova_bench", "jova_baselines": "baselines"}
"""Package to its folder."""
FILES = sorted(path for folder in PACKAGES.values() for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 300

LAYERS = (
    {
        "arrays", "digests", "errors", "exports", "identity", "ids", "keys", "logs", "output", "prompts", "records",
        "files", "cache", "registry", "progress", "stats", "summary", "formatting", "web",
    },
    {"assets", "media"},
    {"suites", "metrics", "execution"},
    {"models"},
    {"runs"},
    {"comparison"},
    {"votes"},
    {"report"},
    {"calibration", "data", "sweep"},
    {"tools"},
    {"api", "cli", "plugins"},
)  # fmt: skip
"""A package imports only from its own layer's own modules and from layers before it: arrows point one way."""

WRITERS = (
    "assets", "cache", "data.store", "execution.copies", "files.lines", "files.locks", "files.writing", "media",
    "report", "runs.store", "suites.writing", "votes.serve", "metrics.networks.embedded",
)  # fmt: skip
"""What may write files; the last stores the weights of the shipped networks for their trainer."""
WRITES = {
    "write_text", "write_bytes", "mkdir", "unlink", "rmdir", "rename", "touch", "savez", "save_file", "copyfile",
    "copyfileobj", "rmtree", "makedirs",
}  # fmt: skip

GLUE = ("jova", "jova_edit", "arms", "trained", "weights")
"""Baselines that run our model."""

METRICS_KNOW = {
    "arrays", "digests", "errors", "identity", "keys", "prompts", "records", "cache", "registry", "assets",
    "metrics", "media.clip", "media.channels", "media.streams", "formatting.messages", "formatting.doors",
}  # fmt: skip
METRICS_ALSO_KNOW = {
    "jova_bench.metrics.torch_inputs": {"media"},  # It makes clips of a training loop's tensors.
    "jova_bench.metrics.editing.given": {"media"},  # It decodes what a prompt gives.
    "jova_bench.metrics.judge.given": {"media"},  # It encodes what a judge is given.
    "jova_bench.metrics.judge.rubric": {"files", "web"},
    "jova_bench.metrics.judge.served": {"web"},
    "jova_bench.metrics.judge.metric": {"web"},
}

DOORS = ("api", "cli", "runs.run", "comparison.compare", "sweep.work", "report.html.site")
"""What makes the table of weights where its caller named none; all else is handed one."""


def name_of(path):
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    package = next(name for name, one in PACKAGES.items() if one == folder)
    return ".".join((package, *(rest[:-1] if rest[-1] == "__init__" else rest)))


@cache
def nodes(path):
    """All nodes of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def calls(path):
    """The calls in a file, each with the name of what it calls."""
    return [
        (node, getattr(node.func, "attr", getattr(node.func, "id", "")))
        for node in nodes(path)
        if isinstance(node, ast.Call)
    ]


@cache
def imports(path):
    """Absolute names of the modules that a file imports."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def uses(path, package):
    return {name for name in imports(path) if name == package or name.startswith(f"{package}.")}


def files(folder):
    return [path for path in FILES if path.is_relative_to(ROOT / PACKAGES.get(folder, folder))]


def all_but(names):
    """Files of the harness that are not of some modules and packages."""
    kept = [
        path
        for path in files("jova_bench")
        if not f"{name_of(path)}.".startswith(tuple(f"jova_bench.{one}." for one in names))
    ]
    assert len(kept) < len(files("jova_bench"))
    return kept


KNOWN = {name_of(path) for path in FILES}


@cache
def modules_of(path):
    """Names of our modules that a file imports: `from jova_bench.assets import table` is that module alone."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in KNOWN else node.module for name in names}
    return found & KNOWN


def part_of(module):
    """The layer's name for a module of the harness: `jova_bench.metrics.lip_sync.curves` is part of `metrics`."""
    return module.split(".")[1] if "." in module else "__init__"


def named(paths):
    """Names of files, for a failure that lists all at fault."""
    return [name_of(path) for path in paths]


def test_the_model_knows_nothing_of_the_harness():
    assert not named(path for path in files("jova") if uses(path, "jova_bench") | uses(path, "jova_baselines"))


def test_the_harness_imports_no_model():
    assert not named(path for path in files("jova_bench") if uses(path, "jova") | uses(path, "jova_baselines"))


def test_only_the_glue_knows_both():
    others = [path for path in files("jova_baselines") if path.stem not in GLUE]
    assert not named(path for path in others if uses(path, "jova"))


def test_nothing_imports_a_folder_that_a_user_may_have_too():
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "fake_upstreams" not in path.parts]
    for path in [*FILES, *tests, *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "evaluators").glob("*.py")]:
        assert not uses(path, "baselines"), path


def test_metrics_know_nothing_of_models_runs_or_files():
    for path in files("jova_bench/metrics"):
        known = METRICS_KNOW | METRICS_ALSO_KNOW.get(name_of(path), set())
        for module in modules_of(path):
            name = module.removeprefix("jova_bench.")
            assert name.split(".")[0] in known or name in known, f"{path} imports {module}"


def test_arrows_point_one_way():
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    for path in files("jova_bench"):
        part = part_of(name_of(path))
        if part in ("__init__", "__main__"):
            continue  # They offer what is public, and the command.
        assert part in rank, f"{part} has no layer yet"
        for other in {part_of(name) for name in modules_of(path)} - {"__init__", part}:
            assert rank[other] < rank[part] or rank[other] == rank[part] == 0, f"{path} imports {other}"


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


def test_only_a_few_modules_write_files():
    for path in all_but(WRITERS):
        for node, called in calls(path):
            assert called not in WRITES, f"{path}:{node.lineno} calls {called}"
            if called == "open":
                modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                assert not any(set(mode) & set("wax+") for mode in modes[:2]), f"{path}:{node.lineno} opens to write"


def test_only_doors_make_a_table_of_weights():
    for path in all_but(DOORS):
        for node, called in calls(path):
            assert called != "asset_table", f"{path}:{node.lineno} reads the environment"
            given = {keyword.arg for keyword in node.keywords}
            assert called != "MetricContext" or "assets" in given, f"{path}:{node.lineno} names no table"


def test_files_stay_short():
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: count for name, count in lines.items() if count > MAX_LINES}


def test_statistics_are_arrays_in_numbers_out():
    needed = {name for path in (ROOT / "jova_bench" / "stats").glob("*.py") for name in imports(path)}
    outside = {name for name in needed if not name.startswith("jova_bench.stats")}
    roots = {name.split(".")[0] for name in outside}
    assert roots <= {"__future__", "collections", "dataclasses", "functools", "typing", "math", "numpy", "scipy"}


def test_the_models_core_needs_little():
    core = ["config", "sizes", "timeline", "layers", "joint_attention", "transformer", "flow", "samplers"]
    core += ["mouth_box", "mouth_loss"]
    # Text and codecs are part of it: what the pretrained ones need is imported when they are first used.
    parts = (path for name in ("text", "codecs", "warm_start") for path in (ROOT / "jova" / name).glob("*.py"))
    for path in (*(ROOT / "jova" / f"{name}.py" for name in core), *parts):
        roots = {module.split(".")[0] for module in imports(path)}
        assert roots <= sys.stdlib_module_names | {"torch", "numpy", "safetensors", "jova"}


def test_one_module_reads_toml():
    # Each reader with a list of exceptions of its own missed some.
    readers = named(path for path in files("jova_bench") + files("jova_baselines") if "tomllib" in imports(path))
    assert readers == ["jova_bench.files.reading"]


def test_one_function_computes_the_digest_of_a_file():
    """In blocks, whatever its size, and in one place."""
    pattern = re.compile(r"hashlib\.file_digest|(?:sha256|short_digest)\([^\n]*read_bytes\(\)")
    found = named(
        path for path in files("jova_bench") + files("jova_baselines") if pattern.search(path.read_text("utf-8"))
    )
    assert found == ["jova_bench.digests"]


def test_the_picture_shows_the_layers():
    from xml.etree import ElementTree

    svg = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
    space = {"s": "http://www.w3.org/2000/svg"}
    shown = [
        {text.text for text in layer.findall("s:text[@class='part']", space)}
        for layer in svg.findall("s:g[@class='layer']", space)
    ]
    assert shown[::-1] == list(LAYERS)  # Commands at the top.
