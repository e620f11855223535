"""Views of finished runs: leaderboards, their ranks, and the numbers that papers report."""

from jova_bench.report.files import VIEWS, read_leaderboard, write_report
from jova_bench.report.leaderboard import Leaderboard, leaderboard

__all__ = ["VIEWS", "Leaderboard", "leaderboard", "read_leaderboard", "write_report"]
