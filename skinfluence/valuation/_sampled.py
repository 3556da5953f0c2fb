"""Data Shapley and Data Banzhaf values of any estimator, by fits to random subsets."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state

from skinfluence._utils.checks import check_number, check_verbose, check_whole, check_workers
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.progress import progress
from skinfluence._utils.rows import NamedRows
from skinfluence._utils.tables import Column, Readable, Table, counted


@dataclass(frozen=True, eq=False, repr=False)
class DataValues(Readable):
    """What each training row adds to a score; prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    values : ndarray of shape (n_train,)
        Positive: the row helps. In units of the score.
    standard_error : ndarray of shape (n_train,)
        Of the values, from the sampling of subsets.
    ranking : ndarray of int of shape (n_train,)
        Rows, the most harmful first.
    score : float
        Of the model with all rows.
    empty_score : float
        Of the most frequent label, or of the mean value: the model without rows.
    n_fits : int
        Models that were fitted to subsets of the rows.
    row_names : pandas.Index or ndarray of shape (n_train,)
        Names of the rows in the index of X; their positions without one.
    """

    values: np.ndarray
    standard_error: np.ndarray
    ranking: np.ndarray
    score: float
    empty_score: float
    n_fits: int
    row_names: Any = field(repr=False)

    def _parts(self):
        shown = np.concatenate([self.ranking[:5], self.ranking[5:][-5:]])
        title = (
            f"Values of {counted(len(self.values), 'training row')} for the score, from "
            f"{self.empty_score:.4g} without rows to {self.score:.4g} with all, by "
            f"{self.n_fits:,} fits; the most harmful and the most helpful rows:"
        )
        columns = [
            Column("row", list(np.asarray(self.row_names)[shown]), "name"),
            Column("value", self.values[shown], "signed", bar=True),
            Column("standard error", self.standard_error[shown]),
        ]
        return [Table(columns, title)]


@shared_parameters
def data_shapley(
    estimator, X, y, X_test, y_test, *, scoring=None, n_permutations=100, truncation=0.01,
    random_state=None, n_jobs=None, verbose=None,
):  # fmt: skip
    """Shapley values by truncated Monte Carlo.

    Rows are added one by one in random orders; a row's value is the mean rise of the score when it
    comes. An order is left when the score is near that of all rows.

    Parameters
    ----------
    estimator : estimator
        Any classifier or regressor; fitted up to n_permutations * n_train times.
    n_permutations : int, default=100
        Random orders of the rows.
    truncation : float, default=0.01
        An order is left when the score is this near to that of all rows, as a share of the
        distance between the scores with all rows and with none; 0 never leaves one.
    random_state : int, RandomState instance or None, default=None
        For the orders.
    n_jobs : int, default=None
        Orders at a time. Results do not depend on it.

    Returns
    -------
    DataValues
        They sum to `score` minus `empty_score`, up to the truncation.

    References
    ----------
    A. Ghorbani and J. Zou, "Data Shapley: equitable valuation of data for machine learning", ICML
    2019, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skinfluence.valuation import data_shapley
    >>> X, y = load_iris(return_X_y=True)
    >>> values = data_shapley(
    ...     GaussianNB(), X[::5], y[::5], X, y, n_permutations=20, truncation=0.0, random_state=0
    ... )
    >>> bool(abs(values.values.sum() - (values.score - values.empty_score)) < 1e-9)
    True
    """
    check_whole("n_permutations", n_permutations, least=2)
    check_number("truncation", truncation, least=0.0, below=1.0)
    utility = _Utility(estimator, X, y, X_test, y_test, scoring)
    n, (empty, full) = utility.n_rows, utility.ends()
    rng = check_random_state(random_state)
    orders = (rng.permutation(n) for _ in range(n_permutations))
    near = truncation * abs(full - empty)
    run = partial(_rises, utility, empty=empty, full=full, near=near if truncation else -1.0)
    made = _each(run, orders, n_permutations, "orders", n_jobs, verbose)
    total, squares, n_fits = np.zeros(n), np.zeros(n), 0
    for rises, fits in made:
        total += rises
        squares += rises**2
        n_fits += fits
    values = total / n_permutations
    spread = np.maximum(squares / n_permutations - values**2, 0.0)
    return _values(values, np.sqrt(spread / (n_permutations - 1)), full, empty, n_fits, X)


@shared_parameters
def data_banzhaf(
    estimator, X, y, X_test, y_test, *, scoring=None, n_subsets=1000, random_state=None,
    n_jobs=None, verbose=None,
):  # fmt: skip
    """Banzhaf values: mean score of random halves of the rows with a row minus without it.

    Every fit serves all rows. Ranks are steadier under noise of the score than Shapley values.

    Parameters
    ----------
    estimator : estimator
        Any classifier or regressor; fitted n_subsets times.
    n_subsets : int, default=1000
        Random subsets; each holds each row with probability one half.
    random_state : int, RandomState instance or None, default=None
        For the subsets.
    n_jobs : int, default=None
        Subsets at a time. Results do not depend on it.

    Returns
    -------
    DataValues
        They do not sum to the score.

    References
    ----------
    J. T. Wang and R. Jia, "Data Banzhaf: a robust data valuation framework for machine learning",
    AISTATS 2023, section 4.2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skinfluence.valuation import data_banzhaf
    >>> X, y = load_iris(return_X_y=True)
    >>> values = data_banzhaf(GaussianNB(), X[::5], y[::5], X, y, n_subsets=50, random_state=0)
    >>> values.values.shape
    (30,)
    """
    check_whole("n_subsets", n_subsets, least=4)
    utility = _Utility(estimator, X, y, X_test, y_test, scoring)
    n, (empty, full) = utility.n_rows, utility.ends()
    rng = check_random_state(random_state)
    subsets = [rng.random(n) < 0.5 for _ in range(n_subsets)]
    run = partial(_score_of, utility)
    scores = np.array(_each(run, subsets, n_subsets, "subsets", n_jobs, verbose))
    inside = np.array(subsets)
    count = np.stack([(~inside).sum(axis=0), inside.sum(axis=0)])
    if count.min() < 2:
        raise ValueError(
            f"n_subsets={n_subsets} leaves a row in, or out of, fewer than two subsets. Expected "
            "more subsets."
        )
    means = np.stack([scores @ ~inside, scores @ inside]) / count
    squares = np.stack([scores**2 @ ~inside, scores**2 @ inside]) / count
    variance = (np.maximum(squares - means**2, 0.0) / (count - 1)).sum(axis=0)
    return _values(means[1] - means[0], np.sqrt(variance), full, empty, n_subsets, X)


def _values(values, standard_error, full, empty, n_fits, X):
    ranking = np.argsort(values, kind="stable")
    names = NamedRows(X).names()
    return DataValues(values, standard_error, ranking, full, empty, n_fits, names)


def _each(function, steps, total, unit, n_jobs, verbose):
    """Results for each step, in order."""
    check_workers(n_jobs)
    check_verbose(verbose)
    made = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(function)(step) for step in steps)
    return list(progress(made, total=total, what="data values", unit=unit, verbose=verbose))


def _rises(utility, order, *, empty, full, near):
    """(rise of the score as each row of the order comes, number of fits)."""
    rises, before = np.zeros(len(order)), empty
    for place, row in enumerate(order):
        if abs(full - before) <= near:
            return rises, place
        score = full if place == len(order) - 1 else utility(order[: place + 1])
        rises[row], before = score - before, score
    return rises, len(order) - 1


def _score_of(utility, inside):
    return utility(np.flatnonzero(inside))


class _Utility:
    """Score of the estimator as a function of the rows that it is fitted to."""

    def __init__(self, estimator, X, y, X_test, y_test, scoring):
        check_consistent_length(X, y)
        check_consistent_length(X_test, y_test)
        self.estimator = estimator
        self.scorer = check_scoring(estimator, scoring=scoring)
        self.table, self.labels = X, np.asarray(y)
        self.tests = X_test, np.asarray(y_test)
        self.classes = None
        if is_classifier(estimator):
            self.classes = np.unique(np.concatenate([self.labels, self.tests[1]]))
        self.n_rows = len(self.labels)

    def ends(self):
        """Scores without rows and with all rows."""
        return self(np.empty(0, dtype=np.intp)), self(np.arange(self.n_rows))

    def __call__(self, rows):
        labels = self.labels[rows]
        if self.classes is None:
            model = clone(self.estimator) if len(rows) else DummyRegressor()
        elif not len(rows) or (labels == labels[0]).all():
            model = DummyClassifier(strategy="prior")
        else:
            model = clone(self.estimator)
        if not len(rows):
            rows, labels = np.arange(self.n_rows), self.labels
        model.fit(_safe_indexing(self.table, rows), labels)
        if self.classes is not None and len(model.classes_) < len(self.classes):
            model = _WithAllClasses(model, self.classes)
        return float(self.scorer(model, *self.tests))


class _WithAllClasses(BaseEstimator):
    """A fitted classifier that gives classes which its rows lack the probability 0."""

    _estimator_type = "classifier"

    def __init__(self, model, classes_):
        self.model = model
        self.classes_ = classes_

    def __sklearn_tags__(self):
        return self.model.__sklearn_tags__()

    def fit(self, X, y):
        """Nothing: the model is fitted."""
        return self

    def predict(self, X):
        return self.model.predict(X)

    def predict_proba(self, X):
        known = self.model.predict_proba(X)
        out = np.zeros((len(known), len(self.classes_)))
        out[:, np.searchsorted(self.classes_, self.model.classes_)] = known
        return out

    def score(self, X, y):
        return float((self.predict(X) == y).mean())
