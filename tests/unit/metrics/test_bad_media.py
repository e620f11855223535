"""Awkward clips through every metric of the catalogue, without weights: each gets a status and a reason.

Metrics that are added later are covered by being in the catalogue.
"""

from dataclasses import replace

import numpy as np
import pytest

from jova_bench.assets import table as assets
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.catalogue import CATALOGUE
from support.awkward_clips import AWKWARD, CACHE, PROMPT, REFERENCE, ask

CHOICES = [choice for entry in CATALOGUE for choice in entry.choices()]
ENTRIES = {(one.entry.profile, one.select, one.options.get("judge")): one for one in CHOICES}


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(assets.TABLE_VARIABLE, raising=False)


def test_no_entry_is_left_out():
    assert len(ENTRIES) == len(CHOICES)


def metric_of(profile, select, judge):
    found = build([select], profile, MetricContext(CACHE))
    return next(one for one in found if judge is None or one.judge == judge)


@pytest.mark.parametrize("key", ENTRIES, ids=lambda key: "-".join(filter(None, key)))
def test_every_awkward_clip_gets_an_answer(key):
    metric = metric_of(*key)
    why_not = metric.check()
    assert why_not is None or why_not.startswith(("weights missing: ", "not installed: "))
    for name, awkward in AWKWARD.items():
        if metric.spec.profile == "embedded" and name not in ("63 x 65", "30000/1001 fps", "no video"):
            awkward = replace(awkward, in_domain=True)
        before = [None if one is None else one.copy() for one in (awkward.frames, awkward.audio)]
        # Nobody asked for it; it was asked for; it follows the real clip sample by sample.
        for timing, prompt, reference in (("free", None, None), ("free", PROMPT, None), ("aligned", PROMPT, REFERENCE)):
            try:
                status = ask(metric, replace(awkward, timing=timing), prompt, reference)
            except Exception as error:
                raise AssertionError(f"{metric.spec.identity} of a clip with {name} ({timing}): {error!r}") from error
            if why_not is not None:
                assert status != "ok", f"{name}: a number without {why_not}"
            for need, there in (("audio", awkward.audio), ("video", awkward.frames), ("reference", reference)):
                if need in metric.spec.needs and there is None:
                    assert status != "ok", f"{name}: a number without {need}"
            if {"transcript", "tags"} & set(metric.spec.needs) and prompt is None:
                assert status != "ok", f"{name}: a number without a prompt"
        for old, new in zip(before, (awkward.frames, awkward.audio), strict=True):
            assert old is None or np.array_equal(old, new), f"{metric.spec.identity} changes a clip with {name}"
