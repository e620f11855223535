"""Loudness, quality of audio, and whether it fits its caption."""
