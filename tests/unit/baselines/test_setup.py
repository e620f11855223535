"""`jova-bench baselines setup`: what it runs, in which order, and that it runs nothing twice."""

import subprocess
import sys

import pytest

from jova_baselines import setup
from jova_baselines.external import checkout, home, install
from jova_baselines.external.manifest import load
from jova_baselines.external.needs import requirements
from jova_bench import cli
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from support.commands import call


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The assets of these tests, and an interpreter of every version on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for version in ("3.9", "3.10", "3.11", "3.12", "3.13"):
        (programs / f"python{version}").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "assets"))
    return tmp_path / "assets" / "baselines"


def recorded(steps):
    """A runner that runs nothing and remembers."""

    def run(step):
        steps.append(step)
        return 0

    return run


def test_a_dry_run_prints_what_is_left_and_does_nothing(folder, capsys):
    assert setup.main(["ovi", "--weights", "--accept", "non-commercial", "--unpinned", "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    sizes, lines = said[:4], said[4:]
    assert sizes[0] == "# ovi: to fetch with --weights: 38.6 GB, besides checkout, environment, of unknown size"
    assert sizes[1] == "#   chetwinlow1/Ovi (unpinned): 23.3 GB, licence unverified"
    assert sizes[3].endswith(": 1.1 GB, licence CC-BY-NC-4.0, --accept non-commercial")
    checkout, python = folder / "ovi/checkout", folder / "ovi/env/bin/python"
    commit = "5b69b25a4b3115216e9ea53a37a04410be6ad39a"
    assert lines[0] == f"git -C {checkout} init --quiet"
    assert lines[1].endswith(f"--depth 1 https://github.com/character-ai/Ovi {commit}")
    assert lines[2] == f"git -C {checkout} checkout --quiet --detach FETCH_HEAD"
    assert lines[3].endswith(f"python3.10 -m venv --clear {folder / 'ovi/env'}")
    assert lines[4].startswith(f"{python} -m pip install --disable-pip-version-check --upgrade pip")
    assert [line.rpartition("version-check --uploaded-prior-to 2025-11-15 ")[2] for line in lines[5:8]] == [
        "torch==2.6.0 torchvision==0.21.0 torchaudio==2.6.0", "-r requirements.txt", "flash_attn --no-build-isolation",
    ]  # fmt: skip
    assert lines[8] == f"{python} -m pip freeze --all"
    assert [line.split()[0] for line in lines[9:]] == [sys.executable] * 3
    assert '"hub": "chetwinlow1/Ovi"' in lines[9]
    assert not folder.exists()


def test_terms_of_weights_must_be_accepted(capsys):
    assert setup.main(["ovi", "ovi", "--weights", "--unpinned", "--dry-run"]) == 2
    out, said = capsys.readouterr()
    assert [line[:5] for line in out.splitlines()] == ["# ovi", "#   c", "#   W", "#   h"]  # Told first, and once.
    assert "hkchengrex/MMAudio is CC-BY-NC-4.0: read its terms and add --accept non-commercial" in said


def test_a_step_that_fails_ends_it_and_the_environment_is_done_with_its_last_step(capsys):
    steps = []

    def run(step):
        steps.append(step)
        return 7 if "requirements.txt" in step.command else 0

    assert setup.set_up(["ovi"], run=run) == 5
    assert "jova-bench: ovi: that command ended with 7; fix its cause" in capsys.readouterr().err
    assert [step.writes for step in steps] == [None] * 7
    steps.clear()
    assert setup.set_up(["ovi"], run=recorded(steps)) == 0
    assert [step.writes is not None for step in steps] == [False] * 8 + [True]


def test_a_checkout_is_made_at_its_commit_and_a_change_of_it_is_found(tmp_path, folder, monkeypatch):
    upstream = tmp_path / "upstream"
    upstream.mkdir()

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", "-C", str(upstream), *identity, *arguments], capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "--quiet")
    (upstream / "model.py").write_text("1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    first = git("rev-parse", "HEAD")
    (upstream / "model.py").write_text("2\n")
    git("commit", "-q", "-a", "-m", "two")
    manifest = load("ovi")
    source = manifest.source.model_copy(update={"repository": str(upstream), "commit": first})
    manifest = manifest.model_copy(update={"source": source})
    where = home.of(manifest)
    steps = install.code(manifest)
    assert setup.carry_out(steps[0]) == 0
    assert install.code(manifest) == steps  # Nothing is checked out yet.
    assert [setup.carry_out(step) for step in steps[:3]] == [0, 0, 0]
    assert (where.checkout / "model.py").read_text() == "1\n"
    assert checkout.head(where.checkout) == first
    where.python.parent.mkdir(parents=True)
    where.python.touch()
    where.installed.write_text(home.recipe(manifest))
    assert install.code(manifest) == []
    assert home.missing(manifest).startswith("weights missing (Ovi/model_960x960.safetensors, ")
    (where.checkout / "model.py").write_text("3\n")
    assert home.missing(manifest).startswith(f"checkout modified (git -C {where.checkout} diff): ")
    with monkeypatch.context() as patch:
        patch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # Git's own: as if a colleague had made it.
        assert home.missing(manifest).startswith("checkout modified")
        patch.setattr(checkout, "GIT_S", 0.0)
        unread = f"git cannot read {where.checkout}: no answer within 0 s"
        assert home.missing(manifest).startswith(f"{unread}; weights missing")
        assert requirements(manifest).unsized == ()
        with pytest.raises(BenchError, match=unread):
            install.code(manifest)
        with pytest.raises(BenchError, match=unread):  # And not: unmodified.
            checkout.modified(where.checkout)
    other = manifest.model_copy(update={"source": source.model_copy(update={"commit": "f" * 40})})
    assert f"checkout at {first[:7]} instead of fffffff, environment made by another recipe" in home.missing(other)


def test_a_command_that_succeeds_is_written_down(tmp_path):
    done = (tmp_path / "done", "text")
    assert setup.carry_out(install.Step((sys.executable, "-c", "raise SystemExit(3)"), tmp_path, writes=done)) == 3
    assert not done[0].exists()
    said = tmp_path / "said"
    step = install.Step((sys.executable, "-c", "print('torch==2.6.0')"), tmp_path / "new", said, done)
    assert setup.carry_out(step) == 0
    assert (done[0].read_text(), said.read_text()) == ("text", "torch==2.6.0\n")
    broken = install.Step((sys.executable, "-c", "print('half'); raise SystemExit(1)"), tmp_path, said, done)
    assert setup.carry_out(broken) == 1
    assert said.read_text() == "torch==2.6.0\n"  # The list of packages, whose digest is a part of the identity.


def test_without_an_interpreter_uv_makes_the_environment_or_the_user_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(BenchError, match=r"expected python3\.10 on the path, got none; install it, or uv"):
        install.code(load("ovi"))
    programs = tmp_path / "uv"
    programs.mkdir()
    (programs / "uv").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(programs))
    commands = [step.command for step in install.code(load("ovi"))]
    assert (str(programs / "uv"), "venv", "--seed", "--allow-existing", "--python", "3.10") == commands[3][:6]


def test_all_baselines_are_listed_with_what_they_need(capsys):
    assert setup.main([]) == 0
    said = capsys.readouterr().out
    assert "ovi            Ovi 1.1: 80 GB of GPU memory" in said
    assert "[checkout missing, environment missing: jova-bench baselines setup ovi; weights missing (" in said
    assert cli.main(["baselines"]) == 0
    assert capsys.readouterr().out == said
    assert "weights Apache-2.0, CC-BY-NC-4.0, unverified; chetwinlow1/Ovi (unpinned)  [" in said


def test_several_are_set_up_and_one_that_fails_keeps_none_of_the_others_back(capsys):
    steps = []

    def run(step):
        steps.append(step)
        return 7 if "ovi" in str(step.command) else 0

    assert setup.set_up(["ovi", "mova"], run=run) == 5
    assert sum("/ovi/" in str(step.command) for step in steps) == 1
    assert steps[-1].writes[0] == home.of(load("mova")).installed
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["setup", "ov"], "jova-bench: expected the name of a baseline, got 'ov'; did you mean 'ovi'?\n"),
        (["setup", "mova", "ov", "--dry-run"], "did you mean 'ovi'?"),  # Before anything of the first is begun.
        (["setup"], "jova-bench baselines setup: the following arguments are required: NAME"),
        (["stup"], "jova-bench baselines: argument VERB: got 'stup'; did you mean 'setup'?"),
        (["setup", "ovi", "--weight"], "did you mean '--weights'?"),
        (["setup", "ovi", "--accept", "gpl"], "got 'gpl'"),
    ],
)
def test_a_mistake_gets_one_line(capsys, words, said):
    told = call(capsys, "baselines", *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1
