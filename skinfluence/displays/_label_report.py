"""Results of a label flagger."""

from dataclasses import KW_ONLY, dataclass

import numpy as np

from skinfluence.displays._base import HARMFUL, HATCH, HELPFUL, Display, plain_text

#: Classes up to which the noise matrix is annotated with its numbers.
MOST_ANNOTATED = 6


@dataclass(eq=False, repr=False)
class LabelReportDisplay(Display):
    """Label quality with the flagged rows, and the noise matrix with its standard errors.

    For values of a regression the right panel shows the given values against those that are
    predicted without the row.

    Parameters
    ----------
    label_quality : ndarray of shape (n_samples,)
        Probability that the given label is right.
    flagged : ndarray of bool of shape (n_samples,)
        Rows flagged as mislabelled.
    row_names : ndarray of shape (n_samples,)
        Names of the rows.
    noise_matrix, noise_matrix_std : ndarray of shape (n_classes, n_classes), default=None
        Probability of each given label (column) for each true one (row), and its standard error.
    classes : ndarray of shape (n_classes,), default=None
        Labels of the noise matrix.
    given, predicted : ndarray of shape (n_samples,), default=None
        Given values, and those predicted without the row. Regression only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinfluence import LabelFlagger
    >>> from skinfluence.datasets import flip_labels
    >>> from skinfluence.displays import LabelReportDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> y_given, _ = flip_labels(y, 0.1, random_state=0)
    >>> display = LabelReportDisplay.from_flagger(LabelFlagger().fit(X, y_given))
    >>> display.noise_matrix.shape
    (3, 3)
    """

    label_quality: np.ndarray
    flagged: np.ndarray
    row_names: np.ndarray
    _: KW_ONLY
    noise_matrix: np.ndarray | None = None
    noise_matrix_std: np.ndarray | None = None
    classes: np.ndarray | None = None
    given: np.ndarray | None = None
    predicted: np.ndarray | None = None

    @classmethod
    def from_flagger(cls, flagger, *, ax=None, **kwargs):
        """Draw what a fitted :class:`~skinfluence.LabelFlagger` found.

        Parameters
        ----------
        flagger : LabelFlagger
            Fitted to one column of labels or values.
        ax : matplotlib Axes or two of them, default=None
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        LabelReportDisplay
            Drawn.

        Raises
        ------
        ValueError
            For a flagger of several columns of y.
        """
        if np.ndim(flagger.flagged_) > 1:
            raise ValueError(
                "The flagger was fitted to several columns of y. Pass one of its `flaggers_`."
            )
        classes = flagger.target_type_ == "classes"
        columns = {}
        if classes and flagger.noise_model:
            columns = {
                "noise_matrix": flagger.noise_matrix_,
                "noise_matrix_std": flagger.noise_matrix_std_,
                "classes": flagger.classes_,
            }
        elif not classes:
            given = np.asarray(flagger.report()["given"], dtype=np.float64)
            columns = {"given": given, "predicted": flagger.loo_prediction_}
        names = np.asarray(flagger.row_names_)
        display = cls(flagger.label_quality_, flagger.flagged_, names, **columns)
        return display._drawn(flagger, ax, kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or two of them, default=None
            New ones by default. Without a noise model there is one panel.
        **kwargs
            For :meth:`matplotlib.axes.Axes.hist`.

        Returns
        -------
        self : LabelReportDisplay
            Drawn.
        """
        alone = self.noise_matrix is None and self.given is None
        axes = np.atleast_1d(self._axes(ax, 1 if alone else 2))
        self._draw_quality(axes[0], kwargs)
        if self.noise_matrix is not None:
            self._draw_matrix(axes[1])
        elif self.given is not None:
            self._draw_values(axes[1])
        return self

    def _draw_quality(self, ax, kwargs):
        kept, flagged = self.label_quality[~self.flagged], self.label_quality[self.flagged]
        style = {"bins": np.linspace(0.0, 1.0, 21), "stacked": True, "edgecolor": "white"}
        _, _, parts = ax.hist(
            [flagged, kept],
            color=[HARMFUL, HELPFUL],
            label=[f"flagged ({len(flagged):,})", f"not flagged ({len(kept):,})"],
            **(style | kwargs),
        )
        for bar in parts[0]:
            bar.set_hatch(HATCH)
        ax.set_yscale("log")
        ax.set_xlabel("probability that the label is right")
        ax.set_ylabel("rows")
        ax.legend(fontsize=8, loc="upper center")

    def _draw_matrix(self, ax):
        off = self.noise_matrix.copy()
        np.fill_diagonal(off, np.nan)
        image = ax.imshow(off, cmap="cividis_r", vmin=0.0)
        bar = ax.figure.colorbar(image, ax=ax, label="share of the true class", shrink=0.8)
        bar.solids.set_edgecolor("face")  # as SVG it has stripes otherwise
        place = np.arange(len(off))
        names = [plain_text(c) for c in self.classes]
        ax.set_xticks(place, names, rotation=90, fontsize=8)
        ax.set_yticks(place, names, fontsize=8)
        ax.set_xlabel("given label")
        ax.set_ylabel("true label")
        if len(off) > MOST_ANNOTATED:
            return
        dark, ink = 0.5 * np.nanmax(off, initial=0.0), ax.xaxis.label.get_color()
        for i, j in np.ndindex(off.shape):
            text = f"{self.noise_matrix[i, j]:.2f}\n±{self.noise_matrix_std[i, j]:.2f}"
            color = "white" if off[i, j] > dark else "black"
            color = ink if i == j else color  # the diagonal has no colour of its own
            ax.text(j, i, text, ha="center", va="center", fontsize=7, color=color)

    def _draw_values(self, ax):
        kinds = ((~self.flagged, HELPFUL, "o", None), (self.flagged, HARMFUL, "^", "flagged"))
        for own, color, marker, label in kinds:
            ax.scatter(
                self.predicted[own], self.given[own], color=color, marker=marker, label=label,
                s=14, alpha=0.7, linewidths=0,
            )  # fmt: skip
        ax.axline((self.given[0],) * 2, slope=1.0, color=ax.xaxis.label.get_color(), linewidth=0.8)
        ax.set_xlabel("value predicted without the row")
        ax.set_ylabel("given value")
        ax.legend(fontsize=8)

    def _columns(self):
        columns = {"row": self.row_names, "quality": self.label_quality, "flag": self.flagged}
        if self.given is not None:
            columns |= {"given": self.given, "predicted": self.predicted}
        return columns
