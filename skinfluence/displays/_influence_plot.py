"""Leverage, residual and Cook's distance in one figure."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import HARMFUL, HELPFUL, Display, mark


class InfluencePlotDisplay(Display):
    """Studentised residual against leverage; the area of a point is Cook's distance.

    The influence plot of statsmodels and of R's car, for least squares with one output and for
    binary logistic regression. Dashed lines: twice the mean leverage, and residuals of -2 and 2.

    Parameters
    ----------
    leverage : ndarray of shape (n_train,)
        Sums to the effective number of parameters.
    studentized_residual : ndarray of shape (n_train,)
        Externally studentised.
    cooks_distance : ndarray of shape (n_train,)
        Change of all predictions without the row, in units of the residual variance.
    row_names : ndarray of shape (n_train,)
        Names of the training rows.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence.displays import InfluencePlotDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> display = InfluencePlotDisplay.from_estimator(Ridge(0.1), X, y)
    >>> print(f"row {display.cooks_distance.argmax()}: {display.cooks_distance.max():.3f}")
    row 123: 0.023
    """

    def __init__(self, leverage, studentized_residual, cooks_distance, row_names):
        self.leverage = leverage
        self.studentized_residual = studentized_residual
        self.cooks_distance = cooks_distance
        self.row_names = row_names

    @classmethod
    @shared_parameters
    def from_explainer(cls, explainer, *, ax=None, **kwargs):
        """Draw the diagnostics of all training rows.

        Parameters
        ----------
        explainer : InfluenceExplainer
            Fitted, of least squares with one output or of a binary logistic regression.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        InfluencePlotDisplay
            Drawn.

        Raises
        ------
        ValueError
            For other models: they have no studentised residuals.
        """
        table = explainer.diagnostics(dfbetas=False)
        try:
            found = [np.asarray(table[name]) for name in _COLUMNS]
        except (KeyError, ValueError, IndexError):
            model = type(explainer.estimator_).__name__
            raise ValueError(
                f"{model} has no studentised residuals here: they need least squares with one "
                "output or a binary logistic regression. SelfInfluenceDisplay works for any model."
            ) from None
        leverage, residual, distance = found
        names = np.asarray(explainer.row_names_)
        display = cls(leverage, residual, distance, names)
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, n_marked=5, **kwargs):
        """Draw the points and the thresholds.

        Parameters
        ----------
        n_marked : int, default=5
            Rows of the largest Cook's distance that are named.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : InfluencePlotDisplay
            Drawn.
        """
        ax = self._axes(ax)
        largest = np.nanmax(self.cooks_distance, initial=0.0)
        area = 300.0 * np.nan_to_num(self.cooks_distance) / (largest or 1.0)
        style = {"facecolors": "none", "edgecolors": HELPFUL, "linewidths": 0.9}
        ax.scatter(
            self.leverage, self.studentized_residual, s=np.maximum(area, 3.0), **(style | kwargs)
        )
        for height in (-2.0, 2.0):
            ax.axhline(height, color="black", linewidth=0.8, linestyle="--")
        ax.axvline(2.0 * self.leverage.mean(), color="black", linewidth=0.8, linestyle="--")
        mark(
            ax, self.leverage, self.studentized_residual, self.row_names, n_marked,
            by=self.cooks_distance,
        )  # fmt: skip
        ax.axhline(0.0, color=HARMFUL, linewidth=0.5)
        ax.set_xlabel("leverage")
        ax.set_ylabel("studentised residual")
        ax.set_title(f"area: Cook's distance, at most {largest:.3g}", fontsize=9)
        return self

    def _columns(self):
        return {"row": self.row_names} | {name: getattr(self, name) for name in _COLUMNS}


_COLUMNS = ("leverage", "studentized_residual", "cooks_distance")
