"""What this machine has, how much memory work takes, and the page of metrics."""
