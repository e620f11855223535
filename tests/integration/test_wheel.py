"""What the pages say to type works as written: from an installed wheel, in a folder that holds what the lines name.

Lines are taken from the pages themselves. Those that would take minutes, a GPU or the network get what `INSTEAD` says.
"""

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from jova.codecs.base import WEIGHTS
from jova_bench.suites.loading import SHIPPED
from support.shown import PAGES, ROOT, blocks, fenced, files, installed, written
from support.suite_sources import put, verse

HERE = ("score my_clips", "run --model clips:my_clips", "score clips/")
"""Their standard profile asks for networks that are not here, which takes seconds to say of all of them."""
INSTEAD = {
    **dict.fromkeys(HERE, "--workers 0 --device cpu"),
    "score my_clips": "--workers 0 --device cpu --limit 1",
    "run --model ovi --model jova": "--device cpu --metrics loudness --limit 1 --workers 0",
    "run --model jova": "--device cpu --metrics loudness --limit 1 --workers 0 --executor processes",
    "run --model ovi --suite": "--metrics loudness --workers 0",
    "run --model real --suite mine.jsonl": "--metrics loudness --workers 0",
    "sweep mouth-loss": "--clips 1 --steps 1 --limit 1 --only mouth_weight=0 --threads 1",
    "sweep mouth-loss --dry-run": "",
    "sweep fusion": "--dry-run",
    "sweep guidance": "--dry-run",
    "sweep mine.toml": "--dry-run",
    "baselines setup ovi": "--dry-run",
    "train": "--data runs/sweeps/shared/corpus --stage corpus --clips 1",
}
"""What is added to a line that begins so; the longest beginning counts."""
CODES = {
    **dict.fromkeys(("run --model jova-edit", "run --model ovi"), 5),  # They lack weights, which the samples say.
    "run --model real --suite mine.jsonl": 5,  # These prompts have no real clips.
    "assets pull": 2,  # Offline.
    "gate results/reference.json": 5,  # One prompt is too few for any test.
    "compare runs/before runs/after --slice": 5,
}
"""Exit codes that are not 0, by the beginning of a line; the longest counts."""
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


def lines():
    """Every line of the pages' shell blocks: page, words, and where its output goes."""
    for page in PAGES:
        for line in "\n".join(blocks(page, "sh")).splitlines():
            words = shlex.split(line, comments=True)
            out = [k for k, word in enumerate(words) if word in (">", ">>")]
            where = words[out[0] :] if out else []
            yield page.name, words[: out[0]] if out else words, [os.path.expandvars(word) for word in where]


def longest(table, line):
    """Of the beginnings in a table that a line has, the longest one's value."""
    return max(((len(key), value) for key, value in table.items() if line.startswith(key)), default=(0, None))[1]


def asked():
    """What the driver runs, each once: [module, words, redirection], and the exit code that is right."""
    seen = []
    for page, words, out in lines():
        if not words or words[0] in ("make", "pip") or words in seen:
            continue
        seen.append(words)
        module, rest = ("jova_bench", words[1:]) if words[0] == "jova-bench" else (words[2], words[3:])
        if page == "tutorial.md" or (page == "plugins.md" and "brightness" in rest):
            continue  # A test below runs that page from top to bottom; test_plugins.py installs that package.
        line = " ".join(rest if module == "jova_bench" else [module, *rest])
        yield [module, [*rest, *shlex.split(longest(INSTEAD, line) or "")], out], longest(CODES, line) or 0


