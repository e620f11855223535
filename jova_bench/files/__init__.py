"""Reads files that users write, and writes files atomically."""
