"""The wheel as it is installed, and commands that run from it in a folder of a user."""

import fcntl
import json
import os
import shutil
import subprocess
import sys

import pytest

from support.shown import ROOT
from support.suite_sources import put

DRIVER = """
import importlib, io, json, sys, contextlib, os
import jova_bench
assert jova_bench.__file__.startswith(sys.argv[1]), jova_bench.__file__
for module, words, out in json.loads(sys.stdin.read()):
    talk, said = io.StringIO(), io.StringIO()
    sys.argv = [module, *words]
    main = importlib.import_module({"jova_bench": "jova_bench.cli"}.get(module, module)).main
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(talk):
        try:
            code = main() or 0
        except SystemExit as leaving:
            code = leaving.code or 0
    if out:
        open(out[1], {">": "w", ">>": "a"}[out[0]]).write(said.getvalue())
    print(json.dumps([code, said.getvalue()[-2000:], talk.getvalue()[-2000:]]), flush=True)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder with the installed wheel; made once, whichever process of the tests comes first."""
    root = tmp_path_factory.getbasetemp().parent / f"wheel-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "site" / "bin" / "jova-bench").is_file():
            source = root / "source"
            for name in ("jova", "jova_bench", "baselines"):
                shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("pyproject.toml", "README.md", "setup.py"):
                shutil.copy(ROOT / name, source)
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
            build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(root), str(source)]
            subprocess.run(build, check=True, capture_output=True)
            (wheel,) = root.glob("*.whl")
            install = [*pip, "install", "--no-deps", "--no-index", "--target", str(root / "site"), str(wheel)]
            subprocess.run(install, check=True, capture_output=True)
    return root / "site"


@pytest.fixture
def desk(site, tmp_path, monkeypatch):
    """An empty folder, and the environment of a user who has the wheel and no weights."""
    for name, value in {
        "PYTHONPATH": site, "JOVA_BENCH_ASSETS": tmp_path / "assets", "JOVA_BENCH_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "GITHUB_STEP_SUMMARY": "summary.md", "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    put(tmp_path / "bin" / "uv").chmod(0o755)  # It would fetch interpreters.
    return tmp_path / "desk"


def drive(site, desk, commands):
    """(exit code, stdout, stderr) of each command, in one process that began in the folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", DRIVER, str(site)], input=json.dumps(commands), capture_output=True, text=True,
        check=False, cwd=desk,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def beside(site, desk, *words, **variables):
    """Runs Python in the folder, with the wheel and what it needs, and without this checkout's own installation."""
    paths = [*variables.pop("first", ()), str(site), *[path for path in sys.path if path.endswith("site-packages")]]
    return subprocess.run(
        [sys.executable, "-S", *words], capture_output=True, text=True, check=False, cwd=desk,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
    )  # fmt: skip
