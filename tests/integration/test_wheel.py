"""Users of the wheel: their own folders, packages and files beside it, and all that it must hold."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.shown import ROOT, blocks, files, installed, written
from support.suite_sources import put
from support.wheel import beside

NAMES = ("baselines", "jova", "jova_baselines")
"""Folders that a user may have, too."""


@pytest.mark.parametrize("inner", [["__init__.py", "thing.py"], ["thing.py"]], ids=["packages", "bare folders"])
@pytest.mark.parametrize(
    "command", [["-m", "jova_bench"], ["-P", "-m", "jova_bench"], ["{site}/bin/jova-bench"]], ids=["-m", "-P", "script"]
)
def test_a_users_own_folders_break_nothing_where_the_user_stands(site, desk, command, inner):
    for name in NAMES:
        for file in inner:
            put(desk / name / file, "raise RuntimeError('of the user')\n")
    start = [word.format(site=site) for word in command]
    # Where the user stands comes first on the path with `-m` alone; the other two find what it finds by one word.
    first = start == ["-m", "jova_bench"]
    words_of_all = (["sample", "--help"], ["baselines"], ["baselines", "setup", "ovi", "--dry-run"])
    for words in words_of_all if first else words_of_all[:1]:
        done = beside(site, desk, *start, *words)
        assert done.returncode == 0, done.stderr
        assert "of the user" not in done.stderr
    if first:
        listed = beside(site, desk, *start, "ls", "models", "--json")
        assert listed.returncode == 0, listed.stderr
        assert not [one for one in json.loads(listed.stdout) if "cannot be loaded" in (one["why_not"] or "")]


def test_where_a_users_folder_comes_first_on_the_path_one_line_says_which(site, desk):
    put(desk / "jova" / "__init__.py", "")
    for words in (["run", "--model", "jova", "--limit", "1"], ["sample", "--help"], ["train", "--out", "out"]):
        done = beside(site, desk, "-m", "jova_bench", *words, first=["."])
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{desk / 'jova'} is found in the place of our package 'jova': rename it" in done.stderr
        assert done.stderr.count("\n") == 1
    for words in (["baselines"], ["ls", "suites"]):  # What needs no JoVA works.
        assert beside(site, desk, "-m", "jova_bench", *words, first=["."]).returncode == 0


def test_the_module_form_of_setup_is_the_command(site, desk):
    put(desk / "baselines" / "__init__.py", "raise RuntimeError('of the user')\n")
    forms = (["-m", "jova_baselines.setup"], ["-m", "jova_bench", "baselines", "setup"])
    said = [beside(site, desk, *form, "ovi", "--dry-run") for form in forms]
    assert [done.returncode for done in said] == [0, 0], said[0].stderr
    assert said[0].stdout == said[1].stdout != ""


BUILD = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "tone-bench"
version = "1.0"
[tool.setuptools]
packages = ["tone_bench"]
"""


def own_packages(folder):
    """Sources of the examples' packages, and of the models of docs/model.md and docs/baselines.md."""
    for name in ("metric_package", "model_package"):
        yield shutil.copytree(ROOT / "examples" / name, folder / name)
    page = ROOT / "docs" / "model.md"
    (model,) = (one for one in blocks(page, "python") if "class Tone" in one)
    (points,) = blocks(page, "toml")
    yield written(folder / "tone", {"pyproject.toml": BUILD + points, "tone_bench/__init__.py": model})
    shown = files(ROOT / "docs" / "baselines.md", "## From a package of your own")
    yield written(folder / "external", {**shown, "my_bench/__init__.py": ""})


