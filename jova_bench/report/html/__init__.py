"""Writes a run as static pages that open from disk: leaderboard, plots, and the clips of each prompt."""

from jova_bench.report.html.site import write_html

__all__ = ["write_html"]
