"""Run folders and frozen files with anything in them: every verb that reads them says what is wrong in one line."""

import json
import random
import shutil

import numpy as np
import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.records import Outcome
from jova_bench.runs.store import read_run
from support.commands import unbroken
from support.made_runs import Clips, Spread, made_run, undefined
from support.mutations import damaged, mutated, refusal
from support.tiny_runs import Level, Tones, go
from support.tiny_runs import Spread as TinySpread

FILES = ("manifest.json", "manifest.json", "samples.jsonl", "scores.jsonl", "summary.json", "summary.json")


def damage(path, rng):
    """Something wrong in a file of records or a JSON file."""
    if rng.random() < 0.15:
        path.write_bytes(damaged(path.read_bytes(), rng))
    elif path.suffix == ".jsonl":
        lines = path.read_text().splitlines()
        place = rng.randrange(len(lines))
        lines[place] = mutated(json.loads(lines[place]), rng)
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text(mutated(json.loads(path.read_text()), rng))


def a_run(folder):
    """Two models, six prompts, clip and set metrics, one of them weighed by transcripts; one sample failed."""
    lost = Outcome(status="failed", reason="no clip: it crashed")
    rng = np.random.default_rng(0)
    made_run(
        folder,
        {
            model: {
                "wer": [*row[:3], lost if model == "n" else 0.5, *row[4:]],
                "dnsmos": [1, 2, undefined(), lost if model == "n" else 3, 4, 5],
                "fad": [lost if (model, k) == ("n", 3) else rng.normal(size=3) for k in range(6)],
            }
            for model, row in (("m", [0.1, 0.2, 0.3, 0, 0.4, 0.5]), ("n", [0.3, 0.2, 0.5, 0, 0.7, 0.6]))
        },
        metrics=[Clips("wer", micro="transcript_words", direction="down"), Clips("dnsmos"), Spread("fad")],
        failed=[("n", "p03", 0)],
    )
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for place, prompt in enumerate(manifest["prompts"]):
        prompt["tags"] = {"voice": "ab"[place % 2]}
    plan = {
        "frames": 25, "fps": 25.0, "height": 64, "width": 64, "sample_rate_hz": 16_000, "seconds": 1.0, "note": "v",
        "audio": None, "settings": {"steps": 3}, "weights": "0123abcd",
    }  # fmt: skip
    plans = {prompt["id"]: plan for prompt in manifest["prompts"]}
    said = {"asked": "m", "device": "cpu", "needs": [], "batch_size": 1, "settings": {}, "plans": plans}
    fairness = {
        "prompts": "the same",
        "seeds": "the same",
        "devices": {"m": "cpu"},
        "native_formats": {"m": ["64x64"]},
        "settings": {"m": {"options": {"steps": 3}}},
    }
    manifest |= {"suite_digest": "abc", "seeds": [0], "device": "cpu", "fairness": fairness}
    path.write_text(json.dumps(manifest | {"models": {"m": said, "n": said}}))
    return folder


def told(capsys, about, argv):
    """Runs a verb, which may refuse or find fault but not break."""
    code, _, err = unbroken(capsys, about, argv)
    assert code in (0, 2, 3, 4, 5), f"{about}, {argv}: {code}, {err}"
    assert code != 2 or (err.startswith("jova-bench: ") and err.count("\n") == 1), f"{about}, {argv}: {err}"
    return code


@pytest.mark.parametrize("block", range(4))
def test_any_run_folder(capsys, tmp_path, block):
    good, bad = a_run(tmp_path / "good"), tmp_path / "bad"
    assert told(capsys, "sound", ["report", good]) == 0
    codes = []
    for seed in range(60 * block, 60 * block + 60):
        rng = random.Random(seed)
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(good, bad)
        name = rng.choice(FILES)
        damage(bad / name, rng)
        about = f"seed {seed}, {name}: {(bad / name).read_bytes()[:4000]!r}"
        for argv in rng.sample(
            [
                ["report", bad, "--format", rng.choice(["md", "csv", "json", "tex"])],
                ["report", bad, "--slices", "voice"],
                ["freeze", bad],
                ["compare", good, bad],
                ["compare", bad, good, "--slice", "voice=a"],
                ["gate", bad, good],
                ["gate", good, bad],
            ],
            2,
        ):
            codes.append(told(capsys, about, argv))
    # Some damage is harmless, most is not.
    assert 0 < codes.count(2) < len(codes)


