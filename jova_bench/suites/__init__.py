"""Loads, writes and imports prompts: shipped suites, prompt files, folders of clips, published benches."""