def drive(site, desk, commands):
    """(exit code, stdout, stderr) of each command, in one process that began in the folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", DRIVER, str(site)], input=json.dumps(commands), capture_output=True, text=True,
        check=False, cwd=desk,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def furnish(desk):
    """What the lines name: clips, prompts, sources of others, tolerances, weights; a corpus without training clips."""
    from support.splits import made_split

    prompt = "".join(blocks(ROOT / "README.md", "json"))
    put(desk / "my_prompts.jsonl", prompt + prompt.replace("greeting-1", "greeting-2"))
    for name in ("mine.jsonl", "mine/prompts.jsonl", "my_suite/prompts.jsonl"):
        put(desk / name, prompt)
    info = 'description = "x"\nprofile = "standard"\nlicence = "CC0-1.0"\nreference_set = "real"\n'
    made = ("my_clips/greeting-1", "my_clips/greeting-2", "clips/greeting-1", "lrs3/test/speaker/00001")
    for k, name in enumerate((*made, "mine/real/a", "my_suite/real/a")):
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHIPPED / "embedded" / "clips" / f"test-0000{k}.mp4", desk / f"{name}.mp4")
    for name in ("mine", "my_suite"):
        put(desk / name / "suite.toml", f'name = "{name}"\n{info}')
    put(desk / "verse_bench/set1/00000001.json", verse())
    put(desk / "verse_bench/set1/00000001.jpg")
    put(desk / "lrs3/test/speaker/00001.txt", "Text:  GOOD MORNING\n")
    put(desk / "allowed.toml", "".join(blocks(ROOT / "docs" / "ci-gate.md", "toml")))
    put(desk / "mine.toml", dict(enumerate(blocks(ROOT / "docs" / "sweeps.md", "toml")))[0])
    put(desk / "results/as-reported.toml", (ROOT / "results" / "as-reported.toml").read_text())
    made_split(desk / "runs/sweeps/shared", "validation", 64)
    for weights in WEIGHTS.glob("*.safetensors"):
        (desk / "work/tiny").mkdir(parents=True, exist_ok=True)
        (desk / "work/tiny" / weights.name).symlink_to(weights)


def test_every_line_of_the_pages_works(site, desk):
    furnish(desk)
    run = ["run", "--model", "real", "--limit", "8", "--metrics", "lse_c,wer", "--workers", "0", "--device", "cpu"]
    commands = [(["jova_bench", [*run, "--out", "runs/before"], []], 0)]
    commands += [(["jova_bench", [*run, "--out", f"runs/{name}"], []], 0) for name in ("after", "good", "now")]
    commands += list(asked())
    assert len(commands) > 35
    wrong = [
        f"{words}: {code} instead of {right}\n{said}\n{talk}"
        for ([_, words, _], right), (code, said, talk) in zip(
            commands, drive(site, desk, [command for command, _ in commands]), strict=True
        )
        if code != right or "Traceback" in talk
    ]
    assert not wrong, "\n\n".join(wrong)
    assert (desk / "suites/verse/prompts.jsonl").is_file()
    swept = json.loads((desk / "runs/sweeps/mouth-loss.json").read_text())
    assert {one["arm"] for one in swept["arms"]} == {"base", "mouth_weight=0"}


def test_the_readmes_python_runs(site, desk):
    furnish(desk)
    (code,) = blocks(ROOT / "README.md", "python")
    small = code.replace("limit=10", "limit=2").replace('score("my_clips")', 'score("my_clips", metrics=["loudness"])')
    assert small.count("limit=2") == small.count("loudness") == 1
    done = subprocess.run([sys.executable, "-P", "-c", small], capture_output=True, text=True, check=False, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "real" in done.stdout


def test_the_tutorial_runs_from_top_to_bottom(site, desk):
    page = ROOT / "docs" / "tutorial.md"
    (code,), ((name, info),) = blocks(page, "python"), files(page, "## 2. Prompts").items()
    before, after = page.read_text(encoding="utf-8").split(code)
    put(desk / "empty")
    for text, codes in ((before, [0]), (after, [0, 0, 0, 3, 0, 0, 2, 0])):
        words = [shlex.split(line, comments=True) for block in fenced(text, "sh") for line in block.splitlines()]
        words = [one[1:] for one in words if one[0] != "pip"]
        quick = [[*one, *(["--workers", "0", "--device", "cpu"] if one[0] == "score" else [])] for one in words]
        done = drive(site, desk, [["jova_bench", one, []] for one in quick])
        assert [code for code, _, _ in done] == codes, done
        if text is before:
            subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=desk)
            put(desk / name, info)
        else:
            shown = {tuple(one[:1]): said for one, (_, said, _) in zip(words, done, strict=True)}
            assert re.search(r"LSE-C a .* worse", shown["compare",])
            assert re.search(r"DNSMOS .* no difference shown", shown["compare",])


NAMES = ("baselines", "jova", "jova_baselines")
"""Folders that a user may have, too."""


def beside(site, desk, *words, **variables):
    """Runs Python in the folder, with the wheel and what it needs, and without this checkout's own installation."""
    paths = [*variables.pop("first", ()), str(site), *[path for path in sys.path if path.endswith("site-packages")]]
    return subprocess.run(
        [sys.executable, "-S", *words], capture_output=True, text=True, check=False, cwd=desk,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
    )  # fmt: skip


