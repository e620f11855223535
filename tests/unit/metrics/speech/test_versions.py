"""No two versions of the libraries that decide what words are give numbers of one identity."""

import pytest

from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.speech import versions
from support.shown import ROOT

STANDARD = ("wer", "cer", "wer_new", "wer@faster-whisper-base", "wer@whisper-tiny")


def identities(names, profile="standard"):
    return [metric.spec.identity for metric in build(names, profile, MetricContext(NoCache()))]


@pytest.fixture
def usual(monkeypatch):
    """Installs the usual versions; returns what installs another."""
    here = dict(versions.USUAL)
    monkeypatch.setattr(versions, "version", here.__getitem__)
    return here.update


@pytest.mark.parametrize("library", versions.USUAL)
def test_another_version_is_another_identity_of_all_that_it_decides(usual, library):
    every = [*STANDARD, "wer@openai-whisper", "wer@versebench", "dnsmos"]
    before = dict(zip(every, map(identities, ([one] for one in every)), strict=True))
    embedded = identities(["wer", "cer"], "embedded")
    usual({library: "9.9"})
    after = dict(zip(every, map(identities, ([one] for one in every)), strict=True))
    moved = {name for name in every if before[name] != after[name]}
    assert moved == {*STANDARD, *(["wer@openai-whisper"] if library == "whisper-normalizer" else [])}
    assert all(f"{library}=9.9" in one for name in moved for one in after[name])
    assert identities(["wer", "cer"], "embedded") == embedded


def test_the_usual_ones_are_those_of_the_constraints_and_are_not_named(usual):
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    assert {
        name: pinned[name if name in pinned else name.replace("-", "_")] for name in versions.USUAL
    } == versions.USUAL
    assert not [one for one in identities(STANDARD) for library in versions.USUAL if library in one]
