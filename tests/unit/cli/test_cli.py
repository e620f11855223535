"""The command line: one clear line for every mistake, results on stdout, talk on stderr."""

import hashlib
import json
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.assets import table as assets
from jova_bench.media import files as media
from support.commands import call

PROMPT = {"id": "a", "video_caption": "v", "audio_caption": "x", "transcript": "hello", "reference": "a.mp4"}


@pytest.fixture
def clips(tmp_path):
    """Two clips with prompts and references, in a folder that is also a suite."""
    folder = tmp_path / "clips"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for name in ("a", "b"):
        frames = np.full((10, 16, 16, 3), 100, np.uint8)
        audio = rng.uniform(-0.3, 0.3, (1, 6400)).astype(np.float32)
        media.write(folder / f"{name}.mp4", frames, Fraction(25), audio, 16_000)
        lines.append(json.dumps(PROMPT | {"id": name, "reference": f"{name}.mp4"}))
    (folder / "prompts.jsonl").write_text("\n".join(lines) + "\n")
    return folder


CAPTIONS = ("--video-caption", "v", "--audio-caption", "x")


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        ([], "VERB"),
        (["fly"], "'fly'"),
        (["run"], "--model"),
        (["rnu", "--model", "real"], "did you mean 'run'?; see jova-bench --help"),
        (["suites", "imprt"], "did you mean 'import'?; see jova-bench suites --help"),
        (["ls"], "the following arguments are required: {models,suites,metrics,runs}"),
        (["ls", "model"], "did you mean 'models'?"),
        (["run", "--model", "real", "--limits", "1"], "did you mean '--limit'?; see jova-bench run --help"),
        (
            ["suites", "validate", "a.jsonl", "b.jsonl"],
            "jova-bench suites validate: got 'b.jsonl', which is not an argument",
        ),
        (
            ["suites", "validate", "no.jsonl"],
            "no.jsonl: expected a readable UTF-8 file of JSON lines, got: No such file",
        ),
        (["assets", "pull", "zzz"], "`jova-bench assets verify` lists them"),
        (["run", "--model", "rael", "--suite", "{clips}/prompts.jsonl"], "did you mean 'real'"),
        (["run", "--model", "real", "--suite", "no.jsonl"], "no.jsonl"),
        (["run", "--model", "real", "--suite", "embeded"], "'embeded'"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--metrics", "wre"], "did you mean 'wer'"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--metrics", ","], "got none"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--device", "tpu"], "'tpu'"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--seed", "x"], "'x'"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--limit", "0"], "got 0"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--profile", "best"], "'best'"),
        (["run", "--model", "real", "--suite", "{clips}/prompts.jsonl", "--out", "/dev/null/x"], "/dev/null/x"),
        (["run", "--model", "clips:{clips}/none"], "none"),
        (["score", "{clips}/none"], "which is not a folder"),
        (["score", "{empty}"], "found none"),
        (["score", "{clips}", "--suite", "{broken}"], "broken.jsonl:2"),
        (["report", "{empty}"], "expected a run folder"),
        (["report", "{empty}", "--html", "--format", "csv"], "expected --html or --format, got both"),
        (["report", "{empty}", "--format", "xls"], "expected one of the formats md, csv, json, tex, bib, got 'xls'"),
        (
            ["run", "--modle", "real"],
            "got '--modle', which is not an argument of this command; did you mean '--model'?",
        ),
        (["run", "--model", "real", "--out", ""], "argument --out: expected a path, got ''"),
        (["sample", *CAPTIONS, "--transcript", "", "--out="], "argument --out: expected a path, got ''"),
        (["score", ""], "argument DIR: expected a path, got ''"),
        (["run", "--model", "real", "--limit", "0"], "expected --limit of at least 1 prompt, got 0"),
        (["run", "--model", "real", "--device", "gpu"], "expected --device auto, cpu, cuda, cuda:i"),
        (["train"], "jova-bench: expected --out DIR for a preset, or --config FILE, got neither"),
        (["train", "--out", "{empty}", "--presett", "tiny"], "did you mean '--preset'?"),
        (["train", "--out", "{empty}", "--stage", "corpse"], "did you mean 'corpus'?"),
        (["train", "--out", "{empty}", "--stage", "model"], "corpus/train (no dataset.json)"),
        (["sample", *CAPTIONS, "--transcript", "bin", "--out", "{empty}/a.mp4"], "got 'v' in the video caption"),
        (["sample", *CAPTIONS, "--transcript", "bin", "--out", "{empty}/a.mp4", "--weights", "{empty}"], "jova-tiny"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(capsys, tmp_path, clips, argv, named):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.jsonl").write_text(json.dumps(PROMPT | {"reference": None}) + "\n{not json\n")
    places = {"clips": clips, "empty": tmp_path / "empty", "broken": tmp_path / "broken.jsonl"}
    code, out, err = call(capsys, *(word.format(**places) for word in argv))
    assert code == 2
    assert out == ""
    assert named in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_run_prints_a_leaderboard_and_report_prints_it_again(capsys, tmp_path, clips, monkeypatch):
    monkeypatch.setattr("jova_bench.execution.placement.available_cores", lambda: 1)
    words = ["--suite", clips / "prompts.jsonl", "--profile", "standard", "--metrics", "loudness", "--device", "cpu"]
    code, out, err = call(capsys, "run", "--model", "real", "--model", "silence", *words, "--out", tmp_path / "run")
    assert code == 0
    assert "| real " in out
    assert "| silence " in out
    assert "score: 4 of 4" in err
    assert call(capsys, "report", tmp_path / "run")[:2] == (0, out)
    # The same command finds everything done; with --json stdout is the summary and nothing else.
    code, out, _ = call(
        capsys, "run", "--model", "real", "--model", "silence", *words, "--out", tmp_path / "run", "--json"
    )
    assert code == 0
    summary = json.loads(out)
    assert summary == json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {estimate["model"]: estimate["n_ok"] for estimate in summary["estimates"]} == {"real": 2, "silence": 0}


def test_generate_stops_before_scoring(capsys, tmp_path, clips):
    code, out, _ = call(
        capsys, "generate", "--model", "still", "--suite", clips / "prompts.jsonl", "--out", tmp_path / "run",
        "--limit", "1", "--device", "cpu",
    )  # fmt: skip
    assert (code, out) == (0, f"{tmp_path / 'run'}\n")
    assert (tmp_path / "run" / "clips" / "still" / "a.0.mp4").is_file()
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_clip_that_cannot_be_read_is_named_and_gives_5(capsys, tmp_path, clips, monkeypatch):
    monkeypatch.setattr("jova_bench.execution.placement.available_cores", lambda: 1)
    (clips / "c.mp4").write_bytes(b"no film")
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "score", clips, "--metrics", "loudness", "--device", "cpu", "--json")
    assert code == 5
    assert "prompt c, seed 0: cannot decode" in err
    (estimate,) = json.loads(out)["estimates"]
    assert (estimate["n_ok"], estimate["n_failed"]) == (2, 1)
    # The default folder is named after the suite.
    assert [path.name.rpartition("-")[0] for path in (tmp_path / "runs").iterdir()] == ["clips"]


def test_models_without_weights_are_one_line_each_and_others_go_on(capsys, tmp_path, clips, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "none"))
    code, out, err = call(
        capsys, "run", "--model", "still", "--model", "ovi", "--model", "pocket-tts", "--metrics", "loudness",
        "--suite", clips / "prompts.jsonl", "--device", "cpu", "--workers", "0", "--out", tmp_path / "run", "--json",
    )  # fmt: skip
    assert code == 5
    for model in ("ovi", "pocket-tts"):
        (line,) = [line for line in err.splitlines() if line.startswith(f"{model} is left out: ")]
        assert f"jova-bench baselines setup {model}" in line
    assert max(err.index("ovi is left out: "), err.index("pocket-tts is left out: ")) < err.index("generate still")
    assert "\njova-bench: left out, as was said at the beginning: ovi, pocket-tts\n" in err
    failed = {one["model"]: one["n_failed"] for one in json.loads(out)["estimates"]}
    assert failed == {"still": 0}
    assert json.loads(out)["attempts"] == []  # None was asked, and a control is a copy.


