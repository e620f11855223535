"""Models behind the harness's `Generator` interface. Each is imported only when it is asked for by name."""
