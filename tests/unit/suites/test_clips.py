"""Folders of clips against prompts: what is asked and not there is failed, what is there and no clip is told."""

import json
import os
import unicodedata

import pytest

from jova_bench import cli, run, score
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.ids import file_stem, safe_id
from jova_bench.runs.store import read_run
from jova_bench.suites.clips import CLIP_SUFFIXES, answer, clips_by_id, clips_in, difference, listing
from support.clips import write_noise
from support.commands import call

OPTIONS = {"profile": "standard", "metrics": ["loudness"], "device": "cpu", "workers": 0}


def folder_of(path, *names):
    path.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        write_noise(path / name, seed=seed)
    return path


def prompts(path, *ids):
    lines = [{"id": one, "video_caption": "v", "audio_caption": "", "transcript": "hello"} for one in ids]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def ask(capsys, *words):
    return call(capsys, *words, "--metrics", "loudness", "--device", "cpu", "--workers", "0")


def counts(result):
    """(ok, undefined, failed) of the one metric, and ids of the samples that failed."""
    (one,) = result.summary.estimates
    return (one.n_ok, one.n_undefined, one.n_failed), [sample.prompt_id for sample in result.failed]


# --- what is asked and not there ---


def test_prompts_without_a_clip_are_failed_samples_as_in_run(tmp_path):
    clips = folder_of(tmp_path / "mine", "b.wav", "extra.wav")
    suite = prompts(tmp_path / "s.jsonl", "a", "b", "c")
    found = score(clips, suite, out=tmp_path / "scored", **OPTIONS)
    # a and c have no clip; b has one, and so has nobody's prompt `extra`.
    assert (counts(found), found.exit_code) == (((2, 0, 2), ["a", "c"]), 5)
    assert "no clip for this prompt: expected a.wav".replace(".wav", ".mp4") in found.failed[0].reason
    same = run([f"clips:{clips}"], suite, out=tmp_path / "run", **OPTIONS)
    assert (counts(same), same.exit_code) == (((1, 0, 2), ["a", "c"]), 5)


def test_prompts_beside_the_clips_ask_the_same(tmp_path):
    clips = folder_of(tmp_path / "mine", "b.wav")
    suite = prompts(clips / "prompts.jsonl", "a", "b")
    beside = score(clips, out=tmp_path / "beside", **OPTIONS)
    named = score(clips, suite, out=tmp_path / "named", **OPTIONS)
    assert counts(beside) == counts(named) == ((1, 0, 1), ["a"])
    assert beside.exit_code == named.exit_code == 5


def test_a_limit_is_of_prompts_and_clips_without_one_come_last(capsys, tmp_path):
    clips = folder_of(tmp_path / "mine", "a.wav", "c.wav", "z.wav")
    suite = prompts(tmp_path / "s.jsonl", "c", "b", "a")
    for limit, ok, failed in ((1, 1, []), (2, 1, ["b"]), (3, 2, ["b"]), (4, 3, ["b"]), (None, 3, ["b"])):
        found = score(clips, suite, limit=limit, out=tmp_path / f"run{limit}", **OPTIONS)
        assert counts(found) == ((ok, 0, len(failed)), failed)
    # What is told is of the folder, whatever the limit.
    code, _, err = ask(capsys, "score", clips, "--suite", suite, "--limit", "1", "--out", tmp_path / "told")
    assert (code, err.splitlines()[0]) == (
        0,
        f"{clips}: 3 clips, 2 of them with a prompt; 1 of 3 prompts have no clip (b)",
    )
    # Without prompts, the first so many clips by name.
    found = score(clips, limit=2, out=tmp_path / "none", **OPTIONS)
    assert counts(found) == ((2, 0, 0), [])


def test_a_run_of_before_goes_on_with_what_it_left_out(tmp_path):
    """An older version recorded no sample of a prompt without a clip; its digest is the same."""
    clips = folder_of(tmp_path / "mine", "a.wav")
    suite = prompts(tmp_path / "s.jsonl", "a", "b")
    score(clips, suite, out=tmp_path / "run", **OPTIONS)
    lines = (tmp_path / "run/samples.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run/samples.jsonl").write_text("".join(line for line in lines if '"ok"' in line))
    lines = (tmp_path / "run/scores.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run/scores.jsonl").write_text("".join(line for line in lines if '"ok"' in line))
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    manifest["prompts"] = manifest["prompts"][:1]
    (tmp_path / "run/manifest.json").write_text(json.dumps(manifest))
    assert counts(score(clips, suite, out=tmp_path / "run", **OPTIONS)) == ((1, 0, 1), ["b"])


