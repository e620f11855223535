"""The calling process reads no file of others; what a file does to its reader costs a worker. Files that change while
a command runs are noticed."""

import json
import shutil
import sys
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jova_bench
from jova_bench.cache import CacheKey, NoCache
from jova_bench.errors import BenchError, Unavailable
from jova_bench.execution.base import Local, LocalContext, TaskFailed
from jova_bench.execution.processes import Processes
from jova_bench.media import files as media
from jova_bench.metrics.real_clips import Embedder, RealClips, ReferenceClip
from jova_bench.models.base import Generated
from jova_bench.progress import Quiet
from jova_bench.runs import batches as making
from jova_bench.runs import features, recorded, scoring
from jova_bench.runs.batches import Batch, ClipWorker
from jova_bench.runs.real_clips import real_clips
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import SHIPPED, load_suite
from support.deadly import DEADLY
from support.tiny_runs import Level, Tones, go, suite

DIED = "worker process died (signal 9), 3 times"


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """From now on a file called `bomb` kills the worker that reads it, and this process may read none."""

    def begins():
        site = tmp_path / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(DEADLY)
        monkeypatch.setattr(sys, "path", [str(site), *sys.path])

        def refuse(path, *args, **kw):
            raise AssertionError(f"the caller read {path}")

        monkeypatch.setattr(media, "read", refuse)

    return begins


def tone(path, level=0.1):
    media.write(path, None, Fraction(0), np.full((1, 1600), level, np.float32), 16_000)
    return path


def asked(folder, names):
    """A suite whose prompts are called as their reference clips."""
    folder.mkdir(exist_ok=True)
    for k, name in enumerate(names):
        shutil.copyfile(SHIPPED / f"embedded/clips/test-0000{k}.mp4", folder / f"{name}.mp4")
    lines = [
        {"id": name, "video_caption": "v", "audio_caption": "a", "transcript": "one", "reference": f"{name}.mp4"}
        for name in names
    ]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "prompts.jsonl"


def test_a_clip_that_became_deadly_after_it_was_recorded_is_a_failed_sample(tmp_path, deadly):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a", "bomb"):
        tone(clips / f"{name}.wav")
    options = {"metrics": ["loudness"], "device": "cpu", "out": tmp_path / "run"}
    assert jova_bench.score(clips, workers=0, **options).exit_code == 0
    (kept,) = (tmp_path / "run").glob("clips/**/bomb*")
    kept.write_bytes(kept.read_bytes()[:-2])
    deadly()
    result = jova_bench.score(clips, workers=1, **options)
    (failed,) = result.failed
    assert failed.reason.startswith("the clip changed on disk after it was recorded")
    assert DIED in failed.reason
    assert {row.prompt_id for row in read_run(tmp_path / "run").scores if row.status == "failed"} == {"bomb"}


def test_a_reference_clip_that_kills_its_model_costs_its_sample(tmp_path, deadly):
    prompts = asked(tmp_path / "asked", ["a", "bomb"])
    deadly()
    result = jova_bench.run(["still"], prompts, profile="standard", device="cpu", scoring=False, out=tmp_path / "run")
    assert [(sample.prompt_id, sample.reason) for sample in result.failed] == [("bomb", DIED)]


def test_a_deadly_reference_set_is_one_line(tmp_path, deadly, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "assets"))
    prompts = load_suite(asked(tmp_path / "asked", ["a", "bomb"]))
    deadly()
    look = partial(real_clips, prompts, ["prompts"], None, tmp_path, tmp_path / "assets")
    with pytest.raises(BenchError, match=r"bomb.mp4: worker process died \(signal 9\), 3 times"):
        look(Processes(("cpu",), 1, threads=1), Quiet())
    # What was looked at is known for good: nobody need read it again.
    monkeypatch.setattr(sys, "path", sys.path[1:])
    found = look(Processes(("cpu",), 1, threads=1), Quiet())
    assert len(found["prompts"].digests) == 2
    assert look(Dies(), Quiet()) == found


class Distance:
    """A set metric as `embed_real` sees it."""

    def __init__(self, read):
        embedder = Embedder(CacheKey("key"), lambda clip: {"x": np.ones(2)}, "x")
        real = RealClips("some", (("d" * 64, read),), Kept())
        self.spec = Level().spec.model_copy(update={"level": "set"})
        self.reference_clips = (ReferenceClip(embedder, "d" * 64, read, real),)


class Kept:
    def __init__(self):
        self.arrays = {}

    def get(self, digest, extractor, compute):
        if digest not in self.arrays:
            self.arrays[digest] = compute()
        return self.arrays[digest]


class Dies:
    def map(self, units, setup, attempts=3):
        return ((unit, TaskFailed("worker process died (signal 9)")) for unit in units)


def test_a_reference_clip_that_workers_could_not_embed_is_not_tried_in_this_process():
    def read():
        raise AssertionError("read by the caller")

    metric = Distance(read)
    features.embed_real([metric], None, Dies(), Quiet())
    with pytest.raises(Unavailable, match=r"a clip of some has no features \(dddddddddddd\): worker process died"):
        metric.reference_clips[0]()


def test_a_reference_clip_that_changed_after_it_was_looked_at_gives_no_features(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "assets"))
    prompts = load_suite(asked(tmp_path / "asked", ["a", "b"]))
    found = real_clips(prompts, ["prompts"], None, tmp_path, tmp_path / "assets", Local(LocalContext("cpu")), Quiet())[
        "prompts"
    ]
    shutil.copyfile(tmp_path / "asked/b.mp4", tmp_path / "asked/a.mp4")
    (_, first), (_, second) = found.at(LocalContext("cpu")).clips
    assert second().frames is not None
    with pytest.raises(Unavailable, match="changed while the command ran"):
        first()


