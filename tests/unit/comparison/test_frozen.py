"""A run as one file says exactly what its folder says."""

import json

import numpy as np
import pytest

from jova_bench.comparison.compare import compare
from jova_bench.comparison.results import freeze, read_results
from jova_bench.errors import BenchError
from support.compared import EIGHT, rng
from support.made_runs import Clips, Spread, made_run, undefined


def test_a_frozen_run_says_exactly_what_its_folder_says(tmp_path):
    metrics = [Spread(), Clips(), Clips("wer", micro="transcript_words", direction="down")]
    vectors = rng(5).normal(size=(8, 3))
    vectors[0] = vectors[0].astype(np.float32)
    values = {
        "spread": [undefined("silent"), *vectors[1:]],
        "score": [undefined(), *rng(6).normal(size=7)],
        "wer": EIGHT,
    }
    a = made_run(tmp_path / "a", {"m": values}, metrics)
    (tmp_path / "a.json").write_text(freeze(read_results(a)))
    b = made_run(tmp_path / "b", {"m": {k: v[::-1] for k, v in values.items()}}, metrics)
    folder, file = compare(a, b, metrics).record(), compare(tmp_path / "a.json", b, metrics).record()
    assert folder["rows"] == file["rows"]
    assert compare(tmp_path / "a.json", a, metrics).rows[0].p == 1


def test_vectors_of_several_rows_are_frozen_too(tmp_path):
    values = {"spread": list(rng(7).normal(size=(8, 2, 3)).astype(np.float32))}
    a = made_run(tmp_path / "a", {"m": values}, [Spread()])
    (tmp_path / "a.json").write_text(freeze(read_results(a)))
    (before,), (after,) = (read_results(p).columns.values() for p in (a, tmp_path / "a.json"))
    assert all(np.array_equal(before[cell], after[cell]) for cell in before)
    assert '"dtype": "<f4"' in (tmp_path / "a.json").read_text()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": 1}, "schema"),
        ({"question": None}, "question"),
        ({"more": 1}, "more"),
    ],
)
def test_a_broken_reference_file_is_named(tmp_path, change, named):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT}})
    whole = json.loads(freeze(read_results(a)))
    (tmp_path / "broken.json").write_text(json.dumps(whole | change))
    with pytest.raises(BenchError, match=named) as raised:
        compare(tmp_path / "broken.json", a)
    assert "jova-bench freeze" in str(raised.value)


def test_a_torn_vector_is_a_broken_file(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"spread": rng(8).normal(size=(8, 3))}}, [Spread()])
    text = freeze(read_results(a)).replace('"data": "', '"data": "A', 1)
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(BenchError, match=r"broken\.json"):
        read_results(tmp_path / "broken.json")
