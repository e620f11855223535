"""A clip that is not what was recorded is never scored under its old name, and its old scores do not stay."""

import os
import shutil
from pathlib import Path

import pytest

from jova_bench.cache import NoCache
from jova_bench.comparison.results import read_results
from jova_bench.digests import file_digest
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK
from jova_bench.execution.base import LocalContext
from jova_bench.media import files as media
from jova_bench.records import Outcome
from jova_bench.runs import scoring
from jova_bench.runs.store import SAMPLES, SCORES, RunStore, read_run
from support.tiny_runs import COUNT, Level, Spread, Tones, content, estimate, go

MOVED = "the clip changed on disk after it was recorded: "


def clip(tmp_path, prompt_id):
    return tmp_path / "run" / "clips" / "tones" / f"{prompt_id}.0.wav"


def swap(tmp_path):
    a, b = clip(tmp_path, "p0"), clip(tmp_path, "p1")
    old = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(old)
    return ["p0", "p1"]


def copy_over(tmp_path):
    shutil.copyfile(clip(tmp_path, "p1"), clip(tmp_path, "p0"))
    return ["p0"]


def flip(tmp_path):
    path = clip(tmp_path, "p2")
    data = bytearray(path.read_bytes())
    data[-7] ^= 64
    path.write_bytes(data)
    return ["p2"]


def zero(tmp_path):
    path = clip(tmp_path, "p3")
    path.write_bytes(bytes(path.stat().st_size))
    return ["p3"]


def cut(tmp_path):
    path = clip(tmp_path, "p4")
    path.write_bytes(path.read_bytes()[:-100])
    return ["p4"]


def empty(tmp_path):
    clip(tmp_path, "p4").write_bytes(b"")
    return ["p4"]


def as_it_was(path, change):
    """Times and sizes tell nothing: what a backup or rsync restores has the old ones."""
    times = {one: one.stat().st_mtime_ns for one in path.glob("clips/**/*.wav")}
    changed = change(path.parent)
    for one, time in times.items():
        os.utime(one, ns=(time, time))
    return changed


def rows(tmp_path):
    return {(row.metric, row.prompt_id): row for row in read_run(tmp_path / "run").scores}


def samples(tmp_path):
    return {sample.prompt_id: sample for sample in read_run(tmp_path / "run").samples}


@pytest.mark.parametrize("change", [swap, copy_over, flip, zero, cut, empty])
@pytest.mark.parametrize("more", [(), ("new",)], ids=["nothing missing", "one more metric"])
def test_what_changed_is_a_failed_sample_and_its_scores_do_not_stay(tmp_path, change, more):
    first = go(tmp_path, [Tones()], [Level(), Spread()])
    assert (first.exit_code, estimate(first).value) == (EXIT_OK, pytest.approx(3.0))
    changed = as_it_was(tmp_path / "run", change)
    result = go(tmp_path, [Tones()], [Level(), Spread(), *(Level(name) for name in more)])
    assert result.exit_code == EXIT_INCOMPLETE
    assert sorted(sample.prompt_id for sample in result.failed) == changed
    for prompt_id, sample in samples(tmp_path).items():
        assert (sample.status == "failed") == (prompt_id in changed)
        if prompt_id in changed:
            assert sample.reason.startswith(MOVED)
            assert "repeat the command that made it, or put" in sample.reason
    for metric in ("level", *more):
        assert {p for (name, p), row in rows(tmp_path).items() if name == metric and row.status != "ok"} == set(changed)
        assert estimate(result, metric).n_failed == len(changed)
        kept = [int(p[1:]) + 1 for p in samples(tmp_path) if p not in changed]
        assert estimate(result, metric).value == pytest.approx(sum(kept) / len(kept))
    spread = estimate(result, "spread")
    assert (spread.n_ok, spread.n_failed) == (COUNT - len(changed), len(changed))
    compared = read_results(tmp_path / "run")  # What `compare`, `gate` and `freeze` see.
    assert compared.failed == {"tones": len(changed)}
    assert all(
        isinstance(parts[p, 0], Outcome) for parts in compared.columns.values() for p in changed if (p, 0) in parts
    )


def test_running_again_makes_the_clip_again_and_measures_it(tmp_path):
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole")
    go(tmp_path, [Tones()], [Level(), Spread()])
    swap(tmp_path)
    go(tmp_path, [Tones()], [Level(), Spread()])
    model, level = Tones(), Level()
    assert go(tmp_path, [model], [level, Spread()]).exit_code == EXIT_OK
    assert (model.calls, level.scored) == ([(("p0", "p1"), 0)], 2)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_other_bytes_that_show_and_sound_the_same_are_the_same_clip(tmp_path):
    go(tmp_path, [Tones()], [Level(), Spread()])
    path = clip(tmp_path, "p0")
    before, sound = file_digest(path), media.read(path)
    path.write_bytes(longer_header(path.read_bytes()))
    assert file_digest(path) != before
    assert media.read(path).digest == sound.digest
    level = Level()
    assert go(tmp_path, [Tones()], [level, Spread()]).exit_code == EXIT_OK
    assert level.scored == 0
    assert samples(tmp_path)["p0"].file_digest == file_digest(path)
    lines = (tmp_path / "run" / SAMPLES).read_bytes()
    go(tmp_path, [Tones()], [Level(), Spread()])
    assert (tmp_path / "run" / SAMPLES).read_bytes() == lines  # Looked at once.


