"""Lengths of steps: roots of increasing slopes that begin below zero."""

import numpy as np
import pytest

from skinfluence.effects._refits._step_lengths import SLOPE_LEFT, find_lengths

#: Slopes by their roots (B,): straight, bent either way, saturating, with a flat beginning.
SLOPES = {
    "straight": lambda t, root: t - root,
    "cubic": lambda t, root: t**3 - root**3,
    "root": lambda t, root: np.sqrt(t) - np.sqrt(root),
    "saturating": lambda t, root: np.tanh(t - root),
    "steep": lambda t, root: np.expm1(3.0 * (t - root)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_most_of_the_slope_is_gone_between_a_tenth_and_three_steps(name):
    roots = np.array([0.1, 0.3, 0.9, 1.0, 1.1, 2.0, 3.0])

    def slope(length):
        return SLOPES[name](length, roots)

    start = slope(np.zeros(len(roots)))
    length = find_lengths(slope, start)
    assert (np.abs(slope(length)) <= SLOPE_LEFT * np.abs(start)).all()


def test_slopes_that_never_rise_and_nan_end_too():
    with np.errstate(all="raise"):
        length = find_lengths(lambda t: np.array([-1.0, np.nan, 0.0]), np.array([-1.0, -1.0, 0.0]))
    assert np.isfinite(length).all() and length[0] > 100.0
