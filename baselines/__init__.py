"""Models under test: adapters to the harness, and controls that show the top and the floor of each metric."""
