"""A search over penalties, and over anything else, by closed-form leave-one-out scores."""

from itertools import chain

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples, check_is_fitted

from skinfluence._utils.checks import check_choice, check_workers
from skinfluence.adapters import check_supported
from skinfluence.cross_validation._left_out import METHODS
from skinfluence.cross_validation._paths import MEASURED, measured_on_path, paths, with_params
from skinfluence.explainer import (
    EstimatorDelegation,
    InfluenceExplainer,
    warn_of_steps_that_see_labels,
)

#: Penalties of the default path, in units of `alpha` or of `C`.
PATH = {"alpha": np.logspace(-4, 4, 17), "C": np.logspace(-4, 4, 17)}


class LeaveOneOutSearch(EstimatorDelegation):
    """Choose parameters by the leave-one-out score of each candidate.

    What RidgeCV does for ridge regression, for every estimator that
    :class:`~skinfluence.InfluenceExplainer` supports. Candidates that differ only in the penalty of
    the last step, its `alpha` or `C`, share one fit: from the optimum of one penalty Newton's
    method leads to the next, where the loss is smooth and convex and the model linear. Steps of a
    pipeline before the model stay as they were fitted to all rows of a candidate: parameters of
    steps that see the labels (feature selection) need a cross-validation of the whole pipeline.

    Parameters
    ----------
    estimator : estimator, default=None
        None stands for ``LogisticRegression()``.
    param_grid : dict or list of dicts, default=None
        As for GridSearchCV. None: a path of 17 penalties from 1e-4 to 1e4 of the last step's
        `alpha` or `C`.
    scoring : str, callable or None, default=None
        As in scikit-learn; None is accuracy or R squared.
    method : {"auto", "newton_step", "refit"}, default="auto"
        As for :func:`leave_one_out_score`. "auto" refits rows only of the best candidate and of
        those that could be better: the others keep the score of Newton steps, which is too good
        where a penalty is weak.
    n_jobs : int, default=None
        Candidates at a time; those that share a fit count as one. Results do not depend on it.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        "params", "mean_test_score", "rank_test_score", "n_refits", the number of rows that were
        left out by a refit, "fit_time" and "score_time" in seconds, and "param_<name>" of each
        parameter, one entry a candidate.
    best_params_ : dict
    best_score_ : float
    best_index_ : int
    best_estimator_, estimator_ : estimator
        The best candidate, fitted to all rows.
    explainer_ : InfluenceExplainer
        Of the best candidate.
    n_features_in_ : int
    classes_ : ndarray of shape (n_classes,)

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge, RidgeCV
    >>> from skinfluence.cross_validation import LeaveOneOutSearch
    >>> X, y = load_diabetes(return_X_y=True)
    >>> alphas = [0.001, 0.01, 0.1, 1.0]
    >>> search = LeaveOneOutSearch(Ridge(), {"alpha": alphas}).fit(X, y)
    >>> search.best_params_["alpha"] == RidgeCV(alphas).fit(X, y).alpha_
    True
    """

    def __init__(
        self, estimator=None, param_grid=None, *, scoring=None, method="auto", n_jobs=None
    ):
        self.estimator = estimator
        self.param_grid = param_grid
        self.scoring = scoring
        self.method = method
        self.n_jobs = n_jobs

    def fit(self, X, y, sample_weight=None):
        """Fit and score every candidate; keep the best.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels or values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the fits and in the score. A row is left out with its whole
            weight, so that weight two is not the same as two rows.

        Returns
        -------
        self : LeaveOneOutSearch
            Fitted. Ties go to the first candidate.

        Raises
        ------
        ValueError
            Where `param_grid` is None and the estimator has neither `alpha` nor `C`, and where no
            candidate has a score.
        UnsupportedEstimatorError
            For estimators that InfluenceExplainer does not support.
        """
        check_choice("method", self.method, METHODS)
        check_workers(self.n_jobs)
        if isinstance(self.estimator, type):
            check_supported(self.estimator)  # says that it is a class
        if _num_samples(X) < 2:
            raise ValueError(
                "n_samples=1 leaves no model without the row; expected at least two rows."
            )
        candidates, name = list(ParameterGrid(self._grid())), self._penalty()
        if not candidates:
            raise ValueError(
                f"param_grid={self.param_grid!r} has no candidate. Expected a dict of lists, such "
                'as {"C": [0.1, 1.0]}, or None for a path of penalties.'
            )
        along = paths(candidates, name)
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(measured_on_path)(
                self._default_estimator(), [candidates[i] for i in path], name,
                X, y, sample_weight, self.scoring, self.method,
            )
            for path in along
        )  # fmt: skip
        order = np.argsort(list(chain(*along)))
        columns = [np.array(column)[order] for column in zip(*chain(*found), strict=True)]
        measured = dict(zip(MEASURED, columns, strict=True))
        scores = measured["mean_test_score"]
        if np.isnan(scores).all():
            raise ValueError(
                "The score of every candidate is NaN. Expected a finite score; look at "
                "leave_one_out_score of one of them."
            )
        self.best_index_ = int(np.nanargmax(scores))
        self.best_params_ = candidates[self.best_index_]
        self.best_score_ = float(scores[self.best_index_])
        self.cv_results_ = _results(candidates, measured)
        best = with_params(self._default_estimator(), self.best_params_)
        self.explainer_ = InfluenceExplainer(best).fit(X, y, sample_weight=sample_weight)
        self.estimator_ = self.best_estimator_ = self.explainer_.estimator_
        warn_of_steps_that_see_labels(self.explainer_)
        return self

    def _default_estimator(self):
        return LogisticRegression() if self.estimator is None else self.estimator

    def _penalty(self):
        """Name of the last step's penalty as a parameter of the estimator; None without one."""
        estimator, prefix = self._default_estimator(), ""
        while isinstance(estimator, Pipeline):
            name, estimator = estimator.steps[-1]
            prefix += f"{name}__"
        known = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
        return next((prefix + name for name in PATH if name in known), None)

    def _grid(self):
        if self.param_grid is not None:
            return self.param_grid
        name = self._penalty()
        if name is None:
            raise ValueError(
                f"{type(self._default_estimator()).__name__} has no parameter among {sorted(PATH)} "
                "in its last step, so that there is no path of penalties. Pass param_grid, such as "
                '{"l2_regularization": [0.1, 1.0]}.'
            )
        return {name: PATH[name.rpartition("__")[2]]}

    def score(self, X, y):
        """Score of the best candidate on other rows, by the search's own `scoring`.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Other rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels or values.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        return check_scoring(self.estimator_, scoring=self.scoring)(self.estimator_, X, y)


def _results(candidates, measured):
    """The table `cv_results_`."""
    scores = np.nan_to_num(measured["mean_test_score"], nan=-np.inf)
    ranks = rankdata(-scores, method="min").astype(np.int32)
    columns = measured | {"params": candidates, "rank_test_score": ranks}
    for name in sorted({name for params in candidates for name in params}):
        column = np.ma.masked_all(len(candidates), dtype=object)
        for place, params in enumerate(candidates):
            if name in params:
                column[place] = params[name]
        columns[f"param_{name}"] = column
    return columns
