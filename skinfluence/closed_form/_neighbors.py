"""Nearest neighbours: the next neighbour replaces a removed one."""

import numpy as np

from skinfluence._utils.warnings import warn_user
from skinfluence.closed_form._base import ClosedFormModel
from skinfluence.losses import SquaredError
from skinfluence.objectives import TargetCoding


class VoteShares(SquaredError):
    """Half the Brier score: half the squared distance of vote shares to the label's own."""

    name = ""

    def probability(self, raw_prediction):
        return raw_prediction


class NeighborsModel(ClosedFormModel):
    """Shares of votes, or means, of the neighbours of a row; only refits, as nothing is smooth.

    Raw predictions are the vote shares of all classes, also for two, or the predicted values. The
    loss is half the squared error, for classes that of the shares (half the Brier score): the
    logarithm of a share of zero would be infinite.
    """

    methods = ("refit",)

    def __init__(self, estimator, X, y, sample_weight):
        if hasattr(estimator, "classes_"):
            coding = TargetCoding("one_hot", len(estimator.classes_), estimator.classes_)
            loss: SquaredError = VoteShares()
        else:
            y = np.asarray(y, dtype=np.float64)
            coding = TargetCoding("real", 1 if y.ndim == 1 else y.shape[1])
            loss = SquaredError()
        super().__init__(estimator, X, y, sample_weight, coding, loss)
        self.votes = self.y.astype(np.float64)  # what each row gives its neighbours

    def estimator_raw(self, estimator, X):
        if self.coding.is_classification:
            return estimator.predict_proba(X)
        # values of an object dtype stay so there
        return estimator.predict(X).astype(float).reshape(X.shape[0], -1)

    def weigh(self, distances):
        """Weights of neighbours at distances (..., k), of which each row has its own."""
        weights = self.estimator.weights
        if callable(weights):
            return weights(distances)
        if weights != "distance":
            return np.ones_like(distances)
        with np.errstate(divide="ignore"):
            inverse = 1.0 / distances
        same = np.isinf(inverse)
        return np.where(same.any(axis=-1, keepdims=True), same, inverse)

    def mean_vote(self, weights, votes):
        """Weighted mean (..., K) of the votes (..., k, K) of k neighbours."""
        total = weights.sum(axis=-1, keepdims=True)
        total = np.where((total == 0.0) & self.coding.is_classification, 1.0, total)
        return np.einsum("...k,...kc->...c", weights, votes) / total

    def reader_of(self, found, changes):
        """Reader of the changes (k, K) of each test row without one of its k neighbours `found`."""
        test = np.repeat(np.arange(len(found)), [len(neighbors) for neighbors in found])
        neighbor, change = np.concatenate([*found]), np.concatenate([*changes])

        def read(rows):
            place = np.full(self.n_rows, -1)
            place[rows] = np.arange(len(rows))
            where = place[neighbor]
            inside = np.flatnonzero(where >= 0)
            out = np.zeros((len(found), len(rows), self.n_outputs))
            out[test[inside], where[inside]] = change[inside]
            return out

        return read


class NearestNeighbors(NeighborsModel):
    """KNeighborsClassifier and KNeighborsRegressor.

    Of neighbours at the same distance those count that the search with two neighbours more gives.
    """

    def reader(self, X, *, linear):
        k = self.estimator.n_neighbors
        distances, found = self.estimator.kneighbors(X, min(k + 2, self.n_rows))
        self._warn_of_ties(distances, found)
        others = np.array([[j for j in range(k + 1) if j != left] for left in range(k)])
        before = self.mean_vote(self.weigh(distances[:, :k]), self.votes[found[:, :k]])
        changes = np.empty((X.shape[0], k, self.n_outputs))
        for left in range(k):
            weights = self.weigh(distances[:, others[left]])
            changes[:, left] = self.mean_vote(weights, self.votes[found[:, others[left]]]) - before
        return self.reader_of(found[:, :k], changes)

    def _warn_of_ties(self, distances, found):
        """Warn of test rows whose neighbours, or the next one, are not determined by distances."""
        k = self.estimator.n_neighbors
        votes = self.votes[found]
        differ = (votes[:, k - 1 : -1] != votes[:, k:]).any(axis=2)
        tied = ((distances[:, k - 1 : -1] == distances[:, k:]) & differ).any(axis=1)
        if tied.any():
            warn_user(
                f"{tied.sum()} of {len(tied)} test row(s) have several training rows with "
                f"different targets at the distance of neighbour {k} or {k + 1}. Which of them "
                "count depends on the order of the search: a refit may take others. Take columns "
                "or a metric in which these rows differ.",
                RuntimeWarning,
            )


class RadiusNeighbors(NeighborsModel):
    """RadiusNeighborsClassifier and RadiusNeighborsRegressor.

    Test rows whose only neighbour is removed have no prediction: NaN, or the votes of
    ``outlier_label``, which stays the same.
    """

    def reader(self, X, *, linear):
        distances, found = self.estimator.radius_neighbors(X)
        before = self.raw(X)
        changes = [
            self._without_each(d, self.votes[i]) - raw
            for d, i, raw in zip(distances, found, before, strict=True)
        ]
        return self.reader_of(found, changes)

    def _without_each(self, distances, votes):
        """Mean vote without each of the neighbours of one row, (k, K)."""
        k = len(distances)
        if k == 1:
            return self._outlier()[None]
        if self.estimator.weights == "uniform":
            return (votes.sum(axis=0) - votes) / (k - 1)
        out = np.empty((k, self.n_outputs))
        for j in range(k):
            rest = np.arange(k) != j
            out[j] = self.mean_vote(self.weigh(distances[rest]), votes[rest])
        return out

    def _outlier(self):
        label = getattr(self.estimator, "outlier_label_", None)
        if label is None:
            return np.full(self.n_outputs, np.nan)
        return (self.estimator.classes_ == label).astype(np.float64)
