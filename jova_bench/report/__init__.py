"""Presents a run: tables, pages and files."""
