"""Step lengths along many directions: roots of the slopes of convex functions."""

import numpy as np

#: A step is long enough when its slope is left with this part of what it began with.
SLOPE_LEFT = 0.1
#: Lengths that are tried for a step, at most.
MAX_TRIES = 10


def find_lengths(slope, start):
    """Lengths at which slopes, negative at 0, become (nearly) zero; 1 is tried first.

    Parameters
    ----------
    slope : callable
        Slopes (B,) of convex functions at lengths (B,).
    start : ndarray of shape (B,)
        Slopes at 0.

    Returns
    -------
    ndarray of shape (B,)
    """
    length = np.ones(len(start))
    low, low_slope = np.zeros(len(start)), start.copy()
    high, high_slope = np.full(len(start), np.inf), np.full(len(start), np.nan)
    width = high - low
    for _ in range(MAX_TRIES):
        now = slope(length)
        open_ = np.abs(now) > SLOPE_LEFT * np.abs(start)  # NaN counts as found
        if not open_.any():
            break
        above = open_ & (now > 0.0)
        below = open_ & ~above
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = length + (length - low) * now / (low_slope - now)
        beyond = np.fmin(np.where(beyond > length, beyond, np.inf), 3.0 * length)
        high[above], high_slope[above] = length[above], now[above]
        low[below], low_slope[below] = length[below], now[below]
        with np.errstate(invalid="ignore", divide="ignore"):
            between = low + (high - low) * low_slope / (low_slope - high_slope)
            # a straight line between the ends can be far off: then the middle of what is left
            slow = high - low > 0.55 * width  # a halved one is not, whatever the rounding
        between = np.where(slow & np.isfinite(width), 0.5 * (low + high), between)
        width = high - low
        length = np.where(open_, np.where(np.isfinite(high), between, beyond), length)
    return length
