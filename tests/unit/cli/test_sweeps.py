"""The verb: what it prints and refuses."""

import pytest

from jova_bench.cli import main


def said(capsys, *argv):
    code = main(["sweep", *argv])
    return code, *capsys.readouterr()


def test_a_dry_run_prints_the_arms_and_does_nothing(capsys, tmp_path):
    code, out, _ = said(capsys, "mouth-loss", "--seeds", "0,1", "--dry-run", "--out", str(tmp_path / "x"))
    assert code == 0
    assert "| base: mouth_weight=5, mouth_box=mouth | 0 " in out
    assert out.count("to train, sample and score") == 11  # six arms, five of them with a second seed
    assert "11 arms and seeds, 0 done, 11 left" in out
    assert not (tmp_path / "x").exists()


def test_flags_alone_make_a_sweep(capsys, tmp_path):
    flags = ("--base", "mouth_weight=2", "--factor", "mouth_weight=0,2", "--factor", "fusion=joint,none", "--grid")
    code, out, _ = said(capsys, *flags, "--steps", "7", "--dry-run", "--out", str(tmp_path))
    assert code == 0
    assert [line.split("|")[1].strip() for line in out.splitlines()[2:6]] == [
        "base: mouth_weight=2, fusion=joint", "mouth_weight=0", "mouth_weight=0, fusion=none", "fusion=none",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        ((), "expected a sweep (cross, fusion, guidance, mouth-curve, mouth-loss, positions, steps, words), a TOML"),
        (("mouth",), "expected a sweep's name or a TOML file, got 'mouth'"),
        (("fusion", "--base", "fusio=none"), "expected SETTING=VALUE, got 'fusio=none'; settings are: preset, steps"),
        (("fusion", "--base", "fusion"), "expected SETTING=VALUE, got 'fusion'"),
        (("fusion", "--factor", "fusion=join"), "one of joint, cross, none, got 'join'; did you mean 'joint'"),
        (("fusion", "--factor", "mouth_weight=much"), "expected a number as mouth_weight"),
        (("fusion", "--steps", "0"), "expected steps to be at least 1, got 0"),
        (("fusion", "--seeds", "a"), "expected training seeds such as 0,1,2, got 'a'"),
        (("fusion", "--seeds", ""), "expected one or more different training seeds"),
        (("fusion", "--seeds", "0,0"), "expected one or more different training seeds"),
        (("fusion", "--limit", "0"), "expected a limit of at least 1 prompt, got 0"),
        (("fusion", "--threads", "0"), "expected at least one thread, got 0"),
        (("fusion", "--only", "none"), "expected an arm of this sweep, got 'none'; known are: base; fusion=cross"),
        (("guidance", "--factor", "fusion=none"), "expected sampling settings for shipped weights (guidance, sampler"),
    ],
)
def test_mistakes_are_told_in_one_line(capsys, tmp_path, argv, wanted):
    code, out, err = said(capsys, *argv, "--dry-run", "--out", str(tmp_path))
    assert (code, out) == (2, "")
    assert wanted in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('metrics = ["lse_x"]', "metrics of the sweep: expected the name of a metric, got 'lse_x'"),
        (
            'controls = ["real", "rael"]',
            "controls of the sweep: expected the name of a model, got 'rael'; did you mean",
        ),
        ('controls = ["clips:no"]', "controls of the sweep: expected a folder of clips, got "),
        ('suite = "embeded"', "got 'embeded'; did you mean 'embedded'?"),
    ],
)
def test_names_of_a_file_are_checked_before_hours_of_training(capsys, tmp_path, line, wanted):
    (tmp_path / "mine.toml").write_text(f"{line}\n[factors]\nmouth_weight = [0, 5]\n")
    code, out, err = said(capsys, str(tmp_path / "mine.toml"), "--dry-run", "--out", str(tmp_path))
    assert (code, out) == (2, "")
    assert wanted in err
    assert err.count("\n") == 1
