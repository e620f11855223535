"""What is said, and how well it sounds."""
