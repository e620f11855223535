"""Reads votes from files, and from the folders of studies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.files.reading import as_record, read_json_lines
from jova_bench.votes.records import Vote, VoteKey
from jova_bench.votes.study import read_answers


def read_votes(paths: Sequence[str | os.PathLike[str]]) -> list[Vote]:
    """Reads files of votes, and answers of studies; what stands in several of them counts once.

    Args:
        paths: files of votes, and folders that `report --vote` wrote.

    Raises:
        BenchError: a file cannot be read, a line is no vote, a rater answers a question twice and not the same, or
            there are no votes; or a check has two right answers.
    """
    found = [one for path in map(Path, paths) for one in (read_answers(path) if path.is_dir() else _of_file(path))]
    by_key: dict[VoteKey, tuple[Vote, str]] = {}
    for vote, where in found:
        before, place = by_key.setdefault(vote.key, (vote, where))
        for kind, one, other in (
            ("answer", before.answer, vote.answer),
            ("right answer (`expected`)", before.expected, vote.expected),
        ):
            if _named(before, one) != _named(vote, other):
                models = " and ".join(sorted(vote.key.models))
                what = f"{vote.rater!r} on {vote.question!r} of {models} at prompt {vote.prompt_id!r}"
                raise BenchError(f"{where}: expected one {kind} of {what}, got another one at {place}; keep one")
    if not by_key:
        raise BenchError(f"expected votes, got none in {', '.join(map(shown_path, paths))}")
    return [vote for vote, _ in by_key.values()]


def _named(vote: Vote, answer: str | None) -> str:
    """Returns the model that an answer to a vote's question names, or the answer."""
    return {"left": vote.left, "right": vote.right}.get(answer or "", f"({answer})")


def _of_file(path: Path) -> Iterator[tuple[Vote, str]]:
    """Yields the votes of a file, each with where it stands."""
    for number, line in read_json_lines(path):
        if isinstance(line, BenchError):
            raise line
        yield as_record(Vote, line, f"{path}:{number}"), f"{shown_path(path)}:{number}"
