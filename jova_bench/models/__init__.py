"""What a model is to the harness, and the models by name."""
