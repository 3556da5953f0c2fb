"""Score of a grid search against damping."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import HELPFUL, Display


class DampingCurveDisplay(Display):
    """Mean cross-validated score of a search against damping, with its standard error.

    Parameters
    ----------
    damping : ndarray of shape (n_candidates,)
        Ascending.
    mean_score, std_error : ndarray of shape (n_candidates,)
        Mean over the folds and its standard error.
    score_name : str, default="score"
        Label of the vertical axis.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.displays import DampingCurveDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> grid = {"damping": [0.0, 1e-3, 1e-2, 1e-1]}
    >>> search = GridSearchCV(InfluenceExplainer(RidgeClassifier()), grid, cv=3).fit(X, y)
    >>> display = DampingCurveDisplay.from_cv_results(search.cv_results_)
    >>> float(display.damping[display.mean_score.argmax()])
    0.0
    """

    _shown = {"damping": "damping", "mean_score": "mean_score", "std_error": "std_error"}

    def __init__(self, damping, mean_score, std_error, *, score_name="score"):
        self.damping = damping
        self.mean_score = mean_score
        self.std_error = std_error
        self.score_name = score_name

    @classmethod
    @shared_parameters
    def from_cv_results(cls, cv_results, *, param=None, score="score", ax=None, **kwargs):
        """Draw the results of a search over damping.

        Parameters
        ----------
        cv_results : dict
            `cv_results_` of a fitted search. Where other parameters vary too, the best score of
            each damping is drawn.
        param : str, default=None
            Name of the parameter, such as "explainer__damping"; the one that ends with "damping"
            by default.
        score : str, default="score"
            Which scorer, where the search has several.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        DampingCurveDisplay
            Drawn.

        Raises
        ------
        ValueError
            Where no such parameter or scorer is in the results.
        """
        found = [k for k in cv_results if k.startswith("param_") and k.endswith("damping")]
        key = found[0] if param is None and len(found) == 1 else f"param_{param}"
        if key not in cv_results or f"mean_test_{score}" not in cv_results:
            known = [k for k in cv_results if k.startswith(("param_", "mean_test_"))]
            raise ValueError(
                f"No results of param={param!r} and score={score!r}. The search has {known}; name "
                "one parameter and one score of these, without their prefixes."
            )
        damping = np.asarray(cv_results[key], dtype=np.float64)
        mean = np.asarray(cv_results[f"mean_test_{score}"], dtype=np.float64)
        n_folds = sum(k.startswith("split") and k.endswith(f"_test_{score}") for k in cv_results)
        error = np.asarray(cv_results[f"std_test_{score}"]) / np.sqrt(max(n_folds, 1))
        values = np.unique(damping)
        own = (np.flatnonzero(damping == value) for value in values)
        best = [some[np.nan_to_num(mean[some], nan=-np.inf).argmax()] for some in own]
        return cls(values, mean[best], error[best], score_name=score).plot(ax=ax, **kwargs)

    @shared_parameters
    def plot(self, ax=None, **kwargs):
        """Draw the curve; damping 0 is at the left end of the logarithmic axis.

        Parameters
        ----------
        **kwargs
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : DampingCurveDisplay
            Drawn.
        """
        ax = self._axes(ax)
        low, high = self.mean_score - self.std_error, self.mean_score + self.std_error
        style = {"color": HELPFUL, "marker": "o", "markersize": 4, "label": "mean, standard error"}
        (line,) = ax.plot(self.damping, self.mean_score, **(style | kwargs))
        ax.fill_between(self.damping, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        positive = self.damping[self.damping > 0]
        if len(positive):
            ax.set_xscale("symlog", linthresh=float(positive.min()))
        ax.set_xlabel("damping")
        ax.set_ylabel(self.score_name)
        ax.legend(fontsize=8)
        return self
