"""The most influential training rows of each test row, as arrays and as tables for people."""

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator

from skinfluence._answers import ORDERS, Linearization, influence_blocks, top_k
from skinfluence._checks import check_choice, check_whole
from skinfluence._explanation import Explanation, row_tables
from skinfluence._frames import row_labels
from skinfluence.objectives import Objective


class MostInfluential:
    """The part of InfluenceExplainer that ranks training rows by influence and shows them."""

    # set by InfluenceExplainer
    objective_: Objective
    estimator_: BaseEstimator
    linearization_: Linearization
    _backend: str | None
    _question: Callable
    X_train_: object
    y_train_: object

    def top_influences(
        self, X_test, y_test=None, *, k=10, order="magnitude", target="auto", method=None
    ):
        """The most influential training rows of each test row.

        Streams in blocks and never holds the (n_test, n_train) matrix.

        Parameters
        ----------
        X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
        y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
            As for :meth:`influence`.
        k : int, default=10
            How many; at most n_train are returned.
        order : {"magnitude", "helpful", "harmful"}, default="magnitude"
            Largest absolute value, largest value, or smallest value first.
        target : {"auto", "loss", "predict", "decision_function", "predict_proba"}, default="auto"
            As for :meth:`influence`.
        method : {"auto", "first_order", "newton_step", "refit"}, default=None
            As for :meth:`influence`.

        Returns
        -------
        indices : ndarray of shape (n_test, k)
            Training rows, strongest first; -1 where there is no further finite influence.
        values : ndarray of shape (n_test, k)
            Their influences.
        """
        return self._strongest(X_test, y_test, k, order, target, method)[:2]

    def _strongest(self, X_test, y_test, k, order, target, method):
        """(indices, values, sum of all |influence|, explained values, name of the target)."""
        check_choice("order", order, ORDERS)
        check_whole("k", k)
        design, goal, method, rows = self._question(X_test, y_test, target, method)
        blocks = influence_blocks(self.linearization_, design, goal, method, rows)
        indices, values, total = top_k(blocks, design.shape[0], len(rows), min(k, len(rows)), order)
        explained = goal.values(self.objective_.raw_predictions(design))
        return indices, values, total, explained, goal.name

    def explain(self, X_test, y_test=None, k=10, *, target="auto", method=None):
        """A small table per test row: its most influential training rows.

        Parameters
        ----------
        X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
        y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
            As for :meth:`influence`.
        k : int, default=10
            Rows per table.
        target : {"auto", "loss", "predict", "decision_function", "predict_proba"}, default="auto"
            As for :meth:`influence`.
        method : {"auto", "first_order", "newton_step", "refit"}, default=None
            As for :meth:`influence`.

        Returns
        -------
        Explanation
            Prints as text, shows as HTML in notebooks, and ``.frame()`` gives one table in the
            frame type of the training data, with the rows named by its index.
        """
        found = self._strongest(X_test, y_test, k, "magnitude", target, method)
        tables = row_tables(
            *found,
            names=row_labels(X_test),
            predictions=self.estimator_.predict(X_test),
            train_names=row_labels(self.X_train_),
            train_labels=np.asarray(self.y_train_),
            train_losses=self.objective_.row_values(),
        )
        return Explanation(tables, self._backend)
