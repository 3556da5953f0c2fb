"""Acceptance tests on real data with published answers."""
