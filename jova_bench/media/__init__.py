"""Reads and writes media files: streams, time bases, channels, pixels."""
