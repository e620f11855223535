"""What is merged does not depend on the order of the parts, and the same parts again touch nothing."""

import json
import shutil
from itertools import permutations

import pytest

from jova_bench.errors import BenchError
from jova_bench.runs.attempts import count_attempts
from jova_bench.runs.costs import price_in
from jova_bench.runs.merge import merge
from jova_bench.runs.store import RunStore, read_run
from support.tiny_runs import COUNT, Level, Tones, go

FAILED = {"status": "failed", "answered": False, "clip": None, "clip_digest": None, "file_digest": None}
MEMORY, KILLED, UNASKED = (FAILED | {"reason": reason} for reason in ("memory", "killed", "not asked"))
REFUSED = FAILED | {"status": "refused", "reason": "no", "answered": True}
OK = {}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run, generated alone."""
    folder = tmp_path_factory.mktemp("made")
    go(folder, [Tones()], [Level()], out="part", scoring=False)
    return folder / "part"


@pytest.fixture
def part(made, tmp_path):
    """Returns a function that makes a part in which p1 has a history, if one is given."""

    def copied(name, *history, jobs=None, settings=None):
        folder = shutil.copytree(made, tmp_path / name, dirs_exist_ok=True)
        path, manifest = folder / "samples.jsonl", json.loads((made / "manifest.json").read_text())
        lines = [json.loads(line) for line in (made / "samples.jsonl").read_text().splitlines()]
        asked = [line | dict(attempt=number) for number, line in enumerate(history, start=1)]
        p1 = [next(line for line in lines if line["prompt_id"] == "p1") | one for one in asked or [OK]]
        rest = [line for line in lines if line["prompt_id"] != "p1"]
        path.write_text("".join(json.dumps(line) + "\n" for line in (*p1, *rest)))
        manifest["models"]["tones"]["settings"] |= settings or {}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        shutil.rmtree(folder / "jobs", ignore_errors=True)
        for name, text in (jobs or {}).items():
            (folder / "jobs" / "tones").mkdir(parents=True, exist_ok=True)
            (folder / "jobs" / "tones" / name).write_text(text)
        return folder

    return copied


def kept(folder):
    """What has to be equal in any order: records, clips, and what models keep."""
    files = {path.relative_to(folder): path.read_bytes() for path in folder.glob("*/**/*.*")}
    return (folder / "samples.jsonl").read_text(), files


def attempts(folder):
    (found,) = count_attempts(["tones"], RunStore(folder).lines())
    return found.attempts, found.redrawn, found.refused


def stamps(folder):
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) for path in paths}


def p1(folder):
    return next(sample for sample in read_run(folder).samples if sample.prompt_id == "p1")


@pytest.mark.parametrize(
    ("histories", "status", "counted"),
    [
        ([[MEMORY], [OK], [KILLED, MEMORY, OK]], "ok", (COUNT + 2, 0, 0)),
        ([[REFUSED, MEMORY, REFUSED], [REFUSED, MEMORY], [KILLED]], "refused", (COUNT + 3, 1, 2)),
        ([[MEMORY], [KILLED], [MEMORY]], "failed", (COUNT + 1, 0, 0)),
    ],
)
def test_any_order_at_once_or_one_by_one_is_one_result(part, tmp_path, histories, status, counted):
    parts = [part(f"part-{place}", *history) for place, history in enumerate(histories)]
    results = []
    for place, order in enumerate(permutations(parts)):
        at_once, by_one = tmp_path / f"once-{place}", tmp_path / f"one-{place}"
        assert merge(at_once, order) == COUNT
        for one in order:
            merge(by_one, [one])
        results += [kept(at_once), kept(by_one)]
        before = stamps(by_one)
        assert [merge(by_one, [one]) for one in order] == [0, 0, 0]
        assert stamps(by_one) == before
    assert all(one == results[0] for one in results)
    assert (p1(at_once).status, attempts(at_once)) == (status, counted)


def test_what_was_not_asked_is_no_attempt(part, tmp_path):
    run = tmp_path / "run"
    merge(run, [part("part", MEMORY)])
    folder = part("part", MEMORY)
    with (folder / "samples.jsonl").open("a") as file:
        line = json.loads((folder / "samples.jsonl").read_text().splitlines()[0])
        file.write(json.dumps(line | UNASKED | {"answered": None}) + "\n")
    assert (merge(run, [folder]), merge(run, [folder])) == (1, 0)
    assert (p1(run).reason, attempts(run)) == ("not asked", (COUNT, 0, 0))


def test_the_same_parts_again_leave_the_summary(tmp_path):
    """Of a manifest whose specs the run orders otherwise, and in which it came back to an origin of before."""
    other = Level()
    other.spec = other.spec.model_copy(update={"backend": "other"})
    metrics = [Level(), Level("second"), other]
    go(tmp_path, [Tones()], metrics, out="p0", scoring=False)
    go(tmp_path, [Tones()], metrics, out="p1", seeds=(1,))
    parts, run = [tmp_path / "p0", tmp_path / "p1"], tmp_path / "run"
    merge(run, parts)
    go(tmp_path, [Tones()], metrics, seeds=(0, 1))
    manifest = json.loads((run / "manifest.json").read_text())
    (origin,) = manifest["provenance"]
    manifest["provenance"] = [origin, origin | {"python": "0"}, origin]
    (run / "manifest.json").write_text(json.dumps(manifest))
    before = stamps(run)
    for again in (parts, parts[::-1], parts[:1], parts[1:]):
        assert merge(run, again) == 0
    assert stamps(run) == before
    assert read_run(run).summary is not None


def test_links_out_of_a_part_and_other_files_in_the_way_are_refused(part, tmp_path):
    secret, run, folder = tmp_path / "secret.json", tmp_path / "run", part("part")
    secret.write_text("secret")
    clip = folder / p1(folder).clip
    content = clip.read_bytes()
    clip.unlink()
    clip.symlink_to(secret)
    path = folder / "samples.jsonl"
    path.write_text(path.read_text().replace(p1(folder).file_digest, ""))
    with pytest.raises(BenchError, match=r"expected a file inside the folder, got .*, a link out of it"):
        merge(run, [folder])
    part("part")
    clip.unlink()
    clip.write_bytes(content)
    (folder / "jobs" / "tones").mkdir(parents=True)
    (folder / "jobs" / "tones" / "p1.0.json").symlink_to(secret)
    with pytest.raises(BenchError, match=r"inside the folder, got .*p1\.0\.json, a link out of it"):
        merge(run, [folder])
    part("part")
    arrays = folder / "features" / "ab" / "x.npz"
    arrays.parent.mkdir(parents=True)
    arrays.symlink_to(secret)
    with pytest.raises(BenchError, match=r"inside the folder, got .*x\.npz, a link out of it"):
        merge(run, [folder])
    assert not run.exists()
    arrays.unlink()
    # Its clip has another path than usual, where the merged folder has a file.
    part("part")
    clip.rename(folder / "x.wav")
    (folder / "samples.jsonl").write_text((folder / "samples.jsonl").read_text().replace(p1(folder).clip, "x.wav"))
    merge(run, [part("other", MEMORY)])
    stray = run / "clips" / "tones" / "p1.0.wav"
    stray = stray if stray.suffix == clip.suffix else stray.with_suffix(clip.suffix)
    stray.write_text("stray")
    before = stamps(run)
    (folder / "x.wav").rename(folder / f"x{clip.suffix}")
    (folder / "samples.jsonl").write_text((folder / "samples.jsonl").read_text().replace("x.wav", f"x{clip.suffix}"))
    with pytest.raises(BenchError, match=r"expected no file or the same in .*p1\.0\..*, got another; move it"):
        merge(run, [folder])
    assert stamps(run) == before
    stray.unlink()
    assert merge(run, [folder]) == 1
    assert stray.read_bytes() == content


def test_a_job_goes_on_in_the_part_and_can_be_merged_again(part, tmp_path):
    run, job = tmp_path / "run", tmp_path / "run" / "jobs" / "tones" / "p1.0.json"
    stages = [
        ([MEMORY], "begun"),  # Its request was cut off.
        ([MEMORY, MEMORY], "created"),
        ([MEMORY, MEMORY, KILLED], None),  # The server says that it failed.
        ([MEMORY, MEMORY, KILLED, KILLED], "another"),
        ([MEMORY, MEMORY, KILLED, KILLED, OK], "another"),
    ]
    for history, text in stages:
        folder = part("part", *history, jobs={"p1.0.json": text} if text else {})
        assert merge(run, [folder]) in (1, COUNT)
        assert (job.read_text() if job.exists() else None) == text
        before = stamps(run)
        assert merge(run, [folder]) == 0
        assert stamps(run) == before
    early = part("part", *stages[0][0], jobs={"p1.0.json": "begun"})
    assert merge(run, [early]) == 0  # A copy of before.
    assert stamps(run) == before


def test_two_jobs_of_one_clip_are_one_once_there_is_a_clip(part, tmp_path):
    one = part("one", MEMORY, jobs={"p1.0.json": "1", "another-model.json": "b"})
    other = part("other", KILLED, jobs={"p1.0.json": "2", "another-model.json": "a"})
    for order in ((one, other), (other, one)):
        with pytest.raises(BenchError, match=r"expected one job of each prompt and seed, got another .* leave one out"):
            merge(tmp_path / "run", order)
        assert not (tmp_path / "run").exists()
    other = part("other", KILLED, OK, jobs={"p1.0.json": "2", "another-model.json": "a"})
    for place, order in enumerate(((one, other), (other, one))):
        merge(tmp_path / f"run-{place}", order)
        files = sorted((tmp_path / f"run-{place}" / "jobs" / "tones").iterdir())
        assert [file.read_text() for file in files] == ["a", "2"]


def test_one_id_of_two_servers_at_one_address_is_not_merged_before_its_clip_is_there(part, tmp_path):
    """Each node's own `localhost` counts from 0: from the merged folder, one of them would give the other's clip."""
    here, there = (f'{{"server": "http://localhost:{port}", "id": "job-0"}}' for port in (1, 2))
    one = part("one", MEMORY, jobs={"p0.0.json": here})
    other = part("other", MEMORY, jobs={"p1.0.json": here})
    for order in ((one, other), (other, one)):
        with pytest.raises(BenchError, match=r"server at http://localhost:1, got the id 'job-0' in .*p[01]\.0\.json"):
            merge(tmp_path / "run", order)
        assert not (tmp_path / "run").exists()
    part("other", MEMORY, jobs={"p1.0.json": there})
    merge(tmp_path / "apart", [one, tmp_path / "other"])
    # Of one folder, whose command says what to do; and where both clips are there, nobody is asked.
    part("other", MEMORY, jobs={"p0.0.json": here, "p1.0.json": here})
    merge(tmp_path / "alone", [tmp_path / "other"])
    part("other", jobs={"p1.0.json": here})
    assert merge(tmp_path / "run", [one, tmp_path / "other"]) == COUNT


def test_servers_and_prices_are_stated_of_all_clips_and_are_no_version(part, tmp_path):
    usual = {"server": "http://b", "model": "m", "price_as_the_user_says": 2.0, "currency": "USD"}
    one = part("one", settings=usual)
    other = part("other", settings=usual | {"server": "http://a", "price_as_the_user_says": 2.5})
    for place, order in enumerate(((one, other), (other, one))):
        merge(run := tmp_path / f"run-{place}", order)
        before = stamps(run)
        merge(run, order[:1])
        assert stamps(run) == before
        settings = read_run(run).manifest.models["tones"].settings
        assert settings["server"] == ["http://a", "http://b"]
        assert (settings["price_as_the_user_says"], settings["currency"]) == ([2.0, 2.5], "USD")
        assert price_in(settings) is None
        assert read_run(run).manifest.fairness.settings["tones"] == settings
    with pytest.raises(BenchError, match="another version of 'tones' than the runs before it: model was 'm', is 'n'"):
        merge(tmp_path / "run", [one, part("third", settings=usual | {"model": "n"})])
