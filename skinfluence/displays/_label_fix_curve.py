"""Wrong labels found, and test score after fixing them, by the share of labels inspected."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring

from skinfluence.displays._base import NEUTRAL, Display, draw_curves


class LabelFixCurveDisplay(Display):
    """Share of the wrong labels found against share of the labels inspected, for some rankings.

    With an estimator a second panel shows its test score after the labels inspected so far have
    been corrected (Koh & Liang 2017, Figure 6).

    Parameters
    ----------
    inspected : ndarray of shape (n_points,)
        Shares of the rows that are inspected, 0 to 1.
    found : dict of str to ndarray of shape (n_points,)
        Share of the wrong labels among them, for each ranking by name.
    test_score : dict of str to ndarray of shape (n_points,), default=None
        Score on test rows of the estimator fitted to labels so corrected.
    clean_score : float, default=None
        The score with all labels right.
    score_name : str, default="test score"
        Label of the second panel.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinfluence import LabelFlagger
    >>> from skinfluence.datasets import flip_labels
    >>> from skinfluence.displays import LabelFixCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> y_given, _ = flip_labels(y, 0.1, random_state=0)
    >>> flagger = LabelFlagger().fit(X, y_given)
    >>> display = LabelFixCurveDisplay.from_flagger(flagger, y_given, y)
    >>> print(f"{display.found['LabelFlagger'][2]:.1f} found in the first 10 %")
    0.9 found in the first 10 %
    """

    def __init__(
        self, inspected, found, *, test_score=None, clean_score=None, score_name="test score"
    ):
        self.inspected = inspected
        self.found = found
        self.test_score = test_score
        self.clean_score = clean_score
        self.score_name = score_name

    @classmethod
    def from_flagger(cls, flagger, y_given, y_true, **kwargs):
        """Draw the curve of a fitted flagger's ranking.

        Parameters
        ----------
        flagger : LabelFlagger
            Fitted to `y_given`.
        y_given, y_true : array-like of shape (n_samples,)
            Labels as given, and the right ones.
        **kwargs
            For :meth:`from_rankings`.

        Returns
        -------
        LabelFixCurveDisplay
            Drawn.
        """
        return cls.from_rankings(
            {type(flagger).__name__: flagger.ranking_}, y_given, y_true, **kwargs
        )

    @classmethod
    def from_rankings(
        cls,
        rankings,
        y_given,
        y_true,
        *,
        estimator=None,
        X=None,
        X_test=None,
        y_test=None,
        scoring=None,
        n_points=21,
        ax=None,
        **kwargs,
    ):
        """Draw one curve for each ranking.

        Parameters
        ----------
        rankings : dict of str to array-like of int of shape (n_samples,)
            Positions of the rows, the first to inspect first.
        y_given, y_true : array-like of shape (n_samples,)
            Labels as given, and the right ones.
        estimator : estimator, default=None
            Refitted at each point to the labels corrected so far; needs `X`, `X_test`, `y_test`.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features), default=None
        X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        y_test : array-like of shape (n_test,), default=None
        scoring : str or callable, default=None
            As in scikit-learn; the estimator's own score by default.
        n_points : int, default=21
            Shares of the rows from 0 to 1; each costs one fit.
        ax : matplotlib Axes or two of them, default=None
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        LabelFixCurveDisplay
            Drawn.

        Raises
        ------
        ValueError
            For labels of different lengths, a ranking that does not name each row once, labels
            none of which is wrong, or an estimator without its data.
        """
        y_given, y_true = np.asarray(y_given), np.asarray(y_true)
        rankings = {name: np.asarray(rows) for name, rows in rankings.items()}
        _check(rankings, y_given, y_true)
        if estimator is not None and any(v is None for v in (X, X_test, y_test)):
            raise ValueError("A test score needs X, X_test and y_test along with the estimator.")
        n = len(y_given)
        inspected = np.linspace(0.0, 1.0, n_points)
        counts = np.rint(inspected * n).astype(int)
        wrong = y_given != y_true
        found = {
            name: np.concatenate([[0], np.cumsum(wrong[rows])])[counts] / wrong.sum()
            for name, rows in rankings.items()
        }
        test_score = clean = None
        if estimator is not None:
            scorer = check_scoring(estimator, scoring=scoring)

            def score(labels):
                return scorer(clone(estimator).fit(X, labels), X_test, y_test)

            clean = score(y_true)
            test_score = {
                name: np.array([score(_fixed(y_given, y_true, rows[:c])) for c in counts])
                for name, rows in rankings.items()
            }
        display = cls(inspected, found, test_score=test_score, clean_score=clean)
        if isinstance(scoring, str):
            display.score_name = f"{scoring} on test rows"
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or two of them, default=None
            New ones by default; two panels where there are test scores.
        **kwargs
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : LabelFixCurveDisplay
            Drawn.
        """
        axes = np.atleast_1d(self._axes(ax, 1 if self.test_score is None else 2))
        panels = [(axes[0], self.found), (axes[-1], self.test_score)]
        for panel, curves in panels[: len(axes)]:
            draw_curves(panel, 100 * self.inspected, curves, **kwargs)
            panel.set_xlabel("labels inspected (%)")
        axes[0].plot([0, 100], [0, 1], color=NEUTRAL, linewidth=0.8, label="random order")
        axes[0].set_ylabel("share of the wrong labels found")
        axes[0].legend(fontsize=8, loc="lower right")
        if self.test_score is not None:
            axes[1].axhline(
                self.clean_score, color=NEUTRAL, linewidth=0.8, label="all labels right"
            )
            axes[1].set_ylabel(self.score_name)
            axes[1].legend(fontsize=8, loc="lower right")
        return self

    def _columns(self):
        columns = {"inspected": self.inspected}
        columns |= {f"found_{name}": values for name, values in self.found.items()}
        scores = self.test_score or {}
        return columns | {f"score_{name}": values for name, values in scores.items()}


def _check(rankings, y_given, y_true):
    n = len(y_given)
    if y_true.shape != y_given.shape:
        raise ValueError(f"y_given has shape {y_given.shape}, y_true {y_true.shape}: expected one.")
    for name, rows in rankings.items():
        if not np.array_equal(np.sort(rows), np.arange(n)):
            raise ValueError(f"The ranking {name!r} must name each of the {n} rows exactly once.")
    if (y_given == y_true).all():
        raise ValueError("No given label is wrong: y_given equals y_true. There is no curve.")


def _fixed(y_given, y_true, rows):
    labels = y_given.astype(np.promote_types(y_given.dtype, y_true.dtype))  # longer names too
    labels[rows] = y_true[rows]
    return labels
