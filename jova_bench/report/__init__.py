"""Views of finished runs: leaderboards, their ranks, and the numbers that papers report."""

from jova_bench.report.leaderboard import Leaderboard, leaderboard, write_report

__all__ = ["Leaderboard", "leaderboard", "write_report"]
