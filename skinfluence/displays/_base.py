"""Shared by all displays: axes, colours, tables, and the classmethod for a scikit-learn model."""

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skinfluence._utils.frames import make_frame, refuse_file
from skinfluence._utils.tables import value_text
from skinfluence.explainer import InfluenceExplainer

#: Colours of Okabe & Ito (2008), which colour-blind readers distinguish; markers and hatches serve
#: prints in black and white.
HELPFUL, HARMFUL, NEUTRAL = "#0072B2", "#D55E00", "#8c8c8c"
LINES = ("-", "--", ":", "-.")
CLASSES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "os^DvP*"
HATCH = "////"


class Display:
    """A figure with the arrays that it shows.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of Axes where there are several panels
        Set by `plot`.
    figure_ : matplotlib Figure
        Set by `plot`.
    """

    _backend: str | None = None  # library of the frames of `frame`
    _shown: dict[str, str] = {}  # attribute of each column of `frame`; None has no column

    @classmethod
    def from_estimator(cls, estimator, X_train, y_train, *args, sample_weight=None, **kwargs):
        """Fit an :class:`~skinfluence.InfluenceExplainer` and plot by `from_explainer`.

        Parameters
        ----------
        estimator : estimator
            Fitted or not. A fitted one is explained as it is; (X_train, y_train) must be the rows
            that it was fitted to.
        X_train : {array-like, sparse matrix, data frame} of shape (n_train, n_features)
        y_train : array-like of shape (n_train,) or (n_train, n_outputs)
        *args, **kwargs
            For `from_explainer`.
        sample_weight : array-like of shape (n_train,), default=None

        Returns
        -------
        display
            Drawn.
        """
        try:
            check_is_fitted(estimator)
            estimator = FrozenEstimator(estimator)
        except NotFittedError:
            pass
        explainer = InfluenceExplainer(estimator).fit(X_train, y_train, sample_weight)
        return cls.from_explainer(explainer, *args, **kwargs)  # type: ignore[attr-defined]

    def _drawn(self, fitted, ax, kwargs):
        """The display drawn, with tables in the frame type of what an explainer was fitted to."""
        self._backend = fitted.training_rows_.backend
        return self.plot(ax=ax, **kwargs)  # type: ignore[attr-defined]

    def frame(self):
        """The plotted numbers as a table.

        Returns
        -------
        DataFrame
            In the frame type of the training data.
        """
        return make_frame(self._columns(), self._backend)

    def _columns(self) -> dict[str, Any]:
        columns = {name: getattr(self, attribute) for name, attribute in self._shown.items()}
        return {name: values for name, values in columns.items() if values is not None}

    def _axes(self, ax, n_panels=1, **kwargs):
        """Set `ax_` and `figure_`; return the axes: the user's own, or new ones."""
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
        from matplotlib.gridspec import GridSpecFromSubplotSpec

        if ax is None:
            width = 5.5 if n_panels == 1 else 3.6 * n_panels
            self.figure_, axes = plt.subplots(
                1, n_panels, figsize=(width, 4.0), layout="constrained", squeeze=False, **kwargs
            )
            axes = axes[0]
        elif isinstance(ax, Axes) and n_panels > 1:  # one place for several panels
            ax.set_axis_off()
            grid = GridSpecFromSubplotSpec(1, n_panels, subplot_spec=ax.get_subplotspec())
            self.figure_ = ax.figure
            axes = np.array([self.figure_.add_subplot(grid[i]) for i in range(n_panels)])
        else:
            axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
            if len(axes) != n_panels:
                raise ValueError(f"ax holds {len(axes)} axes; expected {n_panels}, or one.")
            self.figure_ = axes[0].figure
        self.ax_ = axes[0] if n_panels == 1 else axes
        return self.ax_


def plain_text(value, longest=24):
    """A name or a value as one short line, in which no sign begins a formula."""
    return value_text(value, longest=longest).replace("$", r"\$")


def draw_curves(ax, x, curves, **kwargs):
    """One line for each of some named curves, with a colour and dashes of its own."""
    for i, (name, values) in enumerate(curves.items()):
        style = {"color": CLASSES[i % len(CLASSES)], "linestyle": LINES[i % len(LINES)]}
        ax.plot(x, values, label=name, **(style | kwargs))


def zero_lines(ax):
    """The lines on which either coordinate is zero."""
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.axvline(0.0, color="black", linewidth=0.8)


def signed_bars(ax, values, labels=(None, None), **kwargs):
    """Horizontal bars from the top down: positive values plain, negative ones hatched."""
    kinds = ((1, HELPFUL, None), (-1, HARMFUL, HATCH))
    for (sign, color, hatch), label in zip(kinds, labels, strict=True):
        own = np.flatnonzero(np.sign(values) == sign)
        style = {"color": color, "hatch": hatch, "edgecolor": "white", "label": label}
        ax.barh(own, values[own], **(style | kwargs))
    ax.invert_yaxis()
    ax.axvline(0.0, color=ax.xaxis.label.get_color(), linewidth=0.8)


def one_test_row(X_test, name):
    """Raise unless X_test holds exactly one row."""
    refuse_file(X_test, "X_test")
    n = X_test.shape[0] if hasattr(X_test, "shape") else len(X_test)
    if n != 1:
        raise ValueError(
            f"{name} shows one test row, X_test has {n}. Pass one, such as X_test[:1] "
            "(X_test.iloc[:1] of a pandas frame)."
        )


def mark(ax, x, y, names, n, by=None):
    """Names next to the n points of the largest |by| (|y| by default), none upon another."""
    size = np.abs(np.nan_to_num(y if by is None else by))
    taken: list[np.ndarray] = []  # corners of the boxes of text in points
    for i in np.argsort(-size, kind="stable")[:n]:
        text, place = str(names[i]), ax.transData.transform((x[i], y[i]))
        place = place * 72.0 / ax.figure.dpi
        width, height = 4.5 * len(text), 8.0
        inside = ax.transAxes.inverted().transform(ax.transData.transform((x[i], y[i])))[0] < 0.8
        for right in (inside, not inside):
            corner = place + np.array([4.0 if right else -4.0 - width, 2.0])
            clear = all((np.abs(corner - other) > (width, height)).any() for other in taken)
            if clear:
                taken.append(corner)
                ax.annotate(
                    text,
                    (x[i], y[i]),
                    xytext=(4 if right else -4, 2),
                    textcoords="offset points",
                    ha="left" if right else "right",
                    fontsize=7,
                )
                break


def scatter_classes(ax, x, y, labels, **kwargs):
    """Points with a colour and a marker for each class; one kind for more than seven classes."""
    known = np.unique(labels) if labels is not None else []
    style = {"s": 14, "alpha": 0.7, "linewidths": 0, **kwargs}
    if not 1 < len(known) <= len(MARKERS):
        ax.scatter(x, y, color=HELPFUL, **style)
        return
    for label, color, marker in zip(known, CLASSES, MARKERS, strict=False):
        own = labels == label
        ax.scatter(x[own], y[own], color=color, marker=marker, label=str(label), **style)
    ax.legend(title="label", fontsize=8, title_fontsize=8)


def symmetric_limits(ax, values):
    """Limits of both axes such that the identity line is the diagonal."""
    values = np.asarray(values)[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 1.0
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(low - margin, high + margin)
