"""Influence against influence without the loss or the Hessian."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.components import influence_components
from skinfluence.displays._base import HARMFUL, HELPFUL, Display, one_test_row, zero_lines

PANELS = {
    "inner_product": "inner product",
    "without_loss": "without the training loss",
    "without_hessian": "without the inverse Hessian",
}


class InfluenceComponentsDisplay(Display):
    """Influence on one test row against three cheaper quantities (Koh & Liang 2017, Figure 1).

    The panels show the inner product, influence without the training loss, and influence without
    the inverse Hessian. Units differ: compare signs and order.

    Parameters
    ----------
    parts : InfluenceComponents
        Of :func:`~skinfluence.components.influence_components`, for one test row.
    same_label : ndarray of bool of shape (n_rows,), default=None
        Training rows with the label of the test row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import InfluenceComponentsDisplay
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> display = InfluenceComponentsDisplay.from_estimator(
    ...     LogisticRegression(C=0.1), X, y, X[:1], y[:1])
    >>> display.ax_.shape
    (3,)
    """

    def __init__(self, parts, same_label=None):
        self.parts = parts
        self.same_label = same_label

    @classmethod
    @shared_parameters
    def from_explainer(cls, explainer, X_test, y_test=None, *, target="auto", ax=None, **kwargs):
        """Draw the three panels for one test row.

        Parameters
        ----------
        X_test : {array-like, sparse matrix, data frame} of shape (1, n_features)
            One test row.
        ax : matplotlib Axes or three of them, default=None
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        InfluenceComponentsDisplay
            Drawn.
        """
        one_test_row(X_test, cls.__name__)
        parts = influence_components(explainer, X_test, y_test, target=target)
        same = None
        if explainer.objective_.coding.is_classification:
            own = explainer.predict(X_test) if y_test is None else y_test
            same = np.asarray(explainer.y_train_) == np.asarray(own).ravel()[0]
        return cls(parts, same).plot(ax=ax, **kwargs)

    @shared_parameters
    def plot(self, ax=None, **kwargs):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or three of them, default=None
            New ones by default.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : InfluenceComponentsDisplay
            Drawn.
        """
        axes = self._axes(ax, 3)
        influence = self.parts.influence[0]
        alone = self.same_label is None
        same = np.ones(len(influence), dtype=bool) if alone else self.same_label
        kinds = [(same, HELPFUL, "o", "same label"), (~same, HARMFUL, "^", "other label")]
        style = {"s": 12, "alpha": 0.6, "linewidths": 0}
        for panel, (name, words) in zip(axes, PANELS.items(), strict=True):
            for own, color, marker, label in kinds:
                x = getattr(self.parts, name)[0][own]
                look = {"color": color, "marker": marker, "label": label} | style | kwargs
                panel.scatter(x, influence[own], **look)
            zero_lines(panel)
            panel.set_xlabel(words)
            panel.ticklabel_format(scilimits=(-3, 4))
        axes[0].set_ylabel("influence")
        if not alone:
            axes[0].legend(fontsize=8)
        return self

    def frame(self):
        """The components as a table.

        Returns
        -------
        DataFrame
            One row per training row.
        """
        return self.parts.frame(0)
