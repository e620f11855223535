"""The Python interface: one function for each command, and metrics for a training loop."""
