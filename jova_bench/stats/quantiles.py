"""Computes quantiles and tails of distributions.

They are scipy.special's: the same bits as those of scipy.stats, whose import takes longer than most commands. Either is
imported at the first number, which processes that generate and score never need.
"""

from __future__ import annotations


def normal_quantile(q: float) -> float:
    """Computes the quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(q))


def t_quantile(q: float, df: float) -> float:
    """Computes the quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(df, q))


def t_above(t: float, df: float) -> float:
    """Computes the probability that Student's distribution gives more than t."""
    from scipy.special import stdtr

    return float(stdtr(df, -t))
