"""Leverage: with residual and Cook's distance of training rows, and of test rows."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import row_labels
from skinfluence._utils.tables import counted
from skinfluence.displays._base import HARMFUL, HELPFUL, Display, mark
from skinfluence.explainer import check_explainer
from skinfluence.mismatch import unlike_training


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
        check_explainer(explainer, removals=True)
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
        dashed = {"color": ax.xaxis.label.get_color(), "linewidth": 0.8, "linestyle": "--"}
        for height in (-2.0, 2.0):
            ax.axhline(height, **dashed)
        ax.axvline(2.0 * self.leverage.mean(), **dashed)
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


class UnlikeTrainingDisplay(Display):
    """Leverage of test rows against that of training rows left out one by one, by quantile.

    One point per test row: its leverage, and that of the training rows at the same quantile. Test
    rows that are drawn as the training rows are lie on the diagonal. Rows whose prediction is
    undetermined have infinite leverage, and are counted instead.

    Parameters
    ----------
    leverage : ndarray of shape (n_test,)
        See :meth:`~skinfluence.InfluenceExplainer.out_of_sample_leverage`.
    training_leverage : ndarray of shape (n_train,)
        Of each training row by the model without it; NaN for rows of weight zero.
    row_names : ndarray of shape (n_test,)
        Names of the test rows.
    p_value : float, default=NaN
        That the test set is drawn as the training set is.

    See Also
    --------
    skinfluence.mismatch.unlike_training : The numbers, with columns and training rows.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence.displays import UnlikeTrainingDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> display = UnlikeTrainingDisplay.from_estimator(Ridge(0.1), X[:300], y[:300], X[300:])
    >>> print(f"row {display.row_names[display.leverage.argmax()]}: {display.leverage.max():.3f}")
    row 322: 0.083
    """

    def __init__(self, leverage, training_leverage, row_names, *, p_value=float("nan")):
        self.leverage = leverage
        self.training_leverage = training_leverage
        self.row_names = row_names
        self.p_value = p_value

    @classmethod
    @shared_parameters
    def from_explainer(
        cls, explainer, X_test, *, n_permutations=999, random_state=0, ax=None, **kwargs
    ):
        """Draw the leverages of test rows.

        Parameters
        ----------
        n_permutations : int, default=999
            As for :func:`~skinfluence.mismatch.unlike_training`.
        random_state : int, RandomState instance or None, default=0
            Of the permutations.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        UnlikeTrainingDisplay
            Drawn.
        """
        found = unlike_training(
            explainer, X_test, n_rows=1, n_permutations=n_permutations, random_state=random_state
        )
        names = np.asarray(row_labels(X_test))
        display = cls(found.leverage, found.training_leverage, names, p_value=found.p_value)
        return display._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, *, n_marked=1, **kwargs):
        """Draw one point per test row, and the diagonal.

        Parameters
        ----------
        n_marked : int, default=1
            Test rows of the largest leverage that are named.
        **kwargs
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : UnlikeTrainingDisplay
            Drawn.
        """
        ax = self._axes(ax)
        expected = self._expected()
        shown = np.isfinite(self.leverage) & np.isfinite(expected)
        x, y = expected[shown], self.leverage[shown]
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.scatter(x, y, **({"color": HARMFUL, "s": 14, "alpha": 0.7, "linewidths": 0} | kwargs))
        ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())]) if len(x) else [1.0, 2.0]
        ax.plot(ends, ends, color=ax.xaxis.label.get_color(), linewidth=0.8, linestyle="--")
        mark(ax, x, y, self.row_names[shown], n_marked)
        ax.set_xlabel("leverage of training rows left out one by one,\nat the same quantile")
        ax.set_ylabel("leverage of test rows")
        notes = [] if np.isnan(self.p_value) else [f"p-value of the test set: {self.p_value:.3g}"]
        if not shown.all():
            notes.append(f"undetermined: {counted(int((~shown).sum()), 'test row')}")
        ax.set_title("; ".join(notes), fontsize=9)
        return self

    def _expected(self):
        """Leverage of the training rows at the quantile of each test row among the test rows."""
        known = np.sort(self.training_leverage[~np.isnan(self.training_leverage)])
        place = np.argsort(np.argsort(self.leverage, kind="stable"), kind="stable")
        share = (place + 0.5) / len(place)
        return known[np.minimum((share * len(known)).astype(int), len(known) - 1)]

    def _columns(self):
        return {
            "test_row": self.row_names,
            "leverage": self.leverage,
            "training_leverage": self._expected(),
        }
