"""Rows taken by a sampler, as weights of the given rows.

A row that was dropped has weight zero, one that was taken twice has its weight twice: the objective
is the same, and every question is about the rows that the user knows.
"""

import numpy as np
from scipy import sparse

from skinfluence.adapters._registry import UnsupportedEstimatorError

REMEDY = (
    "Resample first and explain the steps behind the sampler: X_new, y_new = "
    "sampler.fit_resample(X, y), then InfluenceExplainer(estimator).fit(X_new, y_new)."
)


def is_sampler(step):
    """Whether a pipeline step resamples rows, as those of imbalanced-learn do."""
    return hasattr(step, "fit_resample")


def taken_positions(samplers, n, positions=None):
    """Positions among the user's n rows of the rows that samplers, one after another, gave.

    Raises
    ------
    UnsupportedEstimatorError
        For samplers that make new rows.
    """
    positions = np.arange(n) if positions is None else positions
    for sampler in samplers:
        if not hasattr(sampler, "sample_indices_"):
            raise UnsupportedEstimatorError(
                f"{type(sampler).__name__} does not say which of its rows are given ones (it has "
                "no sample_indices_), and influence is that of given rows. " + REMEDY
            )
        positions = positions[np.asarray(sampler.sample_indices_)]
    return positions


def given_rows(Z, y, weights, positions, n, dropped):
    """The rows that a last step was trained on, as weighted rows of the user's.

    Parameters
    ----------
    Z : {ndarray, CSR} of shape (m, n_features)
    y : array-like of shape (m,) or (m, n_outputs)
    weights : ndarray of shape (m,)
    positions : ndarray of int, shape (m,)
        Which of the user's rows each one is.
    n : int
        How many rows the user gave.
    dropped : callable
        (Z, y) of the user's rows at positions that do not occur.

    Returns
    -------
    Z, y : of n rows
    weights : ndarray of shape (n,)
    """
    there, first, place = np.unique(positions, return_index=True, return_inverse=True)
    y = np.asarray(y)
    if len(there) < len(positions):
        again = first[place]
        same = abs(Z - Z[again]).max() == 0 and np.array_equal(y, y[again])
        if not same:
            raise UnsupportedEstimatorError(
                "A sampler took rows several times and gave them other values, so that they are "
                "no longer the given rows. " + REMEDY
            )
    Z, y = Z[first], y[first]
    absent = np.setdiff1d(np.arange(n), there)
    if len(absent):
        rest, labels = dropped(absent)
        order = np.argsort(np.concatenate([there, absent]))
        stacked = sparse.vstack([Z, rest]) if sparse.issparse(Z) else np.concatenate([Z, rest])
        Z = sparse.csr_array(stacked)[order] if sparse.issparse(Z) else stacked[order]
        y = np.concatenate([y, labels])[order]
    return Z, y, np.bincount(positions, weights=weights, minlength=n)
