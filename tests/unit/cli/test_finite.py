"""Commands print no NaN and no infinity: of values that are all the same, of two clips, of huge and of tiny values."""

import json
import re

import numpy as np
import pytest

from jova_bench.records import LARGEST_VALUE
from support.commands import call
from support.made_runs import Clips, Spread, made_run

NONE = re.compile(r"(?<![\w.-])[-+]?(nan|inf|infinity)(?![\w-])", re.IGNORECASE)
RNG = np.random.default_rng(0)
COLUMNS = {
    "constant": (np.zeros(12), np.zeros(12)),
    "two clips": (np.array([0.0, 1.0]), np.array([1.0, 0.0])),
    "huge": (np.full(12, LARGEST_VALUE), np.tile([LARGEST_VALUE, -LARGEST_VALUE], 6)),
    "from tiny to huge": (10.0 ** RNG.uniform(-300, 60, 12), -(10.0 ** RNG.uniform(-300, 60, 12))),
}
VERBS = (
    ("compare", "{a}", "{b}", "--json"), ("compare", "{a}", "{b}"), ("gate", "{a}", "{b}"), ("freeze", "{a}"),
    *(("report", "{a}", "--format", form) for form in ("md", "csv", "json", "tex")),
    ("ls", "runs", "{a}", "--json"),
)  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_every_view_of_odd_values_is_finite(name, tmp_path, capsys):
    ours, theirs = COLUMNS[name]
    # Norms of features are squared: their share of what a value may be.
    features = np.clip(np.stack([ours, theirs], axis=1), -1e20, 1e20)
    metrics = [Clips("quality"), Spread()]
    for folder, first, second in (("a", ours, theirs), ("b", theirs, ours)):
        models = {"m": (first, features), "n": (second, features[:, ::-1])}
        values = {model: {"quality": column, "spread": of_set} for model, (column, of_set) in models.items()}
        made_run(tmp_path / folder, values, metrics)
    for words in VERBS:
        code, out, err = call(capsys, *(word.format(a=tmp_path / "a", b=tmp_path / "b") for word in words))
        assert code in (0, 3, 4, 5), (words, err)
        assert out
        assert NONE.search(out) is None, (words, NONE.search(out))
        if "json" in " ".join(words):
            json.loads(out, parse_constant=pytest.fail)


def test_what_is_no_number_is_found():
    assert all(NONE.search(text) for text in ("| nan |", '"value": NaN,', "-inf", "[0.1, Infinity]", ",inf,"))
    assert not any(NONE.search(text) for text in ("banana", "info", "n → ∞", "inference", "a-nan-name"))
