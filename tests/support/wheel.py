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
import contextlib, importlib, io, json, os, sys, traceback
import jova, jova_bench, jova.train
import jova_baselines.arms, jova_baselines.jova, jova_bench.report.html.site, jova_bench.report.vote.site
assert {os.path.dirname(one.__path__[0]) for one in (jova, jova_bench, jova_baselines)} == {sys.argv[1]}, sys.path
# Every process of its own would import torch again, and a batch of one clip takes eight times as long as the clip.
jova_bench.report.html.site.available_cores = jova_bench.report.vote.site.available_cores = lambda: 0
jova_baselines.arms._run = lambda flags, *rest, **more: jova.train.main(flags) and sys.exit("jova.train failed")
jova_baselines.jova.JovaGenerator.batch_size = 1
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # What other processes print is no answer.
for line in sys.stdin:
    folder, module, words, out = json.loads(line)
    os.chdir(folder)
    talk, said = io.StringIO(), io.StringIO()
    sys.argv = [module, *words]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(talk):
        try:
            if module == "python":
                code = exec(compile(words[0], module, "exec"), {"__name__": "__main__"}) or 0
            else:
                code = importlib.import_module({"jova_bench": "jova_bench.cli"}.get(module, module)).main() or 0
        except SystemExit as leaving:
            code = leaving.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    if out:
        open(out[1], {">": "w", ">>": "a"}[out[0]]).write(said.getvalue())
    print(json.dumps([code, said.getvalue()[-2000:], talk.getvalue()[-2000:]]), file=answers, flush=True)
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


def environment(site, folder):
    """What differs for a user who has the wheel and no weights; in the folder are its other files."""
    put(folder / "bin" / "uv").chmod(0o755)  # It would fetch interpreters.
    return {
        "PYTHONPATH": str(site), "JOVA_BENCH_ASSETS": str(folder / "assets"), "JOVA_BENCH_OFFLINE": "1",
        "OMP_NUM_THREADS": "1", "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip


@pytest.fixture
def desk(site, tmp_path, monkeypatch):
    """An empty folder, and the environment of a user who has the wheel and no weights."""
    for name, value in environment(site, tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "desk"


class Shell:
    """One process of a user who has the wheel and no weights, which runs many commands."""

    def __init__(self, process):
        self._process = process

    def __call__(self, folder, module, words, out=()):
        """(exit code, stdout, stderr) of a module's `main`, or of the code in `words` where the module is `python`."""
        print(json.dumps([str(folder), module, words, out]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, f"the process ended with {self._process.wait()} in {words}"
        return json.loads(answer)


@pytest.fixture(scope="module")
def shell(site, tmp_path_factory):
    """A `Shell`: what a command imports, all later ones have."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", DRIVER, str(site)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | environment(site, tmp_path_factory.mktemp("user")),
    ) as process:  # fmt: skip
        yield Shell(process)


def beside(site, desk, *words, **variables):
    """Runs Python in the folder, with the wheel and what it needs, and without this checkout's own installation."""
    paths = [*variables.pop("first", ()), str(site), *[path for path in sys.path if path.endswith("site-packages")]]
    return subprocess.run(
        [sys.executable, "-S", *words], capture_output=True, text=True, check=False, cwd=desk,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
    )  # fmt: skip