def test_packages_of_the_pages_and_examples_work_beside_the_wheel(site, desk, tmp_path):
    desk.mkdir()
    added = installed(tmp_path / "added", *own_packages(tmp_path / "sources"))

    def bench(*words):
        done = beside(site, desk, "-P", "-m", "jova_bench", *words, first=[str(added)])
        assert "Traceback" not in done.stderr, done.stderr
        return done

    place = beside(
        site, desk, "-P", "-c", "import jova_bench, jova_baselines as b; print(jova_bench.__file__, b.__file__)"
    )
    assert place.stdout.split() == [str(site / name / "__init__.py") for name in ("jova_bench", "jova_baselines")]
    models = {one["name"]: one for one in json.loads(bench("ls", "models", "--json").stdout)}
    assert [models[name]["why_not"] for name in ("hum", "tone")] == [None, None]
    assert models["my-model"]["why_not"].endswith("jova-bench baselines setup my-model --weights")
    assert [
        one["available"]
        for one in json.loads(bench("ls", "metrics", "--json").stdout)
        if one["name"] == "clipped_share"
    ]
    run = ["run", "--model", "hum", "--model", "tone", "--suite", "embedded", "--limit", "1", "--device", "cpu"]
    done = bench(*run, "--profile", "standard", "--metrics", "loudness,clipped_share", "--workers", "0", "--json")
    assert done.returncode == 0, done.stderr
    measured = {
        (one["model"], one["metric"]): one["n_ok"] for one in json.loads(done.stdout)["estimates"] if not one["slice"]
    }
    assert measured == {(model, metric): 1 for model in ("hum", "tone") for metric in ("loudness", "clipped_share")}
    setup = bench("baselines", "setup", "my-model", "--dry-run")
    assert (setup.returncode, setup.stderr) == (0, "")
    assert "fetch --quiet --depth 1 https://example.org/my-upstream.git 0123456789abcdef" in setup.stdout


def test_the_installed_command_answers(site, desk):
    desk.mkdir()
    done = subprocess.run(
        [site / "bin" / "jova-bench", "--version"], capture_output=True, text=True, check=True, cwd=desk
    )
    assert done.stdout.startswith("jova-bench ")


def test_the_wheel_has_all_that_is_tracked(site):
    """Nothing that the code reads beside itself stays behind."""
    (wheel,) = site.parent.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    packages = {"jova": "jova", "jova_bench": "jova_bench", "baselines": "jova_baselines"}
    ours = {
        f"{installed}/{path.relative_to(ROOT / name).as_posix()}"
        for name, installed in packages.items()
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert ours - packed == set()


HEAVY = ("av", "cv2", "numpy", "pandas", "pydantic", "scipy", "torch", "torchmetrics", "transformers")
INSIDE = (
    "jova",
    "jova_baselines",
    *(f"jova_bench.{name}" for name in ("cli", "data", "execution", "report", "sweep", "tools", "votes", "web")),
    *(f"jova_bench.metrics.{path.name}" for path in (ROOT / "jova_bench" / "metrics").iterdir() if path.is_dir()),
)
"""Packages that the names of USERS_FILE have no type from."""
USERS_FILE = """
import jova_bench as jb

result = jb.run("real", "embedded", metrics="lse_c", seeds=0)
reveal_type(result)
reveal_type(result.exit_code)
reveal_type(jb.load_suite("embedded").prompts[0].transcript)
reveal_type(jb.read_clip("a.mp4").sample_rate_hz)
reveal_type(jb.gate("a.json", result).exit_code)
reveal_type(jb.metric("wer").score(jb.read_clip("a.mp4")).status)
jb.run("real", seeds="0")
jb.metric(3)
"""


def test_a_users_file_sees_types(site, desk):
    """As a type checker finds them: by `py.typed` in the folder of installed packages."""
    desk.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], check=True, cwd=desk)
    (packages,) = (desk / "env" / "lib").glob("*/site-packages")
    others = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    for name in ("jova", "jova_bench", "jova_baselines"):
        (packages / name).symlink_to(site / name)
    (packages / "others.pth").write_text(f"{others}\n")
    (desk / "mine.py").write_text(USERS_FILE)
    # What a user sees says nothing of torch and its like, which take a minute to look at, nor of what is inside.
    skipped = "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in (*HEAVY, *INSIDE))
    put(desk / "mypy.ini", f"[mypy]\n{skipped}")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", "env/bin/python", "mine.py"]
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    said = subprocess.run(mypy, capture_output=True, text=True, check=False, cwd=desk, env=env).stdout
    status = "Literal['ok'] | Literal['undefined'] | Literal['failed']"
    for line, kind in enumerate(("jova_bench.api.running.Result", "int", "str", "int", "int", status), start=5):
        assert f'mine.py:{line}: note: Revealed type is "{kind}"' in said.replace("builtins.", ""), said
    assert 'mine.py:11: error: Argument "seeds" to "run" has incompatible type "str"' in said
    assert 'mine.py:12: error: No overload variant of "metric" matches argument type "int"' in said
    assert "Found 2 errors" in said
