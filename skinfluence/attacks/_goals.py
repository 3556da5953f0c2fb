"""Predictions that an attack is to change, and the slopes that lead there."""

from abc import abstractmethod

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skinfluence._utils.checks import check_threshold
from skinfluence.linalg import row_blocks
from skinfluence.losses import Logistic, Multinomial, OneVsRestLogLoss
from skinfluence.perturbation import perturbation_influence
from skinfluence.targets import Target

#: Other classes of a test row that are looked at, the nearest ones.
ALTERNATIVES = 3
#: Losses that rise at the predicted label wherever its lead over another class falls.
LOG_LOSSES = (Logistic, Multinomial, OneVsRestLogLoss)


def goal_of(explainer, X_test, threshold):
    """The Goal of a model: another class, or a value across a threshold."""
    explainer.test_rows(X_test)  # raises for what is no table
    is_classification = explainer.objective_.coding.is_classification
    check_threshold(threshold, is_classification)
    if is_classification:
        return FlippedClass(explainer, X_test)
    return CrossedThreshold(explainer, X_test, float(threshold))


class Goal:
    """A number of each test row that has to rise.

    A subclass says by ``_measure(tests)`` what it is for some test rows: (labels or None, target of
    the explainer, factor of each or None).
    """

    #: whether the slopes may be followed downwards too
    either = False

    def __init__(self, X_test):
        self.X_test = X_test

    def slopes(self, explainer, rows, features, tests):
        """Slopes (n_test, n_rows, n_features) of what has to rise."""
        X, (y, target, factor) = _safe_indexing(self.X_test, tests), self._measure(tests)
        made = perturbation_influence(explainer, X, y, rows, features=features, target=target)
        made = np.nan_to_num(made, nan=0.0)
        return made if factor is None else factor[:, None, None] * made

    @abstractmethod
    def _measure(self, tests):
        """What has to rise."""


class FlippedClass(Goal):
    """Other predicted classes.

    What has to rise is the log loss at the predicted labels, as in Koh & Liang. Other losses are
    flat there (hinges) or rise in both directions (squared error): instead of them it is the
    negative lead of the predicted class over the one that is nearest at first.
    """

    def __init__(self, explainer, X_test, by_loss=False):
        super().__init__(X_test)
        objective = explainer.linearization_.optimum
        self.coding = objective.coding
        self.predictor = explainer.fitted_model_.predictor(X_test)
        raw = objective.raw_predictions(self.predictor)
        self.codes = self.coding.predicted_codes(raw)
        self.predictions = self.coding.classes[self.codes]
        self.factors = None
        if not (by_loss or isinstance(objective.loss, LOG_LOSSES)):
            self.factors = np.array([leads[0][0] for leads in self.leads(raw)])  # (n_test, K)

    def leads(self, raw):
        """For each test row the leads of its class, see `TargetCoding.leads`."""
        return [self.coding.leads(*row) for row in zip(raw, self.codes, strict=True)]

    def new_predictions(self, explainer):
        """Predictions of a refit."""
        raw = explainer.objective_.raw_predictions(self.predictor)
        return self.coding.classes[self.coding.predicted_codes(raw)]

    def flipped(self, predictions):
        """Mask (n_test,) of predictions that are other ones."""
        return np.asarray(predictions) != self.predictions

    def height(self, explainer):
        """Mean of what has to rise."""
        y, target, _ = self._measure(slice(None))
        return float(np.mean(explainer.test_rows(self.X_test, y, target=target).value()))

    def _measure(self, tests):
        if self.factors is None:
            return self.predictions[tests], "loss", None
        return None, LinearTarget(self.factors[tests]), None


