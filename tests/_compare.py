"""Comparisons that many tests share."""

import numpy as np


def assert_normwise(actual, expected, rtol=1e-9):
    """The largest difference is at most `rtol` times the largest expected entry."""
    assert np.abs(actual - expected).max() <= rtol * np.abs(expected).max()
