"""Clips in sub-folders: passed over and told, or taken by `DIR/**`, under the path with dots or a stem of their own."""

import json

import pytest

from jova_bench import run, score
from jova_bench.errors import BenchError
from jova_bench.ids import safe_id
from jova_bench.suites.clips import answer, clips_by_id, clips_in, listing
from support.clips import write_noise
from support.commands import call

OPTIONS = {"profile": "standard", "metrics": ["loudness"], "device": "cpu", "workers": 0}
ASKED = ("--metrics", "loudness", "--device", "cpu", "--workers", "0")


@pytest.fixture
def clips(tmp_path):
    """a.wav, news/b.wav, news/late/a.wav; a hidden folder, one behind a link, and a file of another kind."""
    folder = tmp_path / "mine"
    for seed, name in enumerate(("a.wav", "news/b.wav", "news/late/a.wav", ".trash/c.wav", "../other/d.wav")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_noise(folder / name, seed=seed)
    (folder / "news/notes.txt").write_text("x")
    (folder / "linked").symlink_to(tmp_path / "other")
    return folder


def prompts(path, *ids):
    lines = [{"id": one, "video_caption": "v", "audio_caption": "", "transcript": ""} for one in ids]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_clips_below_are_passed_over_and_told_or_taken(capsys, clips, tmp_path):
    code, _, err = call(capsys, "score", clips, *ASKED, "--out", tmp_path / "flat")
    assert code == 0
    told = err.splitlines()
    assert told[0] == f"{clips}: 1 clips, 0 of them with a prompt"
    assert told[1] == f"{clips}: not clips: links to folders 1 (linked), sub-folders 1 (news)"
    assert told[2] == f"{clips}: clips in sub-folders are passed over: 2; '{clips}/**' takes them, too"
    code, _, err = call(capsys, "score", clips, *ASKED, "--recursive", "--out", tmp_path / "all")
    assert (code, err.splitlines()[0]) == (0, f"{clips}/**: 3 clips, 0 of them with a prompt")
    assert "not clips: files of other kinds 1 (news/notes.txt), links to folders 1 (linked)" in err
    assert "passed over" not in err
    rows = [json.loads(line) for line in (tmp_path / "all/samples.jsonl").read_text().splitlines()]
    assert {row["model"] for row in rows} == {"mine"}
    assert sorted(row["prompt_id"] for row in rows) == ["a", "news.b", "news.late.a"]


def test_a_prompt_is_answered_by_path_or_by_a_stem_of_one_clip(clips, tmp_path):
    suite = prompts(tmp_path / "s.jsonl", "b", "a", "news.late.a", "late.a")
    found = score(f"{clips}/**", suite, out=tmp_path / "scored", **OPTIONS)
    assert [sample.prompt_id for sample in found.failed] == ["late.a"]
    same = run([f"clips:{clips}/**"], suite, out=tmp_path / "run", **OPTIONS)
    assert [one.n_ok for one in (*found.summary.estimates, *same.summary.estimates)] == [3, 3]
    known = clips_by_id(clips / "**")
    assert answer(known, "b") == clips / "news/b.wav"
    (clips / "a.wav").unlink()
    write_noise(clips / "x/a.wav".replace("x/", "news/"), seed=7)
    assert answer(clips_by_id(clips / "**"), "a") is None  # Two clips have that stem, and none that path.


def test_a_table_that_names_clips_by_their_paths_makes_ids_that_they_answer(capsys, clips, tmp_path):
    table, suite = tmp_path / "t.csv", tmp_path / "s.jsonl"
    table.write_text("file,video_caption\na.wav,v\nnews/b.wav,v\nnews/late/a,v\n")
    code, _, err = call(capsys, "suites", "import", "csv", table, "--map", "file=id", "--out", suite)
    assert (code, "a clip may keep the name" in err) == (0, True)
    ids = [json.loads(line)["id"] for line in suite.read_text().splitlines()]
    assert ids == ["a", safe_id("news/b"), safe_id("news/late/a")]
    known = clips_by_id(clips / "**")
    assert [answer(known, one) for one in ids] == [clips / f"{name}.wav" for name in ("a", "news/b", "news/late/a")]
    found = score(f"{clips}/**", suite, out=tmp_path / "scored", **OPTIONS)
    assert (found.summary.estimates[0].n_ok, len(found.failed)) == (3, 0)
    assert answer(clips_by_id(clips), safe_id("news/b")) is None


def test_a_clip_never_answers_two_prompts(clips, tmp_path):
    with pytest.raises(BenchError, match=r"news/b\.wav for both 'news\.b' and 'b'; rename one"):
        score(f"{clips}/**", prompts(tmp_path / "s.jsonl", "news.b", "b"), out=tmp_path / "run", **OPTIONS)


def test_two_clips_of_one_path_with_dots_are_an_error(clips):
    write_noise(clips / "news.b.wav")
    got = r"got 'news\.b\.wav' and 'news/b\.wav', both 'news\.b': an id has dots between folders, too; rename one"
    with pytest.raises(BenchError, match=got):
        clips_by_id(clips / "**")


def test_a_folder_with_clips_below_alone_says_how_to_take_them(clips):
    (clips / "a.wav").unlink()
    with pytest.raises(BenchError, match=r"found none; .*sub-folders are passed over: 2; '.*/mine/\*\*' takes them"):
        clips_in(clips)
    assert len(clips_in(clips / "**")) == 2
    with pytest.raises(BenchError, match=r"got '.*/gone', which is not a folder: it does not exist"):
        listing(clips / "gone" / "**")
