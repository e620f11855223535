"""Prompts: suites that ship, prompt files, folders of clips, and importers of published benches."""
