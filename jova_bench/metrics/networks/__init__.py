"""Networks of published evaluators, each our own small port that takes the upstream checkpoint's names and shapes."""
