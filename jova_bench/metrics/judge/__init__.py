"""Judges by language models: the questions of a rubric, asked of a server that speaks OpenAI's protocol."""
