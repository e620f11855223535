"""Lip synchronisation."""
