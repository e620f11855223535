"""Writes blind pages on which people vote on pairs of a run's clips."""
