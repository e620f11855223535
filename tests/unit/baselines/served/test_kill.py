"""A command that is killed while it waits for a server, and the same again: nothing is paid for twice."""

import os
import subprocess
import sys

from jova_bench.runs.request import Options
from jova_bench.runs.run import run
from jova_bench.runs.store import read_run
from support.asked import prompts
from support.video_server import MODEL, serving


def test_jobs_of_a_killed_command_are_waited_for_and_not_made_again(tmp_path, monkeypatch):
    asked = prompts("one", "two", "three")
    file, out = tmp_path / "prompts.jsonl", tmp_path / "run"
    file.write_text("".join(f"{one.model_dump_json()}\n" for one in asked))
    (tmp_path / "served.toml").write_text(f'[models."{MODEL}"]\nat_once = 2\npoll_s = 0.02\n')
    monkeypatch.setenv("JOVA_BENCH_SERVED", str(tmp_path / "served.toml"))
    with serving() as at:
        at.knows_keys = False  # So that nothing but the kept ids prevents another job.
        at.state = lambda number: {"status": "in_progress"}
        command = [sys.executable, "-m", "jova_bench", "generate", "--model", at.model, "--suite", str(file)]
        command += ["--out", str(out), "--device", "cpu"]
        stopped = subprocess.Popen(command, env=os.environ, stderr=subprocess.DEVNULL)
        at.wait_for(polled=2)  # Two at the same time: neither has an end yet.
        stopped.kill()
        stopped.wait()
        at.state = lambda number: {"status": "completed"}
        run([at.model], file, Options(out=out, device="cpu", scoring=False, workers=0))
        # The third did not begin before the kill.
        texts = {f'{one.video_caption}. The person says: "hello" The sound: a voice.' for one in asked}
        assert len(at.created) == 3
        assert {one["prompt"] for one in at.created} == texts
    assert [one.status for one in read_run(out).samples] == ["ok"] * 3
