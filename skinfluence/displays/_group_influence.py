"""Influence of groups of training rows."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import Display, signed_bars
from skinfluence.groups import group_table


class GroupInfluenceDisplay(Display):
    """Mean change over the test rows when each group of training rows is removed.

    Parameters
    ----------
    influence : ndarray of shape (n_groups,)
        Mean value without the group minus mean value with it, in units of the target.
    names : ndarray of shape (n_groups,)
        Names of the groups.
    n_rows : ndarray of int of shape (n_groups,)
        Their sizes.
    what : str, default="loss"
        What is explained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import GroupInfluenceDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> width = X["sepal width (cm)"].round()
    >>> display = GroupInfluenceDisplay.from_estimator(
    ...     LogisticRegression(max_iter=1000), X, y, width, X, y)
    >>> display.n_rows.tolist()
    [19, 106, 25]
    """

    _shown = {"group": "names", "n_rows": "n_rows", "influence": "influence"}

    def __init__(self, influence, names, n_rows, *, what="loss"):
        self.influence = influence
        self.names = names
        self.n_rows = n_rows
        self.what = what

    @classmethod
    @shared_parameters
    def from_explainer(
        cls,
        explainer,
        groups,
        X_test,
        y_test=None,
        *,
        target="auto",
        method=None,
        ax=None,
        **kwargs,
    ):
        """Draw the effect of removing each group.

        Parameters
        ----------
        groups : array-like, list, dict or str
            As for :func:`~skinfluence.groups.group_influence`.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        GroupInfluenceDisplay
            Drawn.
        """
        table = group_table(explainer, groups, X_test, y_test, target=target, method=method)
        what = explainer.test_rows(X_test, y_test, target=target).target.name
        columns = (np.asarray(table[name]) for name in ("influence", "group", "n_rows"))
        display = cls(*columns, what=what)
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, n_groups=12, **kwargs):
        """Draw one bar per group, the largest effect first.

        Parameters
        ----------
        n_groups : int, default=12
            Groups of the largest absolute effect that are drawn.
        **kwargs
            For :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        self : GroupInfluenceDisplay
            Drawn.
        """
        ax = self._axes(ax)
        order = np.argsort(-np.abs(np.nan_to_num(self.influence)), kind="stable")[:n_groups]
        values = self.influence[order]
        signed_bars(ax, values, **kwargs)
        names = [f"{self.names[i]} ({self.n_rows[i]:,} rows)" for i in order]
        ax.set_yticks(np.arange(len(order)), names, fontsize=8)
        ax.set_xlabel(f"mean change of the {self.what}\nwithout the group")
        return self
