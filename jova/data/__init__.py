"""Procedural talking heads, and the folder dataset they are written as."""
