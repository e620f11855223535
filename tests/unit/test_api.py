"""The Python interface: what is public, what a string stands for, and what it gives back."""

import doctest
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import jova_bench as jb
from jova_bench.api import comparing, listing, measuring, reading, running
from jova_bench.api.arguments import assets_of, path_of, several
from jova_bench.comparison.gate_page import Gate
from jova_bench.media import files as media
from jova_bench.runs.run import Result

EXPORTED = """
BenchError Calibration Clip ClipMetric Comparisons DryRun Edit Estimate Gate Generated Generator Media MetricContext
MetricEntry MetricSpec NotComparable Outcome Plan Prompt Refused Result SetMetric Suite Summary Unavailable Undefined
Variant VoteAgreement VoteFit __version__ agree_with_votes calibrate compare doctor dry_run fit_votes gate list_metrics
list_models list_suites load_suite metric read_clip run score torch_metric
"""
"""A name that goes, or is added, is a change of the public interface: docs/versions.md says what that needs."""


def test_these_names_are_exported_and_no_others():
    assert sorted(jb.__all__) == EXPORTED.split()
    assert dir(jb) == EXPORTED.split()
    for name in EXPORTED.split():
        assert getattr(jb, name) is not None
    assert not hasattr(jb, "compared")


def test_no_package_hides_a_function():
    """A package of the same name would stand in its place once it is imported."""
    code = (
        "import pkgutil, jova_bench as jb\n"
        "names = {one.name for one in pkgutil.iter_modules(jb.__path__)}\n"
        "assert not names & set(jb.__all__), names & set(jb.__all__)\n"
        "import jova_bench.comparison.gate, jova_bench.runs.run, jova_bench.metrics.build\n"
        "assert all(callable(one) for one in (jb.compare, jb.gate, jb.run, jb.score, jb.metric))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_imports_nothing_heavy():
    heavy = "{'torch', 'scipy', 'av', 'pandas'}"
    code = f"import sys, jova_bench as jb; dir(jb); jb.BenchError; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("api") / "run"
    return jb.run("real", "embedded", metrics="loudness", limit=2, device="cpu", workers=0, out=out)


def test_a_string_is_one_name(result):
    table = result.table()
    assert list(table.index) == ["real"]
    assert isinstance(result, Result)
    assert result.exit_code == 0
    again = jb.run(["real"], "embedded", metrics=["loudness"], seeds=[0], limit=2, workers=0, out=str(result.folder))
    assert again.table().equals(table)


def test_runs_are_compared_as_results_or_folders(result):
    rows = jb.compare(result, str(result.folder), metrics="loudness").table()
    assert list(rows["delta"]) == [0.0]
    assert isinstance(jb.gate(result, result), Gate)
    table = jb.gate(result.folder, result, {"loudness": 0.5}).table()
    assert list(table["tolerance"]) == [0.5]


def test_scoring_takes_the_same_strings(tmp_path):
    tone = np.sin(np.arange(16_000, dtype=np.float32) / 5)[None] / 4
    (tmp_path / "clips").mkdir()
    media.write(tmp_path / "clips" / "a.wav", None, Fraction(0), tone, 16_000)
    found = jb.score(str(tmp_path / "clips"), metrics="loudness", device="cpu", workers=0, out=tmp_path / "run")
    assert list(found.table().index) == ["clips"]
    with pytest.raises(jb.BenchError, match="without scores"):
        jb.Result(tmp_path, None, ()).table()


def test_a_device_of_torch_is_a_device():
    assert jb.metric("nisqa", device=torch.device("cpu")).device == "cpu"
    assert jb.torch_metric("nisqa", device=torch.device("cpu")).metric.device == "cpu"
    for wrong in (torch.device("meta"), 0, None, "gpu"):
        with pytest.raises(jb.BenchError, match="expected device= auto, cpu, cuda"):
            jb.metric("nisqa", device=wrong)


def test_a_metric_by_name_measures_a_clip():
    suite = jb.load_suite("embedded")
    prompt = suite.prompts[0]
    path = suite.path(prompt.reference)
    clip = jb.read_clip(path, suite=suite)
    wer = jb.metric("wer", profile="embedded")
    assert wer.score(clip, prompt).status == "ok"
    # Nothing says that a file is of the suite that the embedded judges know.
    outside = wer.score(jb.read_clip(path), prompt)
    assert outside.reason == "outside the embedded domain"
    assert "read_clip(path, suite=" in repr(outside)
    told = {"status": "undefined", "value": None, "reason": "outside the embedded domain", "findings": ()}
    assert outside.model_dump() == told
    with pytest.raises(jb.Undefined) as raised:
        jb.metric("fvd", profile="embedded", level="set").features(jb.read_clip(path))
    assert str(raised.value) == "outside the embedded domain"
    assert "read_clip(path, suite=" in raised.value.__notes__[0]
    assert jb.metric("lse_c@mova").spec.protocol.startswith("mova@")
    judges = [one for one in jb.list_metrics()["identity"].dropna() if one.startswith("lse_c@1/embedded")]
    assert [jb.metric(one, profile="embedded").spec.identity for one in judges] == judges
    assert jb.metric("lse_c", profile="embedded").spec.identity == judges[0]


@pytest.mark.parametrize("name", ["wer@whisper-tiny.en", "fad@javisbench", "is_panns@mova", "lse_c@bfloat16"])
def test_a_variant_by_its_identity_is_that_variant(name):
    level = "set" if name.startswith(("fad", "is")) else "clip"
    identity = jb.metric(name, level=level).spec.identity
    assert jb.metric(str(identity), level=level).spec.identity == identity
    with pytest.raises(jb.BenchError, match="of the embedded profile"):
        jb.metric(identity, profile="embedded", level=level)


@pytest.mark.parametrize("name", ["wre", "wer@1/standard:none", ["wer"]])
def test_no_such_metric_is_one_line(name):
    with pytest.raises(jb.BenchError, match="expected"):
        jb.metric(name)


def test_a_metric_of_a_set_is_asked_for_as_one():
    assert jb.metric("fvd", level="set").spec.level == "set"
    with pytest.raises(jb.BenchError, match=r"expected a metric of a clip, got 'fvd', which is one of a set"):
        jb.metric("fvd")
    with pytest.raises(jb.BenchError, match="expected a metric of a set, got 'wer'"):
        jb.metric("wer", level="set")


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -1, True, None, "0.1"])
def test_a_tolerance_is_a_number_of_at_least_0(result, tolerance):
    with pytest.raises(jb.BenchError, match="tolerances: loudness: expected a number of at least 0"):
        jb.gate(result, result, {"loudness": tolerance})
    with pytest.raises(jb.BenchError, match="expected tolerances by the name"):
        jb.gate(result, result, [tolerance])


