"""Objectives of kernel machines, by their dual coefficients."""
