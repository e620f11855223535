"""A run in which nothing is defined: every view says how many prompts were asked, and why they have no value."""

import json
import re

import pytest

from jova_bench.report.files import VIEWS, read_leaderboard
from jova_bench.report.hub.models import model_card
from support.made_runs import Clips, Spread, made_run, undefined

WHY = {"wer": "nobody speaks", "fad": "3 clips are fewer than 2,000"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    values = {model: {name: [undefined(why)] * 3 for name, why in WHY.items()} for model in ("jova", "ovi")}
    return made_run(tmp_path_factory.mktemp("none") / "run", values, [Clips("wer"), Spread("fad")])


def test_every_view_says_how_many_prompts_were_asked_and_why_none_has_a_value(folder):
    board = read_leaderboard(folder)
    markdown, whole = VIEWS["md"](board), VIEWS["tex"](board)
    assert "suite made, profile standard, prompts 3, " in markdown
    notes = dict(re.findall(r"^\[\^(\d)\]: (.*)$", markdown, re.MULTILINE))
    assert {f"{why} (3 clips)" for why in WHY.values()} == set(notes.values())
    assert json.loads(VIEWS["json"](board))["about"]["prompts"] == 3
    assert whole.startswith("% suite made, profile standard, 3 prompts.")
    # Of both models.
    assert all(f"No clip has a value: {label} ({why} (6 clips))." in whole for label, why in zip(
        ("WER", "FAD"), WHY.values(), strict=True
    ))  # fmt: skip
    assert "intervals" not in whole
    assert "(3 asked)" in model_card(board, "jova")


def test_a_choice_of_columns_says_the_same(folder):
    board = read_leaderboard(folder, metrics=["fad"], models=["ovi"])
    text = VIEWS["tex"](board)
    assert "no clip has a value (3 prompts asked)" in text
    assert f"{WHY['fad']} (3 clips)" in text
    assert board.about()["prompts"] == 3


def test_a_column_with_any_value_is_not_told(tmp_path):
    values = {"jova": {"wer": [0.5, undefined()]}, "ovi": {"wer": [undefined()] * 2}}
    assert "No clip has a value" not in VIEWS["tex"](read_leaderboard(made_run(tmp_path / "run", values)))
