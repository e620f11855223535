"""The command `jova-bench assets`: what it prints, refuses and returns."""

import hashlib

import pytest

from jova_bench.assets import download
from jova_bench.assets import table as assets
from jova_bench.assets.table import Asset
from support.commands import call

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_pull_verify_and_path_by_asset_metric_and_all(capsys, toy):
    toy()
    place = str(assets.asset_table().path("toy"))
    assert call(capsys, "assets", "verify", "toy") == (
        2, f"{'toy':<32} missing    {place}\n", "jova-bench: toy is missing; jova-bench assets pull toy\n"
    )  # fmt: skip
    assert call(capsys, "assets", "verify")[0] == 0  # Only what is here is asked for.
    for word in ("toy", "lse_c", "all"):
        code, out, err = call(capsys, "assets", "pull", word)
        assert (code, out) == (0, f"{'toy':<32} {place}\n")
        assert err == ("toy: 0.3 MB\n" if word == "toy" else "")
    assert call(capsys, "assets", "verify") == (0, f"{'toy':<32} ok         {place}\n", "")
    assets.asset_table().path("toy").write_bytes(b"damaged")
    code, out, err = call(capsys, "assets", "verify")
    assert (code, out.split()[1], err.count("\n")) == (2, "damaged", 1)
    assert call(capsys, "assets", "path", "toy") == (0, f"{place}\n", "")
    assert call(capsys, "assets", "path") == (0, f"{assets.folder()}\n", "")


def test_pull_takes_a_users_table_whose_files_it_does_not_download(capsys, server, toy, tmp_path):
    toy(terms="non-commercial")  # Those of the published file.
    file, own = tmp_path / "mine.pt", tmp_path / "own.toml"
    file.write_bytes(b"mine")
    own.write_text(f'[toy]\nfile = "mine.pt"\nsha256 = "{hashlib.sha256(b"mine").hexdigest()}"\n')
    assert call(capsys, "assets", "pull", "toy", "--assets", own) == (0, f"{'toy':<32} {file}\n", "")
    file.write_bytes(b"other")
    code, out, err = call(capsys, "assets", "pull", "toy", "--assets", own)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"jova-bench: toy: your table of assets names {file}, which is missing or damaged")
    assert server.asked == []


def test_terms_must_be_accepted(capsys, server, toy):
    toy(terms="non-commercial", licence="CC-BY-NC-4.0")
    sentence = (
        "jova-bench: skipped toy, whose licence is CC-BY-NC-4.0; "
        "to accept it: jova-bench assets pull toy --accept non-commercial\n"
    )
    assert call(capsys, "assets", "pull", "toy") == (2, "", sentence)
    assert call(capsys, "assets", "pull", "all", "--accept", "agpl") == (0, "", sentence)
    assert server.asked == []
    assert call(capsys, "assets", "pull", "toy", "--accept", "non-commercial")[0] == 0


def test_a_failure_gives_2_with_one_line_and_the_others_are_pulled(capsys, server, toy, monkeypatch):
    good, bad = toy(), toy(name="bad", file="bad.pt", url="http://127.0.0.1:1/bad.pt")
    monkeypatch.setattr(assets, "published", lambda: {"bad": bad, "toy": good})
    code, out, err = call(capsys, "assets", "pull", "all")
    assert (code, out.split()[0]) == (2, "toy")
    assert err.splitlines()[0].startswith("jova-bench: bad: cannot reach http://127.0.0.1:1/bad.pt")


@pytest.mark.parametrize("words", [("pull", "toy", "--offline"), ("pull", "toy")])
def test_the_offline_switch(capsys, monkeypatch, server, toy, words):
    toy()
    if "--offline" not in words:
        monkeypatch.setenv(download.OFFLINE_VARIABLE, "1")
    code, out, err = call(capsys, "assets", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "offline" in err
    assert server.asked == []


def test_names_that_nothing_has(capsys, toy):
    toy()
    assert call(capsys, "assets", "pull", "toi") == (
        2, "", "jova-bench: expected an asset, a metric that needs one, or all, got 'toi'; did you mean 'toy'?\n"
    )  # fmt: skip
    assert call(capsys, "assets", "pull")[0] == 2
    assert call(capsys, "assets", "path", "nope")[0] == 2


def test_a_protocol_needs_its_own_files_and_those_of_the_metric():
    def asset(name, *metrics):
        return Asset(name=name, file=name, metrics=metrics)

    every, ours, theirs = asset("every", "lse_c"), asset("ours", "lse_c@clean"), asset("theirs", "lse_c@mova", "wer")
    assert [one.serves("lse_c", None) for one in (every, ours, theirs)] == [True, True, False]
    assert [one.serves("lse_c", "mova") for one in (every, ours, theirs)] == [True, False, True]
    assert not every.serves("lse_d", None)
