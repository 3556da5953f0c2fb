"""Gaussian naive Bayes: means and variances of each class."""

import numpy as np

from skinfluence.closed_form._base import as_dense
from skinfluence.closed_form._sums import SumModel

#: Squared distance of class means, in variances, up to which one centre serves all classes: three
#: digits are lost.
NEAR = 1000.0


class GaussianNaiveBayes(SumModel):
    """GaussianNB: score of class k is log p_k - sum_j (log v_kj + (x_j - mean_kj)^2 / v_kj) / 2.

    The variances hold ``var_smoothing`` times the largest variance of a column, over all rows
    whatever their weight: it follows the rows in refits, and stays in first order.
    """

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, as_dense(X), y, sample_weight)
        self.priors = estimator.priors
        moments = [self._moments(c) for c in range(self.n_classes)]
        self.means = np.stack([mean for mean, _ in moments])
        self.spread = np.stack([spread for _, spread in moments])

    def _moments(self, c):
        """Mean and variance of each column in a class."""
        rows = np.flatnonzero(self.codes == c)  # numbers are taken faster than by a mask
        X, share = self.X[rows], self.sample_weight[rows] / self.class_weight[c]
        mean = share @ X
        X -= mean
        return mean, share @ np.square(X, out=X)

    def _smoothing_changes(self, rows):
        """Change of the smoothing of variances without each row, (m,)."""
        center, n = self.X.mean(axis=0), self.n_rows
        largest = self.X.var(axis=0)
        without = n / (n - 1) * (largest - (self.X[rows] - center) ** 2 / (n - 1))
        return self.estimator.var_smoothing * (without.max(axis=1) - largest.max())

    def own_scores(self, X):
        variances = self.spread + self.estimator.var_smoothing * self.X.var(axis=0).max()
        pairs = zip(self.means, variances, strict=True)
        parts = [np.log(2.0 * np.pi * v) + (as_dense(X) - mean) ** 2 / v for mean, v in pairs]
        return -0.5 * np.sum(parts, axis=2).T

    def features(self, X):
        far = [as_dense(X) - mean for mean in self.means]
        return [np.hstack([f**2, f]) for f in far]

    def shared_features(self, X):
        center = self.means.mean(axis=0)
        if ((self.means - center) ** 2 > NEAR * self.spread).any():
            return None  # the difference of large numbers would be left
        far = as_dense(X) - center
        return np.hstack([far**2, far])

    def shared_term(self, c, rows):
        k, D, const = super().shared_term(c, rows)  # of (x - mean)^2 and x - mean
        p, off = self.X.shape[1], self.means[c] - self.means.mean(axis=0)
        const = const + D @ np.concatenate([off**2, -off])
        D[:, p:] -= 2.0 * off * D[:, :p]
        return k, D, const

    def terms(self, c, rows, linear):
        v = self.spread[c] + self.estimator.epsilon_
        u = self.X[rows] - self.means[c]
        w = self.sample_weight[rows, None]
        if linear:
            p, share, squares = u.shape[1], w / self.class_weight[c], u * u
            D = np.empty((len(rows), 2 * p))
            np.multiply(self.spread[c] - squares, 0.5 / v**2, out=D[:, :p])
            np.multiply(u, -1.0 / v, out=D[:, p:])
            D *= share
            yield c, D, 0.5 * share[:, 0] * (squares @ (1.0 / v) - (self.spread[c] / v).sum())
            return
        left = self.class_weight[c] - w
        moved = -w * u / left  # of the mean
        # W' (v' - v) = w (v - W u^2 / W'), with W' the weight that is left
        dv = w / left * (self.spread[c] - self.class_weight[c] / left * u**2)
        smoothing = self._smoothing_changes(rows)[:, None]
        after = v + dv + smoothing
        D = np.hstack([0.5 * (dv + smoothing) / (v * after), moved / after])
        const = -0.5 * (moved**2 / after + np.log1p((dv + smoothing) / v)).sum(axis=1)
        yield c, D, const
        for k in range(self.n_classes):
            if k != c and smoothing.any():
                other = self.spread[k] + self.estimator.epsilon_
                D = 0.5 * smoothing / (other * (other + smoothing))
                const = -0.5 * np.log1p(smoothing / other).sum(axis=1)
                yield k, np.hstack([D, np.zeros_like(D)]), const