class Compares(Level):
    """Wants what a prompt names."""

    def __init__(self, need):
        super().__init__()
        self.spec = self.spec.model_copy(update={"needs": ("audio", need)})


@pytest.mark.parametrize("need", ["reference", "image"])
def test_a_prompts_file_that_changes_while_a_command_runs_is_not_compared_with(tmp_path, need):
    folder = tmp_path / "asked"
    lines = json.loads(asked(folder, ["p0"]).read_text())
    lines |= {"image": "p0.mp4"}
    (folder / "prompts.jsonl").write_text(json.dumps(lines) + "\n")
    found = load_suite(folder)
    shutil.copyfile(SHIPPED / "embedded/clips/test-00005.mp4", folder / "p0.mp4")
    result = jova_bench.run([Tones()], found, metrics=[Compares(need), Level("own")], out=tmp_path / "run")
    values = {one.metric: one for one in result.summary.estimates}
    assert values["own"].n_ok == 1
    (why,) = values["level"].reasons
    assert "p0.mp4: expected the content that it had when the command began, sha256" in why


def test_a_control_makes_nothing_of_a_reference_that_changed(tmp_path):
    found = load_suite(asked(tmp_path / "asked", ["a", "b"]))
    shutil.copyfile(tmp_path / "asked/b.mp4", tmp_path / "asked/a.mp4")
    result = jova_bench.run(
        ["still"], found, profile="standard", metrics=["loudness"], device="cpu", workers=0, out=tmp_path / "run"
    )
    (failed,) = result.failed
    assert failed.prompt_id == "a"
    assert "expected the content that it had when the command began" in failed.reason


class Files:
    """Hands over a file."""

    name, batch_size, needs = "files", 1, ()

    def __init__(self, path):
        self.path, self.version = path, 1

    def check(self):
        return None

    def plan(self, prompt, suite):
        return Tones(version=self.version).plan(prompt, suite)

    def generate(self, prompts, seed, suite):
        for _ in prompts:
            yield Generated(self.path, "free")


def made(tmp_path, model, plan):
    batch = Batch(suite(tmp_path, 1).prompts, ("p0",), 0, {"p0": plan})
    (one,) = ClipWorker(lambda device: model, suite(tmp_path, 1))(LocalContext("cpu"))(batch)
    return one.sample


def test_a_file_that_changes_between_decoding_and_copying_is_no_sample(tmp_path, monkeypatch):
    path, real = tone(tmp_path / "x.wav"), media.read

    def read(path):
        clip = real(path)
        tone(path, 0.2)
        return clip

    model = Files(path)
    plan = replace(model.plan(suite(tmp_path, 1).prompts[0], None), seconds=None)
    model.plan = lambda prompt, suite: plan
    assert made(tmp_path, model, plan).status == "ok"
    monkeypatch.setattr(making.media, "read", read)
    assert made(tmp_path, model, plan).reason.endswith("x.wav, which changed while it was read")


def test_a_plan_that_changed_since_it_was_recorded_makes_nothing(tmp_path):
    model = Files(tone(tmp_path / "x.wav"))
    plan = model.plan(suite(tmp_path, 1).prompts[0], None)
    model.version = 2
    assert made(tmp_path, model, plan).reason.startswith("its plan changed after the command began")


def test_a_clip_that_is_replaced_while_it_is_read_is_not_scored(tmp_path, monkeypatch):
    go(tmp_path, [Tones()], [Level()], scoring=False)
    sample = next(one for one in read_run(tmp_path / "run").samples if one.prompt_id == "p0")
    path = tmp_path / "run" / sample.clip
    job = scoring.ScoringTask(
        ("tones", "p0", 0),
        path,
        sample.file_digest,
        sample.clip_digest,
        "free",
        None,
        None,
        None,
        (Level().spec.identity,),
    )
    score = scoring._ScoringInit(lambda place: ([Level()], NoCache()), 0)(LocalContext("cpu"))
    assert next(iter(score(job).values())).value == pytest.approx(1.0)
    real = media.read

    def read(path, **kw):
        tone(Path(path), 0.9)
        return real(path, **kw)

    monkeypatch.setattr(media, "read", read)
    assert isinstance(score(job), recorded.ChangedClip)


def test_the_digest_of_a_file_that_changes_while_it_is_looked_at_again_is_not_recorded(tmp_path, monkeypatch):
    """Else what it had before would pass for the clip that it was found to be."""
    go(tmp_path, [Tones()], [Level()])
    sample = next(one for one in read_run(tmp_path / "run").samples if one.prompt_id == "p0")
    path, real = tmp_path / "run" / sample.clip, media.read
    right = path.read_bytes()
    tone(path, 0.9)

    def read(path, **kw):
        Path(path).write_bytes(right)
        return real(path, **kw)

    look = recorded.content_checker(LocalContext("cpu"))
    with monkeypatch.context() as patched:
        patched.setattr(media, "read", read)
        assert isinstance(look(recorded.ContentCheck(path, sample.clip_digest)), recorded.ChangedClip)
    assert look(recorded.ContentCheck(path, sample.clip_digest)) == (sample.file_digest, sample.decoded_bytes)
