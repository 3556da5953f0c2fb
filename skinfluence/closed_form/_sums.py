"""Classifiers made of weighted sums of their rows, one set a class."""

from abc import abstractmethod

import numpy as np
from scipy import sparse

from skinfluence.closed_form._base import ClosedFormModel, as_dense


class SumModel(ClosedFormModel):
    """A classifier whose scores are functions of weighted sums of its rows, S = sum_i w_i s_i.

    Scores are one a class, up to a number that all classes share: the joint log-likelihood of a row
    and a class. Without row i the sums are ``S - w_i s_i``, exactly. The change of score k at a
    test row x is ``features(x)[k] . D_i + c_i``, a product of matrices for many rows: a subclass
    writes :meth:`features` and :meth:`terms`.
    """

    #: prior probability of each class (K,) where it does not follow the rows, else None
    priors: np.ndarray | None = None

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        self.n_classes = len(self.coding.classes)
        self.class_weight = np.bincount(
            self.codes, weights=self.sample_weight, minlength=self.n_classes
        )

    def estimator_raw(self, estimator, X):
        return self.raw_of_scores(estimator.predict_joint_log_proba(X))

    def raw_of_scores(self, scores):
        """The scores (n, n_classes), or the log-odds of the second of two classes: (n, K)."""
        return scores[:, 1:] - scores[:, :1] if self.n_outputs == 1 else scores

    def uniform(self):
        """Equal prior probabilities, (n_classes,)."""
        return np.full(self.n_classes, 1.0 / self.n_classes)

    @abstractmethod
    def features(self, X):
        """Functions of test rows that the change of each score is linear in: K of (n_test, q)."""

    @abstractmethod
    def terms(self, c, rows, linear):
        """Changes by the removal of rows of class c, one by one.

        Parameters
        ----------
        c : int
        rows : ndarray of int, shape (m,)
            Training rows of class c.
        linear : bool
            Derivatives instead of differences.

        Yields
        ------
        tuple
            (k, D, const): a score that changes, its change in the features (m, q) and a number
            (m,). Without the change of the prior probabilities.
        """

    def prior_changes(self, c, rows, linear):
        """Change of the log prior probability of each class by removals of rows of class c.

        Of shape (m, n_classes), up to a number that all classes share.
        """
        out = np.zeros((len(rows), self.n_classes))
        if self.priors is None:
            share = self.sample_weight[rows] / self.class_weight[c]
            out[:, c] = -share if linear else np.log1p(-share)
            whole = self.sample_weight[rows] / self.class_weight.sum()
            out -= (-whole if linear else np.log1p(-whole))[:, None]
        return out

    def reader(self, X, *, linear):
        features = self.features(X)

        def read(rows):
            codes = self.codes[rows]
            out = np.empty((X.shape[0], len(rows), self.n_outputs))
            for c in np.unique(codes):
                mine = np.flatnonzero(codes == c)
                with np.errstate(divide="ignore", invalid="ignore"):  # without a class: NaN
                    made = self._changes(features, c, rows[mine], linear)
                if len(mine) == len(rows):
                    return made
                out[:, mine] = made
            return out

        return read

    def raw_anew(self, X):
        scores = self.own_scores(X)
        if scores is None:
            return super().raw_anew(X)
        scores = scores + np.log(
            self.class_weight / self.class_weight.sum() if self.priors is None else self.priors
        )
        return self.raw_of_scores(scores)

    def own_scores(self, X):
        """Scores without prior probabilities by the sums of the training rows, (n_test, n_classes).

        None where they are known from a fit only.
        """
        return None

    def shared_features(self, X):
        """Functions of test rows (n_test, q) in which the changes of all scores are linear.

        None where each score has features of its own.
        """
        return None

    def shared_term(self, c, rows):
        """The only derivative that :meth:`terms` has for two classes, in the shared features."""
        (found,) = self.terms(c, rows, True)
        return found

    def contracted_reader(self, X, slopes):
        features = self.shared_features(X)
        if self.n_outputs > 1 or features is None:
            return None
        left = np.hstack([slopes * features, slopes])

        def read(rows, out=None):
            right, codes = np.empty((len(rows), left.shape[1])), self.codes[rows]
            for c in range(self.n_classes):
                mine = np.flatnonzero(codes == c)
                k, D, const = self.shared_term(c, rows[mine])
                own, sign = np.empty((len(mine), left.shape[1])), 1.0 if k == 1 else -1.0
                np.multiply(D, sign, out=own[:, :-1])
                prior = self.prior_changes(c, rows[mine], True)
                own[:, -1] = prior[:, 1] - prior[:, 0] + sign * const
                right[mine] = own
            return np.matmul(left, right.T, out=out)

        return read

    def changes_of_scores(self, features, c, rows, linear):
        """Iterate over (score k, its change (n_test, m)) by removals of rows of class c."""
        for k, D, const in self.terms(c, rows, linear):
            change = features[k] @ D.T
            change = change.toarray() if sparse.issparse(change) else change
            change += const
            yield k, change

    def _changes(self, features, c, rows, linear):
        """Changes of the raw predictions by removals of rows of class c, (n_test, m, K)."""
        prior = self.prior_changes(c, rows, linear)
        n_test = features[0].shape[0]
        if self.n_outputs > 1:
            out = np.empty((n_test, len(rows), self.n_classes))
            out[:] = prior
            for k, change in self.changes_of_scores(features, c, rows, linear):
                out[:, :, k] += change
            return out
        out = None  # log-odds of the second class
        for k, change in self.changes_of_scores(features, c, rows, linear):
            change = change if k == 1 else np.negative(change, out=change)
            out = change if out is None else np.add(out, change, out=out)
        out += prior[:, 1] - prior[:, 0]
        return out[:, :, None]


class ClassMeans(SumModel):
    """What models of dense rows without weights share whose scores are made of class means."""

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, as_dense(X), y, sample_weight)
        self.n_of_class = np.bincount(self.codes, minlength=self.n_classes)
        rows = [self.X[self.codes == c] for c in range(self.n_classes)]
        self.means = np.stack([part.mean(axis=0) for part in rows])

    def estimator_raw(self, estimator, X):
        return estimator.decision_function(X).reshape(X.shape[0], -1)