def test_without_weights_of_any_model_a_run_ends_at_once(capsys, tmp_path, clips, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "none"))
    code, out, err = call(
        capsys, "run", "--model", "ovi", "--model", "ltx-2", "--suite", clips / "prompts.jsonl", "--device", "cpu",
        "--profile", "standard", "--out", tmp_path / "run",
    )  # fmt: skip
    assert (code, out, (tmp_path / "run").exists()) == (5, "", False)
    assert [line.partition(" is left out: ")[0] for line in err.splitlines()] == ["ovi", "ltx-2"]


def test_ctrl_c_says_how_to_go_on(capsys, clips, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("jova_bench.runs.run.generate", interrupted)
    code, _, err = call(capsys, "run", "--model", "real", "--suite", clips / "prompts.jsonl", "--out", tmp_path / "run")
    assert code == 130
    assert err.splitlines()[-1] == "jova-bench: stopped; the same command continues where it was"


def own_table(folder, metric, digest_of):
    """A table of small files in place of all weights of a metric; `digest_of` may lie."""
    lines = []
    for asset in assets.asset_table().entries.values():
        if asset.serves(metric, None):
            file = folder / f"{asset.name}.bin"
            file.write_bytes(asset.name.encode())
            lines.append(f'[{asset.name}]\nfile = "{file.name}"\nsha256 = "{digest_of(file.read_bytes())}"\n')
    (folder / "own.toml").write_text("\n".join(lines))
    return folder / "own.toml"


def test_weights_of_ones_own_enter_the_identity_and_reach_the_scoring_process(capsys, tmp_path, clips, monkeypatch):
    monkeypatch.setattr("jova_bench.execution.placement.available_cores", lambda: 1)
    table = own_table(tmp_path, "nisqa", lambda content: hashlib.sha256(content).hexdigest())
    digests = [hashlib.sha256(name.encode()).hexdigest()[:12] for name in assets.asset_table().entries]
    code, out, _ = call(
        capsys, "score", clips, "--metrics", "nisqa", "--device", "cpu", "--json", "--out", tmp_path / "run",
        "--assets", table,
    )  # fmt: skip
    (right,) = json.loads(out)["estimates"]
    assert code == 0
    assert any(digest in right["identity"] for digest in digests)
    # What is in the files is no network, and a scoring process finds that out.
    assert (right["n_ok"], right["n_failed"]) == (0, 2)
    assert not any("missing" in reason or "died" in reason for reason in right["reasons"])
    # Afterwards the published weights are in their place again.
    listed = json.loads(call(capsys, "ls", "metrics", "--json")[1])
    assert right["identity"] not in {metric["identity"] for metric in listed}


def test_weights_that_are_not_what_the_table_says_are_damaged(capsys, tmp_path, clips):
    table = own_table(tmp_path, "wer", lambda content: "0" * 64)
    code, out, _ = call(
        capsys, "score", clips, "--metrics", "wer", "--device", "cpu", "--json", "--out", tmp_path / "run",
        "--assets", table, "--workers", 0,
    )  # fmt: skip
    (found,) = json.loads(out)["estimates"]
    assert (code, found["value"], found["n_failed"]) == (0, None, 2)
    ((reason, count),) = found["reasons"].items()
    assert count == 2
    assert reason.startswith(f"weights damaged: expected sha256 {'0' * 64}, got ")
    assert reason.endswith("correct your table of assets")


@pytest.mark.parametrize("words", [["score", "{clips}"], ["run", "--model", "real"], ["ls", "metrics"], ["doctor"]])
def test_a_table_that_is_broken_is_told_before_any_work(capsys, tmp_path, clips, words):
    words = [word.format(clips=clips) for word in words]
    code, out, err = call(capsys, *words, "--assets", tmp_path / "none.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "none.toml" in err


def test_a_run_that_embedded_judges_know_nothing_of_names_the_other_profile(capsys, tmp_path, clips):
    prompts = [{**json.loads(line), "reference": None} for line in (clips / "prompts.jsonl").read_text().splitlines()]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(one) + "\n" for one in prompts))
    words = ("run", "--model", f"clips:{clips}", "--suite", tmp_path / "mine.jsonl", "--workers", "0")
    embedded = (*words, "--profile", "embedded", "--metrics")
    hint = "clips: every metric is undefined: outside the embedded domain; --profile standard judges other clips"
    code, _, err = call(capsys, *embedded, "lse_c,loudness", "--out", tmp_path / "run")
    assert (code, err.count(hint), err.count("--profile standard")) == (0, 1, 2)
    before, _, _ = err.partition("generate clips")  # Hours may lie between the first word and the last.
    assert before.count("the suite mine is outside the embedded domain: every metric of that profile will be und") == 1
    code, _, err = call(capsys, *words, "--metrics", "loudness", "--out", tmp_path / "judged")
    assert (code, "every metric" in err) == (0, False)
    (clips / "b.mp4").write_bytes(b"no film")  # A clip that is lost has its own line.
    code, _, err = call(capsys, *embedded, "lse_c,loudness", "--out", tmp_path / "torn")
    assert (code, err.count(hint)) == (5, 1)


def test_twenty_clips_without_a_suite_are_told_what_gives_an_fvd(capsys, tmp_path, clips, monkeypatch):
    """Each once on stderr, and both in one note of the table: reference set and weights in one reason."""
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "assets"))
    words = ("score", clips, "--metrics", "fvd,kvd", "--workers", "0", "--out", tmp_path / "run")
    code, out, err = call(capsys, *words)
    others = "kvd takes 10, fvd@javisbench takes 2, from the prompts' own clips"
    sides = f"the suite names no reference set; fvd takes 1,200 clips on each side ({others})"
    fvd = f"{sides} (docs/reference-sets.md of our repository); weights missing: jova-bench assets pull i3d"
    assert code == 0
    assert f"fvd: {fvd}\n" in err
    both = f"the suite names no reference set (docs/reference-sets.md of our repository); {fvd.rpartition('; ')[2]}"
    assert f"]: {both} (2 clips)" in out
