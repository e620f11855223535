"""A server, and runs of its model in this process, whose pauses pass at once."""

import json

import pytest

from jova_bench.runs.request import Options
from jova_bench.runs.run import run
from jova_bench.runs.store import read_run
from jova_bench.web import server as web
from support.asked import prompt, suite_of
from support.video_server import KEY, MODEL, serving

ASKED = {"size": "32x32", "frames": 12, "fps": 24}


@pytest.fixture
def at():
    with serving() as server:
        yield server


@pytest.fixture
def waits(monkeypatch):
    """The pauses between attempts, which pass at once."""
    found = []
    monkeypatch.setattr(web, "sleep", found.append)
    return found


@pytest.fixture
def made(at, waits, tmp_path, monkeypatch):
    """Returns a function that runs the model on prompts a and b, in this process, and returns the samples."""
    monkeypatch.setenv("JOVA_BENCH_VIDEOS_KEY", KEY)
    monkeypatch.setenv("JOVA_BENCH_SERVED", str(tmp_path / "served.toml"))

    def samples(ids="ab", retry=False, out="run", limit=None, **options):
        lines = [f"{name} = {json.dumps(value)}" for name, value in ({**ASKED, "poll_s": 0} | options).items()]
        (tmp_path / "served.toml").write_text("\n".join([f'[models."{MODEL}"]', *lines]))
        suite = suite_of(*(prompt(id=one) for one in ids))
        given = Options(out=tmp_path / out, device="cpu", workers=0, scoring=False, retry_answered=retry, limit=limit)
        run([at.model], suite, given)
        return read_run(tmp_path / out).samples

    return samples
