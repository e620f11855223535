"""What the page of the model of 128 pixels says is what its run and its training gave."""

import re

from support.committed import data, rows, text

PAGE = "results/heads-128.md"
PLACES = {"Mouth-audio corr": 4, "FVD": 1, "FAD": 1, "DNSMOS": 2}


def found():
    return {(row["model"], row["label"]): row for row in data("heads-128")["records"] if row["slice"] is None}


def test_the_table_is_the_boards():
    board = found()
    page = "| model |" + text(PAGE).partition("| model |")[2].partition("\n\n")[0]
    head, _, *table = rows(page)
    assert {row[0] for row in table} == {model for model, _ in board}
    for model, *cells in table:
        for name, shown in zip(head[1:], cells, strict=True):
            row, places = board[model, f"{name} (embedded)"], PLACES.get(re.sub(" [ab]$", "", name), 3)
            low, high = row["ci"]
            assert shown == f"{row['value']:.{places}f} [{low:.{places}f}, {high:.{places}f}]", (model, name)


def test_its_training_is_that_of_the_file():
    settings = text("benchmarks/heads-128.toml")
    steps, batch = (int(re.search(rf"^{name} = (\d+)", settings, re.M)[1]) for name in ("steps", "batch"))
    assert f"{steps:,} steps of {batch} clips" in text(PAGE)
    assert f"{steps:,} steps of {batch} clips" in text("docs/train-your-own.md")
