"""JoVA: joint video-audio generation with one transformer (an independent implementation of arXiv 2512.13677)."""
