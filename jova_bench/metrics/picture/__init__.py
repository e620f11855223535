"""Quality, motion and identity of the video."""
