"""Metrics of speech: its words and its quality."""
