"""Influence against distance."""

import numpy as np

from skinfluence._utils.checks import check_choice
from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import Display, mark, one_test_row, scatter_classes
from skinfluence.predictors import Design

DISTANCES = ("test_row", "decision_value")


class InfluenceDistanceDisplay(Display):
    """Influence on one test row against the distance of the training rows, by class.

    The distance is the Euclidean one to the test row among the features of the last step (Koh &
    Liang 2017, Figure 4), or the training row's own decision value: its distance from the decision
    boundary, in units of the raw prediction.

    Parameters
    ----------
    distance : ndarray of shape (n_train,)
        Distance or decision value of each training row.
    influence : ndarray of shape (n_train,)
        Value without the training row minus value with it, in units of the target.
    labels : ndarray of shape (n_train,) or None
        Classes of the training rows; None for values.
    row_names : ndarray of shape (n_train,)
        Names of the training rows.
    kind : {"test_row", "decision_value"}, default="test_row"
        What `distance` is.
    what : str, default="loss"
        What is explained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import InfluenceDistanceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = InfluenceDistanceDisplay.from_estimator(
    ...     LogisticRegression(max_iter=1000), X, y, X[70:71], y[70:71])
    >>> print(display.distance[70])
    0.0
    """

    def __init__(self, distance, influence, labels, row_names, *, kind="test_row", what="loss"):
        self.distance = distance
        self.influence = influence
        self.labels = labels
        self.row_names = row_names
        self.kind = kind
        self.what = what

    @classmethod
    @shared_parameters
    def from_explainer(
        cls,
        explainer,
        X_test,
        y_test=None,
        *,
        kind="test_row",
        target="auto",
        method=None,
        ax=None,
        **kwargs,
    ):
        """Draw the influence of all training rows on one test row against their distance.

        Parameters
        ----------
        X_test : {array-like, sparse matrix, data frame} of shape (1, n_features)
            One test row.
        kind : {"test_row", "decision_value"}, default="test_row"
            Distance to the test row; or the training row's decision value (binary classifiers).
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        InfluenceDistanceDisplay
            Drawn.

        Raises
        ------
        ValueError
            For more than one test row, and for decision values of more than one output.
        """
        check_choice("kind", kind, DISTANCES)
        one_test_row(X_test, cls.__name__)
        tests = explainer.test_rows(X_test, y_test, target=target)
        influence = explainer.influence(X_test, y_test, target=target, method=method)[0]
        objective = explainer.objective_
        if kind == "decision_value":
            if objective.n_outputs > 1:
                raise ValueError(
                    f'kind="decision_value" needs one decision value a row, this model has '
                    f'{objective.n_outputs}. Take kind="test_row".'
                )
            distance = objective.raw_prediction[:, 0]
        else:
            distance = _distances(*_rows(explainer, tests, X_test))
        labels = np.asarray(explainer.y_train_) if objective.coding.is_classification else None
        display = cls(
            distance,
            influence,
            labels,
            np.asarray(explainer.row_names_),
            kind=kind,
            what=tests.target.name,
        )
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, n_marked=3, **kwargs):
        """Draw one point per training row.

        Parameters
        ----------
        n_marked : int, default=3
            Rows of the largest absolute influence that are named.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : InfluenceDistanceDisplay
            Drawn.
        """
        ax = self._axes(ax)
        scatter_classes(ax, self.distance, self.influence, self.labels, **kwargs)
        ax.axhline(0.0, color="black", linewidth=0.8)
        mark(ax, self.distance, self.influence, self.row_names, n_marked)
        labels = {
            "test_row": "distance to the test row",
            "decision_value": "decision value of the training row",
        }
        ax.set_xlabel(labels[self.kind])
        ax.set_ylabel(f"change of the {self.what}\nwithout the training row")
        return self

    def _columns(self):
        columns = {"row": self.row_names, self.kind: self.distance, "influence": self.influence}
        return columns if self.labels is None else columns | {"label": self.labels}


def _rows(explainer, tests, X_test):
    """Designs of the training rows and of the test row; their features for other predictors."""
    objective, fitted = explainer.objective_, explainer.fitted_model_
    if objective.predictor.linear:
        return objective.design, tests.design
    return Design(fitted.X), Design(fitted.table(X_test))


def _distances(train, test):
    """Euclidean distance of each design row to one test row, (n_train,)."""
    z = test.to_dense()[0]
    squares = train.square_norms()[:, 0] - 2.0 * train.matmul(z[:, None])[:, 0] + z @ z
    near = squares < 1e-8 * (z @ z + 1.0)  # cancelled: from the differences
    squares[near] = ((train.take(np.flatnonzero(near)).to_dense() - z) ** 2).sum(axis=1)
    return np.sqrt(squares)
