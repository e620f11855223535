"""The Python interface: one function for each command, and what a training loop asks for."""
