"""Scores of a ranking of the test rows: areas under the ROC and the precision-recall curve."""

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata

from skinfluence._utils.checks import check_number
from skinfluence.linalg import row_blocks
from skinfluence.targets._two_classes import TwoClassTarget


class _Ranking(TwoClassTarget):
    """Score of the order of the test rows by decision value."""

    def __init__(self, temperature=0.1):
        self.temperature = temperature

    def bind(self, objective, raw, y_test):
        check_number("temperature", self.temperature, least=0.0)
        positive = self._read(objective, raw, y_test, both=True)
        return self._replace(positive=positive, name="smooth " * bool(self.temperature) + self.name)


class AUROC(_Ranking):
    """Area under the ROC curve of the test rows, for two classes.

    The mean of ``sigmoid((f_i - f_j) / temperature)`` over all pairs of a row i of the second class
    and a row j of the first, with decision values f. At temperature 0 it is the area itself, the
    share of the pairs in the right order, ties counting half.

    Parameters
    ----------
    temperature : float, default=0.1
        Differences of decision values well below it count as ties. At 0 the changes of the Newton
        step and of refits are those of the area itself; first order, which needs a derivative,
        takes that at temperature 0.1.

    Notes
    -----
    Each evaluation takes n_positive * n_negative sigmoids, and at temperature 0 one sort. First
    order takes one; the Newton step and the refit take one for each training row.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import AUROC
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[:400], y[:400])
    >>> values = explainer.influence(X[400:], y[400:], target=AUROC())
    >>> values.shape
    (1, 400)
    """

    name = "AUROC"

    @property
    def _n_pairs(self):
        n_positive = self.positive.sum()
        return n_positive * (len(self.positive) - n_positive)

    def _blocks(self, raw):
        """Pairs of (rows of the second class, sigmoids of their differences to all others)."""
        scores, rows = self._scores(raw) / self._width, np.flatnonzero(self.positive)
        others = scores[~self.positive]
        for some in row_blocks(len(rows), 24 * len(others)):
            yield rows[some], expit(scores[rows[some], None] - others)

    def _areas(self, scores):
        """Areas for decision values (n,) or (n, m), by the sum of ranks."""
        n = self.positive.sum()
        total = rankdata(scores, axis=0)[self.positive].sum(axis=0)
        return (total - n * (n + 1) / 2) / self._n_pairs

    def value(self, raw):
        if not self.temperature:
            return float(self._areas(self._scores(raw)))
        return float(sum(p.sum() for _, p in self._blocks(raw)) / self._n_pairs)

    def gradient(self, raw):
        out = np.zeros(len(raw))
        for rows, p in self._blocks(raw):
            slope = p * (1.0 - p)
            out[rows] = slope.sum(axis=1)
            out[~self.positive] -= slope.sum(axis=0)
        return self._spread(out / (self._width * self._n_pairs), raw)

    def change(self, raw, moved):
        if self.temperature:
            return super().change(raw, moved)
        after = self._areas(self._scores(raw[:, None] + moved))
        return np.where(np.isnan(moved).any(axis=(0, 2)), np.nan, after - self.value(raw))


class AveragePrecision(_Ranking):
    """Average precision of the test rows, for two classes.

    The mean, over the rows of the second class, of the precision among the rows whose decision
    value is at least theirs.

    Parameters
    ----------
    temperature : float, default=0.1
        As for :class:`AUROC`: "at least" is a sigmoid of this width; 0 counts.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import AveragePrecision
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[:400], y[:400])
    >>> tests = explainer.test_rows(X[400:], y[400:], target=AveragePrecision(temperature=0))
    >>> print(f"{tests.value():.4f}")
    0.9998
    """

    name = "average precision"

    def value(self, raw):
        scores = self._scores(raw)
        if np.isnan(scores).any():
            return np.nan
        if self.temperature:
            parts = [(true / chosen).sum() for _, _, true, chosen in self._blocks(scores)]
            return float(sum(parts) / self.positive.sum())
        order = np.argsort(-scores)
        falling, positive = -scores[order], self.positive[order]
        chosen = np.searchsorted(falling, falling[positive], side="right")  # ties go together
        return float((np.cumsum(positive)[chosen - 1] / chosen).mean())

    def _blocks(self, scores):
        """(rows i of the second class, sigmoids of f_j - f_i, and the counts at least f_i)."""
        rows = np.flatnonzero(self.positive)
        for some in row_blocks(len(rows), 32 * len(scores)):
            p = expit((scores - scores[rows[some], None]) / self._width)
            # the row itself has sigmoid one half, and counts as one
            yield rows[some], p, 0.5 + p[:, self.positive].sum(axis=1), 0.5 + p.sum(axis=1)

    def gradient(self, raw):
        out = np.zeros(len(raw))
        for rows, p, true, chosen in self._blocks(self._scores(raw)):
            pull = self.positive / chosen[:, None] - (true / chosen**2)[:, None]
            pull *= p * (1.0 - p)
            out += pull.sum(axis=0)
            out[rows] -= pull.sum(axis=1)
        return self._spread(out / (self._width * self.positive.sum()), raw)