@pytest.mark.parametrize("device", [5, None, ["cpu"]])
def test_a_device_is_a_text(device):
    with pytest.raises(jb.BenchError, match="expected device= auto, cpu"):
        jb.metric("loudness", device=device)


def test_progress_is_shown_as_the_command_does_or_not_at_all(tmp_path, capsys):
    for progress, shown in ((True, True), (False, False), (None, False)):
        out = tmp_path / str(progress)
        jb.run("real", metrics="loudness", limit=1, device="cpu", workers=0, out=out, progress=progress)
        assert bool(capsys.readouterr().err) == shown


def test_a_path_begins_with_the_home_folder(tmp_path, monkeypatch):
    """Python has no shell that would put the folder in its place; `~nobody-of-this-name` stays, as in a shell."""
    home, here = tmp_path / "home", tmp_path / "here"
    clips = home / "clips"
    clips.mkdir(parents=True)
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    suite = jb.load_suite("embedded")
    prompt = suite.prompts[0]
    (clips / f"{prompt.id}.mp4").symlink_to(suite.path(prompt.reference))
    (home / "suite").symlink_to(suite.root)
    (home / "t.toml").write_text(f'[synchformer]\nfile = "~/w"\nsha256 = "{"0" * 64}"\n')
    options = {"metrics": "loudness", "limit": 1, "device": "cpu", "workers": 0}
    assert jb.load_suite("~/suite").digest == suite.digest
    assert jb.read_clip(f"~/clips/{prompt.id}.mp4").frames is not None
    assert jb.score("~/clips", out="~/scored", assets="~/t.toml", **options).folder == home / "scored"
    assert jb.run("clips:~/clips", out="~/run", **options).folder == home / "run"
    assert jb.compare("~/run", "~/run").a == str(home / "run")
    assert assets_of("~/t.toml").get("synchformer").file == str(home / "w")
    monkeypatch.setenv("JOVA_BENCH_ASSETS_FILE", "~/t.toml")
    assert assets_of(None).get("synchformer").file == str(home / "w")
    assert not list(here.iterdir())
    assert path_of("out=", "~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")


