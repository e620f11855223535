"""Metrics of lip synchronisation."""
