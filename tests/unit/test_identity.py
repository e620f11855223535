"""The identity of a metric is a record and a text, and each gives the other."""

import json
import pickle
from contextlib import suppress
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields, replace
from itertools import product
from pathlib import Path

import pytest
from pydantic import ValidationError

from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record
from jova_bench.identity import Identity, NoIdentity, Selection, joined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build_all
from jova_bench.records import MetricSpec, Score

RESULTS = Path(__file__).parents[2] / "results"
WRITTEN = (
    (
        "lse_c@1/embedded:syncnet-a[8c78593f5c81]{edges=masked,shifts=15}",
        ("lse_c", 1, "embedded", "syncnet-a", "clean", "8c78593f5c81", "edges=masked,shifts=15"),
    ),
    ("loudness@1/standard:bs1770-4", ("loudness", 1, "standard", "bs1770-4", "clean", None, "")),
    (
        "wer@2/standard:whisper-tiny/transformers[65?+3a]{decoding=greedy}",
        ("wer", 2, "standard", "whisper-tiny/transformers", "clean", "65?+3a", "decoding=greedy"),
    ),
    (
        "lse_c@2/standard/compat:syncnet-pip@0.2.3:syncnet-v2[96]{detector=s3fd[d5]{1,scale=0.25},shifts=15}",
        ("lse_c", 2, "standard", "syncnet-v2", "syncnet-pip@0.2.3", "96", "detector=s3fd[d5]{1,scale=0.25},shifts=15"),
    ),
    (
        "fad@2/standard/compat:javisbench@b505b37:audioclip{reference=prompts:none}",
        ("fad", 2, "standard", "audioclip", "javisbench@b505b37", None, "reference=prompts:none"),
    ),
)  # fmt: skip
"""Texts with name, version, profile, backend, protocol, weights and parameters, by hand."""
WHOLE = {
    "name": "a", "version": 1, "profile": "standard", "backend": "net", "direction": "up", "needs": (), "domain": "",
    "description": "",
}  # fmt: skip


def parts(identity):
    return tuple(getattr(identity, one.name) for one in fields(identity))


def identities_in(value):
    """Everything that a parsed file calls an identity."""
    if isinstance(value, dict):
        yield from (one for key, one in value.items() if key == "identity")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from identities_in(one)


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_the_text_and_the_parts_give_each_other(text, expected):
    assert parts(Identity.parse(text)) == expected
    assert Identity(*expected) == text
    assert type(str(Identity(*expected))) is str


def test_every_metric_and_variant_comes_back_from_its_text():
    found = [metric.spec for _, metric in build_all(MetricContext(NoCache()))]
    for spec in found:
        read = Identity.parse(str(spec.identity))
        assert parts(read) == parts(spec.identity)
        assert parts(read)[:6] == (
            spec.name, spec.version, spec.profile, spec.backend, spec.protocol, spec.weights
        )  # fmt: skip
    assert any("/" in spec.backend for spec in found)
    assert any(spec.identity.bench for spec in found)


def test_the_committed_results_hold_what_the_metrics_are():
    texts = {text for file in RESULTS.glob("*.json") for text in identities_in(json.loads(file.read_text()))}
    here = {metric.spec.identity for _, metric in build_all(MetricContext(NoCache()))}
    assert texts <= here
    assert len(texts) >= 20
    assert all(Identity.parse(text) == text for text in texts)


def test_a_frozen_run_names_its_columns_as_its_specifications_do():
    frozen = json.loads((RESULTS / "ci-reference.json").read_text())
    assert {str(MetricSpec(**one).identity) for one in frozen["specs"]} == set(identities_in(frozen["columns"]))


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "wer", "wer@1", "wer@1/standard", "wer@1/standard:", "wer@/standard:x", "wer@1.5/standard:x",
        "wer@-1/standard:x", "wer@01/standard:x", "wer@1/other:x", "@1/standard:x", "a/b@1/standard:x",
        "wer@1/standard/compat::x", "wer@1/standard/compat:clean:x", "wer@1/standard/mova@1:x", "wer@1/standard:x[]",
        "wer@1/standard:x{}", "wer@1/standard:x[aa", "wer@1/standard:x{a=1", "wer@1/standard:x{a=1}[aa]",
        "wer@1/standard:x[aa]b", "wer@1/standard:x{a=1} ", "wer@1/standard:[aa]", "wer@١/standard:x",
        f"wer@{'9' * 5000}/standard:x",
    ],
)  # fmt: skip
def test_any_other_text_is_refused_in_one_line(text):
    with pytest.raises(BenchError, match=r"^expected a metric's identity, name@version/.*, got '") as refused:
        Identity.parse(text)
    assert len(str(refused.value)) < 400


def test_a_record_of_a_file_names_the_field_of_a_text_that_is_none():
    row = {"model": "m", "prompt_id": "p", "seed": 0, "metric": "wer", "status": "ok", "value": 1.0, "reason": None}
    with pytest.raises(BenchError, match=r"scores.jsonl:3: identity: .*expected a metric's identity.*'wer-1'"):
        as_record(Score, row | {"identity": "wer-1"}, "scores.jsonl:3")
    text = "wer@1/embedded:x"
    score = as_record(Score, row | {"identity": text}, "")
    assert score.identity.backend == "x"
    assert json.loads(score.model_dump_json())["identity"] == score.model_dump(mode="json")["identity"] == text


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a@1/standard:b"}, {"name": ""}, {"name": "a/b"}, {"version": -1}, {"backend": ""},
        {"backend": "net[aa]"}, {"backend": "net{a=1}"}, {"protocol": "be:nch@1"}, {"protocol": ""},
        {"weights": "aa]{b=1}"}, {"protocol": "me"}, {"protocol": "me@"}, {"protocol": "a@b@c"},
    ],
)  # fmt: skip
def test_a_metric_whose_text_would_be_read_as_anothers_has_no_specification(change):
    # Otherwise two metrics could share a column: a network `net[aa]`, and a network `net` with the weights aa.
    assert MetricSpec(**WHOLE).identity == "a@1/standard:net"
    with pytest.raises(ValidationError, match="expected parts of name@version"):
        MetricSpec(**WHOLE | change)
    with pytest.raises(BenchError, match="rename"):
        _ = MetricSpec(**WHOLE).model_copy(update=change).identity


