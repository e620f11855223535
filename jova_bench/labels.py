"""What readers call the metrics, and the order of tables: the same names in every report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jova_bench.types import Direction

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "Lip-sync": {
        "lse_c": "LSE-C",
        "lse_d": "LSE-D",
        "lse_d_at_0": "LSE-D@0",
    },
    "Lip-sync in time": {
        "av_offset_frames": "AV offset (frames)",
        "sync_within_1": "Sync within 1",
        "mouth_audio_corr": "Mouth-audio corr",
    },
    "Distance from real clips": {"fvd": "FVD", "kvd": "KVD", "fad": "FAD", "kad": "KAD"},
    "Speech and sound": {
        "wer": "WER",
        "cer": "CER",
        "pesq": "PESQ",
        "stoi": "STOI",
        "dnsmos": "DNSMOS",
        "loudness": "Loudness (LUFS)",
    },
    "Prompt following": {
        "prompt_hair": "Prompt hair",
        "prompt_background": "Prompt background",
        "prompt_voice": "Prompt voice",
    },
}
"""Table titles, and the metrics of each table in order with the names that readers know."""
OTHER = "Other"
ARROWS: Mapping[Direction, str] = {"up": "↑", "down": "↓", "target": "→ real"}


@dataclass(frozen=True)
class Label:
    """What a metric identity is called, and where it stands."""

    identity: str
    text: str
    """Unique among the identities that it was made with; says `(embedded)` for the embedded evaluators."""
    family: str


def labelled(metrics: Iterable[tuple[str, str]]) -> tuple[Label, ...]:
    """One label per identity, in the order of FAMILIES, then in the order given.

    Args:
        metrics: (name, identity), possibly repeated.
    """
    by_metric: dict[str, dict[str, None]] = {}
    for metric, identity in metrics:
        by_metric.setdefault(metric, {})[identity] = None
    known = {metric: (family, name) for family, names in FAMILIES.items() for metric, name in names.items()}
    order = [metric for metric in known if metric in by_metric] + [
        metric for metric in by_metric if metric not in known
    ]
    found = []
    for metric in order:
        family, name = known.get(metric, (OTHER, metric))
        identities = list(by_metric[metric])
        for identity, mark in zip(identities, _marks(identities), strict=True):
            embedded = " (embedded)" if "/embedded:" in identity else ""
            found.append(Label(identity, f"{name}{mark}{embedded}", family))
    return tuple(found)


def _marks(identities: Sequence[str]) -> list[str]:
    """What tells the identities of one metric apart: nothing, the end of the backend's name, or a number."""
    if len(identities) == 1:
        return [""]
    backends = [re.split(r"[\[{]", identity.partition(":")[2])[0] for identity in identities]
    # Judges are called syncnet-a, syncnet-b: their letter is enough.
    one_kind = len({backend.rpartition("-")[0] for backend in backends}) == 1
    ends = [backend.rpartition("-")[2] for backend in backends] if one_kind else backends
    if len(set(ends)) < len(ends):
        ends = [f"#{number}" for number in range(1, len(ends) + 1)]
    return [f" {end}" for end in ends]
