"""Scores of predicted values and probabilities, as scikit-learn's metrics have them."""

import numpy as np

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence.losses import Logistic, Loss, Multinomial
from skinfluence.targets._aggregates import WeightedSum
from skinfluence.targets._base import JointTarget
from skinfluence.targets._labels import encode_labels
from skinfluence.targets._rows import LossValue
from skinfluence.targets._two_classes import TwoClassTarget

#: Scores of predicted values, and of the probability of the label.
OF_VALUES = (
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
)
OF_PROBABILITIES = ("neg_log_loss", "neg_brier_score")


class Score(JointTarget):
    """A score of predicted values or of probabilities by its name in scikit-learn.

    Parameters
    ----------
    name : str
        For regressors "r2", "neg_mean_squared_error", "neg_root_mean_squared_error" or
        "neg_mean_absolute_error"; for classifiers with probabilities "neg_log_loss", and for those
        of two classes "neg_brier_score".

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import Score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge(0.1)).fit(X[:300], y[:300])
    >>> tests = explainer.test_rows(X[300:], y[300:], target=Score("r2"))
    >>> print(f"{tests.value():.4f} {explainer.estimator_.score(X[300:], y[300:]):.4f}")
    0.5091 0.5091
    """

    loss: Loss
    y: np.ndarray  # values, or codes of classes
    spread: float  # mean square of the values about their mean

    #: all that there are
    names = (*OF_PROBABILITIES, *OF_VALUES)

    def __init__(self, name):
        self.name = name

    def bind(self, objective, raw, y_test):
        check_choice("name", self.name, (*OF_VALUES, *OF_PROBABILITIES))
        if y_test is None:
            raise ValueError(f"{self.name!r} needs y_test, the labels or values of the test rows.")
        coding, of_values = objective.coding, self.name in OF_VALUES
        if coding.is_classification == of_values:
            kind, does = ("regressors", "classifies")
            others: tuple = OF_PROBABILITIES
            if not of_values:
                kind, does, others = "classifiers", "predicts values", OF_VALUES
            raise ValueError(
                f"{self.name!r} is for {kind}; this model {does}. Use one of {list(others)}."
            )
        y = encode_labels(coding, y_test, len(raw))
        if of_values:
            n_values = objective.loss.inverse_link(raw[:1]).shape[1]  # raw may hold a scale too
            if n_values != 1:
                raise ValueError(
                    f"{self.name!r} is for one value a row, and this model predicts {n_values}. "
                    "Explain each on its own."
                )
            spread = float(np.mean((y - y.mean()) ** 2))
            if self.name == "r2" and not spread > 0.0:
                raise ValueError("'r2' needs test rows of different values in y_test.")
            return self._replace(loss=objective.loss, y=y[:, 0], spread=spread)
        if objective.loss.probability(raw[:1]) is None:
            raise ValueError(
                f"{self.name!r} needs class probabilities, which {objective.loss!r} does not "
                'define. Use "loss", "accuracy" or "roc_auc".'
            )
        if self.name == "neg_brier_score" and len(coding.classes) != 2:
            raise ValueError("'neg_brier_score' is for two classes. Use 'neg_log_loss'.")
        if self.name == "neg_log_loss" and type(objective.loss) in (Logistic, Multinomial):
            each = LossValue.at(objective.loss, y)  # the same number, without overflow
            factors = np.full(len(raw), -1.0 / len(raw))
            return WeightedSum.of(each, len(raw))._replace(factors=factors, name=self.name)
        return self._replace(loss=objective.loss, y=coding.decode(y))

    def _label_probability(self, raw):
        p = self.loss.probability(raw)[np.arange(len(raw)), self.y]
        return np.maximum(p, np.finfo(p.dtype).eps)  # as scikit-learn's log loss

    def _mean(self, raw):
        """Mean of what rows cost."""
        if self.name in OF_VALUES:
            error = self.loss.inverse_link(raw)[:, 0] - self.y
            return np.mean(np.abs(error) if self.name.endswith("absolute_error") else error**2)
        p = self._label_probability(raw)
        return np.mean((1.0 - p) ** 2 if self.name == "neg_brier_score" else -np.log(p))

    def value(self, raw):
        mean = self._mean(raw)
        if self.name == "r2":
            return float(1.0 - mean / self.spread)
        return float(-np.sqrt(mean) if self.name == "neg_root_mean_squared_error" else -mean)

    def gradient(self, raw):
        outer = -1.0 / len(raw)
        if self.name == "r2":
            outer /= self.spread
        elif self.name == "neg_root_mean_squared_error":
            outer /= 2.0 * np.sqrt(self._mean(raw))
        if self.name in OF_VALUES:
            error = self.loss.inverse_link(raw) - self.y[:, None]
            cost = np.sign(error) if self.name.endswith("absolute_error") else 2.0 * error
            return outer * cost * self.loss.inverse_link_derivative(raw)
        p = self._label_probability(raw)
        cost = -2.0 * (1.0 - p) if self.name == "neg_brier_score" else -1.0 / p
        return outer * cost[:, None] * self.loss.probability_gradient(self.y, raw)


class CalibrationError(TwoClassTarget):
    """Expected calibration error of the probability of the second class, for two classes.

    The probabilities are divided into bins of equal width. Each row counts in the two bins whose
    centres are next to its probability, in proportion to its nearness to them, so that the error
    is continuous in the predictions. It is the sum over bins of ``|sum of probability - label| /
    n_test``.

    Parameters
    ----------
    n_bins : int, default=10
        Number of bins, at least 2.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks",
    ICML 2017, equation 3 (with rows in one bin each).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import CalibrationError
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=9999)).fit(X[::2], y[::2])
    >>> tests = explainer.test_rows(X[1::2], y[1::2], target=CalibrationError())
    >>> print(f"{tests.value():.3f}")
    0.043
    """

    name = "calibration error"
    loss: Loss

    def __init__(self, n_bins=10):
        self.n_bins = n_bins

    def bind(self, objective, raw, y_test):
        check_whole("n_bins", self.n_bins, least=2)
        positive = self._read(objective, raw, y_test)
        if objective.loss.probability(raw[:1]) is None:
            raise ValueError(
                f"target=CalibrationError needs class probabilities, which {objective.loss!r} does "
                "not define."
            )
        return self._replace(loss=objective.loss, positive=positive)

    def _binned(self, raw):
        """(excess p - y, bin below, share of the bin above, excess of each bin)."""
        excess = self.loss.probability(raw)[:, 1] - self.positive
        place = np.clip((excess + self.positive) * self.n_bins - 0.5, 0.0, self.n_bins - 1.0)
        below = np.minimum(place.astype(np.intp), self.n_bins - 2)
        share = place - below
        sums = np.bincount(below, (1.0 - share) * excess, self.n_bins)
        sums += np.bincount(below + 1, share * excess, self.n_bins)
        return excess, below, share, sums

    def value(self, raw):
        if np.isnan(raw).any():
            return np.nan
        return float(np.abs(self._binned(raw)[3]).sum() / len(raw))

    def gradient(self, raw):
        excess, below, share, sums = self._binned(raw)
        low, high = np.sign(sums)[below], np.sign(sums)[below + 1]
        place = below + share
        moves = self.n_bins * ((place > 0.0) & (place < self.n_bins - 1.0))
        slopes = (1.0 - share) * low + share * high + moves * excess * (high - low)
        second = np.ones(len(raw), dtype=np.intp)
        return slopes[:, None] * self.loss.probability_gradient(second, raw) / len(raw)
