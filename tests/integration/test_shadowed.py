"""A user's folder has a package `jova` that raises: what the page of training says of it."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "theirs"),
    [
        (["-m", "jova.sample"], True),
        (["-P", "-m", "jova.sample"], False),
        (["-P", "-m", "jova_bench", "sample"], False),
    ],
)
def test_a_folder_with_a_jova_of_its_own(tmp_path, command, theirs):
    (tmp_path / "jova").mkdir()
    (tmp_path / "jova" / "__init__.py").write_text("raise RuntimeError('theirs')\n")
    path = os.pathsep.join(one for one in sys.path if one)
    done = subprocess.run(
        [sys.executable, *command, "--help"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ("RuntimeError: theirs" in done.stderr) is theirs
    assert (done.returncode == 0) is not theirs
    assert ("--transcript" in done.stdout) is not theirs
