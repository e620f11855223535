"""Metrics, a folder for each thing measured."""
