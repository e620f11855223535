"""Completion of a line by a shell: what bash itself is given, without loading anything heavy."""

import os
import shutil
import subprocess
import sys

import pytest

from support.commands import call

ASK = """
eval "$(jova-bench completion bash)"
complete -p jova-bench > /dev/null || exit 1
ask() {
  COMP_LINE="$1" COMP_POINT=${#1} COMPREPLY=()
  _python_argcomplete jova-bench "${1##* }" ""
  echo "${COMPREPLY[*]}"
}
while read -r line; do ask "$line"; done
"""
LINES = {
    "jova-bench -q votes f": {"fit"},
    "jova-bench run --model ltx-2.5": {"ltx-2.5", "ltx-2.5-image"},
    "jova-bench score x --metrics lse_c,loud": {"lse_c,loudness"},
    "jova-bench gate i": {"init"},
    "jova-bench gate ru": {"runs/"},
    "jova-bench gate init r --ag": {"--again"},
    "jova-bench -q gate init r --ag": {"--again"},
    "jova-bench report ru": {"runs/"},
}


@pytest.fixture
def shell(tmp_path):
    """The environment of a shell that finds the command, in a folder with runs."""
    command = tmp_path / "bin" / "jova-bench"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m jova_bench "$@"\n')
    command.chmod(0o755)
    (tmp_path / "runs").mkdir()
    return os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}


def test_bash_completes_verbs_flags_and_names(shell, tmp_path):
    asked = "".join(f"{line}\n" for line in LINES)
    done = subprocess.run(
        ["bash", "-c", ASK], input=asked, capture_output=True, text=True, check=False, env=shell, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    answers = [set(line.replace("\v", " ").split()) for line in done.stdout.splitlines()]
    assert dict(zip(LINES, answers, strict=True)) == LINES


def test_an_answer_loads_nothing_heavy(shell, tmp_path):
    line = "jova-bench run --metrics wer,"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    asked["_ARGCOMPLETE_STDOUT_FILENAME"] = str(tmp_path / "answer")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jova_bench"], capture_output=True, text=True, check=False,
        env=shell | asked,
    )  # fmt: skip
    names = (tmp_path / "answer").read_text().split("\n")
    assert {"wer,lse_c", "wer,pesq", "wer,lse_c@mova"} <= set(names)
    assert "wer,wer" not in names
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argcomplete" in loaded
    assert not {"torch", "av", "scipy", "pandas", "torchmetrics", "jova_baselines"} & loaded


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_shell_reads_what_is_printed_for_it(name, capsys, tmp_path):
    code, out, _ = call(capsys, "completion", name)
    assert code == 0
    assert "jova-bench" in out
    if shutil.which(name):
        (tmp_path / "script").write_text(out)
        assert subprocess.run([name, "-n", str(tmp_path / "script")], check=False).returncode == 0
