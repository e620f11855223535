"""Distances of a set of clips from real clips, in the space of an embedder."""