@pytest.mark.parametrize("inner", [["__init__.py", "thing.py"], ["thing.py"]], ids=["packages", "bare folders"])
@pytest.mark.parametrize(
    "command", [["-m", "jova_bench"], ["-P", "-m", "jova_bench"], ["{site}/bin/jova-bench"]], ids=["-m", "-P", "script"]
)
def test_a_users_own_folders_break_nothing_where_the_user_stands(site, desk, command, inner):
    for name in NAMES:
        for file in inner:
            put(desk / name / file, "raise RuntimeError('of the user')\n")
    start = [word.format(site=site) for word in command]
    listed = beside(site, desk, *start, "ls", "models", "--json")
    assert listed.returncode == 0, listed.stderr
    assert not [one for one in json.loads(listed.stdout) if "cannot be loaded" in (one["why_not"] or "")]
    # Where the user stands comes first on the path with `-m` alone; the other two find what it finds by one word.
    words_of_all = (["baselines"], ["sample", "--help"], ["baselines", "setup", "ovi", "--dry-run"])
    for words in words_of_all if start == ["-m", "jova_bench"] else words_of_all[1:2]:
        done = beside(site, desk, *start, *words)
        assert done.returncode == 0, done.stderr
        assert "of the user" not in done.stderr


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
    for source in own_packages(tmp_path / "sources"):
        added = installed(source, tmp_path / "added")

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


HEAVY = ("av", "cv2", "pandas", "scipy", "torch", "torchmetrics", "transformers")
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
    # What a user sees of ours says nothing of torch and its like, which take a minute to look at.
    put(desk / "mypy.ini", "[mypy]\n" + "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in HEAVY))
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", "env/bin/python", "mine.py"]
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    said = subprocess.run(mypy, capture_output=True, text=True, check=False, cwd=desk, env=env).stdout
    status = "Literal['ok'] | Literal['undefined'] | Literal['failed']"
    for line, kind in enumerate(("jova_bench.api.running.Result", "int", "str", "int", "int", status), start=5):
        assert f'mine.py:{line}: note: Revealed type is "{kind}"' in said.replace("builtins.", ""), said
    assert 'mine.py:11: error: Argument "seeds" to "run" has incompatible type "str"' in said
    assert 'mine.py:12: error: No overload variant of "metric" matches argument type "int"' in said
    assert "Found 2 errors" in said


def test_lines_that_install_name_extras_that_there_are():
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    texts = {page.name: page.read_text() for page in PAGES}
    named = {
        extra
        for text in texts.values()
        for found in re.findall(r"jova-bench\[([\w,-]+)\]", text)
        for extra in found.split(",")
    }
    assert named
    assert named <= set(known)
    assert "pip install 'jova-bench[embedded,corpus]'" in texts["ablations.md"]
    make = (ROOT / "Makefile").read_text()
    assert "-e '.[embedded,report,corpus]'" in make
