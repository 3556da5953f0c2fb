"""The fewest training rows whose removal changes a prediction."""

from dataclasses import dataclass
from typing import Any

from skinfluence._utils.frames import row_labels
from skinfluence._utils.progress import progress
from skinfluence._utils.tables import (
    Column,
    Readable,
    ReadableList,
    Table,
    counted,
    first_names,
    value_text,
)
from skinfluence.groups._fewest import FewestRows, check_search, fewest_rows
from skinfluence.groups._margins import margins_of


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FlippingSet(Readable, FewestRows):
    """Training rows whose removal changes the prediction of a test row.

    Prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    prediction : label or float
        Prediction of the model with all rows.
    new_prediction, answer : label or float
        Prediction of the model that was refitted without the rows.
    rows : ndarray of shape (size,)
        Positions of the training rows of the smallest set that was found and verified by refit,
        in the order of removal; empty where none was found within `max_rows`.
    size : int or None
        Its number of rows; None where no set was found.
    row_names : pandas.Index or ndarray of shape (size,)
        Names of `rows` in the index of the training data; their positions without one.
    predicted_rows : ndarray of shape (predicted_size,)
        Set that is sufficient according to `method`, before any refit.
    predicted_row_names : pandas.Index or ndarray of shape (predicted_size,)
        Names of `predicted_rows`.
    predicted_size : int or None
        Its number of rows; None if no set within `max_rows` is expected to be sufficient.
    confirmed : bool
        Whether the refit without `predicted_rows` changes the prediction.
    """

    prediction: object
    predicted_row_names: Any
    _limit: int

    @property
    def new_prediction(self):
        """Prediction of the model that was refitted without the rows."""
        return self.answer

    def _parts(self):
        prediction = value_text(self.prediction)
        if self.size is None:
            return [
                f"The prediction {prediction} stays: no set of at most "
                f"{counted(self._limit, 'training row')} was found without which a refit predicts "
                "otherwise."
            ]
        title = (
            f"The prediction {prediction} becomes {value_text(self.new_prediction)} without "
            f"{counted(self.size, 'training row')}, by a refit"
        )
        return [Table([Column("row", list(self.row_names), "name"), *self._columns], title)]


class FlippingSets(ReadableList):
    """A list of FlippingSet, one for each test row; prints as one table."""

    def _parts(self):
        columns = [
            Column("test row", list(self._names), "name"),
            Column("prediction", [found.prediction for found in self]),
            Column("becomes", [_becomes(found) for found in self]),
            Column("rows to remove", [_or_none(found.size) for found in self]),
            Column("expected", [_or_none(found.predicted_size) for found in self]),
            Column("first rows", [first_names(found.row_names) for found in self]),
        ]
        return [Table(columns, "Fewest training rows without which a refit predicts otherwise")]


def _becomes(found):
    return "stays" if found.size is None else found.new_prediction


def _or_none(size):
    return "not found" if size is None else size


def smallest_flipping_set(
    explainer, X_test, *, threshold=None, method="newton_step", max_rows=None
):
    """Find, for each test row, few training rows whose removal changes its prediction.

    Rows are removed one by one in the order of `method` until another prediction is expected. Then
    the model is refitted without them. If the prediction is the same, rows are added until it
    changes; if it has changed, fewer rows are tried. A smaller set may exist; the returned sets are
    verified.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted, with ``curvature="hessian"``.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
        Each row has a set of its own.
    threshold : float, default=None
        For regressors, which need one: the predicted value has to cross it. Classifiers need None.
    method : {"newton_step", "first_order"}, default="newton_step"
        "newton_step" searches each row given that those before it are removed; "first_order" orders
        rows by their influence and expects the sum (Broderick et al. 2020; Yang et al. 2023).
    max_rows : int, default=None
        Largest number of rows; a quarter of the training rows by default.

    Returns
    -------
    list of FlippingSet
        One for each test row. Prints as one table.

    Raises
    ------
    ValueError
        For models with several target values, and if `threshold` is missing for a regressor or
        given for a classifier.

    See Also
    --------
    most_influential_group : The rows, of a given number, that change the test rows most.

    Notes
    -----
    For more than two classes the prediction may become any other one; each is tried. Predictions
    far from the decision boundary need a large part of the training rows. Every row costs a step;
    see `most_influential_group`.

    References
    ----------
    T. Broderick, R. Giordano and R. Meager, "An automatic finite-sample robustness metric: when
    can dropping a little data make a big difference?", 2020. J. Yang, S. Jain and B. C. Wallace,
    "How many and which training points would need to be removed to flip this prediction?", EACL
    2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.groups import smallest_flipping_set
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> (found,) = smallest_flipping_set(explainer, X[77:78])
    >>> print(found.prediction, "becomes", found.new_prediction, "without", found.size, "rows")
    2 becomes 1 without 2 rows
    """
    limit = check_search(explainer, method, max_rows)
    margins = margins_of(explainer, X_test, threshold)
    return FlippingSets(
        progress(
            (_flipping_set(explainer, margin, method, limit) for margin in margins),
            total=len(margins),
            what="flipping sets",
            unit="test rows",
            verbose=explainer.verbose,
        ),
        row_labels(X_test),
    )


def _flipping_set(explainer, margin, method, limit):
    """The FlippingSet of one test row."""
    found = fewest_rows(explainer, margin, method=method, max_rows=limit)
    names = explainer.training_rows_.names(found.predicted_rows)
    own = {"prediction": margin.answer, "predicted_row_names": names, "_limit": limit}
    return FlippingSet(**vars(found), **own)
