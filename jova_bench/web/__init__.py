"""Talks to servers: HTTP with a limit on every wait, and chats with language models."""
