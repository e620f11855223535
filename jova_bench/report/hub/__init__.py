"""Writes a run as a folder to push to the Hugging Face Hub: a data set, a static page, and what models' authors add."""
