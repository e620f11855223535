"""Models that implement the harness's `Generator` interface; each is imported only when it is created by name."""
