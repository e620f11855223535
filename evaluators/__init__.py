"""Trains the evaluators that ship with the embedded profile."""
