"""Defines the interface of models, and finds models by name."""
