"""Influence against relative influence."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import (
    HARMFUL,
    HELPFUL,
    NEUTRAL,
    Display,
    mark,
    one_test_row,
    zero_lines,
)
from skinfluence.selection import relative_influence


class RelativeInfluenceDisplay(Display):
    """Influence on one test row against relative influence (RelatIF; Barshan et al. 2020).

    Rows of large influence and small relative influence change the whole model: outliers and wrong
    labels. The k strongest rows of either are marked.

    Parameters
    ----------
    influence : ndarray of shape (n_train,)
        First-order influence, in units of the target.
    relative_influence : ndarray of shape (n_train,)
        The same per unit of change of the model.
    row_names : ndarray of shape (n_train,)
        Names of the training rows.
    what : str, default="loss"
        What is explained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import RelativeInfluenceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = RelativeInfluenceDisplay.from_estimator(
    ...     LogisticRegression(max_iter=1000), X, y, X[70:71], y[70:71])
    >>> display.relative_influence.shape
    (150,)
    """

    _shown = {
        "row": "row_names",
        "influence": "influence",
        "relative_influence": "relative_influence",
    }

    def __init__(self, influence, relative_influence, row_names, *, what="loss"):
        self.influence = influence
        self.relative_influence = relative_influence
        self.row_names = row_names
        self.what = what

    @classmethod
    @shared_parameters
    def from_explainer(
        cls, explainer, X_test, y_test=None, *, kind="theta", target="auto", ax=None, **kwargs
    ):
        """Draw both influences of all training rows on one test row.

        Parameters
        ----------
        X_test : {array-like, sparse matrix, data frame} of shape (1, n_features)
            One test row.
        kind : {"theta", "loss"}, default="theta"
            As for :func:`~skinfluence.selection.relative_influence`.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        RelativeInfluenceDisplay
            Drawn.
        """
        one_test_row(X_test, cls.__name__)
        settings = {"target": target}
        display = cls(
            explainer.influence(X_test, y_test, method="first_order", **settings)[0],
            relative_influence(explainer, X_test, y_test, kind=kind, **settings)[0],
            np.asarray(explainer.row_names_),
            what=explainer.test_rows(X_test, y_test, **settings).target.name,
        )
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, k=5, **kwargs):
        """Draw one point per training row.

        Parameters
        ----------
        k : int, default=5
            Strongest rows of each kind that are marked.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : RelativeInfluenceDisplay
            Drawn.
        """
        ax = self._axes(ax)
        x, y = self.influence, self.relative_influence
        style = {"color": NEUTRAL, "s": 12, "alpha": 0.6, "linewidths": 0}
        ax.scatter(x, y, **(style | kwargs))
        marks = (
            (x, HARMFUL, "s", f"{k} of most influence"),
            (y, HELPFUL, "o", f"{k} of most relative influence"),
        )
        for values, color, marker, label in marks:
            top = np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[:k]
            ax.scatter(
                x[top], y[top], s=60, facecolors="none", edgecolors=color, marker=marker,
                linewidths=1.4, label=label,
            )  # fmt: skip
        mark(ax, x, y, self.row_names, k)
        zero_lines(ax)
        ax.set_xlabel(f"influence on the {self.what}")
        ax.set_ylabel("relative influence")
        ax.legend(fontsize=8)
        return self
