"""Audit of a table: preparation, model, findings, and their text and files."""
