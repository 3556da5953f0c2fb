"""Squared error with a penalty on norms of columns: the optimum on some columns of all outputs.

Newton steps on the columns that are not zero, where the norms are smooth; block coordinate descent
finds which these are. The outputs share one Gram matrix.

References
----------
N. Simon, J. Friedman and T. Hastie, "A blockwise descent algorithm for group-penalized
multiresponse and multinomial regression", 2013, arXiv:1311.6529.
"""

import numpy as np

from skinfluence.linalg import norm_curvature

#: Rounds on the same columns, and passes of coordinate descent in each.
ROUNDS, PASSES = 200, 5
#: Times that a step is halved which leads upwards.
HALVINGS = 8


def subgradient(gradient, W, l1):
    """The subgradient of least size of J + sum_j l1_j |w_j|, from the gradient of J.

    All (..., K, q); w_j are the columns of W.
    """
    size = np.linalg.norm(W, axis=-2, keepdims=True)
    pull = np.linalg.norm(gradient, axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(size > 0.0, W / size, 0.0)
        below = np.where(pull > l1, gradient / pull * (pull - l1), 0.0)
    return np.where((size > 0.0) | (l1 == 0.0), gradient + l1 * unit, below)


def optimum_on_columns(Q, gradient, W, l1, tolerance):
    """The V of least <G, V - W> + tr((V - W) Q (V - W)') / 2 + sum_j l1_j |v_j|, (K, m)."""
    B, V = W @ Q - gradient, W
    size = _size(V @ Q - B, V, l1)
    for _ in range(ROUNDS):
        if size <= tolerance:
            break
        moved = _newton_step(Q, V @ Q - B, V, l1)
        now = _size(moved @ Q - B, moved, l1)
        if not now <= 0.5 * size:  # NaN too
            moved = _newton_step(Q, V @ Q - B, V, l1, _least_norm)
            moved = _descend(Q, B, _lower(Q, B, V, moved, l1), l1)
            now = _size(moved @ Q - B, moved, l1)
            if np.array_equal(moved, V):
                break
        V, size = moved, now
    return V


def _size(gradient, V, l1):
    return np.abs(subgradient(gradient, V, l1)).max(initial=0.0)


def _newton_step(Q, gradient, V, l1, solve=np.linalg.solve):
    """After Newton's step on the columns that are not zero; NaN where there is none."""
    K = len(V)
    active = np.flatnonzero(V.any(axis=0) | (l1 == 0.0))
    some, m = V[:, active], len(active)
    H = np.zeros((K, m, K, m))
    for k in range(K):
        H[k, :, k] = Q[np.ix_(active, active)]
    place = np.arange(m)
    H[:, place, :, place] += norm_curvature(some, l1[active])
    right = subgradient(gradient, V, l1)[:, active].ravel()
    out = np.zeros_like(V)
    try:
        step = solve(H.reshape(K * m, K * m), right)
    except np.linalg.LinAlgError:
        return np.full_like(V, np.nan)
    out[:, active] = some - step.reshape(K, m)
    return out


def _least_norm(H, b):
    """The least solution, where columns repeat others."""
    return np.linalg.lstsq(H, b, rcond=1e-13)[0]


def _lower(Q, B, V, end, l1):
    """The point between V and the end of a step, by halves from there, that is lower than V.

    Coordinate descent from V alone is slow where columns nearly depend on each other.
    """

    def value(V):
        return np.sum(V * (0.5 * V @ Q - B)) + l1 @ np.linalg.norm(V, axis=0)

    start, step = value(V), end - V
    for length in 0.5 ** np.arange(HALVINGS):
        if value(V + length * step) < start:
            return V + length * step
    return V


def _descend(Q, B, V, l1):
    """After some passes of block coordinate descent, with exact zeros."""
    V = V.copy()
    for _ in range(PASSES):
        for j in np.flatnonzero(np.diagonal(Q) > 0.0):
            u = B[:, j] - V @ Q[:, j] + Q[j, j] * V[:, j]
            size = np.linalg.norm(u)
            V[:, j] = u * (max(0.0, 1.0 - l1[j] / size) if size > 0.0 else 0.0) / Q[j, j]
    return V
