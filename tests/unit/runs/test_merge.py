"""Runs that were made apart are merged into what one run would have been, or refused with nothing written."""

import errno
import json
from pathlib import Path

import pytest

from jova_bench.cli import main
from jova_bench.errors import BenchError, Incomplete
from jova_bench.files.locks import acquire
from jova_bench.report.files import read_leaderboard
from jova_bench.runs.merge import merge
from jova_bench.runs.store import LOCK, read_run
from support.tiny_runs import COUNT, Level, Spread, Tones, content, go


@pytest.fixture
def parts(tmp_path):
    """Runs of seeds 0 and 1, scored, and one of another model, generated alone."""
    for seed in (0, 1):
        go(tmp_path, [Tones()], [Level(), Spread()], out=f"seed-{seed}", seeds=(seed,))
    go(tmp_path, [Tones("others")], [Level(), Spread()], out="others", seeds=(0, 1), scoring=False)
    return [tmp_path / name for name in ("seed-0", "seed-1", "others")]


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_runs_made_apart_become_what_one_run_is(tmp_path, parts):
    go(tmp_path, [Tones(), Tones("others")], [Level(), Spread()], out="whole", seeds=(0, 1))
    before = [files(part) for part in parts]
    assert merge(tmp_path / "run", parts) == 4 * COUNT
    assert [files(part) for part in parts] == before
    models, level, spread = (Tones(), Tones("others")), Level(), Spread()
    result = go(tmp_path, models, [level, spread], seeds=(0, 1))
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    # Nothing is made again, and only the scores that no part had are measured; features are those of the same sound.
    assert [model.calls for model in models] == [[], []]
    assert (level.scored, spread.extracted) == (2 * COUNT, 0)
    assert [(one.samples, one.attempts, one.redrawn) for one in result.attempts] == [(2 * COUNT, 2 * COUNT, 0)] * 2
    assert read_run(tmp_path / "run").manifest.seeds == (0, 1)


def test_more_is_added_later_and_again_adds_nothing(tmp_path, parts, capsys):
    run = tmp_path / "run"
    assert merge(run, parts[:1]) == COUNT
    assert main(["merge", str(run), str(parts[1])]) == 0
    assert f"{COUNT} samples added to {run}" in capsys.readouterr().err
    before = {name: text for name, text in files(run).items() if name.suffix == ".jsonl" or "clips" in name.parts}
    assert merge(run, parts[:2]) == 0
    assert {name: files(run)[name] for name in before} == before
    assert len(read_run(run).scores) == 2 * COUNT


def test_a_summary_goes_before_what_it_is_not_of(tmp_path, parts):
    run, part, _ = parts
    merge(run, [part])
    with pytest.raises(Incomplete, match=r"expected a finished run, got .*seed-0"):
        read_leaderboard(run)
    go(tmp_path, [Tones()], [Level(), Spread()], out="seed-0", seeds=(0, 1))
    merge(run, [part])  # Adds nothing.
    assert read_leaderboard(run)


def test_attempts_of_a_part_stay(tmp_path):
    go(tmp_path, [Tones(batch_size=1, die=("p1", 0), error=RuntimeError)], [Level()], out="part")
    go(tmp_path, [Tones(batch_size=1)], [Level()], out="part")
    merge(tmp_path / "run", [tmp_path / "part"])
    lines = [one.attempt for one in read_run(tmp_path / "part").samples]
    assert [one.attempt for one in read_run(tmp_path / "run").samples] == lines
    assert sorted(lines) == [1, 1, 1, 1, 2]


def test_a_killed_merge_and_parts_or_runs_that_tried_again_continue(tmp_path):
    part, run, other = (tmp_path / name for name in ("part", "run", "other"))
    go(tmp_path, [Tones(batch_size=1, die=("p1", 0), error=RuntimeError)], [Level()], out="part")
    failing = (part / "samples.jsonl").read_text()
    merge(run, [part])
    go(tmp_path, [Tones(batch_size=1)], [Level()], out="part")
    lines = sorted((part / "samples.jsonl").read_text().splitlines())
    # A part was repaired after it was merged.
    assert merge(run, [part]) == 1
    assert sorted((run / "samples.jsonl").read_text().splitlines()) == lines
    assert [one.status for one in read_run(run).samples] == ["ok"] * COUNT
    assert [(one.status, one.value) for one in read_run(run).scores] == [
        (one.status, one.value) for one in read_run(part).scores
    ]
    # The merged run has its own repair, or a merge was killed between two lines: both are the same draws.
    (part / "samples.jsonl").write_text(failing)
    assert merge(run, [part]) == 0
    assert merge(other, [run]) == COUNT
    kept = (other / "samples.jsonl").read_text().splitlines(keepends=True)
    failure = next(place for place, line in enumerate(kept) if json.loads(line)["status"] == "failed")
    (other / "samples.jsonl").write_text("".join(kept[: failure + 1]))
    merge(other, [run])
    assert (other / "samples.jsonl").read_text() == "".join(kept)


