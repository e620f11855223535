"""Where work runs: this process, worker processes, or the nodes of a Ray cluster."""
