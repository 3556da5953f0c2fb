"""Predictions that an attack is to change, and the slopes that lead there."""

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skinfluence.linalg import row_blocks
from skinfluence.perturbation import perturbation_influence
from skinfluence.targets import Target

#: Other classes of a test row that are looked at, the nearest ones.
ALTERNATIVES = 3


def goal_of(explainer, X_test, threshold):
    """The Goal of a model: another class, or a value across a threshold."""
    explainer.test_rows(X_test)  # raises for what is no table
    if explainer.objective_.coding.is_classification:
        if threshold is not None:
            raise ValueError(
                f"threshold={threshold!r} is for regressors; a classifier's prediction flips where "
                "another class is predicted. Leave it out."
            )
        return FlippedClass(explainer, X_test)
    number = isinstance(threshold, int | float | np.number) and not isinstance(threshold, bool)
    if not number or not np.isfinite(threshold):
        raise ValueError(
            f"threshold={threshold!r}; a regressor's prediction flips where it crosses a finite "
            "number. Pass threshold=0.0 for its sign."
        )
    return CrossedThreshold(explainer, X_test, float(threshold))


class FlippedClass:
    """Other predicted classes: the loss at the predicted labels is raised."""

    #: whether the slopes may be followed downwards too
    either = False

    def __init__(self, explainer, X_test):
        self.X_test = X_test
        self.coding = explainer.objective_.coding
        self.codes = self._codes(explainer.linearization_.optimum, explainer)
        self.predictions = self.coding.classes[self.codes]

    def _codes(self, objective, explainer):
        predictor = explainer.fitted_model_.predictor(self.X_test)
        return self.coding.predicted_codes(objective.raw_predictions(predictor))

    def new_predictions(self, explainer):
        """Predictions of a refit."""
        return self.coding.classes[self._codes(explainer.objective_, explainer)]

    def flipped(self, predictions):
        """Mask (n_test,) of predictions that are other ones."""
        return np.asarray(predictions) != self.predictions

    def slopes(self, explainer, rows, features, tests=None):
        """Slopes (n_test, n_rows, n_features) of what has to rise."""
        X, y = _take(self.X_test, tests), self.predictions
        y = y if tests is None else y[tests]
        return _slopes(explainer, X, y, rows, features, "loss")

    def height(self, explainer):
        """Mean of what has to rise."""
        tests = explainer.test_rows(self.X_test, self.predictions, target="loss")
        return float(np.mean(tests.value()))


class CrossedThreshold:
    """Predicted values on the other side of a threshold."""

    either = False

    def __init__(self, explainer, X_test, threshold):
        values = np.asarray(explainer.predict(X_test))
        if values.ndim != 1 and values.shape[1] != 1:
            raise ValueError(
                f"The model predicts {values.shape[1]} values a row; expected one, which can cross "
                "a threshold. Explain each target on its own."
            )
        self.X_test, self.threshold = X_test, threshold
        self.predictions = _values(explainer.linearization_.optimum, explainer, X_test)
        self.sign = np.where(self.predictions > threshold, -1.0, 1.0)

    def new_predictions(self, explainer):
        """Predictions of a refit."""
        return _values(explainer.objective_, explainer, self.X_test)

    def flipped(self, predictions):
        """Mask (n_test,) of predictions on the other side."""
        above = np.asarray(predictions, dtype=float).ravel() > self.threshold
        return above != (self.predictions > self.threshold)

    def slopes(self, explainer, rows, features, tests=None):
        """Slopes (n_test, n_rows, n_features) of what has to rise."""
        X = _take(self.X_test, tests)
        sign = self.sign if tests is None else self.sign[tests]
        made = _slopes(explainer, X, None, rows, features, "predict")
        return sign[:, None, None] * made

    def height(self, explainer):
        """Mean of what has to rise."""
        return float(np.mean(self.sign * self.new_predictions(explainer)))


class Share:
    """Share of the way to another prediction, to first order: its slopes."""

    either = False

    def __init__(self, X_test, factors, distance):
        self.X_test, self.factors = X_test, factors  # shape: (n_test, K)
        self.distance = np.maximum(distance, np.finfo(float).tiny)

    def slopes(self, explainer, rows, features, tests):
        """Slopes (n_test, n_rows, n_features) of the share."""
        target = LinearTarget(self.factors[tests])
        X = _take(self.X_test, tests)
        made = _slopes(explainer, X, None, rows, features, target)
        return made / self.distance[tests, None, None]


def shares(explainer, X_test, threshold):
    """A Share for each of the `ALTERNATIVES` nearest other predictions of the test rows."""
    goal = goal_of(explainer, X_test, threshold)
    objective = explainer.objective_
    raw = objective.raw_predictions(explainer.fitted_model_.predictor(X_test))
    if threshold is not None:
        factors = goal.sign[:, None] * objective.loss.inverse_link_derivative(raw)
        return [Share(X_test, factors, np.abs(goal.predictions - threshold))]
    leads = [goal.coding.leads(*row)[:ALTERNATIVES] for row in zip(raw, goal.codes, strict=True)]
    return [
        Share(X_test, np.array([f for f, _ in nearest]), np.array([lead for _, lead in nearest]))
        for nearest in zip(*leads, strict=True)
    ]


class LinearTarget(Target):
    """Factors times the raw predictions of each test row."""

    name = "share of the way to another prediction"
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


def _values(objective, explainer, X_test):
    predictor = explainer.fitted_model_.predictor(X_test)
    return objective.loss.inverse_link(objective.raw_predictions(predictor))[:, 0]


def _slopes(explainer, X, y, rows, features, target):
    made = perturbation_influence(explainer, X, y, rows, features=features, target=target)
    return np.nan_to_num(made, nan=0.0)


def _take(X, rows):
    return X if rows is None else _safe_indexing(X, rows)
