"""Metrics of how audio and video fit in time and in content."""
