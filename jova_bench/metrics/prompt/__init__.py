"""Metrics of whether a clip shows and sounds like what its prompt names."""
