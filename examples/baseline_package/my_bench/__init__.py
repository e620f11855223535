"""Models of mine for jova-bench."""
