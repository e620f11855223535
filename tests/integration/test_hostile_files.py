"""Media, prompts, tables and TOML with anything in them: a value or one line, nothing else."""

import json
import random
import tracemalloc

import pytest

from jova_bench.comparison.gate import read_tolerances
from jova_bench.media import files as media
from jova_bench.report.html.figures import read_sweep
from jova_bench.report.reported import read_reported
from jova_bench.suites.importers import FORMATS
from jova_bench.sweep.spec import read_spec
from support.commands import unbroken
from support.mutations import damaged, mutated, refusal
from support.small_media import made
from support.sweeps import SWEEP

PROMPT = {
    "id": "a", "video_caption": "v", "audio_caption": "w", "transcript": "good morning", "language": "en",
    "tags": {"voice": "deep"},
}  # fmt: skip
ROWS = {
    "a": {"id": "1", "video_caption": "v", "audio_caption": ["x", "y"], "speech": "hi"},
    "b": {"video_caption": "v"},
}
TABLE = b'id,video_caption,audio_caption,transcript,language\na,v,w,good morning,en\nb,"x, y",z,t,de\n'
INFO = b'name = "s"\ndescription = "d"\nprofile = "standard"\nlicence = "MIT"\nslices = ["voice"]\n'
TOML = {
    read_tolerances: b'wer = 0.05\nfad = 1\n"lse_c" = 0.5\n',
    read_spec: b'design = "one-factor"\nlimit = 4\n[base]\nsteps = 10\n[factors]\nsteps = [5, 10]\n',
    read_reported: b'[[table]]\ntitle = "t"\nsource = "s"\nmetrics = {A = "up"}\nrows = {m = ["1.0"], n = ["-2"]}\n',
}
VALUES = (
    "inf", "nan", "-1", "1e400", "true", '"x"', "[]", "{}", "[[1]]", "9" * 400, "9" * 5000, "1979-05-27", '"\\u0000"',
    "[" * 3000 + "]" * 3000, "''", "{a = {a = {}}}", "0x10", '"\\ud800"', "[[", '"""',
)  # fmt: skip


def mutated_toml(text, rng):
    if rng.random() < 0.4:
        return damaged(text, rng)
    lines = text.decode().splitlines()
    place = rng.randrange(len(lines))
    if "=" in lines[place]:
        lines[place] = f"{lines[place].partition('=')[0]}= {rng.choice(VALUES)}"
    else:
        lines.insert(place, rng.choice(("[a]", "a.b.c = 1", ".".join("a" * 300) + " = 1", "[x]\nx = 1", lines[place])))
    return "\n".join(lines).encode()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".wav", ".flac"])
def test_any_media_file(tmp_path, suffix):
    whole = made(tmp_path)[suffix]
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(whole)
    assert media.read(path).audio is not None
    refused = 0
    for seed in range(60):
        rng = random.Random(f"{suffix} {seed}")
        path.write_bytes(damaged(whole, rng))
        tracemalloc.start()
        why_not = refusal(f"seed {seed} of {suffix}: {path.read_bytes().hex()}", lambda: media.read(path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert why_not is None or str(path) in why_not
        refused += why_not is not None
        assert peak < 100e6, f"seed {seed}: {peak / 1e6:.0f} MB for a file of {len(whole)} bytes"
    assert refused > 10


def told(capsys, about, argv):
    """What a verb says of a source: a result, or lines that name what is wrong."""
    code, _, err = unbroken(capsys, about, argv)
    assert code in (0, 2), f"{about}, {argv}: {code}, {err}"
    assert code == 0 or "jova-bench: " in err
    return code


def test_any_prompt_file(capsys, tmp_path):
    path, codes = tmp_path / "p.jsonl", []
    other = json.dumps(PROMPT | {"id": "b"}) + "\n"
    for seed in range(100):
        rng = random.Random(seed)
        (tmp_path / "suite.toml").write_bytes(INFO if seed % 4 else mutated_toml(INFO, rng))
        text = (other + mutated(PROMPT, rng) + "\n").encode()
        path.write_bytes(damaged(text, rng) if rng.random() < 0.3 else text)
        codes.append(told(capsys, f"seed {seed}: {path.read_bytes()[:2000]!r}", ["suites", "validate", path]))
    assert 0 < codes.count(2) < len(codes)


def test_any_source_of_an_import(capsys, tmp_path):
    codes = []
    for seed in range(100):
        rng = random.Random(seed)
        form = rng.choice((*FORMATS, "csv", "jsonl", "csv", "jsonl"))
        source = tmp_path / f"in{seed}"
        source.mkdir()
        files = {
            "x.json": mutated(ROWS, rng).encode(),
            "x.jsonl": mutated(PROMPT, rng).encode(),
            "x.csv": damaged(TABLE, rng),
        }
        for name, content in files.items():
            (source / name).write_bytes(content)
        given = {"csv": source / "x.csv", "jsonl": source / "x.jsonl"}.get(form) or rng.choice(
            (source, source / "x.json")
        )
        argv = ["suites", "import", form, given, "--out", tmp_path / f"out{seed}.jsonl"]
        codes.append(told(capsys, f"seed {seed}: {files}", argv))
    assert 0 < codes.count(2) < len(codes)


def test_any_results_of_a_sweep(tmp_path):
    path, refused = tmp_path / "sweep.json", 0
    for seed in range(150):
        text = mutated(SWEEP, random.Random(seed))
        path.write_text(text)
        refused += refusal(f"seed {seed}: {text}", lambda: json.dumps(read_sweep(path))) is not None
    assert 0 < refused < 150


@pytest.mark.parametrize("read", TOML, ids=lambda read: read.__name__)
def test_any_toml(tmp_path, read):
    path, refused = tmp_path / "t.toml", 0
    path.write_bytes(TOML[read])
    read(str(path))
    for seed in range(80):
        content = mutated_toml(TOML[read], random.Random(seed))
        path.write_bytes(content)
        why_not = refusal(f"seed {seed}: {content!r}", lambda: read(str(path)))
        assert why_not is None or str(path) in why_not, content
        refused += why_not is not None
    assert refused > 20