def test_what_is_missing_and_what_is_no_clip_is_told(capsys, tmp_path):
    clips = folder_of(tmp_path / "mine", "a.wav", "._b.wav", ".c.123.part.wav", "d.part.wav")
    (clips / "gone.mp4").symlink_to("nowhere.mp4")
    (clips / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(clips / "pipe.mp4")
    (clips / "zero.mp4").symlink_to("/dev/null")
    (clips / "below.mp4").mkdir()
    for name in ("one.avi", "two.m4v", "notes.txt", "x.mp4.crdownload", ".DS_Store"):
        (clips / name).write_bytes(b"x")
    prompts(clips / "prompts.jsonl", "a", "b", "c", "d", "e")
    code, _, err = ask(capsys, "score", clips, "--out", tmp_path / "run")
    assert code == 5
    first, second, *_ = err.splitlines()
    assert first == f"{clips}: 1 clips, 1 of them with a prompt; 4 of 5 prompts have no clip (b, c, d, ...)"
    assert second == (
        f"{clips}: not clips: broken links 2 (gone.mp4, loop.mp4), files of other kinds 4 (notes.txt, one.avi, "
        "two.m4v, ...), hidden or partial files 3 (._b.wav, .c.123.part.wav, d.part.wav), "
        "pipes and devices 2 (pipe.mp4, zero.mp4), sub-folders 1 (below.mp4)"
    )
    code, _, again = ask(capsys, "run", "--model", f"clips:{clips}", "--suite", clips / "prompts.jsonl", "--profile",
                          "standard", "--out", tmp_path / "other")  # fmt: skip
    assert (code, again.splitlines()[:2]) == (5, [first, second])


def test_a_folder_whose_clips_all_lie_below_says_so(tmp_path):
    folder_of(tmp_path / "mine/b", "x.wav")
    with pytest.raises(BenchError, match=r"found none; there are: sub-folders 1 \(b\)"):
        clips_in(tmp_path / "mine")


# --- which clip answers which prompt ---


@pytest.mark.parametrize("names", [("a.mp4", "a.wav"), ("a.wav", "a.WAV"), ("caf\u00e9.wav", "cafe\u0301.wav")])
def test_two_files_of_one_stem_are_an_error_that_names_both(capsys, tmp_path, names):
    clips = folder_of(tmp_path / "mine", *names)
    suite = prompts(tmp_path / "s.jsonl", "a")
    for words in (["score", clips], ["run", "--model", f"clips:{clips}", "--suite", suite]):
        code, out, err = ask(capsys, *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert all(repr(name) in err for name in names)
    # Where nothing is asked by name, both are clips.
    assert len(clips_in(clips)) == 2


@pytest.mark.parametrize("name", ["日本 1", "中文", "a\u2215b", "cafe\u0301", "été 2", "x" * 150, "字" * 80])
def test_a_clip_answers_the_prompt_that_a_table_calls_by_its_name(capsys, tmp_path, name):
    clips = folder_of(tmp_path / "mine", f"{name}.wav")
    table = tmp_path / "t.csv"
    table.write_text(f"id,video_caption\n{unicodedata.normalize('NFC', name)},v\n", encoding="utf-8")
    assert cli.main(["suites", "import", "csv", str(table), "--out", str(tmp_path / "s.jsonl")]) == 0
    found = score(clips, tmp_path / "s.jsonl", out=tmp_path / "run", **OPTIONS)
    assert (counts(found), found.exit_code) == (((1, 0, 0), []), 0)
    same = run([f"clips:{clips}"], tmp_path / "s.jsonl", out=tmp_path / "same", **OPTIONS)
    assert counts(same) == ((1, 0, 0), [])


def test_an_id_longer_than_file_names_is_answered_by_what_its_reason_says(tmp_path):
    long = "字" * 120
    suite = prompts(tmp_path / "s.jsonl", long, "b")
    clips = folder_of(tmp_path / "mine", "b.wav")
    lost = score(clips, suite, out=tmp_path / "before", **OPTIONS)
    assert f"expected {file_stem(long)}.mp4" in lost.failed[0].reason
    write_noise(clips / f"{file_stem(long)}.wav", seed=5)
    found = score(clips, suite, out=tmp_path / "after", **OPTIONS)
    assert counts(found) == ((2, 0, 0), [])


def test_names_that_are_no_utf_8_are_scored_like_any_other(capsys, tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        clips = folder_of(tmp_path / os.fsdecode(b"dossier\xe9"), name, "a.wav")
    except OSError:
        pytest.skip("this file system has Unicode names alone")
    (clips / os.fsdecode(b"broken\xe9.mp4")).write_bytes(b"no film")
    code, out, err = ask(capsys, "score", clips, "--out", tmp_path / "run")
    assert code == 5
    assert f"prompt {safe_id(os.fsdecode(b'broken' + bytes([0xE9])))}, seed 0: cannot decode" in err
    # The mean of two clips, one failed.
    assert "(2/0/1)" in out
    assert safe_id(os.fsdecode(b"caf\xe9")) in clips_by_id(clips)
    assert (tmp_path / "run/leaderboard.md").read_text(encoding="utf-8") == out


def test_a_clip_that_cannot_be_opened_is_one_failed_sample(tmp_path, monkeypatch):
    clips = folder_of(tmp_path / "mine", "a.wav", "b.wav")
    real_open = type(clips).open

    def guarded(path, *args, **kwargs):
        if path.name == "b.wav":
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, *args, **kwargs)

    monkeypatch.setattr(type(clips), "open", guarded)
    found = score(clips, out=tmp_path / "run", **OPTIONS)
    assert counts(found) == ((1, 0, 1), ["b"])
    assert "Permission denied" in found.failed[0].reason


# --- names that do not meet ---


@pytest.mark.parametrize(
    ("ids", "stems", "what"),
    [
        (["s_0.mp4", "s_1.mp4"], ["s_0", "s_1"], "2 differ by '.mp4' at the end of the ids"),
        (["s_0", "s_1"], ["ovi-s_0", "ovi-s_1"], "2 differ by 'ovi-' at the beginning of the clips' names"),
        (["test-0", "test-1"], ["test-0.0", "test-1.0"], "2 differ by '.0' at the end of the clips' names"),
        (["p.s_0", "p.s_1"], ["s_0"], "1 differ by 'p.' at the beginning of the ids"),
        (["Anna", "Bert"], ["anna", "bert"], "2 differ by letter case"),
        (["s1", "s2", "s30"], ["s001", "s002", "s030"], "3 differ by leading zeros"),
        (["take_1", "take_2"], ["take 1", "take 2"], "2 differ by spaces, punctuation and the like"),
        (["Take-1.MP4"], ["take_01"], None),
        (["a", "b"], ["x", "y"], None),
        (["one", "two", "three", "four"], ["bone", "x1", "x2", "x3"], None),
        ([], ["a"], None),
        (["a"], [], None),
    ],
)
def test_it_is_said_in_what_names_differ(ids, stems, what):
    found = difference(ids, stems)
    assert found is None if what is None else found.startswith(f"{what} alone, such as the id {ids[0]!r}")


def test_clips_that_answer_nothing_of_a_suite_are_an_error_and_beside_prompts_a_loud_line(capsys, tmp_path):
    clips = folder_of(tmp_path / "mine", "s_0.wav", "s_1.wav")
    suite = prompts(tmp_path / "s.jsonl", "s_0.mp4", "s_1.mp4", "s_2.mp4")
    code, out, err = ask(capsys, "score", clips, "--suite", suite, "--out", tmp_path / "run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "got none of 3 (s_0.wav, s_1.wav); 2 differ by '.mp4' at the end of the ids alone" in err
    assert not (tmp_path / "run").exists()
    suite.rename(clips / "prompts.jsonl")
    code, _, err = ask(capsys, "score", clips, "--out", tmp_path / "run")
    assert code == 5
    assert "2 clips, 0 of them with a prompt; 3 of 3 prompts have no clip" in err
    assert "2 differ by '.mp4' at the end of the ids alone, such as the id 's_0.mp4' and the clip's stem 's_0'" in err


def test_some_that_do_not_meet_are_told_too(capsys, tmp_path):
    clips = folder_of(tmp_path / "mine", "a.wav", "B.wav")
    suite = prompts(tmp_path / "s.jsonl", "a", "b")
    code, _, err = ask(capsys, "score", clips, "--suite", suite, "--out", tmp_path / "run")
    assert code == 5
    assert "1 differ by letter case alone, such as the id 'b' and the clip's stem 'B'" in err


def test_every_suffix_counts_in_any_case(tmp_path):
    tmp_path = tmp_path / "mine"
    tmp_path.mkdir()
    for number, suffix in enumerate(CLIP_SUFFIXES):
        (tmp_path / f"{number}{suffix.upper()}").touch()
    assert [path.suffix for path in clips_in(tmp_path)] == [suffix.upper() for suffix in CLIP_SUFFIXES]
    assert listing(tmp_path).left_out == ""
    assert answer(clips_by_id(tmp_path), "0") == tmp_path / "0.MP4"


# --- what a metric could not be asked ---


def test_strict_makes_a_failed_metric_count_as_a_failed_sample(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "no weights"))
    clips = folder_of(tmp_path / "mine", "a.wav")
    suite = prompts(tmp_path / "s.jsonl", "a")
    options = OPTIONS | {"metrics": ["nisqa", "loudness"]}
    plain = score(clips, suite, out=tmp_path / "plain", **options)
    assert {one.metric: one.n_failed for one in plain.summary.estimates} == {"nisqa": 1, "loudness": 0}
    assert (plain.exit_code, [one.metric for one in plain.failed_metrics]) == (0, ["nisqa"])
    assert score(clips, suite, out=tmp_path / "plain", strict=True, **options).exit_code == 5
    # What is undefined is an answer: lip-sync of sound alone.
    undefined = OPTIONS | {"metrics": ["av_align", "loudness"]}
    assert score(clips, suite, out=tmp_path / "undefined", strict=True, **undefined).exit_code == 0
    words = ["--metrics", "nisqa,loudness", "--device", "cpu", "--workers", "0"]
    for verb in (["score", clips], ["run", "--model", f"clips:{clips}", "--profile", "standard"]):
        command = [*map(str, verb), "--suite", str(suite), "--out", str(tmp_path / verb[0]), *words]
        assert cli.main(command) == 0
        capsys.readouterr()
        assert cli.main([*command, "--strict"]) == 5
        assert "strict: nisqa failed on 1 clips of mine: weights missing" in capsys.readouterr().err


def test_one_file_is_scored_with_its_prompt_alone(tmp_path, capsys):
    clips = folder_of(tmp_path / "clips", "a.wav", "b.wav")
    suite = prompts(tmp_path / "p.jsonl", "a", "b")
    code, out, err = call(
        capsys, "score", clips / "a.wav", "--suite", suite, "--metrics", "loudness,fad,pesq", "--workers", "0", "--out",
        tmp_path / "run",
    )  # fmt: skip
    assert (code, "1 clips, 1 of them with a prompt\n" in err) == (0, True)
    found = score(clips / "a.wav", **OPTIONS, out=tmp_path / "again").table()["Loudness (LUFS)"]
    (row,) = (line.split("|") for line in out.splitlines() if line.startswith("| Loudness"))
    assert float(row[2]) == pytest.approx(found.item(), abs=0.05)
    assert "2 metrics without a value:" in out
    # A distance of sets and a comparison with the real clip say what they lack.
    assert "- **undefined**: FAD: " in out
    assert "- **undefined**: PESQ: free generation (1 clip)" in out
    assert [one.prompt_id for one in read_run(tmp_path / "run").samples] == ["a"]
    assert list(found.index) == ["a"]


def test_a_file_that_is_no_clip_and_the_flag_of_folders(tmp_path, capsys):
    clips = folder_of(tmp_path / "clips", "a.wav")
    (clips / "notes.txt").write_text("x")
    assert "expected a clip (.mp4" in ask(capsys, "score", clips / "notes.txt").err
    assert "leave out --recursive" in ask(capsys, "score", clips / "a.wav", "--recursive").err
