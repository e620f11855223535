"""Every metric of the standard profile, clean and compat, from the command line to a finite number.

With random checkpoints in the published formats (`every_asset`), named by `--assets`, so that their digests stand in
the identities: nothing is faked behind the command line. PESQ and STOI want sound that follows its reference, which a
folder of clips cannot promise; they are asked of the codec round trip.
"""

import math
import re

import every_asset
import pytest
import talking_clips

from jova_bench import assets, cli
from jova_bench.metrics import CATALOGUE, everything
from jova_bench.metrics.base import NoCache
from jova_bench.types import Summary

STANDARD = [entry for entry in CATALOGUE if entry.profile == "standard"]
ALIGNED = ("pesq", "stoi")
SLOW = ("motion_score", "aesthetic_score")
"""Every frame at length."""
OPTIONAL = {
    "mediapipe": "pip install 'jova-bench[face-mediapipe]'",
    "syncnet-pip": "pip install --no-deps syncnet-python",
    "funasr": "pip install funasr kaldi-native-fbank",
}
"""Packages that ask for others than the project's own (numpy below 2, torchvision) or for many, and what gets them.
Where one is not installed its metrics must say so; nothing else may be missing."""


def group(entry):
    """Which clips it is asked of."""
    if entry.reference:
        return "short"
    return "aligned" if entry.name in ALIGNED else "brief" if entry.name in SLOW else "long"


def summed_up(table, prompts, folder):
    """What the command line writes of every metric, by identity (`_bare`)."""
    found = {}
    for name in ("long", "brief", "short", "aligned"):
        what = ["score", prompts.parent / "made" / name, "--suite", prompts]
        if name == "aligned":
            what = ["run", "--model", "codec", "--suite", "embedded", "--limit", 1]
        wanted = ",".join(entry.select for entry in STANDARD if group(entry) == name)
        how = ["--profile", "standard", "--device", "cpu", "--assets", table, "--out", folder / name]
        assert cli.main([str(one) for one in (*what, *how, "--metrics", wanted)]) == 0
        summary = Summary.model_validate_json((folder / name / "summary.json").read_bytes())
        found |= {_bare(one.identity): one for one in summary.estimates if one.slice is None}
    return found


def _bare(identity):
    """Without the digest of the real clips that a run found."""
    return re.sub(r"reference=(suite|prompts):\w+", r"reference=\1", identity)


def fault(entry, estimate, why_not):
    """What is wrong with what a summary says of a metric, None when nothing is."""
    if why_not and any(how in why_not for how in OPTIONAL.values()):
        return None if set(estimate.reasons) == {why_not} else f"{estimate.reasons} for {why_not}"
    if why_not or estimate.reasons or estimate.value is None or not math.isfinite(estimate.value):
        return why_not or f"{estimate.value}, {dict(estimate.reasons)}"
    clips = talking_clips.MANY if entry.reference else 1
    return None if estimate.n_ok == clips else f"{estimate.n_ok} of {clips} clips"


def digests(entry):
    """Of the files that a metric needs. FunASR's stand in one digest together."""
    needed = [name for name, one in assets.table().items() if one.serves(entry.name, entry.bench)]
    return {assets.digest(name) for name in needed if name not in every_asset.OF_FUNASR}


def test_every_asset_has_a_checkpoint():
    assert set(every_asset.WRITERS) | every_asset.OF_FUNASR == set(assets.table())


@pytest.mark.slow
def test_every_metric_runs_its_whole_path_to_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "cache"))
    table = every_asset.write(tmp_path / "assets")
    estimates = summed_up(table, talking_clips.write_suite(tmp_path / "suite"), tmp_path)
    assert len(estimates) == len(STANDARD)
    faults = {}
    with assets.using(table):
        metrics = {name: one for name, one in everything(NoCache(), "cpu") if one.spec.profile == "standard"}
        for entry in STANDARD:
            metric = metrics[entry.select]
            identity = _bare(metric.spec.identity)
            faults[entry.select] = fault(entry, estimates[identity], metric.check())
            # Numbers of one's own files can never be taken for those of the published ones.
            assert all(digest in identity for digest in digests(entry)), identity
    assert {name: what for name, what in faults.items() if what} == {}
