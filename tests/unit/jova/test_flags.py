"""Values of flags that no training and no sample can use are refused where they are read."""

import pytest

from jova_bench import cli

CAPTIONS = ["--video-caption", "v", "--audio-caption", "a", "--transcript", "t"]


@pytest.mark.parametrize(
    ("verb", "flag", "value", "expected"),
    [
        ("train", "--steps", "-1", "a whole number from 1 on"),
        ("train", "--clips", "0", "a whole number from 1 on"),
        ("train", "--codec-steps", "1.5", "a whole number from 1 on"),
        ("train", "--threads", "0", "a whole number from 1 on"),
        ("train", "--seed", "-1", "a whole number from 0 on"),
        ("train", "--seed", "9" * 30, "a whole number from 0 on"),
        ("train", "--mouth-weight", "nan", "a number"),
        ("train", "--edit-share", "half", "a number"),
        ("sample", "--steps", "0", "a whole number from 1 on"),
        ("sample", "--seed", "x", "a whole number from 0 on"),
        ("sample", "--guidance", "inf", "a number"),
        ("sample", "--from", "nan", "a number"),
        ("sample", "--device", "foo", "cpu, cuda or cuda:i"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line(tmp_path, capsys, verb, flag, value, expected):
    words = [verb, *(CAPTIONS if verb == "sample" else ()), "--out", str(tmp_path / "x.mp4"), f"{flag}={value}"]
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line == f"jova-bench {verb}: argument {flag}: expected {expected}, got {value!r}; see jova-bench {verb} --help"
    )
    assert list(tmp_path.iterdir()) == []
