"""Every example runs as it stands, and says what it should."""

import os
import shutil
import subprocess
import sys

import pytest

from jova_bench.cli import main
from jova_bench.suites.loading import SHIPPED
from support.shown import ROOT, installed

EXAMPLES = ROOT / "examples"


def ran(words, cwd):
    """What a command prints; with the checkout on the path and nothing of this machine's weights."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"PYTHONPATH": path, "JOVA_BENCH_OFFLINE": "1", "JOVA_BENCH_ASSETS": str(cwd / "assets")}
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, cwd=cwd, env=os.environ | own
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_examples_are_in_the_table():
    told = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        assert path.name == "README.md" or f"`{path.name}" in told


def test_a_folder_is_scored(tmp_path):
    clips = tmp_path / "my_clips"
    clips.mkdir()
    for name in ("test-00000.mp4", "test-00001.mp4"):
        shutil.copy(SHIPPED / "embedded" / "clips" / name, clips)
    said = ran([sys.executable, EXAMPLES / "score_folder.py", "my_clips"], tmp_path)
    assert "loudness: -2" in said
    assert "(2 ok, 0 undefined, 0 failed)" in said
    assert "stoi: no value (0 ok, 2 undefined, 0 failed)" in said
    assert "    2 x " in said


def test_the_validation_loop_sees_late_audio(tmp_path):
    said = ran([sys.executable, EXAMPLES / "training_loop.py"], tmp_path)
    first, second = (float(line.split("LSE-C ")[1].split()[0]) for line in said.splitlines())
    assert first > 4 * second


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder in which the packages of the examples are installed."""
    root = tmp_path_factory.mktemp("packages")
    names = ("metric_package", "model_package")
    return installed(root / "site", *(shutil.copytree(EXAMPLES / name, root / name) for name in names))


@pytest.fixture
def bench(site, tmp_path, monkeypatch, capsys):
    """The command in a folder of a user who has both packages; `test_wheel.py` types it to processes of its own."""
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "assets"))

    def run(words):
        code = main(words.split())
        said, talk = capsys.readouterr()
        assert code == 0, talk
        return said

    return run


def test_the_package_of_a_metric_is_found_and_measures(bench, tmp_path):
    assert "clipped_share" in bench("ls metrics")
    shutil.copytree(SHIPPED / "embedded" / "clips", tmp_path / "clips", ignore=lambda _, names: sorted(names)[2:])
    said = bench("score clips --metrics clipped_share --workers 0")
    assert "clipped_share@1/standard:count{least=0.999}" in said
    assert "0.00 [" in said


def test_the_package_of_a_model_makes_clips(bench):
    assert "hum" in bench("ls models")
    said = bench("run --model hum --limit 2 --metrics loudness --device cpu --workers 0")
    assert "64x64" in said
    assert "| hum" in said
