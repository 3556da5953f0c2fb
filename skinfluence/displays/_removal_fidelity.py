"""Predicted against refitted changes."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import HELPFUL, Display, symmetric_limits
from skinfluence.explainer import check_explainer, lins_concordance
from skinfluence.targets import Mean


class RemovalFidelityDisplay(Display):
    """Predicted change without a training row against the refitted change, one point per row.

    Koh & Liang (2017), Figure 2. Points on the identity line are right.

    Parameters
    ----------
    predicted, refitted : ndarray of shape (n_rows,)
        Change without each training row, mean over the test rows, in units of the target.
    row_names : ndarray of shape (n_rows,)
        Names of the training rows.
    what : str, default="loss"
        What changes.

    Attributes
    ----------
    correlation : float
        Pearson's, of predicted with refitted changes.
    concordance : float
        Lin's (1989): 1 only on the identity line.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import RemovalFidelityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = RemovalFidelityDisplay.from_estimator(
    ...     LogisticRegression(max_iter=1000), X, y, X[70:71], y[70:71])
    >>> print(f"{display.concordance:.3f}")
    1.000
    """

    _shown = {"row": "row_names", "predicted": "predicted", "refitted": "refitted"}

    def __init__(self, predicted, refitted, row_names, *, what="loss"):
        self.predicted = predicted
        self.refitted = refitted
        self.row_names = row_names
        self.what = what

    @property
    def correlation(self):
        """Correlation of the two, in [-1, 1]."""
        known = np.isfinite(self.predicted) & np.isfinite(self.refitted)
        return float(np.corrcoef(self.predicted[known], self.refitted[known])[0, 1])

    @property
    def concordance(self):
        """Lin\'s concordance, in [-1, 1]."""
        return float(lins_concordance(self.predicted, self.refitted))

    @classmethod
    @shared_parameters
    def from_explainer(
        cls,
        explainer,
        X_test,
        y_test=None,
        *,
        n_rows=40,
        rows=None,
        target="auto",
        method=None,
        ax=None,
        **kwargs,
    ):
        """Refit without some training rows, and draw predicted against refitted changes.

        Parameters
        ----------
        n_rows : int, default=40
            Training rows that are removed: those of the largest predicted change. Each costs a
            refit.
        rows : array-like of int, of names, or bool mask, default=None
            These training rows instead.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        RemovalFidelityDisplay
            Drawn.
        """
        check_explainer(explainer, removals=True)
        mean = {"target": Mean(target)}
        predicted = explainer.influence(X_test, y_test, method=method, rows=rows, **mean)[0]
        positions = explainer.training_rows_.positions(rows)
        if rows is None:
            size = -np.abs(np.nan_to_num(predicted))
            positions = np.sort(np.argsort(size, kind="stable")[:n_rows])
            predicted = predicted[positions]
        refitted = explainer.influence(X_test, y_test, method="refit", rows=positions, **mean)[0]
        what = explainer.test_rows(X_test, y_test, target=target).target.name
        display = cls(predicted, refitted, np.asarray(explainer.row_names_[positions]), what=what)
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, **kwargs):
        """Draw the points and the identity line.

        Parameters
        ----------
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : RemovalFidelityDisplay
            Drawn.
        """
        ax = self._axes(ax)
        style = {"color": HELPFUL, "s": 22, "alpha": 0.8, "linewidths": 0, "zorder": 2}
        ax.scatter(self.refitted, self.predicted, **(style | kwargs))
        symmetric_limits(ax, np.concatenate([self.predicted, self.refitted]))
        ax.locator_params(nbins=5)  # long numbers of small changes would touch
        ax.axline((0.0, 0.0), slope=1.0, color="black", linewidth=0.8, zorder=1)
        ax.set_xlabel(f"refitted change of the {self.what}")
        ax.set_ylabel(f"predicted change of the {self.what}")
        ax.text(
            0.03, 0.97, f"R = {self.correlation:.3f}\nconcordance = {self.concordance:.3f}",
            transform=ax.transAxes, va="top", fontsize=9,
        )  # fmt: skip
        return self
