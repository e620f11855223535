"""Models and metrics so small that a run of them is all harness: tones, their level and their spread."""

from fractions import Fraction

import numpy as np

import jova_bench
from jova_bench.errors import Undefined
from jova_bench.metrics.base import ClipMetric, SetMetric
from jova_bench.models.base import Generated, Media, Plan
from jova_bench.prompts import Prompt
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite
from support.specs import clip_spec, set_spec

RATE_HZ = 16_000
COUNT = 5


def prompts(count=COUNT):
    return tuple(Prompt(id=f"p{i}", video_caption="v", audio_caption="a", transcript=f"word {i}") for i in range(count))


def suite(tmp_path, count=COUNT):
    return Suite("tiny", prompts(count), tmp_path, f"digest of {count}", None, None)


class Tones:
    """Sound alone: 1000 samples of (prompt index + 1) / 16 + seed / 256. Dies where it is told to."""

    needs = ()

    def __init__(self, name="tones", batch_size=2, die=None, error=KeyboardInterrupt, note="v1", version=1):
        self.name, self.batch_size, self.die, self.error = name, batch_size, die, error
        self.note, self.version = note, version
        self.calls = []

    def check(self):
        return None

    def plan(self, prompt, suite):
        return Plan(sample_rate_hz=RATE_HZ, seconds=1000 / RATE_HZ, note=self.note, settings={"version": self.version})

    def generate(self, prompts, seed, suite):
        self.calls.append((tuple(prompt.id for prompt in prompts), seed))
        for prompt in prompts:
            if (prompt.id, seed) == self.die:
                raise self.error("out of memory")
            level = (int(prompt.id[1:]) + 1) / 16 + seed / 256
            audio = np.full((1, 1000), level, np.float32)
            yield Generated(Media(None, Fraction(0), audio, RATE_HZ), "free", function_evals=4)


class Level(ClipMetric):
    """Loudest sample, times 16; undefined where told, dying where told."""

    def __init__(self, name="level", undefined=(), die=None, error=KeyboardInterrupt, missing=None, micro=None):
        self.spec = clip_spec(name, backend="peak", description="loudest sample", micro=micro)
        self.undefined, self.die, self.error, self.missing = undefined, die, error, missing
        self.scored = 0

    def check(self):
        return self.missing

    def measure(self, clip, prompt, reference):
        if self.scored == self.die:
            raise self.error("boom")
        self.scored += 1
        if prompt is not None and prompt.id in self.undefined:
            raise Undefined("no speech")
        return float(clip.audio.max()) * 16


class Spread(SetMetric):
    """Set metric: |mean of the features|; needs two clips."""

    def __init__(self, die=None):
        self.spec = set_spec(backend="mean", description="mean of the means")
        self.extracted, self.die = 0, die

    def check(self):
        return None

    def features(self, clip):
        if self.extracted == self.die:
            raise KeyboardInterrupt
        self.extracted += 1
        return np.array([float(clip.audio.mean()) * 16, 1.0])

    def distance(self, features):
        if len(features) < 2:
            raise Undefined("1 clip, needs 2")
        return float(abs(features[:, 0].mean()))

    def details(self, features):
        return {"n": float(len(features)), "d": 2.0}


def go(tmp_path, models, metrics, out="run", count=COUNT, **options):
    options = {"profile": "standard", "device": "cpu", "workers": 0} | options
    return jova_bench.run(models, suite(tmp_path, count), metrics=metrics, out=tmp_path / out, **options)


def content(folder):
    """What has to be equal: clips by name and bytes, score rows, summary apart from the time it took."""
    clips = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.glob("clips/**/*.*"))}
    rows = sorted(score.model_dump_json() for score in read_run(folder).scores)
    summary = read_run(folder).summary.model_dump()
    summary.pop("attempts")  # What was under way when a run was stopped was an attempt.
    costs = [{k: v for k, v in cost.items() if k in ("model", "function_evals")} for cost in summary.pop("cost")]
    return clips, rows, summary, costs


def estimate(result, metric="level", model="tones"):
    (found,) = [e for e in result.summary.estimates if (e.metric, e.model) == (metric, model)]
    return found
