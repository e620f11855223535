"""The action of this repository, its steps run in a shell: green for an unchanged model, red for another, and why."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from jova_bench.files.lines import records
from jova_bench.records import Sample
from jova_bench.suites.loading import SHIPPED
from support.shown import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


@pytest.fixture
def repository(tmp_path):
    """A repository with clips of a model, and a `jova-bench` that works in one process."""
    command = tmp_path / "bin" / "jova-bench"
    command.parent.mkdir()
    once = 'case "$1" in run|generate) false;; esac || set -- "$@" --workers 0 --device cpu'
    command.write_text(f'#!/bin/sh\n{once}\nexec {sys.executable} -P -m jova_bench "$@"\n')
    command.chmod(0o755)
    clips = tmp_path / "my_clips"
    clips.mkdir()
    for clip in sorted((SHIPPED / "embedded" / "clips").glob("*.mp4"))[:8]:
        shutil.copy(clip, clips)
    return tmp_path


def shell(repository, script, **variables):
    """Runs a step as GitHub does."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {
        "PYTHONPATH": path,
        "JOVA_BENCH_OFFLINE": "1",
        "PATH": f"{repository / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        capture_output=True, text=True, check=False, cwd=repository, env=os.environ | own | variables,
    )  # fmt: skip


def act(repository, given):
    """Runs the action's steps from the choice of the folder on; returns the exit code and the build's summary."""
    inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | given
    files = {name: repository / name for name in ("output", "summary")}
    for file in files.values():
        file.write_text("")
    runner = {"RUNNER_TEMP": str(repository), "GITHUB_OUTPUT": str(files["output"]), "GITHUB_ACTION_PATH": str(ROOT)}
    outputs, code = {}, 0
    for step in ACTION["runs"]["steps"]:
        if "run" not in step or step["name"].startswith("Install") or (step.get("if") and not inputs["assets"]):
            continue
        assert "${{" not in step["run"]  # Inputs are values, never part of a script.
        known = {**{f"inputs.{k}": v for k, v in inputs.items()}, **outputs}
        env = {k: re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda m, of=known: of[m[1]], v) for k, v in step["env"].items()}
        done = shell(repository, step["run"], GITHUB_STEP_SUMMARY=str(files["summary"]), **runner, **env)
        outputs = {
            f"steps.{step.get('id')}.outputs.{k}": v
            for k, v in (line.split("=", 1) for line in files["output"].read_text().splitlines())
        } or outputs
        code = done.returncode
        if code:
            assert "Traceback" not in done.stderr, done.stderr
            break
    return code, files["summary"].read_text().splitlines()


def test_a_new_gate_is_green_and_a_planted_regression_red_in_the_first_lines(repository):
    words = "run --model clips:my_clips --suite embedded --limit 8 --metrics mouth_audio_corr"
    made = shell(repository, f"jova-bench {words} --out runs/good && jova-bench gate init runs/good --uses me/it@v1")
    assert made.returncode == 0, made.stderr
    (*_, step) = yaml.safe_load((repository / ".github/workflows/gate.yml").read_text())["jobs"]["gate"]["steps"]
    code, page = act(repository, step["with"])
    assert (code, page[:2]) == (0, ["## Gate: passed", "0 worse, 0 better, 1 unchanged, 0 underpowered; 1 row."])
    # The model now gives every clip the sound of another.
    made = shell(repository, "jova-bench generate --model shuffled --suite embedded --limit 8 --out runs/shuffled")
    assert made.returncode == 0, made.stderr
    for sample in records(repository / "runs/shuffled/samples.jsonl", Sample):
        shutil.copy(repository / "runs/shuffled" / sample.clip, repository / "my_clips" / f"{sample.prompt_id}.mp4")
    # One word a line, as `run: |` gives them.
    code, page = act(repository, step["with"] | {"run": step["with"]["run"].replace(" ", "\n") + "\n"})
    assert (code, page[0]) == (3, "## Gate: regression")
    assert page[2].startswith("- **worse**: Mouth-audio corr (embedded) ↑ of my_clips: 0.9"), page[2]


@pytest.mark.parametrize(
    ("step", "variable", "command"),
    [
        ("Install jova_bench", "PIP_ARGS", "python"),
        ("Download weights that are not in the cache", "ASSETS", "jova-bench"),
    ],
)
def test_words_on_all_lines_of_an_input_are_given(repository, step, variable, command):
    recorder = repository / "bin" / command
    recorder.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{repository}/given\n')
    recorder.chmod(0o755)
    (script,) = [one["run"] for one in ACTION["runs"]["steps"] if one.get("name") == step]
    values = {"GITHUB_ACTION_PATH": str(ROOT), "EXTRAS": "embedded"}
    done = shell(repository, script, **values, **{variable: "one --two\n  three*\n\nfour\n"})
    assert done.returncode == 0, done.stderr
    assert "|one|--two|three*|four|" in (repository / "given").read_text()


@pytest.mark.parametrize(
    "given", [{"run": "score 'my clips'\n--metrics wer"}, {"assets": 'a "b"'}, {"pip-args": "it's"}]
)
def test_quotes_in_an_input_are_an_error_that_says_so(repository, given):
    inputs = {"run": "ls\nsuites", "assets": "", "pip-args": ""} | given
    step = ACTION["runs"]["steps"][0]
    env = {name: inputs[value.removeprefix("${{ inputs.").removesuffix(" }}")] for name, value in step["env"].items()}
    done = shell(repository, step["run"], **env)
    ((name, text),) = given.items()
    said = f"::error::expected words without quotes, got {name}: {' '.join(text.splitlines())}; "
    assert (done.returncode, done.stdout.startswith(said), done.stdout.count("\n")) == (2, True, 1)
    bare = {name: text.replace("'", "").replace('"', "") for name, text in env.items()}
    assert shell(repository, step["run"], **bare).returncode == 0
