"""Naive Bayes of counts: multinomial, complement, Bernoulli and categorical."""

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.preprocessing import binarize

from skinfluence.closed_form._base import as_dense
from skinfluence.closed_form._sums import SumModel

#: What scikit-learn raises a smaller `alpha` to, unless ``force_alpha``.
LEAST_ALPHA = 1e-10


def _log_change(change, linear):
    """log(1 + change) where it is a difference, its derivative where it is linear."""
    if linear:
        return change
    return change.log1p() if sparse.issparse(change) else np.log1p(change)


def _scaled(X, rows, columns):
    """Rows of X times a number each, columns divided by a number each."""
    if sparse.issparse(X):
        scaled = sparse.csr_array(X, dtype=np.float64, copy=True)
        scaled.data *= np.repeat(rows, np.diff(scaled.indptr)) / columns[scaled.indices]
        return scaled
    return X * rows[:, None] / columns


def _beside(X, column):
    """X with one more column."""
    if sparse.issparse(X):
        return sparse.csr_array(sparse.hstack([X, column[:, None]]))
    return np.hstack([X, column[:, None]])


class CountModel(SumModel):
    """What naive Bayes models of counts share: smoothing and prior probabilities.

    Attributes
    ----------
    counts : ndarray of shape (n_classes, n_columns)
        Weighted sums of the rows of each class.
    """

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, self.columns(X, estimator), y, sample_weight)
        alpha = np.asarray(estimator.alpha, dtype=np.float64)
        self.alpha = alpha if estimator.force_alpha else np.maximum(alpha, LEAST_ALPHA)
        if estimator.class_prior is not None:
            self.priors = np.asarray(estimator.class_prior)
        elif not estimator.fit_prior:
            self.priors = self.uniform()
        onehot = (self.codes[:, None] == np.arange(self.n_classes)) * self.sample_weight[:, None]
        self.counts = np.asarray((self.Z.T @ onehot).T)

    def columns(self, X, estimator):
        """X as it is given to the estimator; `Z` is what is counted."""
        self.Z = X if sparse.issparse(X) else as_dense(X)
        return X

    def without_sum(self, counts, rows, linear):
        """Changes of log(counts) - log(sum of counts) without each row, (m, n_columns + 1).

        The last column belongs to the sum of the test row.
        """
        Z, w = self.Z[rows], self.sample_weight[rows]
        total = np.asarray(Z.sum(axis=1)).ravel()
        each = _log_change(_scaled(Z, -w, counts), linear)
        return _beside(each, -_log_change(-w * total / counts.sum(), linear))


class MultinomialNaiveBayes(CountModel):
    """MultinomialNB: score of class k is log p_k + sum_j x_j log(N_kj / sum_j N_kj)."""

    def features(self, X):
        X = X if sparse.issparse(X) else as_dense(X)
        return [_beside(X, np.asarray(X.sum(axis=1)).ravel())] * self.n_classes

    def terms(self, c, rows, linear):
        yield c, self.without_sum(self.counts[c] + self.alpha, rows, linear), 0.0


class ComplementNaiveBayes(MultinomialNaiveBayes):
    """ComplementNB: score of class k is -sum_j x_j log q_kj, with q_k the shares outside of k.

    With ``norm=True`` the weights log q_kj are divided by their sum over j. Prior probabilities
    play no part.
    """

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        self.priors = self.uniform()

    def terms(self, c, rows, linear):
        outside = self.counts.sum(axis=0) + self.alpha - self.counts
        for k in range(self.n_classes):
            if k == c:
                continue
            D = self.without_sum(outside[k], rows, linear)
            if not self.estimator.norm:
                yield k, -D, 0.0
                continue
            logged = np.log(outside[k] / outside[k].sum())
            D = as_dense(D)
            D = D[:, :-1] + D[:, -1:]
            summed, change = logged.sum(), D.sum(axis=1, keepdims=True)
            after = summed if linear else summed + change
            D = (D - logged * change / summed) / after
            yield k, np.hstack([D, np.zeros((len(D), 1))]), 0.0


class BernoulliNaiveBayes(CountModel):
    """BernoulliNB: score of class k is log p_k + sum_j log of the share of rows with the same b_j.

    A row has b_j = 1 where x_j is above ``binarize``.
    """

    def columns(self, X, estimator):
        self.Z = self._binary(X, estimator)
        return X

    def _binary(self, X, estimator):
        X = X if sparse.issparse(X) else as_dense(X)
        return X if estimator.binarize is None else binarize(X, threshold=estimator.binarize)

    def features(self, X):
        return [self._binary(X, self.estimator)] * self.n_classes

    def terms(self, c, rows, linear):
        b, w = as_dense(self.Z[rows]), self.sample_weight[rows, None]
        whole = self.class_weight[c]
        there = _log_change(-w * b / (self.counts[c] + self.alpha), linear)
        absent = whole - self.counts[c] + self.alpha
        gone = _log_change(-w * (1.0 - b) / absent, linear)
        total = _log_change(-w / (whole + 2.0 * self.alpha) * np.ones_like(b), linear)
        yield c, there - gone, (gone - total).sum(axis=1)


class CategoricalNaiveBayes(CountModel):
    """CategoricalNB: score of class k is log p_k + sum_j log of the share of rows with x_j.

    The number of categories of each column stays what it is, as ``min_categories`` fixes it.
    """

    def columns(self, X, estimator):
        self.ends = np.cumsum(estimator.n_categories_)
        self.Z = self._onehot(X)
        return X

    def _onehot(self, X):
        starts = np.concatenate([[0], self.ends[:-1]])
        place = np.asarray(X, dtype=np.intp) + starts
        n, p = place.shape
        indptr = np.arange(0, n * p + 1, p)
        return sparse.csr_array((np.ones(n * p), place.ravel(), indptr), (n, self.ends[-1]))

    def refitted(self, X, y, weights):
        estimator = clone(self.estimator)
        estimator.set_params(min_categories=self.estimator.n_categories_)
        return estimator.fit(X, y, **weights)

    def features(self, X):
        return [self._onehot(X)] * self.n_classes

    def terms(self, c, rows, linear):
        w = self.sample_weight[rows]
        whole = self.class_weight[c] + self.alpha * self.estimator.n_categories_
        D = _log_change(_scaled(self.Z[rows], -w, self.counts[c] + self.alpha), linear)
        yield c, D, -_log_change(-w[:, None] / whole, linear).sum(axis=1)
