"""The source of any estimator: models of all folds but one judge the rows of that one."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from skinfluence.adapters._fit_record import weight_parameter
from skinfluence.labels._inputs.rows import take_rows
from skinfluence.labels._sources.opinions import Opinion

__all__ = ["CrossValidatedSource", "seeded", "takes_weights"]

#: A class that a model holds for impossible gets this probability: models that count (a forest, a
#: tree) say zero after some hundred votes.
LEAST = 1e-3
#: Log-probability of a class that a model has never seen.
UNSEEN = -30.0
N_SPLITS = 5


class CrossValidatedSource:
    """Cross-validated probabilities or values of any scikit-learn estimator.

    The folds are stratified by the given labels, and stay the same at every fit. An estimator that
    takes no `sample_weight` leaves out the rows of less than half of the largest weight.

    Parameters
    ----------
    X : {array-like, sparse matrix, data frame} of shape (n, n_features)
        As the user gave it.
    target : ndarray of shape (n,)
        Codes of the labels, or target values.
    n_classes : int or None
        K; None for regression.
    estimator : estimator
        Cloned; what it draws is seeded from `random_state` where it has no seed of its own.
    classes : ndarray of shape (n_classes,), default=None
        The labels, sorted: what the estimator is fitted to.
    n_splits : int, default=5
        Number of folds.
    refit : bool, default=True
        Whether other row weights are fitted; else the first opinion stays. A noise model gains
        little from five times the fits: with forests its average precision moved by -0.02 to
        +0.02, by nothing on the mean.
    reason : str, default=""
        Why, for the description.
    random_state : int, RandomState instance or None, default=None
        Draws the folds; None stands for a fixed seed.
    n_jobs : int, default=None
        Folds at a time.
    """

    def __init__(
        self,
        X,
        target,
        n_classes,
        *,
        estimator,
        classes=None,
        n_splits=N_SPLITS,
        refit=True,
        reason="",
        random_state=None,
        n_jobs=None,
    ):
        self.X = X
        self.target = target
        self.n_classes = n_classes
        self.estimator = estimator
        self.classes = np.arange(n_classes) if classes is None and n_classes else classes
        self.n_splits = n_splits
        self.refit = refit
        self.reason = reason
        self.n_jobs = n_jobs
        self._opinion = None
        random_state = check_random_state(0 if random_state is None else random_state)
        self._folds = make_folds(target, n_classes, n_splits, random_state)
        self._seed = random_state.randint(2**31 - 1)

    def with_target(self, target):
        """The source of the same rows and folds with other labels (or values)."""
        other = copy.copy(self)
        other.target, other._opinion = target, None
        return other

    def fit(self, weight):
        """Out-of-fold opinion at these row weights; see :class:`~._opinions.Source`."""
        if self._opinion is None or self.refit:
            self._opinion = self._fit(weight)
        return self._opinion

    def _fit(self, weight):
        models = Parallel(n_jobs=self.n_jobs)(
            delayed(self._fold)(number, weight) for number in range(self._folds.max() + 1)
        )
        shape = (len(weight),) if self.n_classes is None else (len(weight), self.n_classes)
        value = np.empty(shape)
        for number, (_, out_of_fold) in enumerate(models):
            value[self._folds == number] = out_of_fold
        if self.n_classes is not None and models[0][0].gives_votes:
            value = self._count_votes([model for model, _ in models], value, weight)
        committee = Committee([model for model, _ in models])
        name = type(getattr(self.estimator, "steps", [(None, self.estimator)])[-1][1]).__name__
        said = f"{name}, cross-validated in {len(models)} folds{self.reason}"
        honest = self.n_classes is None or not models[0][0].gives_margins
        return Opinion(value, committee, None, said, None, honest)

    def _count_votes(self, models, value, weight):
        """Log of how often each label is given where a class is voted for, without the row itself.

        A vote says nothing of how sure it is: that is counted, with the shares of the classes as
        one row more. The models of the folds are told.
        """
        votes = value.argmax(axis=1)
        given = np.eye(self.n_classes)[self.target] * weight[:, None]
        counts = np.zeros((self.n_classes, self.n_classes))
        np.add.at(counts, votes, given)
        counts += given.sum(axis=0) / given.sum()
        for model in models:
            model.table = counts / counts.sum(axis=1, keepdims=True)
        own = np.maximum(counts[votes] - given, np.finfo(float).tiny)
        return np.log(own / own.sum(axis=1, keepdims=True))

    def _fold(self, number, weight):
        """(model of the other folds, what it says of this one)."""
        own = self._folds == number
        weight = np.where(own, 0.0, weight)
        estimator = seeded(clone(self.estimator), self._seed)
        settings = {}
        if takes_weights(estimator):
            used = weight > 0
            if not (weight[used] == 1.0).all():
                settings[weight_parameter(estimator)] = weight[used]
        else:
            used = weight >= 0.5 * weight.max()
        labels = self.target[used]
        if self.n_classes is not None:
            labels = self.classes[labels]
            if (labels == labels[0]).all():  # which many classifiers refuse
                estimator, settings = DummyClassifier(), {}
        model = FoldModel(
            estimator.fit(take_rows(self.X, used), labels, **settings), self.n_classes, self.classes
        )
        return model, model(take_rows(self.X, own))


@dataclass
class FoldModel:
    """A fitted estimator that answers with log-probabilities of all K classes, or with values."""

    estimator: Any
    n_classes: int | None
    classes: np.ndarray | None
    table: np.ndarray | None = None  # shape: (K, K), share of each given label for each vote

    @property
    def gives_votes(self):
        """Whether the estimator has neither probabilities nor decision values."""
        return not hasattr(self.estimator, "predict_proba") and not self.gives_margins

    @property
    def gives_margins(self):
        """Whether the estimator has decision values and no probabilities."""
        margins = hasattr(self.estimator, "decision_function")
        return margins and not hasattr(self.estimator, "predict_proba")

    def __call__(self, X):
        if self.n_classes is None:
            return np.asarray(self.estimator.predict(X), dtype=np.float64).reshape(-1)
        known = self.estimator.classes_
        if hasattr(self.estimator, "predict_proba"):
            said = _floored(self.estimator.predict_proba(X))
        elif self.gives_margins:
            said = self.estimator.decision_function(X)
            if said.ndim == 1:
                said = np.column_stack([log_expit(-said), log_expit(said)])
            else:
                said = log_softmax(said, axis=1)
        elif self.table is not None:
            return np.log(self.table[np.searchsorted(self.classes, self.estimator.predict(X))])
        else:
            said = _floored(self.estimator.predict(X)[:, None] == known)
        return all_classes(said, known, self.classes)


@dataclass
class Committee:
    """The models of all folds together, for rows that none of them has seen: their mean."""

    members: list

    def __call__(self, X):
        said = np.stack([member(X) for member in self.members])
        if self.members[0].n_classes is None:
            return said.mean(axis=0)
        return np.log(np.exp(said).mean(axis=0))


def _floored(proba):
    """Log of probabilities, none below LEAST / K."""
    proba = np.asarray(proba, dtype=np.float64)
    return np.log((proba + LEAST / proba.shape[1]) / (1.0 + LEAST))


def all_classes(log_proba, known, classes):
    """Columns of the `known` classes (sorted) put among all of `classes`."""
    if len(known) == len(classes):
        return log_proba
    out = np.full((len(log_proba), len(classes)), UNSEEN)
    out[:, np.searchsorted(classes, known)] = log_proba
    return log_softmax(out, axis=1)


def make_folds(target, n_classes, n_splits, random_state):
    """Number of the fold of each row, (n,): drawn, and balanced within each class.

    Classes of fewer rows than folds are spread without complaint: a model that has not seen a class
    says so.
    """
    order = random_state.permutation(len(target))
    if n_classes is not None:
        order = order[np.argsort(target[order], kind="stable")]
    folds = np.empty(len(target), dtype=np.intp)
    folds[order] = np.arange(len(target)) % min(n_splits, len(target))
    return folds


def takes_weights(estimator):
    """Whether the last step of an estimator takes `sample_weight`."""
    while True:
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(getattr(estimator, "estimator", None), "fit") and not has_fit_parameter(
            estimator, "sample_weight"
        ):
            estimator = estimator.estimator
        else:
            return has_fit_parameter(estimator, "sample_weight")


def seeded(estimator, seed):
    """The estimator with a seed wherever it would take the global random state."""
    if not hasattr(estimator, "get_params"):
        return estimator
    missing = {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return estimator.set_params(**missing) if missing else estimator
