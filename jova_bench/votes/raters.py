"""Judges raters by attention checks: pairs whose answer is plain to all that look and listen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from jova_bench.records import Record
from jova_bench.votes.records import Vote

PASS_SHARE = 2 / 3
RULE = (
    "A rater is left out whose right answers are less than two thirds of those to attention checks: 'same' is a wrong "
    "one there, 'broken' is none. Raters without checks are kept."
)


class Rater(Record):
    """What is known of a rater."""

    rater: str
    """Name."""
    votes: int
    """Answers, without those to attention checks."""
    checks: int
    """Answers to attention checks, without `broken`."""
    passed: int
    """Right ones of these."""

    @property
    def kept(self) -> bool:
        """Returns whether the rater's votes count."""
        return self.passed >= PASS_SHARE * self.checks


def raters_of(votes: Sequence[Vote]) -> tuple[Rater, ...]:
    """Returns all raters, in the order of their names."""
    own: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        own[vote.rater].append(vote)
    return tuple(_judged(name, own[name]) for name in sorted(own))


def _judged(name: str, own: Sequence[Vote]) -> Rater:
    checks = [vote for vote in own if vote.expected is not None and vote.answer != "broken"]
    return Rater(
        rater=name,
        votes=sum(vote.expected is None for vote in own),
        checks=len(checks),
        passed=sum(vote.answer == vote.expected for vote in checks),
    )


def counted(votes: Sequence[Vote]) -> list[Vote]:
    """Returns the votes that count: of raters that are kept, and no checks."""
    kept = {one.rater for one in raters_of(votes) if one.kept}
    return [vote for vote in votes if vote.expected is None and vote.rater in kept]