def test_no_clip_is_taken_from_outside_a_part(tmp_path):
    go(tmp_path, [Tones()], [Level()], out="part")
    path, secret = tmp_path / "part" / "samples.jsonl", tmp_path / "secret.mp4"
    secret.write_text("secret")
    first, *others = path.read_text().splitlines(keepends=True)
    for clip in ("../secret.mp4", str(secret)):
        path.write_text("".join([json.dumps(json.loads(first) | {"clip": clip, "file_digest": None}) + "\n", *others]))
        with pytest.raises(BenchError, match=r"samples.jsonl: expected a clip inside the folder, got "):
            merge(tmp_path / "run", [tmp_path / "part"])
        assert not (tmp_path / "run").exists()


def test_what_would_not_compare_is_refused_and_nothing_is_written(tmp_path, parts):
    run, first = tmp_path / "run", parts[0]
    go(tmp_path, [Tones(version=2)], [Level()], out="newer", seeds=(1,))
    go(tmp_path, [Tones(batch_size=1)], [Level()], out="batches", seeds=(1,))
    go(tmp_path, [Tones()], [Level()], out="shorter", seeds=(1,), count=3)
    # Other clips of the same seed.
    go(tmp_path, [Tones()], [Level()], out="moved", seeds=(5,))
    for name in ("samples.jsonl", "scores.jsonl"):
        text = (tmp_path / "moved" / name).read_text().replace('"seed":5', '"seed":0')
        (tmp_path / "moved" / name).write_text(text)
    for other, message in (
        ("newer", r"newer has another version of 'tones'.*: prompt 'p0': settings was .*1.*, is .*2"),
        ("batches", "another version of 'tones' than the runs before it: batch_size was 2, is 1"),
        ("shorter", "expected runs of one suite_digest, got .*'digest of 5' and 'digest of 3'"),
        ("moved", "expected one sample of tones, prompt 'p0', seed 0, got another in .*moved than in .*seed-0"),
        ("seed-0", "expected different run folders"),
        ("absent", r"expected a run folder with a manifest.json, got .*absent"),
    ):
        with pytest.raises(BenchError, match=message):
            merge(run, [first, tmp_path / other])
        assert not run.exists()
    lock = acquire(parts[1] / LOCK)
    with pytest.raises(BenchError, match=r"another process .* is writing .*seed-1"):
        merge(run, parts)
    lock.close()
    assert not run.exists()
    clip = next(parts[1].rglob("clips/tones/*"))
    clip.write_bytes(b"another")
    with pytest.raises(BenchError, match=f"expected the recorded clip in {clip}, got none or another"):
        merge(run, parts)
    assert not run.exists()


def test_cards_and_samples_that_a_manifest_does_not_have_are_refused(tmp_path, parts, monkeypatch):
    run, (first, second, _) = tmp_path / "run", parts
    path = second / "manifest.json"
    text = path.read_text()
    path.write_text(json.dumps(json.loads(text) | {"card": {"width": 64, "height": 48}}))
    with pytest.raises(BenchError, match=r"expected runs of one card, got .*seed-0 and .*seed-1: None and .*64"):
        merge(run, [first, second])
    path.write_text(text)
    path = second / "samples.jsonl"
    text = path.read_text()
    for old, new in (('"model":"tones"', '"model":"ghost"'), ('"prompt_id":"p1"', '"prompt_id":"p9"')):
        path.write_text(text.replace(old, new))
        with pytest.raises(BenchError, match=r"samples.jsonl: expected samples of models and prompts in manifest.json"):
            merge(run, [first, second])
    path.write_text(text)
    run.mkdir()
    (run / "notes.txt").touch()
    with pytest.raises(BenchError, match=r"which has files \('notes.txt'\).*; merge into a new folder"):
        merge(run, [first])
    # Another file system takes no link.
    run = tmp_path / "far"

    def no_link(here, there):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", no_link)
    merge(run, [first])
    names = {path.name: path.read_bytes() for path in first.rglob("features/*/*.npz")}
    assert names
    assert {path.name: path.read_bytes() for path in run.rglob("features/*/*.npz")} == names


def test_scores_of_two_identities_are_not_merged(tmp_path, parts):
    newer = Level()
    newer.spec = newer.spec.model_copy(update={"version": 2})
    go(tmp_path, [Tones("third")], [newer], out="judged")
    with pytest.raises(BenchError, match=r"expected one identity of level, got level@1/.* and, in .*judged, level@2/"):
        merge(tmp_path / "run", [parts[0], tmp_path / "judged"])
