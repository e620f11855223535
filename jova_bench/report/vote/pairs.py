"""Chooses the pairs of a study, and deals them to raters in booklets with attention checks among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from random import Random

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.keys import SampleKey
from jova_bench.models.registry import CONTROLS
from jova_bench.records import Sample
from jova_bench.votes.study import Ask, check_of

Pair = tuple[SampleKey, SampleKey]


@dataclass(frozen=True)
class Pairs:
    """Holds the pairs that are voted on, and those that check attention."""

    votes: tuple[Pair, ...]
    checks: tuple[Pair, ...]

    @property
    def clips(self) -> tuple[SampleKey, ...]:
        """Returns every clip once."""
        return tuple(dict.fromkeys(key for one in (*self.votes, *self.checks) for key in one))

    def of(self, clips: frozenset[SampleKey]) -> Pairs:
        """Returns the pairs of some clips."""
        return Pairs(*(tuple(one for one in pairs if clips.issuperset(one)) for pairs in (self.votes, self.checks)))


def pairs_of(samples: Sequence[Sample], ask: Ask) -> Pairs:
    """Returns every two models' clips of one prompt and seed, and `real` beside the controls that the questions name.

    Raises:
        BenchError: fewer than two models have clips, or a model has none.
    """
    made = dict.fromkeys(sample.key for sample in samples if sample.status == "ok" and sample.clip is not None)
    known = list(dict.fromkeys(key.model for key in made))
    models = list(ask.models) or [model for model in known if model not in CONTROLS]
    for model in models:
        if model not in known:
            raise BenchError(f"expected models of the run in models, got {shown(model)}; {suggest(model, known)}")
    if len(models) < 2:
        raise BenchError(
            f"expected a run with clips of two models that are no controls, got {', '.join(models) or 'none'}"
        )
    if both := [one for one in combinations(models, 2) if check_of(*one)]:
        raise BenchError(f"expected models to vote on, got {' and '.join(both[0])}, which are an attention check")
    cells = dict.fromkeys((key.prompt_id, key.seed) for key in made)
    controls = dict.fromkeys(name for one in ask.questions for name in one.checks)
    beside = [("real", control) for control in controls]

    def every(sides: Sequence[tuple[str, str]]) -> tuple[Pair, ...]:
        found = [(SampleKey(a, *cell), SampleKey(b, *cell)) for cell in cells for a, b in sides]
        return tuple(one for one in found if made.keys() >= set(one))

    return Pairs(every(list(combinations(models, 2))), every(beside))


def booklets(pairs: Pairs, ask: Ask, rng: Random) -> list[list[Pair]]:
    """Deals the pairs into lists of about `ask.pairs`, each pair into one, with checks at random places among them."""
    votes, checks = list(pairs.votes), list(pairs.checks)
    rng.shuffle(votes)
    rng.shuffle(checks)
    count = max(1, round(len(votes) / ask.pairs))
    dealt, more = [votes[k::count] for k in range(count)], cycle(checks)
    for booklet in dealt:
        for check in dict.fromkeys(next(more) for _ in range(min(ask.checks, len(checks)))):
            booklet.insert(rng.randrange(len(booklet) + 1), check)
    return dealt
