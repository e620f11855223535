"""Preprocessing that several metrics share: spectrograms, resampling, resizing."""