def test_any_frozen_file(capsys, tmp_path):
    good, bad = a_run(tmp_path / "good"), tmp_path / "bad.json"
    assert cli.main(["freeze", str(good)]) == 0
    frozen = json.loads(capsys.readouterr().out)
    codes = []
    for seed in range(100):
        rng = random.Random(seed)
        text = mutated(frozen, rng)
        bad.write_text(text)
        codes.append(told(capsys, f"seed {seed}: {text[:4000]}", ["gate", *rng.sample([good, bad], 2)]))
    assert 0 < codes.count(2) < len(codes)


def test_a_run_into_any_folder(tmp_path):
    go(tmp_path, [Tones()], [Level(), TinySpread()])
    ended = 0
    for seed in range(80):
        rng = random.Random(seed)
        shutil.rmtree(tmp_path / "bad", ignore_errors=True)
        shutil.copytree(tmp_path / "run", tmp_path / "bad")
        name = rng.choice(FILES)
        damage(tmp_path / "bad" / name, rng)
        about = f"seed {seed}, {name}: {(tmp_path / 'bad' / name).read_bytes()[:4000]!r}"
        ended += refusal(about, lambda: go(tmp_path, [Tones()], [Level(), TinySpread()], out="bad")) is None
    assert 0 < ended < 80


def changed(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("schema", [3, 99, 0, "1", 1.5, True, None])
def test_another_schema_is_neither_read_nor_overwritten(tmp_path, schema):
    go(tmp_path, [Tones()], [Level()])
    path = tmp_path / "run" / "manifest.json"
    changed(path, schema=schema)
    before = path.read_bytes()
    for again in (lambda: read_run(tmp_path / "run"), lambda: go(tmp_path, [Tones()], [Level()])):
        with pytest.raises(BenchError, match=r"manifest\.json: expected schema 1 or 2, got .* version of jova-bench"):
            again()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("prompts", [{"id": "p0"}], "prompts.0.video_caption: expected a value, got none"),
        ("specs", {"a": 1}, "specs: expected a list, got {'a': 1}"),
        ("models", {"tones": {"asked": "tones"}}, "models.tones.device: expected a value, got none"),
        ("fairness", {"prompts": "the same"}, "fairness.seeds: expected a value, got none"),
        ("provenance", [5], r"provenance.0: .*, got 5"),
        ("seeds", [-1], "seeds.0: .*, got -1"),
        ("profile", "best", "profile: .*, got 'best'"),
        ("nonsense", 1, "nonsense: unknown field; known are: schema, suite"),
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, field, value, said):
    go(tmp_path, [Tones()], [Level()])
    changed(tmp_path / "run" / "manifest.json", **{field: value})
    with pytest.raises(BenchError, match=f"manifest.json: {said}"):
        read_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt_id": "other"}, r"samples.jsonl: expected samples of the suite's prompts, got one of 'other'"),
        ({"clip": "../secret.wav"}, r"samples.jsonl: expected a clip inside the folder, got '../secret.wav'"),
        ({"clip": "x" * 300}, r"samples.jsonl:6: clip: .*no file system takes"),
        ({"seed": 10**30}, r"samples.jsonl:6: seed: "),
    ],
)
def test_a_sample_that_cannot_be_is_named(tmp_path, change, said):
    go(tmp_path, [Tones()], [Level()])
    (tmp_path / "secret.wav").touch()
    path = tmp_path / "run" / "samples.jsonl"
    last = json.loads(path.read_text().splitlines()[-1])
    with path.open("a") as file:
        file.write(json.dumps(last | {"model": "else"} | change) + "\n")
    with pytest.raises(BenchError, match=said):
        go(tmp_path, [Tones()], [Level()])


def test_an_ok_score_with_a_reason_is_named(capsys, tmp_path):
    good = a_run(tmp_path / "run")
    path = good / "scores.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {"status": "ok", "value": 1.0, "reason": "no face"})
    path.write_text("\n".join(lines) + "\n")
    assert cli.main(["report", str(good)]) == 2
    assert "scores.jsonl:3: ok needs a value and no reason" in capsys.readouterr().err
