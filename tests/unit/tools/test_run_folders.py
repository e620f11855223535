"""The list of run folders: what each is of, how far it is, and why one cannot be read."""

import json
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from jova_bench.runs.store import MANIFEST, SAMPLES, SCORES, SUMMARY
from support.commands import call
from support.made_runs import Clips, made_run

VALUES = {name: {"quality": np.arange(12.0)} for name in ("jova", "real")}


@pytest.fixture(scope="module")
def top(tmp_path_factory):
    """A finished run, one below a folder that has not finished, a broken one, and a folder that is none."""
    folder = tmp_path_factory.mktemp("runs")
    made_run(folder / "whole", VALUES, [Clips("quality")])
    made_run(folder / "old" / "part", VALUES, [Clips("quality")])
    (folder / "old" / "part" / SUMMARY).unlink()
    for name in (SAMPLES, SCORES):
        lines = (folder / "old" / "part" / name).read_text().splitlines(keepends=True)
        kept = lines[:6] if name == SAMPLES else lines[:4]
        (folder / "old" / "part" / name).write_text("".join(kept))
    (folder / "broken").mkdir()
    (folder / "broken" / MANIFEST).write_text('{"schema": 2,')
    (folder / "pages").mkdir()
    for number, name in enumerate(("broken", "old/part", "whole"), start=1):
        for path in (folder / name).iterdir():
            os.utime(path, (number * 1e9, number * 1e9))
    return folder


def test_programs_get_all_of_every_run(top, capsys):
    code, out, err = call(capsys, "ls", "runs", top, "--json")
    whole, part, broken = json.loads(out)  # The one that changed last first.
    assert (code, err) == (0, "")
    assert [one["name"] for one in (whole, part, broken)] == ["whole", "old/part", "broken"]
    assert {key: whole[key] for key in ("suite", "profile", "models", "prompts", "made", "failed", "scored")} == {
        "suite": "made", "profile": "standard", "models": ["jova", "real"], "prompts": 12, "made": 24, "failed": 0,
        "scored": 24,
    }  # fmt: skip
    assert (whole["finished"], whole["why_not"], whole["path"]) == (True, None, str(top / "whole"))
    assert whole["changed"] == datetime.fromtimestamp(3e9, UTC).isoformat()
    assert whole["bytes"] == sum(path.stat().st_size for path in (top / "whole").rglob("*") if path.is_file())
    assert (part["finished"], part["made"], part["scored"], part["prompts_asked"]) == (False, 6, 4, 6)
    assert (broken["finished"], broken["made"], broken["models"]) == (False, None, [])
    assert "expected JSON" in broken["why_not"]


def test_people_get_a_table_in_which_the_broken_say_why(top, capsys):
    code, out, _ = call(capsys, "ls", "runs", top)
    assert code == 0
    header, _, whole, part, broken = ([cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines())
    assert header == [
        "Run",
        "State",
        "Suite",
        "Profile",
        "Models",
        "Prompts",
        "Made",
        "Failed",
        "Scored",
        "Changed",
        "Size",
    ]
    assert whole[:9] == ["whole", "finished", "made", "standard", "jova, real", "12", "24", "0", "24"]
    assert (part[1], part[5:9]) == ("not finished", ["6 of 12", "6", "0", "4"])
    assert broken[1].startswith("broken: ")


def test_linked_folders_are_told_and_not_followed(tmp_path, capsys):
    made_run(tmp_path / "big" / "x", {"ours": {"lse_c": [1.0]}})
    top = tmp_path / "runs"
    made_run(top / "one", {"ours": {"lse_c": [1.0]}})
    for name in ("a", "b", "one/inside", "c", "d", ".hidden"):
        (top / name).symlink_to(tmp_path / "big" / "x")
    (top / "file").symlink_to(top / "one" / MANIFEST)
    code, out, err = call(capsys, "ls", "runs", top, "--json")
    assert (code, [one["name"] for one in json.loads(out)]) == (0, ["one"])
    assert err == (f"jova-bench: 4 linked folders passed over in {top}: a, b, c, ...; name one to list its runs\n")
    code, out, err = call(capsys, "ls", "runs", top / "a", "--json")
    assert (code, len(json.loads(out)), err) == (0, 1, "")


def test_folders_that_cannot_be_listed_are_told(tmp_path, capsys, monkeypatch):
    for name in ("open", "closed"):
        made_run(tmp_path / name, {"ours": {"lse_c": [1.0]}})
    listed = os.scandir

    def scandir(path="."):
        if os.fspath(path) == str(tmp_path / "closed"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)  # Root may list every folder.
    code, out, err = call(capsys, "ls", "runs", tmp_path, "--json")
    assert (code, [one["name"] for one in json.loads(out)]) == (0, ["open"])
    assert err == f"jova-bench: passed over: {tmp_path / 'closed'}: Permission denied\n"


def test_one_run_and_no_run(top, capsys):
    (one,) = json.loads(call(capsys, "ls", "runs", top / "whole", "--json").out)
    assert one["name"] == "whole"
    for folder, why in ((top / "pages", f"has no {MANIFEST}"), (top / "none", "no folder")):
        code, _, err = call(capsys, "ls", "runs", folder)
        assert code == 2
        assert why in err
    assert "leave out --long" in call(capsys, "ls", "runs", top, "--long").err
