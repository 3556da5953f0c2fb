"""Inverses by the Taylor recursion, with all rows or a few drawn ones a step."""
