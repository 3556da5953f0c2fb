"""Length of a step that decreases an objective."""

import numpy as np
from scipy.optimize import brentq

#: The shortest step that is tried.
SHORTEST = 1e-9


def line_search(objective, step):
    """Length that minimises the objective along a descent direction: a root of its slope.

    For predictors that are not linear, the first half of a half that decreases it.
    """
    if not objective.predictor.linear:
        return _backtrack(objective, step)
    moved = objective.predictor.jvp(step.reshape(-1, 1))[:, :, 0]  # shape: (n, K)
    s, raw, y, loss = objective.sample_weight, objective.raw_prediction, objective.y, objective.loss
    blocks = list(objective.row_blocks())
    curved = float((objective.penalty.times(step) * step).sum())
    sloped = float((objective.penalty.gradient(objective.coef) * step).sum())

    def of_data(length, rows):
        part = moved[rows]
        return float((s[rows] * loss.gradient(y[rows], raw[rows] + length * part) * part).sum())

    def slope(length):
        return sum(of_data(length, rows) for rows in blocks) + sloped + length * curved

    return root_of_slope(slope)


def root_of_slope(slope):
    """Length at which the slope along a step of a convex objective is zero, or half of the first.

    Parameters
    ----------
    slope : callable
        ``slope(length)``, rising.
    """
    start = slope(0.0)
    if not start < 0.0:
        return 1.0
    high = 1.0
    if abs(slope(high)) <= 0.5 * abs(start):
        return high
    while slope(high) < 0.0 and high < 1e6:
        high *= 2.0
    if slope(high) <= 0.0:
        return high
    # relative only: where the curvature vanishes a step can be 1e27 times too long
    return brentq(slope, 0.0, high, xtol=np.finfo(float).tiny, rtol=1e-3, maxiter=2000)


def _backtrack(objective, step):
    value, slope = objective.value(), float((objective.gradient() * step).sum())
    length = 1.0
    while length > SHORTEST:
        moved = objective.with_coef(objective.coef + length * step).value()
        if moved <= value + 1e-4 * length * slope:
            break
        length *= 0.5
    return length