class CrossedThreshold(Goal):
    """Predicted values on the other side of a threshold."""

    def __init__(self, explainer, X_test, threshold):
        values = np.asarray(explainer.predict(X_test))
        if values.ndim != 1 and values.shape[1] != 1:
            raise ValueError(
                f"The model predicts {values.shape[1]} values a row; expected one, which can cross "
                "a threshold. Explain each target on its own."
            )
        super().__init__(X_test)
        self.threshold = threshold
        self.predictor = explainer.fitted_model_.predictor(X_test)
        self.predictions = self._values(explainer.linearization_.optimum)
        self.sign = np.where(self.predictions > threshold, -1.0, 1.0)

    def new_predictions(self, explainer):
        """Predictions of a refit."""
        return self._values(explainer.objective_)

    def flipped(self, predictions):
        """Mask (n_test,) of predictions on the other side."""
        above = np.asarray(predictions, dtype=float).ravel() > self.threshold
        return above != (self.predictions > self.threshold)

    def _measure(self, tests):
        return None, "predict", self.sign[tests]

    def height(self, explainer):
        """Mean of what has to rise."""
        return float(np.mean(self.sign * self.new_predictions(explainer)))

    def _values(self, objective):
        return objective.loss.inverse_link(objective.raw_predictions(self.predictor))[:, 0]


class Share(Goal):
    """Share of the way to another prediction, to first order: its slopes."""

    def __init__(self, X_test, factors, distance):
        super().__init__(X_test)
        self.factors = factors  # shape: (n_test, K)
        self.distance = np.maximum(distance, np.finfo(float).tiny)

    def _measure(self, tests):
        return None, LinearTarget(self.factors[tests]), 1.0 / self.distance[tests]


def shares(explainer, X_test, threshold):
    """A Share for each of the `ALTERNATIVES` nearest other predictions of the test rows."""
    goal = goal_of(explainer, X_test, threshold)
    objective = explainer.objective_
    raw = objective.raw_predictions(goal.predictor)
    if threshold is not None:
        factors = goal.sign[:, None] * objective.loss.inverse_link_derivative(raw)
        return [Share(X_test, factors, np.abs(goal.predictions - threshold))]
    leads = [row[:ALTERNATIVES] for row in goal.leads(raw)]
    most = max(map(len, leads))  # of one-vs-one machines some rows have fewer
    leads = [row + row[-1:] * (most - len(row)) for row in leads]
    return [
        Share(X_test, np.array([f for f, _ in nearest]), np.array([lead for _, lead in nearest]))
        for nearest in zip(*leads, strict=True)
    ]


class LinearTarget(Target):
    """Factors times the raw predictions of each test row."""

    name = "raw prediction"
    per_row = ("factors",)

    def __init__(self, factors):
        self.factors = factors

    def value(self, raw):
        return (self.factors * raw).sum(axis=1)

    def gradient(self, raw):
        return self.factors


class EitherDirection(CrossedThreshold):
    """Predicted values that go up or down, whichever goes further."""

    either = True

    def __init__(self, explainer, X_test):
        super().__init__(explainer, X_test, np.inf)


def gains_of_rows(explainer, goal, table, valid, together=False):
    """Rise by the best valid change of each training row, (n_test, n_train).

    With `together` of the sum over the test rows, (1, n_train).
    """
    n, n_test = explainer.objective_.n_rows, _num_samples(goal.X_test)
    out = np.empty((1 if together else n_test, n))
    for part in row_blocks(n, 16 * table.n_columns, cache_mib=64.0):
        rows = np.arange(part.start, part.stop)
        values = table.values(rows)
        total = np.zeros(values.shape)
        for tests in row_blocks(n_test, 16 * values.size, cache_mib=64.0):
            slopes = goal.slopes(explainer, rows, table.columns, np.arange(n_test)[tests])
            if together:
                total += slopes.sum(axis=0)
                continue
            for t, of_test in zip(range(tests.start, tests.stop), slopes, strict=True):
                gains = valid.gains(values, of_test)
                if goal.either:
                    gains = np.maximum(gains, valid.gains(values, -of_test))
                out[t, rows] = gains
        if together:
            out[0, rows] = valid.gains(values, total)
    return out
