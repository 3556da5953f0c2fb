"""Influences of the same rows in two models."""

import numpy as np
from scipy.stats import rankdata

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import HELPFUL, Display, mark, zero_lines
from skinfluence.targets import Mean


class ComparisonDisplay(Display):
    """Influence of the same training rows in two models (Liu et al., Figure 5).

    Parameters
    ----------
    first, second : ndarray of shape (n_train,)
        Influence in each model, mean over the test rows, in units of each one's target.
    row_names : ndarray of shape (n_train,)
        Names of the training rows.
    names : tuple of str, default=("first model", "second model")
        Names of the models.

    Attributes
    ----------
    rank_correlation : float
        Spearman's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression, RidgeClassifier
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.displays import ComparisonDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> models = LogisticRegression(max_iter=1000), RidgeClassifier()
    >>> explainers = [InfluenceExplainer(model).fit(X, y) for model in models]
    >>> display = ComparisonDisplay.from_explainers(*explainers, X[70:71], y[70:71])
    >>> display.names
    ('LogisticRegression', 'RidgeClassifier')
    """

    def __init__(self, first, second, row_names, *, names=("first model", "second model")):
        self.first = first
        self.second = second
        self.row_names = row_names
        self.names = names

    @property
    def rank_correlation(self):
        """Correlation of the two, in [-1, 1]."""
        known = np.isfinite(self.first) & np.isfinite(self.second)
        ranks = rankdata(self.first[known]), rankdata(self.second[known])
        return float(np.corrcoef(*ranks)[0, 1])

    @classmethod
    @shared_parameters
    def from_explainers(
        cls, first, second, X_test, y_test=None, *, target="auto", method=None, ax=None, **kwargs
    ):
        """Draw the influences in two models that were fitted to the same rows.

        Parameters
        ----------
        first, second : InfluenceExplainer
            Fitted to the same training rows in the same order.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        ComparisonDisplay
            Drawn.

        Raises
        ------
        ValueError
            For explainers of different training rows.
        """
        names = [np.asarray(explainer.row_names_) for explainer in (first, second)]
        if not np.array_equal(*names):
            raise ValueError(
                f"The explainers were fitted to {len(names[0])} and {len(names[1])} training rows "
                "that are not the same. Fit both to the same rows in the same order."
            )
        settings = {"target": Mean(target), "method": method}
        display = cls(
            first.influence(X_test, y_test, **settings)[0],
            second.influence(X_test, y_test, **settings)[0],
            names[0],
            names=(_model_name(first.estimator_), _model_name(second.estimator_)),
        )
        return display._drawn(first, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, n_marked=3, **kwargs):
        """Draw one point per training row.

        Parameters
        ----------
        n_marked : int, default=3
            Rows of the largest influence in the second model that are named.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : ComparisonDisplay
            Drawn.
        """
        ax = self._axes(ax)
        style = {"color": HELPFUL, "s": 14, "alpha": 0.7, "linewidths": 0}
        ax.scatter(self.first, self.second, **(style | kwargs))
        zero_lines(ax)
        mark(ax, self.first, self.second, self.row_names, n_marked)
        ax.set_xlabel(f"influence in {self.names[0]}")
        ax.set_ylabel(f"influence in {self.names[1]}")
        ax.set_title(f"rank correlation {self.rank_correlation:.2f}", fontsize=9)
        return self

    def _columns(self):
        a, b = self.names if self.names[0] != self.names[1] else ("first", "second")
        return {"row": self.row_names, a: self.first, b: self.second}


def _model_name(estimator):
    """Name of the class of the last step."""
    while hasattr(estimator, "steps") or hasattr(estimator, "estimator"):
        estimator = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator.estimator
    return type(estimator).__name__
