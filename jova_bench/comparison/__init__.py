"""Compares runs: paired tests, verdicts, and the gate for CI."""
