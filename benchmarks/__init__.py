"""Timings beside other ways of computing the same numbers; see README.md in this folder."""
