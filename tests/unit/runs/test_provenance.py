"""The manifest names the code that ran: the commit, and whether the code differed from it."""

import json
import subprocess

import numpy as np
import pytest

from jova_bench.runs.provenance import collect, git_state


@pytest.fixture
def checkout(tmp_path):
    try:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    (tmp_path / "jova").mkdir()
    (tmp_path / "jova" / "flow.py").write_text("one = 1\n")
    (tmp_path / "README.md").write_text("hello\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "start")
    return tmp_path


def git(folder, *arguments):
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *name, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_the_record_is_json_with_versions_and_machine():
    record = json.loads(collect("cpu").model_dump_json())
    assert record["packages"]["numpy"] == np.__version__
    assert record["device"] == "cpu"
    assert record["device_name"]
    assert record["cpu_count"] >= 1
    assert record["python"].startswith("3.")


def test_commit_and_difference(checkout):
    head = git(checkout, "rev-parse", "HEAD").strip()
    assert git_state(checkout) == {"git_commit": head, "git_dirty": None}
    (checkout / "README.md").write_text("changed words are no changed code\n")
    assert git_state(checkout)["git_dirty"] is None
    seen = set()
    for path, text in (("flow.py", "one = 2\n"), ("flow.py", "one = 3\n"), ("new.py", "a"), ("new.py", "b")):
        (checkout / "jova" / path).write_text(text)
        state = git_state(checkout)
        assert state["git_commit"] == head
        assert state["git_dirty"] == git_state(checkout)["git_dirty"]
        seen.add(state["git_dirty"])
    assert len(seen) == 4
    assert None not in seen


def test_another_projects_checkout_and_no_git_are_unknown(checkout, monkeypatch):
    unknown = {"git_commit": None, "git_dirty": None}
    assert git_state(checkout / "jova") == unknown
    monkeypatch.setenv("PATH", "")
    assert git_state(checkout) == unknown
