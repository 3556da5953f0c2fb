"""The most influential training rows of each test row, as arrays and as tables."""

from collections.abc import Callable
from contextlib import closing

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import row_labels
from skinfluence.explainer._all_rows import AllRows
from skinfluence.explainer._explanation import SHOWN, Explanation, Rows, row_tables
from skinfluence.explainer._feature_values import FeatureValues
from skinfluence.explainer._linearizations.linear import ORDERS, influence_blocks
from skinfluence.kernels import TopK


class MostInfluential(AllRows):
    """Methods of InfluenceExplainer that rank training rows by influence."""

    _resolved: Callable  # of InfluenceExplainer

    @shared_parameters
    def top_influences(
        self, X_test, y_test=None, *, k=10, order="magnitude", target="auto", method=None
    ):
        """The most influential training rows of each test row.

        Streams in blocks and never holds the (n_test, n_train) matrix.

        Parameters
        ----------
        k : int, default=10
            Number of rows; at most n_train are returned.
        order : {"magnitude", "helpful", "harmful", "both"}, default="magnitude"
            Largest absolute value, largest value, or smallest value first; "both": the k largest
            positive values, then the k smallest negative ones, in (n_test, 2 k).
        method : {"auto", "first_order", "newton_step", "refit"}, default=None
            As for :meth:`influence`. ``"refit"`` ranks by real refits and costs one for each
            training row (32,561 rows and 106 parameters: two and a half minutes);
            :meth:`explain` refits only the rows that it shows.

        Returns
        -------
        indices : ndarray of shape (n_test, k)
            Training rows, strongest first; -1 where there is no further finite influence.
        values : ndarray of shape (n_test, k)
            Their influences.
        """
        check_choice("order", order, (*ORDERS, "both"))
        check_whole("k", k)
        tests, method, rows = self._resolved(X_test, y_test, target, method)
        return self._strongest(tests, method, rows, k, order)[:2]

    def _strongest(self, tests, method, rows, k, order):
        """(training rows, their influences, sum of all |influence|) of each test row."""
        blocks = influence_blocks(self.linearization_, tests, method, rows)
        indices, values, total = top_k(blocks, tests.n_values, len(rows), k, order)
        return np.where(indices >= 0, rows[indices], -1), values, total

    @shared_parameters
    def explain(
        self,
        X_test,
        y_test=None,
        k=10,
        *,
        order="magnitude",
        target="auto",
        method=None,
        rows=None,
        columns=None,
        verify=False,
    ):
        """Table of the most influential training rows of each test row, with their feature values.

        Parameters
        ----------
        k : int, default=10
            Training rows in each table.
        order : {"magnitude", "helpful", "harmful", "both"}, default="magnitude"
            Which rows: those of the largest absolute influence, the most helpful ones (positive
            influence), the most harmful ones (negative), or k of either sign.
        method : {"auto", "first_order", "newton_step", "refit"}, default=None
            As for :meth:`influence`, but ``"refit"`` ranks the rows by ``"auto"`` and refits those
            that are shown, as `verify` does.
        columns : list of names or numbers of columns, default=None
            Features that are shown. None: all if there are at most 8, otherwise those where
            replacing the value of the test row by a typical one moves its prediction most. An empty
            list shows none.
        verify : bool, default=False
            Refit the model without each row of the tables, and show both numbers. This costs one
            refit for each different row: at most ``k * n_test``.

        Returns
        -------
        Explanation
            Prints as text, shows as HTML in notebooks, and ``.frame()`` gives one table in the
            frame type of the training data, with the rows named by its index. More than ten test
            rows are kept by reference, as the training data are.
        """
        check_is_fitted(self)
        check_choice("order", order, (*ORDERS, "both"))
        check_whole("k", k)
        method = self.method if method is None else method
        verify = verify or method == "refit"
        method = "auto" if method == "refit" else method
        train = FeatureValues(self.X_train_)
        columns = None if columns is None else train.places(columns)
        tests, method, rows = self._resolved(X_test, y_test, target, method, rows)
        if tests.target.joint:
            raise ValueError(
                f"explain makes a table for each test row, and target={target!r} is one number for "
                "all of them. Use top_influences, or a target with a number for each row."
            )
        found = self._strongest(tests, method, rows, k, order)
        raw, predictions = tests.raw_prediction, self.fitted_model_.predict(X_test)
        tables = row_tables(
            found,
            (tests.value(), tests.target.name, tests.target.labels),
            self._refitted(tests, found[0]) if verify else None,
            order=order,
            names=row_labels(X_test),
            predictions=predictions,
            probabilities=self._probabilities(raw, predictions),
            train=(
                self.training_rows_.names(),
                np.asarray(self.y_train_),
                self.objective_.row_values(self.objective_.loss.exact),
            ),
            rows=Rows(train, FeatureValues(X_test).kept(SHOWN), self._raw_predictions, columns),
        )
        return Explanation(tables, self.training_rows_.backend)

    def _raw_predictions(self, X):
        return self.objective_.raw_predictions(self.fitted_model_.predictor(X))

    def _refitted(self, tests, indices):
        """Influences of the training rows `indices` (n_test, k) by refits of these rows only."""
        rows = np.unique(indices[indices >= 0])
        out = np.full(indices.shape, np.nan)
        if not len(rows):
            return out
        places = np.searchsorted(rows, indices)  # -1 is at 0, and is not read
        blocks = influence_blocks(self.linearization_, tests, "refit", rows)
        for part, some, values in blocks:
            here = places[part]
            inside = (here >= some.start) & (here < some.stop) & (indices[part] >= 0)
            t, j = np.nonzero(inside)
            out[part][t, j] = values[t, here[t, j] - some.start]
        return out

    def _probabilities(self, raw, predictions):
        """Probability of each predicted class, or None."""
        coding = self.objective_.coding
        proba = self.objective_.loss.probability(raw) if coding.is_classification else None
        return None if proba is None else proba[np.arange(len(raw)), coding.codes(predictions)]


def top_k(blocks, n_test, n_rows, k, order):
    """Row numbers and values of the k strongest influences of each test row, block by block.

    Of "both" the k helpful ones, then the k harmful ones: (n_test, 2 k). The whole matrix never
    exists. The third result is the sum of absolute influences of each test row, over all rows; see
    :class:`skinfluence.kernels.TopK`.
    """
    k, orders = min(k, n_rows), ("helpful", "harmful") if order == "both" else (order,)
    rankings = [TopK(n_test, k, one, n_scores=n_test * n_rows) for one in orders]
    with closing(blocks):  # and its progress bar, whatever happens
        for tests, some, block in blocks:
            for ranking in rankings:
                ranking.add(tests, some.start, block)
    indices, values, totals = zip(*(ranking.result() for ranking in rankings), strict=True)
    index, value = np.hstack(indices), np.hstack(values)
    if order == "both":
        wrong_sign = ~(value * np.repeat([1.0, -1.0], k) > 0)
        index[wrong_sign], value[wrong_sign] = -1, np.nan
    return index, value, totals[0]
