"""Folders whose draws are the same continue each other, whatever the machine failed; other draws do not."""

import pytest

from jova_bench.keys import SampleKey
from jova_bench.records import Sample
from jova_bench.runs.draws import further

KEY = SampleKey("m", "p", 0)._asdict()


def lines(text):
    """Makes attempts: `f` and `g` failures of the machine, `r` a refusal, capitals clips; a digit is the number."""
    one = {
        "f": {"status": "failed", "reason": "f", "answered": False},
        "g": {"status": "failed", "reason": "g", "answered": False},
        "r": {"status": "refused", "reason": "no", "answered": True},
    }
    clip = {"status": "ok", "answered": True}
    return [
        Sample(**KEY, **(one.get(kind) or clip | {"clip_digest": kind, "clip": f"clips/{kind}"}), attempt=int(number))
        for kind, number in text.split()
    ]


@pytest.mark.parametrize(
    ("known", "other", "expected"),
    [
        ("f1", "f1 A2", "A2"),  # Killed between two lines, or repaired since.
        ("f1 A2", "f1", ""),  # Repaired after it was merged.
        ("f1 A2", "f1 A2", ""),
        ("g1", "f1 f2 A3", "f2 f3 A4"),  # Each machine failed, and each attempt is counted.
        ("g1 f2", "f1 f2 A3", "f3 A4"),  # As before, killed after the first line.
        ("g1 f2 f3 A4", "f1 f2 A3", ""),
        ("f1", "g1", "g2"),
        ("f1 g2", "g1", ""),
        ("r1", "r1 f2 A3", "f2 A3"),
        ("r1 f2", "r1 r2", "r3"),  # The same words again are another draw.
        ("A1", "A1 f2", ""),  # Nothing hides an answer.
        ("A1 A1", "A1", ""),  # A lost clip that was made again as it was.
        ("A1", "B1", None),
        ("r1", "A1", None),
        ("A1", "A1 B2", None),
        ("A1 B2", "A1", None),
        ("A1 r2", "A1 B2", None),
    ],
)
def test_further_attempts(known, other, expected):
    found = further(lines(known), lines(other))
    assert found == (None if expected is None else lines(expected))
    if found:
        assert further([*lines(known), *found], lines(other)) == []
