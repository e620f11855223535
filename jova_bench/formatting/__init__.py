"""Formats tables and messages: numbers rounded by their uncertainty, text that is shown as it is, faults, names."""
