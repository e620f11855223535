"""Formats tables: display names of metrics, and numbers rounded by their uncertainty."""
