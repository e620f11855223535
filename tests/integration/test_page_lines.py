"""What the pages say to type works as written: from an installed wheel, in a folder that holds what the lines name.

Lines are taken from the pages themselves: `sh` fences, commands in sentences, Python. Those that would take minutes, a
GPU or the network get what `INSTEAD` says; tests/unit/cli/test_page_commands.py has those that cannot run here at all.
"""

import json
import re
import shlex
import shutil
import tomllib
from functools import cache

import pytest

from jova.codecs.base import WEIGHTS
from jova_bench.cli.program import parser
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import SHIPPED, load_suite
from support.shown import PAGES, ROOT, blocks, commands, commands_of, files
from support.splits import made_split
from support.studies import voted_run
from support.suite_sources import put, verse
from support.voting import put_answers, put_votes, simulated

ONE = "--workers 0 --device cpu --limit 1"
DRAWN = f"{ONE} --metrics loudness --executor processes"
INSTEAD = {
    **dict.fromkeys(("score my_clips", "score clips", "run --model clips:my_clips"), ONE),
    **dict.fromkeys(("run --model ovi --model jova", "run --model jova"), DRAWN),
    "run --model clips:my_clips --suite my_suite": "--workers 0 --device cpu",
    "run --dry-run": "--out runs/planned",
    "run --model ovi --suite": "--metrics loudness --workers 0",
    "run --model real --suite mine.jsonl": "--metrics loudness --workers 0",
    "sweep mouth-loss": "--clips 1 --steps 1 --limit 1 --only mouth_weight=0 --threads 1",
    **dict.fromkeys(("sweep mouth-loss --seeds", "sweep fusion", "sweep cross", "sweep guidance"), "--dry-run"),
    "sweep mouth-loss --dry-run": "",
    "sweep mine.toml": "--dry-run",
    "baselines setup ovi": "--dry-run",
    "calibrate": f"{ONE} --changes mirror",
    "calibrate loudness": ONE,
    "data prepare": "--workers 0 --faces opencv-haar",
    "train": "--out runs/sweeps/shared --stage corpus --clips 1",
}
"""What is added to a line that begins so; the longest beginning counts."""
CODES = {
    "run --model ovi": 5,  # It lacks weights, and is left out.
    "run --model real --suite mine.jsonl": 2,  # These prompts have no real clips.
    "calibrate": 5,  # One clip is too few for any test.
    "assets pull": 2,  # Offline.
    "suites pull": 2,
    "run --model ovi --suite avgen-bench": 2,  # It was not pulled.
    "gate results/reference.json": 5,  # One prompt is too few for any test.
    "compare runs/before runs/after --slice": 5,
}
"""Exit codes that are not 0, by the beginning of a line; the longest counts."""
FILLED = {
    "RUN": "runs/now", "A": "runs/before", "B": "runs/after", "VIDEOS": "videos", "DIR": "prepared", "NAME": "ovi",
    "METRIC": "lse_c", "FILE.toml": "results/as-reported.toml", "FILE.jsonl": "drawn.jsonl",
    "jova:DIR": "jova:work/tiny", "NAME.json": "runs/sweeps/mouth-loss.json", "NAME.svg": "mouth-loss.svg",
}  # fmt: skip
"""What stands for the names in a sentence that are the reader's to fill in."""
ELSEWHERE = (
    "calibrate judge:",  # Needs a server; tests/unit/metrics/judge has one that stands in for it.
    "doctor --memory",  # tests/unit/tools/test_memory.py
    "jova.data.edits",  # tests/unit/jova/data/test_edits.py
    "jova.text.untrained",  # tests/unit/jova/training/test_own_page.py
    "run --model tone",  # test_wheel.py
    "score my_clips --metrics brightness",  # test_plugins.py
    "view",  # Serves until it is stopped; tests/unit/report/test_serve.py
)
"""Beginnings of lines that other tests run."""
PYTHON = {
    "README.md": {"limit=10": "limit=2, workers=0", '"my_clips")': '"my_clips", metrics=["loudness"], workers=0)'},
    "api.md": {"limit=10": "limit=2, workers=0"},
    "calibrate.md": {
        "found = ": "import jova_bench as jb\nfound = ",
        "limit=16": 'limit=1, changes="mirror", workers=0',
    },
    "model.md": {},
    "sampling.md": {"steps=8": "steps=2", "frames_of(5.0)": "frames_of(2.0)", "832": "64", "480": "64"},
}
"""Pages whose Python runs here, and what is smaller in it."""
PYTHON_ELSEWHERE = {
    "baselines.md": "integration/test_own_baseline.py",
    "codecs.md": "unit/jova/codecs/test_loading.py",
    "plugins.md": "integration/test_plugins.py",
    "shards.md": "unit/jova/data/test_shards.py",
    "text.md": "unit/jova/text/test_pretrained.py",
    "training-loop.md": "unit/metrics/test_torch_set_metric.py",
    "tutorial.md": "integration/test_page_lines.py",
}
"""Tests that run the Python of other pages, with codecs, encoders and packages of their own."""