@pytest.mark.parametrize("change", [{"name": "a "}, {"name": "a\nb"}, {"backend": " net"}, {"backend": "n\tt"},
                                    {"weights": "a "}, {"protocol": "me@1 "}])  # fmt: skip
def test_a_part_that_cannot_be_seen_is_refused(change):
    with pytest.raises(ValidationError, match="expected printable parts without spaces around them"):
        MetricSpec(**WHOLE | change)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"b": 2, "a": 1}, "a=1,b=2"), ({"a": "{1,b=2}"}, "a={1,b=2}"), ({"a": "1,2"}, "a=1,2"), ({"a": ""}, "a="),
        ({"a": "x=y"}, "a=x=y"), ({"d": "1,z=2", "e": 3}, "d=1,z=2,e=3"), ({}, ""),
    ],
)  # fmt: skip
def test_parameters_stand_in_the_text(params, text):
    assert MetricSpec(**WHOLE, params=params).identity.params == text


@pytest.mark.parametrize(
    "params",
    [
        {"a": "1,b=2"}, {"a": "{1", "b": "2}"}, {"a": "}", "b": "{"}, {"a": "1,b=2", "c": 3}, {"a=b": 1}, {"a b": 1},
        {"a,b": 1}, {"a{": 1}, {"": 1},
    ],
)  # fmt: skip
def test_parameters_that_would_be_read_as_others_are_refused(params):
    with pytest.raises(ValidationError, match=r"expected params whose keys .* which would be read as others; rename"):
        MetricSpec(**WHOLE, params=params)


def test_no_two_sets_of_parameters_have_one_text():
    """All of up to three keys, with values of everything that the text is joined by."""
    values = ["".join(one) for size in range(4) for one in product(("1", ",", "b=", "c=", "{", "}"), repeat=size)]
    sets = [{"a": one} for one in values]
    sets += [dict(zip(keys, pair, strict=True)) for keys in ("ab", "bc") for pair in product(values[:60], repeat=2)]
    sets += [dict(zip("abc", three, strict=True)) for three in product(values[:14], repeat=3)]
    texts = []
    for params in sets:
        with suppress(NoIdentity):
            texts.append(joined(params))
    assert len(texts) > 1000
    assert len(texts) == len(set(texts))


def test_a_switch_and_version_0_are_no_parameter_and_no_version():
    with pytest.raises(ValidationError, match="expected a text or a number for 'a', got True"):
        MetricSpec(**WHOLE, params={"a": True})
    with pytest.raises(ValidationError, match="expected a version from 1, got 0"):
        MetricSpec(**WHOLE | {"version": 0})
    assert MetricSpec(**WHOLE, params={"a": 1}).identity == MetricSpec(**WHOLE, params={"a": "1"}).identity


def test_it_is_a_key_like_its_text_in_any_process_and_never_changes():
    text, expected = WRITTEN[0]
    identity = Identity.parse(text)
    assert {identity: 1}[text] == {text: 1}[identity] == 1
    for copy in (pickle.loads(pickle.dumps(identity)), deepcopy(identity)):
        assert (type(copy), copy, parts(copy)) == (Identity, text, expected)
    with pytest.raises(FrozenInstanceError):
        identity.name = "lse_d"
    assert replace(identity, name="lse_d", weights=None) == "lse_d@1/embedded:syncnet-a{edges=masked,shifts=15}"


def test_one_module_knows_the_form():
    root = Path(__file__).parents[2]
    files = (path for folder in ("jova_bench", "baselines", "benchmarks") for path in (root / folder).rglob("*.py"))
    # The part of the text by which every own reader told one bench from another.
    assert [path.name for path in files if "/compat:" in path.read_text(encoding="utf-8")] == ["identity.py"]


def test_a_bench_is_named_with_and_without_its_commit():
    clean, bench = Identity.parse(WRITTEN[0][0]), Identity.parse(WRITTEN[3][0])
    assert (clean.bench, clean.commit, clean.select) == (None, "", "lse_c")
    assert (bench.bench, bench.commit, bench.select) == ("syncnet-pip", "0.2.3", "lse_c@syncnet-pip")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wer", ("wer", None)),
        ("lse_c@wav2lip-lrs", ("lse_c", "wav2lip-lrs")),
        ("@mova", ("", "mova")),
    ],
)
def test_a_selection_names_a_metric_and_its_variant(text, expected):
    assert Selection.parse(text) == expected
    assert str(Selection.parse(text)) == text


def test_every_selection_comes_back_from_its_text():
    for select, metric in build_all(MetricContext(NoCache())):
        assert str(Selection.parse(select)) == select
        assert Selection.parse(select).name == metric.spec.identity.name
        if metric.spec.identity.bench is not None:
            assert metric.spec.identity.select == select
