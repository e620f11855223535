"""Logs a scored run to a tracker of experiments on request: a file per tracker, by one hook."""