def asked():
    """Lines that run, each once: module, words, redirection, and the exit code that is right."""
    seen = []
    for page in PAGES:
        for one in commands(page):
            if one.kind == "text" or one.page == "tutorial.md" or one.words[0] not in ("jova-bench", "python"):
                continue
            if one.words[0] == "python" and ("-m" not in one.words or one.words[-2] == "-m"):
                continue
            cut = one.words.index("-m") + 1 if one.words[0] == "python" else 0
            module, words = one.words[cut], [FILLED.get(word, word) for word in one.words[cut + 1 :]]
            line = " ".join([*([module] if cut else []), *words])
            if line in seen or line.startswith(ELSEWHERE) or (one.kind == "inline" and not cut and not whole(words)):
                continue
            seen.append(line)
            added = shlex.split(longest(INSTEAD, line) or "")
            yield module.replace("-", "_"), [*words, *added], one.out, longest(CODES, line) or 0


parser_of = cache(parser)
"""Made once for a verb: sentences name hundreds of commands."""


def whole(words):
    """Tells whether what a sentence names is all of a command."""
    try:
        return bool(parser_of(*words[:1]).read(words))
    except SystemExit as said:
        return words == ["--version"] and said.code == 0


def longest(table, line):
    """Of the beginnings in a table that a line has, the longest one's value."""
    return max(((len(key), value) for key, value in table.items() if line.startswith(key)), default=(0, None))[1]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """What the lines name: clips, prompts, sources of others, tolerances, weights; a corpus without training clips."""
    desk = tmp_path_factory.mktemp("desk")
    voted_run(desk / "runs/two")
    put(desk / "lips.toml", files(ROOT / "docs" / "votes.md", "## Pages to vote on")["lips.toml"])
    put_votes(desk / "votes.jsonl", simulated({"ovi": 0.5, "jova": -0.5}, raters=8, prompts=3, each=3))
    prompt = "".join(blocks(ROOT / "README.md", "json"))
    put(desk / "my_prompts.jsonl", prompt + prompt.replace("greeting-1", "greeting-2"))
    for name in ("mine.jsonl", "talks.jsonl", "mine/prompts.jsonl", "my_suite/prompts.jsonl"):
        put(desk / name, prompt)
    drawn = load_suite("embedded").prompts[0].model_copy(update={"reference": None})
    put(desk / "drawn.jsonl", drawn.model_dump_json() + "\n")
    info = 'description = "x"\nprofile = "standard"\nlicence = "CC0-1.0"\nreference_set = "real"\n'
    made = ("my_clips/greeting-1", "my_clips/greeting-2", "clips/greeting-1", "lrs3/test/speaker/00001", "videos/talk")
    for k, name in enumerate((*made, "mine/real/a", "my_suite/real/a")):
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHIPPED / "embedded" / "clips" / f"test-0000{k}.mp4", desk / f"{name}.mp4")
    for name in ("mine", "my_suite"):
        put(desk / name / "suite.toml", f'name = "{name}"\n{info}')
    put(desk / "verse_bench/set1/00000001.json", verse())
    put(desk / "verse_bench/set1/00000001.jpg")
    put(desk / "lrs3/test/speaker/00001.txt", "Text:  GOOD MORNING\n")
    put(desk / "sheet.csv", "file,prompt,notes\na.mp4,a woman reads aloud,x\n")
    put(desk / "allowed.toml", "".join(blocks(ROOT / "docs" / "ci-gate.md", "toml")))
    put(desk / "mine.toml", dict(enumerate(blocks(ROOT / "docs" / "sweeps.md", "toml")))[0])
    put(desk / "results/as-reported.toml", (ROOT / "results" / "as-reported.toml").read_text())
    made_split(desk / "runs/sweeps/shared", "validation", 64)
    for weights in WEIGHTS.glob("*.safetensors"):
        for folder in ("work/tiny", "work/mine/joint"):
            (desk / folder).mkdir(parents=True, exist_ok=True)
            (desk / folder / weights.name).symlink_to(weights)
    return desk


