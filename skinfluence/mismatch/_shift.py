"""Permutation test of whether test rows are drawn as training rows are."""

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from skinfluence.linalg import RowCurvature, row_blocks
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers import AutoSolver


def shift_p_values(statistics):
    """p-values of two-sided statistics of a permutation test, and that of the smallest of them.

    Parameters
    ----------
    statistics : ndarray of shape (1 + n_permutations, m)
        Large where the samples differ; the first row is that of the samples themselves.

    Returns
    -------
    ndarray of shape (m,), float
    """
    count = len(statistics)
    # share of all rows whose statistic is at least as large, for every row
    ranks = [rankdata(-column, method="max") / count for column in statistics.T]
    smallest = np.min(ranks, axis=0)
    return np.array([rank[0] for rank in ranks]), float((smallest <= smallest[0]).mean())


def shift_statistics(parts, known, n_test, n_permutations, random_state):
    """Statistics of the two samples and of permutations, (1 + n_permutations, 1 or 2).

    First the squared difference of the mean of the leverages' ranks; then, where the predictors are
    symmetric in both samples, the squared distance of the mean derivatives, in the metric of the
    Hessian that least squares with the model's penalty would have on all rows.

    Parameters
    ----------
    parts : list of (Predictor of the training rows, Predictor of the test rows, Penalty)
        One, or one for each member.
    known : ndarray of shape (n + n_test,) or None
        Leverages of training and test rows, where the predictors are not symmetric in both.
    n_test : int
    n_permutations : int
    random_state : int, RandomState instance or None
    """
    rng = check_random_state(random_state)
    pooled = [] if known is not None else [_Pooled(*part) for part in parts]
    leverage = sum(part.leverage() for part in pooled) if pooled else known
    n = len(leverage)
    ranks = rankdata(leverage) - 0.5 * (n + 1)
    out = np.empty((1 + n_permutations, 2 if pooled else 1))
    for some in row_blocks(len(out), 8 * n, cache_mib=64.0):
        chosen = np.zeros((n, some.stop - some.start))
        for b, place in enumerate(range(some.start, some.stop)):
            rows = slice(n - n_test, n) if place == 0 else rng.permutation(n)[:n_test]
            chosen[rows, b] = 1.0
        out[some, 0] = (ranks @ chosen) ** 2
        if pooled:
            out[some, 1] = sum(part.distances(chosen, n_test) for part in pooled)
    return out


class _Pooled:
    """Training and test rows together, with the Hessian of least squares on all of them."""

    def __init__(self, train, test, penalty):
        predictor = train.followed_by(test)
        self.n_outputs = K = predictor.take(slice(0, 1)).raw().shape[1]
        diagonal = getattr(penalty, "diagonal", None)
        if predictor.linear and diagonal is not None:  # all outputs have the same rows
            self.n_outputs = K = 1
            design = predictor.design
            predictor = LinearPredictor(design, np.zeros((1, design.shape[1])))
            penalty = diagonal[:1]
        self.predictor = predictor
        ones = RowCurvature(np.ones((predictor.n_rows, K)))
        self.inverse = AutoSolver().factorize(predictor.hessian(ones, penalty))

    def leverage(self):
        """Leverage of each row among all, (n,)."""
        out = np.empty(self.predictor.n_rows)
        for some in row_blocks(len(out), 8 * self.n_outputs**2):
            blocks = self.inverse.leverage_blocks_of(self.predictor.take(some))
            out[some] = np.einsum("nkk->n", blocks)
        return out

    def distances(self, chosen, n_test):
        """Squared distance of the mean derivative of chosen rows (n, m) from that of all others."""
        n = len(chosen)
        weights = chosen * (1.0 / n_test + 1.0 / (n - n_test)) - 1.0 / (n - n_test)
        out = np.zeros(chosen.shape[1])
        for k in range(self.n_outputs):
            slopes = np.zeros((n, self.n_outputs, chosen.shape[1]))
            slopes[:, k] = weights
            means = self.predictor.vjp(slopes)
            for some in row_blocks(means.shape[1], 8 * len(means)):
                part = means[:, some]
                out[some] += (part * self.inverse.solve(part)).sum(axis=0)
        return out
