"""Weights that do not ship with the package: their table, their digests and their download."""
