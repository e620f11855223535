"""Which evaluators judge where no profile is asked for: those that the suite names for its clips."""

import json

import numpy as np
import pytest

import jova_bench as jb
from jova_bench import cli
from jova_bench.media.files import write
from jova_bench.runs.store import read_run

PROMPT = {"id": "a", "video_caption": "v", "audio_caption": "a", "transcript": ""}
INFO = 'name = "mine"\ndescription = "d"\nlicence = "CC0-1.0"\nprofile = "{}"\n'


def suite(folder, profile):
    """A suite of one prompt whose clip is there; without `suite.toml` where the profile is None."""
    folder.mkdir()
    (folder / "prompts.jsonl").write_text(json.dumps(PROMPT))
    if profile is not None:
        (folder / "suite.toml").write_text(INFO.format(profile))
    (folder / "clips").mkdir()
    noise = np.random.default_rng(0).normal(size=(1, 16_000)).astype(np.float32) / 10
    write(folder / "clips" / "a.wav", None, 0, noise, 16_000)
    return folder


@pytest.mark.parametrize(
    ("named", "asked", "ran", "scored"),
    [
        ("standard", None, "standard", "standard"),
        ("embedded", None, "embedded", "standard"),
        (None, None, "standard", "standard"),
        (None, "embedded", "embedded", "embedded"),
        ("standard", "embedded", "embedded", "embedded"),
        ("embedded", "standard", "standard", "standard"),
    ],
)
def test_a_run_has_the_profile_of_its_suite_and_a_score_the_one_for_any_clip(tmp_path, named, asked, ran, scored):
    mine = suite(tmp_path / "mine", named)
    flags = ["--metrics", "loudness", "--workers", "0", *(["--profile", asked] if asked else [])]
    model = f"clips:{mine / 'clips'}"
    for verb, profile in (
        (["run", "--model", model, "--suite", str(mine)], ran),
        (["score", str(mine / "clips"), "--suite", str(mine)], scored),
    ):
        out = tmp_path / verb[0]
        assert cli.main([*verb, *flags, "--out", str(out)]) == 0
        assert read_run(out).manifest.profile == profile
    made = jb.run(model, mine, profile=asked, metrics="loudness", out=tmp_path / "called", workers=0)
    assert made.summary.profile == ran
    made = jb.score(mine / "clips", mine, profile=asked, metrics="loudness", out=tmp_path / "measured", workers=0)
    assert made.summary.profile == scored


def test_whisper_asks_for_the_profile_that_the_run_will_have(tmp_path, capsys):
    words = ["--whisper", "small", "--metrics", "wer", "--out", str(tmp_path / "run"), "--workers", "0"]
    for name, code in (("embedded", 2), ("standard", 0)):
        mine = suite(tmp_path / name, name)
        assert cli.main(["run", "--model", f"clips:{mine / 'clips'}", "--suite", str(mine), *words]) == code
    assert "got 'small' in the embedded profile" in capsys.readouterr().err
    assert read_run(tmp_path / "run").manifest.metrics == ("wer@whisper-small",)
