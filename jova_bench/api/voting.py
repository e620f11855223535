"""Rates models by people's votes, and metrics by their agreement with them, as the command `votes` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jova_bench.api.arguments import PathLike, path_of, several
from jova_bench.runs.run import Result
from jova_bench.votes import agree as agreeing
from jova_bench.votes import fit as fitting
from jova_bench.votes.reading import read_votes
from jova_bench.votes.records import Vote

if TYPE_CHECKING:
    from jova_bench.votes.agree import VoteAgreement
    from jova_bench.votes.fit import VoteFit


def fit_votes(votes: PathLike | Sequence[PathLike]) -> VoteFit:
    """Fits strengths of models to people's votes, question by question.

    Raters that fail the attention checks are left out, by the rule that the result states.

    Args:
        votes: one or several files of votes.

    Returns:
        The fit; `.table()` is a pandas DataFrame with a row per question and model.

    Raises:
        BenchError: a file cannot be read, has a line that is no vote, or there are none.
    """
    return fitting.fit_votes(votes_of(votes))


def agree_with_votes(run: PathLike | Result, votes: PathLike | Sequence[PathLike]) -> VoteAgreement:
    """Measures how far every metric of a run agrees with people's votes on its clips, question by question.

    Args:
        run: result of `run` or `score`, or a run folder.
        votes: one or several files of votes, which name models as the run does.

    Returns:
        The agreement; `.table()` is a pandas DataFrame with a row per question and metric.

    Raises:
        BenchError: bad input, a run that has not finished, or no votes on its clips.
    """
    folder = run.folder if isinstance(run, Result) else path_of("a run folder or a Result", run)
    return agreeing.agree(folder, votes_of(votes))


def votes_of(votes: PathLike | Sequence[PathLike]) -> list[Vote]:
    """Reads the votes of one or several files. Raises BenchError for anything else."""
    return read_votes([path_of("a file of votes", one) for one in several(votes)])
