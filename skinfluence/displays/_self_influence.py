"""Self-influence against the loss."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import Display, mark, scatter_classes
from skinfluence.explainer import check_explainer


class SelfInfluenceDisplay(Display):
    """Influence of each training row on its own loss, against that loss.

    Rows with large self-influence are predicted by the model only because it was fitted to them:
    wrong labels and outliers (Koh & Liang 2017, section 5.4). Inspect the named rows first.

    Parameters
    ----------
    self_influence : ndarray of shape (n_train,)
        Loss of the row without itself minus its loss, in units of the loss.
    loss : ndarray of shape (n_train,)
        Loss of the row under the fitted model.
    labels : ndarray of shape (n_train,) or None
        Classes; None for values.
    row_names : ndarray of shape (n_train,)
        Names of the training rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import SelfInfluenceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = SelfInfluenceDisplay.from_estimator(LogisticRegression(max_iter=1000), X, y)
    >>> int(display.self_influence.argmax())
    106
    """

    _shown = {
        "row": "row_names",
        "self_influence": "self_influence",
        "loss": "loss",
        "label": "labels",
    }

    def __init__(self, self_influence, loss, labels, row_names):
        self.self_influence = self_influence
        self.loss = loss
        self.labels = labels
        self.row_names = row_names

    @classmethod
    @shared_parameters
    def from_explainer(cls, explainer, *, method=None, ax=None, **kwargs):
        """Draw the self-influence of all training rows.

        Parameters
        ----------
        method : str, default=None
            As for :meth:`~skinfluence.InfluenceExplainer.self_influence`.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        SelfInfluenceDisplay
            Drawn.
        """
        check_explainer(explainer, removals=True)
        objective = explainer.objective_
        labels = np.asarray(explainer.y_train_) if objective.coding.is_classification else None
        display = cls(
            explainer.self_influence(method),
            objective.row_values(objective.loss.exact),
            labels,
            np.asarray(explainer.row_names_),
        )
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, n_marked=5, **kwargs):
        """Draw one point per training row.

        Parameters
        ----------
        n_marked : int, default=5
            Rows of the largest self-influence that are named.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : SelfInfluenceDisplay
            Drawn.
        """
        ax = self._axes(ax)
        scatter_classes(ax, self.loss, self.self_influence, self.labels, **kwargs)
        mark(ax, self.loss, self.self_influence, self.row_names, n_marked)
        ax.set_xlabel("loss of the training row")
        ax.set_ylabel("self-influence: rise of that loss\nwithout the row")
        return self
