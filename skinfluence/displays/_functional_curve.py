"""A functional while rows are removed, or labels repaired."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import NEUTRAL, Display, draw_curves
from skinfluence.functionals import removal_curve


class FunctionalCurveDisplay(Display):
    """Value of a functional by the share of rows removed, or of labels inspected.

    Parameters
    ----------
    n_rows : ndarray of int of shape (n_points,)
        Rows removed or labels inspected.
    values : dict of str to ndarray of shape (n_points,)
        Value of the refitted model, by name of the order.
    n_train : int
        Number of training rows.
    done : {"removed", "repaired"}, default="removed"
        What is done to the rows.
    what : str, default="functional"
        What is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence.displays import FunctionalCurveDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> display = FunctionalCurveDisplay.from_estimator(
    ...     Ridge(0.1), X[:300], y[:300], "r2", X[300:], y[300:], n_points=4)
    >>> print(display.values["largest decrease first"].round(3))
    [0.509 0.465 0.421 0.384]
    """

    def __init__(self, n_rows, values, n_train, *, done="removed", what="functional"):
        self.n_rows = n_rows
        self.values = values
        self.n_train = n_train
        self.done = done
        self.what = what

    @classmethod
    def from_curve(cls, curve, *, ax=None, **kwargs):
        """Draw a curve of :mod:`skinfluence.functionals`.

        Parameters
        ----------
        curve : FunctionalCurve
            Of :func:`~skinfluence.functionals.removal_curve` or
            :func:`~skinfluence.functionals.repair_curve`.
        ax : matplotlib Axes, default=None
            New ones by default.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        FunctionalCurveDisplay
            Drawn.
        """
        display = cls(curve.n_rows, curve.values, curve.n_train, done=curve.done, what=curve.name)
        display._backend = curve._backend
        return display.plot(ax=ax, **kwargs)

    @classmethod
    @shared_parameters
    def from_explainer(
        cls,
        explainer,
        functional,
        X_test=None,
        y_test=None,
        *,
        orders=None,
        max_share=0.3,
        n_points=7,
        random_state=0,
        ax=None,
        **kwargs,
    ):
        """Remove rows in the order of their effect on a functional, and draw its refitted values.

        Parameters
        ----------
        functional : str, Target, Coefficient or TValue
            As for :func:`~skinfluence.functionals.influence_on`.
        X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
            Test rows; None for functionals of the coefficients.
        orders : dict of str to array-like of int, default=None
            As for :func:`~skinfluence.functionals.removal_curve`.
        max_share : float, default=0.3
            Share of the training rows that is removed at the last point.
        n_points : int, default=7
            Points from no row to that share; each costs a refit for every order.
        random_state : int, RandomState instance or None, default=0
            For the random order.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        FunctionalCurveDisplay
            Drawn.
        """
        curve = removal_curve(
            explainer,
            functional,
            X_test,
            y_test,
            orders=orders,
            max_share=max_share,
            n_points=n_points,
            random_state=random_state,
        )
        return cls.from_curve(curve, ax=ax, **kwargs)

    @shared_parameters
    def plot(self, ax=None, **kwargs):
        """Draw one line for each order, and the value of the fitted model.

        Parameters
        ----------
        **kwargs
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : FunctionalCurveDisplay
            Drawn.
        """
        ax = self._axes(ax)
        share = 100.0 * np.asarray(self.n_rows) / self.n_train
        draw_curves(ax, share, self.values, **({"marker": "o", "markersize": 3} | kwargs))
        before = next(iter(self.values.values()))[0]
        ax.axhline(before, color=NEUTRAL, linewidth=0.8, zorder=1)
        removed = self.done == "removed"
        ax.set_xlabel("training rows removed (%)" if removed else "training labels inspected (%)")
        ax.set_ylabel(self.what)
        ax.legend(fontsize=8)
        return self

    def _columns(self):
        return {"n_rows": self.n_rows, **self.values}
