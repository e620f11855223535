"""Folders of the same draws have one history, whichever comes first and however often; other draws have none."""

import random
from itertools import combinations, permutations

import pytest

from jova_bench.keys import SampleKey
from jova_bench.records import Finding, Sample
from jova_bench.runs.attempts import count_attempts
from jova_bench.runs.draws import united

KEY = SampleKey("m", "p", 0)._asdict()


def lines(text):
    """Makes records, each with its number or 0: failures of the machine (f, g), no attempt (n), refusals (r), clips."""
    one = {
        "f": {"status": "failed", "reason": "f", "answered": False},
        "g": {"status": "failed", "reason": "g", "answered": False},
        "n": {"status": "failed", "reason": "n"},
        "r": {"status": "refused", "reason": "no", "answered": True},
    }
    clip = {"status": "ok", "answered": True, "file_digest": "x"}
    return [
        Sample(**KEY, **(one.get(kind) or clip | {"clip_digest": kind}), attempt=int(number) or None)
        for kind, number in text.split()
    ]


def written(history):
    """The reverse of `lines`."""
    kinds = ("r" if one.status == "refused" else one.clip_digest or one.reason for one in history)
    return " ".join(f"{kind}{one.attempt or 0}" for kind, one in zip(kinds, history, strict=True))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("f1", "f1 A2", "f1 A2"),  # Killed between two lines, or repaired since.
        ("g1", "f1 f2 A3", "f1 f2 g3 A4"),  # Each machine failed, and each attempt is counted.
        ("f1", "A1", "f1 A2"),
        ("f1", "g1", "f1 g2"),
        ("f1 g2", "g1", "f1 g2"),
        ("r1", "r1 f2 A3", "f1 r2 A3"),
        ("r1 f2", "r1 r2", "f1 r2 r3"),  # The same words again are another draw.
        ("r1", "r1 f2", "f1 r2"),  # Nothing takes an answer back.
        ("A1", "A1 f2", "f1 A2"),
        ("A1 f2", "A1 f2", "A1 f2"),  # Its clip is lost.
        ("A1 A1", "A1", "A1"),  # A lost clip that was made again as it was, is the attempt that it was;
        ("A1", "A1 f2 A3", "f1 A2 A3"),  # after a failure, another one.
        ("A1 n1", "A1", "A1"),  # A clip that was changed on a disk.
        ("A1 n1", "f1", "f1 A2 n2"),
        ("f1", "f1 n1", "f1 n1"),  # It was not asked, which is no attempt.
        ("f1 n1", "f1 n1 f2 A3", "f1 f2 A3"),
        ("n0", "", "n0"),
        ("A0", "A0", "A0"),  # A copy, for which no model is asked.
        ("A1", "B1", None),
        ("r1", "A1", None),
        ("A1", "A1 B2", None),
        ("A1 r2", "A1 B2", None),
    ],
)  # fmt: skip
def test_two_folders(one, other, expected):
    one, other = lines(one), lines(other)
    for folders in ([one, other], [other, one], [one, other, one], [[], one, other]):
        found = united(folders)
        assert (found and written(found.lines)) == expected
        if found:
            assert united([found.lines, one, other]).lines == found.lines


def histories(rng):
    """What folders have of one sample that began alike: each its own failures, and as many draws as it came to."""
    draws = [f"r{number}" for number in range(rng.randint(0, 3))] + ["A"] * rng.randint(0, 1)
    for _ in range(3):
        found, number = [], 0
        for draw in (*draws[: rng.randint(0, len(draws))], None):
            for kind in rng.choices("fgn", k=rng.randint(0, 2)):
                number += kind != "n"
                found.append(failure(kind, number or None))
            if draw is not None:
                number += 1
                found.append(answer(draw, number, rng))
        yield found or [failure("n", None)]


def failure(kind, number):
    return Sample(**KEY, status="failed", reason=kind, answered=None if kind == "n" else False, attempt=number)


def answer(draw, number, rng):
    of_clip = {"status": "ok", "clip_digest": "A", "file_digest": "x", "generate_s": rng.choice([1.0, 2.0])}
    fields = of_clip if draw == "A" else {"status": "refused", "reason": draw}
    return Sample(**KEY, **fields, answered=True, attempt=number)


def most(folders, kind):
    return max(sum(line.reason == kind and line.answered is False for line in one) for one in folders)


def test_any_histories_in_any_order_at_once_or_one_by_one_are_one():
    rng = random.Random(0)
    for _ in range(400):
        folders = list(histories(rng))
        found = united([[], *folders])
        assert found is not None
        for order in permutations(folders):
            own = []
            for part in order:
                own = united([own, part]).lines
            assert united([[], *order]).lines == found.lines == own
            assert united([own, *order]).lines == own
        # As many attempts as all folders know of, and no draw twice.
        draws = max(sum(bool(line.answered) for line in one) for one in folders)
        attempts = most(folders, "f") + most(folders, "g") + draws
        (count,) = count_attempts(["m"], found.lines) or (None,)
        assert (count.attempts if count else 0) == attempts
        assert count is None or count.redrawn == max(draws - 1, 0)
        if any(one[-1].status == "ok" for one in folders):
            assert found.lines[-1].status == "ok"


def test_draws_that_differ_do_so_in_any_order():
    folders = {text: lines(text) for text in ("f1", "r1", "r1 A2", "r1 f2", "B1")}
    for three in combinations(folders, 3):
        fits = "B1" not in three
        for order in permutations(three):
            assert (united([folders[text] for text in order]) is not None) == fits


def test_the_clip_is_of_the_folder_that_knows_most_of_it_and_stays_where_it_is():
    plain, noticed = lines("A1"), [lines("A1")[0].with_findings([Finding(code="silent", detail="all")])]
    other = [plain[0].model_copy(update={"file_digest": "y"})]
    assert [united([[], *order]).clip_of for order in ((plain, noticed), (noticed, plain))] == [2, 1]
    assert united([plain, noticed]).lines[-1].findings
    assert united([other, plain, noticed]).clip_of == 0  # Another file of the same clip.
    assert united([lines("A1 f2"), plain]).clip_of == 1
    assert united([lines("A1 f2")]).clip_of is None
