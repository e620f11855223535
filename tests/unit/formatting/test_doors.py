"""The same mistake through both doors: a command hears of its flags, a call of its arguments."""

import ast
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import jova_bench as jb
from jova_bench import cli
from jova_bench.formatting.doors import command, listing, option

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "cli", "data", "tools", "suites/importers", "assets/pull.py", "metrics/build.py", "assets/table.py",
    "comparison/gate_files.py",
    "suites/loading.py", "metrics/lip_sync/syncnet_pip.py", "runs/provenance.py", "formatting/doors.py",
    "report/notes.py", "report/html/votes.py", "suites/prompt_file.py", "sweep/picture.py", "votes/serve.py",
    "votes/study.py", "report/serve.py", "web/local.py",
}  # fmt: skip
"""What commands alone use, and whole commands that a message advises: of Git, pip, `assets pull`, `suites import`,
`votes fit`, `report --html`, `report --vote`, `gate init`."""


def test_an_option_has_the_name_that_its_door_gives_it():
    assert (option("out"), option("device", "cpu"), listing("suites")) == ("out=", 'device="cpu"', "list_suites()")
    with command(), ThreadPoolExecutor(1) as threads:  # A sweep's arms are threads.
        assert threads.submit(option, "device", "cpu").result() == "--device cpu"
        assert (option("out"), listing("suites")) == ("--out", "jova-bench ls suites")
    assert option("out") == "out="


@pytest.mark.parametrize("kind", ["taken", "suite", "model", "metric"])
def test_a_mistake_is_told_in_the_words_of_its_door(kind, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    given = {"model": "real", "suite": "embedded", "metrics": "loudness", "out": str(tmp_path / "new"), "limit": 1}
    changed, called, asked = {
        "taken": ({"out": str(tmp_path)}, "give another out=", "give another --out"),
        "suite": ({"suite": "zzz", "limit": 1}, "known are: embedded", "known are: embedded"),
        "model": ({"model": "zzz"}, "`list_models()` lists them", "`jova-bench ls models` lists them"),
        "metric": ({"metrics": "zzz"}, "`list_metrics()` lists them", "`jova-bench ls metrics` lists them"),
    }[kind]
    given |= changed
    with pytest.raises(jb.BenchError) as found:
        jb.run(given["model"], given["suite"], metrics=given["metrics"], out=given["out"], limit=1)
    flags = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    assert cli.main(["run", *flags]) == 2
    err = capsys.readouterr().err
    assert called in str(found.value)
    assert asked in err
    assert str(found.value).replace(called, asked) in err  # The rest is the same.


def test_no_message_below_both_doors_names_a_flag():
    """Texts of `jova_bench` outside the commands: a flag in one would be read by users of Python, too."""
    found = []
    for path in sorted((ROOT / "jova_bench").rglob("*.py")):
        inside = path.relative_to(ROOT / "jova_bench").as_posix()
        if any(inside == one or inside.startswith(f"{one}/") for one in COMMANDS):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}  # Docstrings.
        texts = (one for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str))
        found += [
            f"{inside}:{one.lineno}" for one in texts if id(one) not in words and re.search(r"(^|\s)--[a-z]", one.value)
        ]
    assert found == []
