"""A run as a folder of static pages that open from disk: leaderboard, plots, and the clips of each prompt."""
