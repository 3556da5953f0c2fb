"""NearestCentroid: class means, and one standard deviation for each column."""

import numpy as np

from skinfluence.closed_form._base import as_dense
from skinfluence.closed_form._sums import ClassMeans


class Centroids(ClassMeans):
    """NearestCentroid: score k is -sum_j (x_j - m_kj)^2 / v_j + 2 log p_k, its decision function.

    The variances v within classes are those of all classes together. With ``shrink_threshold``
    removals are refits of the estimator itself.
    """

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        if not isinstance(estimator.priors, str):
            self.priors = estimator.class_prior_
        elif estimator.priors == "uniform":
            self.priors = self.uniform()
            self.predicts = False  # it takes the nearest centroid, in the columns' own units
        self.scatter = ((self.X - self.means[self.codes]) ** 2).sum(axis=0)
        if estimator.shrink_threshold:
            self.only_refits()

    def features(self, X):
        far = [as_dense(X) - mean for mean in self.means]
        return [np.hstack([f**2, f]) for f in far]

    def prior_changes(self, c, rows, linear):
        return 2.0 * super().prior_changes(c, rows, linear)

    def terms(self, c, rows, linear):
        u, n = self.X[rows] - self.means[c], self.n_rows - self.n_classes
        n_c = self.n_of_class[c]
        v = self.scatter / n
        known = v > 0.0  # other columns are not scaled
        v = np.where(known, v, 1.0)
        if linear:
            after, step = v, u / n_c
            change = known * (v - u**2) / n / v**2  # of minus one over the variance
            const = 0.0
        else:
            left = (self.scatter - n_c / (n_c - 1.0) * u**2) / (n - 1)
            after, step = np.where(known, left, 1.0), u / (n_c - 1.0)
            change = (after - v) / (v * after)
            const = -(step**2 / after).sum(axis=1)
        for k in range(self.n_classes):
            if k == c:
                yield k, np.hstack([change, -2.0 * step / after]), const
            else:
                yield k, np.hstack([change, np.zeros_like(u)]), 0.0
