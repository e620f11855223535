"""Names of columns: what readers know a metric by, and what tells evaluators of one metric apart."""

import pytest

from jova_bench.identity import Identity
from jova_bench.metrics import labels
from jova_bench.metrics.entry import MetricEntry

JUDGE = "lse_c@1/embedded:syncnet-{}[{}]{{edges={},shifts=15}}"
WHISPER = "wer@2/standard:whisper-tiny[0123456789]{{language={}}}"
REFERENCE = "fvd@1/standard:i3d[ab]{{clips=10,reference={}:7d2c8d9d68ca}}"
MOVA = "lse_c@2/standard/compat:mova@{}:syncnet[ab]"


def texts(*identities):
    return [one.text for one in labels.labelled(map(Identity.parse, identities))]


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        (["wer@1/standard:whisper-base[00]"], ["WER"]),
        # Evaluators: by the letter where they are called alike; their weights differ, too, and tell no more.
        ([JUDGE.format(*"a8", "masked"), JUDGE.format(*"b9", "masked")], ["LSE-C a (embedded)", "LSE-C b (embedded)"]),
        (["wer@1/standard:whisper-base[00]", "wer@1/standard:pocketsphinx"], ["WER whisper-base", "WER pocketsphinx"]),
        # What else a number depends on: parameters that are not shared, version, weights, a bench's commit.
        ([WHISPER.format("en"), WHISPER.format("de")], ["WER language=en", "WER language=de"]),
        (["cer@1/standard:x[00]", "cer@2/standard:x[11]"], ["CER v1", "CER v2"]),
        (["cer@1/standard:x[0123456789]", "cer@1/standard:x[1123456789]"], ["CER 01234567", "CER 11234567"]),
        (["cer@1/standard:x", "cer@1/standard:x[1123456789]"], ["CER", "CER 11234567"]),
        ([MOVA.format("aa"), MOVA.format("bb")], ["LSE-C aa (compat mova)", "LSE-C bb (compat mova)"]),
        # Several at once.
        (
            [JUDGE.format(*"a8", "masked"), JUDGE.format(*"b9", "masked"), JUDGE.format(*"a8", "kept")],
            [f"LSE-C {one} (embedded)" for one in ("a edges=masked", "b edges=masked", "a edges=kept")],
        ),
        # What has no room in a head, or is the same in short.
        ([REFERENCE.format("mine-of-the-spring"), REFERENCE.format("theirs")], ["FVD #1", "FVD #2"]),
        (["cer@1/standard:x[01234567aa]", "cer@1/standard:x[01234567bb]"], ["CER #1", "CER #2"]),
    ],
)
def test_evaluators_of_one_metric_are_told_apart_by_what_they_differ_in(identities, expected):
    assert texts(*identities) == expected


def test_differences_are_whole_where_heads_have_no_room():
    two = [Identity.parse(REFERENCE.format(name)) for name in ("mine-of-the-spring", "theirs")]
    assert labels.differences(two) == ["reference=mine-of-the-spring:7d2c8d9d68ca", "reference=theirs:7d2c8d9d68ca"]
    assert labels.differences(two[:1]) == [""]


def test_metrics_of_one_title_are_told_apart(monkeypatch):
    entries = tuple(MetricEntry(name, "N", "Lip-sync", "standard", lambda context: None) for name in "abc")
    monkeypatch.setattr(labels, "installed_entries", lambda: entries)
    assert texts("a@1/standard:x", "b@1/standard:x", "wer@1/standard:x") == ["N a", "N b", "WER"]
    assert texts("c@1/standard:x") == ["N"]