def test_a_torch_metric_by_name():
    suite = jb.load_suite("embedded")
    clips = [jb.read_clip(suite.path(one.reference), suite=suite) for one in suite.prompts[:12]]
    loudness = jb.torch_metric("loudness")
    loudness.update(None, clips[0].audio, fps=None, sample_rate_hz=clips[0].sample_rate_hz)
    assert loudness.compute().item() == pytest.approx(jb.metric("loudness").score(clips[0]).value)
    with pytest.raises(jb.BenchError, match="expected a set metric such as fvd"):
        jb.torch_metric("loudness", reference=clips)
    kvd = jb.torch_metric("kvd", profile="embedded", reference=clips, in_domain=True)
    for clip in clips:
        kvd.update(clip.frames, clip.audio, fps=clip.fps, sample_rate_hz=clip.sample_rate_hz)
    by_features = jb.torch_metric("kvd", profile="embedded", in_domain=True)
    for real in (True, False):
        for clip in clips:
            by_features.update(clip.frames, clip.audio, fps=clip.fps, sample_rate_hz=clip.sample_rate_hz, real=real)
    assert kvd.compute().item() == by_features.compute().item()


def test_a_folder_is_a_reference(tmp_path):
    suite = jb.load_suite("embedded")
    for one in suite.prompts[:10]:
        path = suite.path(one.reference)
        (tmp_path / path.name).symlink_to(path)
    clips = [jb.read_clip(path, suite=suite) for path in sorted(tmp_path.iterdir())]
    options = {"profile": "embedded", "in_domain": True}
    values = []
    for reference in (tmp_path, clips):
        kad = jb.torch_metric("kad", reference=reference, **options)
        for clip in clips:
            kad.update(clip.frames, clip.audio, fps=clip.fps, sample_rate_hz=clip.sample_rate_hz)
        values.append(kad.compute().item())
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jb.run(None), "names of models, or objects with the interface of `Generator`, got None"),
        (lambda: jb.run(["real", 3]), "names of models, or objects .*got 3"),
        (lambda: jb.run("real", ["embedded"]), r"the name of one suite, a path or a Suite, got \['embedded'\]"),
        (lambda: jb.run("real", seeds="0"), "seeds= as a whole number, got '0'"),
        (lambda: jb.run("real", seeds=[0, 0.5]), "seeds= as a whole number, got 0.5"),
        (lambda: jb.run("real", seeds=True), "seeds= as a whole number, got True"),
        (lambda: jb.run("real", limit="3"), "limit= as a whole number, got '3'"),
        (lambda: jb.run("real", workers="2"), "workers= as a whole number, got '2'"),
        (lambda: jb.run("real", metrics=[3]), "names of metrics, or metrics, got 3"),
        (lambda: jb.run("real", out=3), "out= as a path, got 3"),
        (lambda: jb.run("real", out=""), "out= as a path, got ''"),
        (lambda: jb.run("real", strict="no"), "strict= True or False, got 'no'"),
        (lambda: jb.run("real", scoring=1), "scoring= True or False, got 1"),
        (lambda: jb.run("real", progress=3), "progress= True, False or an object with `say` and `phase`, got 3"),
        (lambda: jb.score(".", progress="yes"), "progress= True, False or an object"),
        (lambda: jb.run("real", profile=""), "profile= embedded or standard, got ''"),
        (lambda: jb.score(".", profile=""), "profile= embedded or standard, got ''|clips"),
        (lambda: jb.compare("a", "b", metrics=[]), "one or more metrics, got none"),
        (lambda: jb.run([]), "one or more models, got none; `list_models\\(\\)` has names"),
        (lambda: jb.run("real", metrics=[]), "one or more metrics, got none; `list_metrics\\(\\)` has names"),
        (lambda: jb.metric("@mova"), "one metric, got '@mova', which selects lse_c, lse_d, dnsmos"),
        (lambda: jb.torch_metric("@mova"), "one metric, got '@mova', which selects"),
        (lambda: jb.metric("wer", level="x"), "level= clip or set, got 'x'"),
        (lambda: jb.load_suite("embedded").path(None), "the path of a file of the suite, got None"),
        (lambda: jb.compare("a", "b", of_slice=5), "of_slice= as the text TAG=VALUE, got 5"),
        (lambda: jb.score(None), "a folder of clips as a path, got None"),
        (lambda: jb.compare(None, "a"), "a run folder, a Result or a frozen file as a path, got None"),
        (lambda: jb.gate("a", 3), "a run folder, a Result or a frozen file as a path, got 3"),
        (lambda: jb.load_suite(None), "the name of one suite, a path or a Suite, got None"),
        (lambda: jb.load_suite(""), "the name of one suite, a path or a Suite, got ''"),
        (lambda: jb.load_suite("x" * 5000), r"a path of prompts, got 'x{76}\.\.\.: File name too long"),
        (lambda: jb.load_suite("a\0b"), "the name of a suite, a .jsonl file"),
        (lambda: jb.run(b"real"), "names of models, or objects .*got b'real'"),
        (lambda: jb.list_metrics("a\0b"), r"assets= as a path, got 'a\\x00b'"),
        (lambda: jb.read_clip(None), "a media file as a path, got None"),
        (lambda: jb.metric("wer", profile="foo"), "profile= embedded or standard, got 'foo'"),
        (lambda: jb.torch_metric("fvd", reference=3), "a folder of real clips, clips or their features, got 3"),
        (lambda: jb.torch_metric("fvd", reference=[]), "real clips as reference, got none"),
        (lambda: jb.torch_metric("fvd", reference=[3]), "real clips as `read_clip` returns them, got 3"),
        (lambda: jb.torch_metric("fvd", reference=np.zeros(3)), r"features of real clips .*shape \(3,\)"),
        (lambda: jb.torch_metric("fvd", reference=["a.mp4"]), "real clips as `read_clip` returns them, got 'a.mp4'"),
        (lambda: jb.torch_metric("fvd", reference=[[1, "a"]]), "features of real clips as numbers.* among them"),
    ],
)  # fmt: skip
def test_what_is_no_argument_is_one_line(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(jb.BenchError, match=f"^expected {message}"):
        call()
    assert not list(tmp_path.iterdir())


def test_a_real_clip_without_features_says_why():
    suite = jb.load_suite("embedded")
    clip = jb.read_clip(suite.path(suite.prompts[0].reference))
    with pytest.raises(jb.BenchError, match="outside the embedded domain; in_domain=True"):
        jb.torch_metric("kvd", profile="embedded", reference=[clip])


def test_numbers_of_numpy_are_whole_numbers(tmp_path):
    found = jb.run("real", seeds=np.arange(1), limit=np.int64(1), metrics="loudness", workers=0, out=tmp_path / "run")
    assert several(np.array(0)) == [0]
    assert several(np.arange(2)) == [0, 1]
    assert several("a") == ["a"]
    assert len(found.table()) == 1


def test_examples_of_docstrings_run():
    tried = [doctest.testmod(one) for one in (comparing, listing, measuring, reading, running)]
    assert sum(one.attempted for one in tried) > 5
    assert not any(one.failed for one in tried)


def test_what_there_is_are_tables():
    assert {"real", "jova", "codec"} <= set(jb.list_models().index)
    assert "embedded" in jb.list_suites().index
    metrics = jb.list_metrics()
    assert metrics.loc["fvd", "level"].unique().tolist() == ["set"]
    unnamed = metrics.index[metrics["identity"].isna()]
    assert all(name.startswith("judge:") for name in unnamed)
    assert metrics["identity"].dropna().is_unique


def test_what_cannot_be_told_of_a_listing_is_none():
    """NaN, which pandas makes of None among texts, counts as true."""
    for table in (jb.list_models(), jb.list_metrics(), jb.list_suites()):
        assert {one for one in table[table.available].why_not} == {None}


@pytest.mark.parametrize(("kind", "text"), [("metrics", "lse_c,loudness"), ("models", "real, shuffled")])
def test_names_in_one_text_are_answered_with_the_list_of_them(tmp_path, kind, text):
    given = {"models": "real", "metrics": "loudness", kind: text}
    first, last = (name.strip() for name in text.split(","))
    with pytest.raises(jb.BenchError, match=rf"got '{text}'; give \['{first}', '{last}'\]"):
        jb.run(**given, limit=1, out=tmp_path)


def test_a_run_without_scores_is_sent_to_the_command_that_scores(tmp_path):
    jb.run("real", metrics="loudness", limit=1, out=tmp_path, scoring=False)
    with pytest.raises(jb.BenchError, match="repeat its command, with `run` in the place of `generate`"):
        jb.compare(tmp_path, tmp_path)
    jb.run("real", metrics="loudness", limit=1, out=tmp_path, workers=0)
    assert len(jb.compare(tmp_path, tmp_path).rows) == 1