def longer_header(data):
    """The same WAV with a chunk more that says nothing of the sound."""
    assert data[12:16] == b"fmt "
    after = 20 + int.from_bytes(data[16:20], "little")
    note = b"LIST" + (12).to_bytes(4, "little") + b"INFO" + bytes(8)
    size = (int.from_bytes(data[4:8], "little") + len(note)).to_bytes(4, "little")
    return data[:4] + size + data[8:after] + note + data[after:]


@pytest.mark.parametrize("change", [None, copy_over])
def test_records_of_versions_without_file_digests_are_told_by_content(tmp_path, change):
    go(tmp_path, [Tones()], [Level()])
    with RunStore(tmp_path / "run") as store:
        for sample in store.samples():
            store.add_sample(sample.model_copy(update={"file_digest": None, "decoded_bytes": None}))
    changed = change(tmp_path) if change else []
    level = Level()
    assert sorted(s.prompt_id for s in go(tmp_path, [Tones()], [level]).failed) == changed
    assert level.scored == 0
    for prompt_id, sample in samples(tmp_path).items():
        if prompt_id not in changed:
            assert sample.file_digest == file_digest(clip(tmp_path, prompt_id))
            assert sample.decoded_bytes == 1000 * 4


def test_a_clip_that_changes_while_others_are_scored_is_noticed_when_it_is_read(tmp_path):
    class Swapping(Level):
        def measure(self, clip, prompt, reference):
            if prompt.id == "p0":
                copy_over_p3(tmp_path)
            return super().measure(clip, prompt, reference)

    def copy_over_p3(tmp_path):
        shutil.copyfile(clip(tmp_path, "p1"), clip(tmp_path, "p3"))

    result = go(tmp_path, [Tones()], [Swapping(), Level("again")])
    assert [sample.prompt_id for sample in result.failed] == ["p3"]
    assert {p for (_, p), row in rows(tmp_path).items() if row.status == "failed"} == {"p3"}
    assert estimate(result).n_failed == estimate(result, "again").n_failed == 1


def test_a_clip_that_was_lost_and_came_out_otherwise_keeps_no_old_scores(tmp_path):
    class Other(Tones):
        def generate(self, prompts, seed, suite):
            for one in super().generate(prompts, seed, suite):
                one.media.audio[:] /= 2
                yield one

    go(tmp_path, [Tones()], [Level(), Spread()])
    clip(tmp_path, "p3").unlink()
    result = go(tmp_path, [Other()], [Level(), Spread()])
    assert result.exit_code == EXIT_OK
    assert rows(tmp_path)["level", "p3"].value == pytest.approx(2.0)  # Four sixteenths, halved.
    clip(tmp_path, "p3").unlink()
    go(tmp_path, [Tones(die=("p3", 0), error=ValueError)], [Level(), Spread()], scoring=False)
    assert rows(tmp_path)["level", "p3"].status == "failed"


def test_a_missing_file_is_told_as_such(tmp_path):
    go(tmp_path, [Tones()], [Level()], scoring=False)
    job = job_of(tmp_path, "p0")
    job.clip.unlink()
    score = scoring._ScoringInit(lambda place: ([Level()], NoCache()), 0)(LocalContext("cpu"))
    (outcome,) = score(job).values()
    assert outcome.status == "failed"
    assert outcome.reason.startswith("cannot decode")


def job_of(tmp_path, prompt_id):
    sample = samples(tmp_path)[prompt_id]
    return scoring.ScoringTask(
        (sample.model, sample.prompt_id, sample.seed), Path(tmp_path / "run" / sample.clip), sample.file_digest,
        sample.clip_digest, "free", None, None, None, (Level().spec.identity,),
    )  # fmt: skip


def test_rows_that_no_metric_here_knows_do_not_stay_either(tmp_path):
    go(tmp_path, [Tones()], [Level()])
    path = tmp_path / "run" / SCORES
    path.write_text(path.read_text() + path.read_text().replace("level@1", "level@0"))
    copy_over(tmp_path)
    go(tmp_path, [Tones()], [Level()])
    assert {row.status for row in read_run(tmp_path / "run").scores if row.prompt_id == "p0"} == {"failed"}
