"""What the pages say to type works as written: from an installed wheel, in a folder that holds what the lines name.

Lines are taken from the pages themselves. Those that would take minutes, a GPU or the network get what `INSTEAD` says.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

from jova.codecs.base import WEIGHTS
from jova_bench.suites.loading import SHIPPED
from support.shown import PAGES, ROOT, blocks, fenced, files
from support.suite_sources import put, verse
from support.wheel import drive

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
    "sweep mouth-loss --seeds": "--dry-run",
    "sweep fusion": "--dry-run",
    "sweep cross": "--dry-run",
    "sweep guidance": "--dry-run",
    "sweep mine.toml": "--dry-run",
    "baselines setup ovi": "--dry-run",
    "calibrate": "--workers 0 --device cpu --limit 1 --changes mirror",
    "calibrate loudness": "--workers 0 --device cpu --limit 1",
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


def furnish(desk):
    """What the lines name: clips, prompts, sources of others, tolerances, weights; a corpus without training clips."""
    from support.splits import made_split
    from support.studies import voted_run
    from support.voting import put_votes, simulated

    voted_run(desk / "runs/two")
    put(desk / "lips.toml", files(ROOT / "docs" / "votes.md", "## Pages to vote on")["lips.toml"])
    put_votes(desk / "votes.jsonl", simulated({"ovi": 0.5, "jova": -0.5}, raters=8, prompts=3, each=3))
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
    (desk / "videos").mkdir()
    shutil.copy(SHIPPED / "embedded" / "clips" / "test-00001.mp4", desk / "videos" / "talk.mp4")
    put(desk / "verse_bench/set1/00000001.json", verse())
    put(desk / "verse_bench/set1/00000001.jpg")
    put(desk / "lrs3/test/speaker/00001.txt", "Text:  GOOD MORNING\n")
    put(desk / "sheet.csv", "file,prompt,notes\na.mp4,a woman reads aloud,x\n")
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