def test_every_line_of_the_pages_works(shell, desk):
    run = ["run", "--model", "real", "--limit", "8", "--metrics", "lse_c,wer", "--workers", "0", "--device", "cpu"]
    code, _, talk = shell(desk, "jova_bench", [*run, "--out", "runs/before"])
    assert code == 0, talk
    for name in ("after", "good", "now"):
        shutil.copytree(desk / "runs" / "before", desk / "runs" / name)
    lines, wrong = list(asked()), []
    assert len(lines) > 250
    for module, words, out, right in lines:
        if words[-1] == "runs/two/vote" and "fit" in words:
            put_answers(desk / "runs/two/vote")
        code, said, talk = shell(desk, module, words, out)
        offline = words[1:2] != ["pull"] or "JOVA_BENCH_OFFLINE" in talk
        if code != right or "Traceback" in talk or not offline:
            wrong.append(f"{module} {' '.join(words)}: {code} instead of {right}\n{said}\n{talk}")
    assert not wrong, "\n\n".join(wrong)
    assert (desk / "suites/verse/prompts.jsonl").is_file()
    swept = json.loads((desk / "runs/sweeps/mouth-loss.json").read_text())
    assert {one["arm"] for one in swept["arms"]} == {"base", "mouth_weight=0"}
    (own,) = (desk / "runs").glob("drawn-*")
    assert read_run(own).manifest.profile == "standard"


@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs(shell, desk, page):
    code = "".join(blocks(next(path for path in PAGES if path.name == page), "python"))
    for whole, small in PYTHON[page].items():
        assert whole in code, whole
        code = code.replace(whole, small, 1)
    if page == "sampling.md":
        shutil.copy(desk / "my_clips" / "greeting-1.mp4", desk / "portrait.jpg")  # A file's name says nothing of it.
    done, said, talk = shell(desk, "python", [code])
    assert done == 0, talk
    assert said or (desk / "runs" / "tone" / "summary.json").is_file()
    assert "status='ok'" in said or page != "api.md"


def test_no_python_of_a_page_is_left_out():
    shown = {page.name for page in PAGES if blocks(page, "python")}
    assert shown == {*PYTHON, *PYTHON_ELSEWHERE}
    for page, test in PYTHON_ELSEWHERE.items():
        assert f'"{page}"' in (ROOT / "tests" / test).read_text(encoding="utf-8"), page


def test_the_tutorial_runs_from_top_to_bottom(shell, tmp_path):
    page = ROOT / "docs" / "tutorial.md"
    (code,), ((name, info),) = blocks(page, "python"), files(page, "## 2. Prompts").items()
    before, after = page.read_text(encoding="utf-8").replace("--limit 16", "--limit 8").split(code)
    for text, codes in ((before, [0]), (after, [0, 0, 0, 3, 0, 0, 2, 0])):
        found, told = [], {}
        for one in commands_of(text, page.name):
            if one.kind == "sh" and one.words[0] != "pip":
                quick = "--workers 0 --device cpu" if one.words[1] in ("score", "generate") else ""
                quick += " --limit 2" if "av_align" in one.words[-3] else ""
                done, told[one.words[1]], _ = shell(tmp_path, "jova_bench", [*one.words[1:], *quick.split()])
                found.append(done)
        assert found == codes
        if text is before:
            done, _, talk = shell(tmp_path, "python", [code.replace("[:16]", "[:8]")])
            assert done == 0, talk
            put(tmp_path / name, info)
    assert re.search(r"LSE-C a .* worse", told["compare"])
    assert re.search(r"DNSMOS .* no difference shown", told["compare"])


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
