"""Helpers for every layer: checks, names of rows, frames, progress, warnings, tables."""
