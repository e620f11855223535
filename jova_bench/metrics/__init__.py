"""The metrics: what they are (`base`), what they share (`features`), and one file per family."""
