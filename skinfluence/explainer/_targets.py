"""What is explained: a number for each test row, as a function of its raw predictions."""

import numpy as np
from sklearn.utils.validation import check_array

from skinfluence.linalg import PerSampleGradients, row_blocks

TARGETS = ("auto", "loss", "predict", "decision_function", "predict_proba")


class LossTarget:
    """Loss of each row at given labels."""

    def __init__(self, loss, y, name="loss"):
        self.loss = loss
        self.y = y  # shape: (n_test, K)
        self.name = name

    def take(self, rows):
        return LossTarget(self.loss, self.y[rows], self.name)

    def values(self, raw):
        return self.loss.exact.value(self.y, raw)

    def slopes(self, raw):
        """Derivative in the raw predictions, (n_test, K)."""
        return self.loss.gradient(self.y, raw)

    def changes(self, raw, moved):
        """Change of the value when raw (n_test, K) moves by (n_test, n_rows, K)."""
        return self.loss.exact.value_change(self.y[:, None], raw[:, None], moved)


class RawTarget:
    """A fixed combination of the raw predictions: a predicted value or a decision value."""

    name = "raw prediction"

    def __init__(self, factors):
        self.factors = factors  # shape: (n_test, K)

    def take(self, rows):
        return RawTarget(self.factors[rows])

    def values(self, raw):
        return (self.factors * raw).sum(axis=1)

    def slopes(self, raw):
        return self.factors

    def changes(self, raw, moved):
        return np.einsum("tk,tnk->tn", self.factors, moved)


class ProbabilityTarget:
    """Probability of one class for each row."""

    name = "probability"

    def __init__(self, loss, codes):
        self.loss = loss
        self.codes = codes  # shape: (n_test,)

    def take(self, rows):
        return ProbabilityTarget(self.loss, self.codes[rows])

    def values(self, raw):
        p = self.loss.probability(raw)
        return p[np.arange(len(raw)), self.codes]

    def slopes(self, raw):
        p, every = self.loss.probability(raw), np.arange(len(raw))
        own = p[every, self.codes][:, None]
        # the others' sum instead of one minus the own, of which nothing is left near one
        p[every, self.codes] = 0.0
        others = p.sum(axis=1, keepdims=True)
        if raw.shape[1] == 1:
            return np.where(self.codes == 1, 1.0, -1.0)[:, None] * own * others
        return own * np.where(np.arange(raw.shape[1]) == self.codes[:, None], others, -p)

    def changes(self, raw, moved):
        return self.loss.probability_change(self.codes[:, None], raw[:, None], moved)


class TestRows:
    """Test rows with the number that is explained at each of them.

    Parameters
    ----------
    objective : Objective
        At the coefficients that are explained.
    design : Design of the test rows
    target : LossTarget, RawTarget or ProbabilityTarget

    Attributes
    ----------
    raw_prediction : ndarray of shape (n_test, K)
    """

    __test__ = False  # no test case of pytest, whatever its name

    def __init__(self, objective, design, target):
        self.objective = objective
        self.design = design
        self.target = target
        self.raw_prediction = objective.raw_predictions(design)

    def __len__(self):
        return self.design.shape[0]

    def take(self, rows):
        """Some of these rows; `rows` is a slice or an index array."""
        return TestRows(self.objective, self.design.take(rows), self.target.take(rows))

    def values(self):
        """The explained number of each row, (n_test,)."""
        return self.target.values(self.raw_prediction)

    def slopes(self):
        """Its derivative in the row's raw predictions, (n_test, K)."""
        return self.target.slopes(self.raw_prediction)

    def gradients(self):
        """Its derivative in the coefficients: operator (n_test, p), row t is slope_t (x) z_t."""
        return PerSampleGradients(self.design, self.slopes())

    def changes(self, moved):
        """Its change when the raw predictions move by `moved` (n_test, m, K): (n_test, m)."""
        return self.target.changes(self.raw_prediction, moved)


def target_changes(tests, reference, changes, *, linear=False):
    """Changes of the explained number, (n_test, n_changes), a block of test rows at a time.

    Parameters
    ----------
    tests : TestRows
    reference : Objective
        At the coefficients that the changes are measured from.
    changes : Changes
        Of the coefficients, see skinfluence.effects.
    linear : bool
        Whether the number is taken by its derivative.
    """
    out = np.empty((len(tests), changes.n_changes))
    everything = slice(0, changes.n_changes)
    for rows in row_blocks(len(tests), 16 * changes.n_changes * reference.n_outputs):
        part, target = tests.design.take(rows), tests.target.take(rows)
        raw = reference.raw_predictions(part)
        if linear:
            out[rows] = changes.ask(part, target.slopes(raw))(everything)
        else:
            out[rows] = target.changes(raw, changes.raw_prediction_changes(part))
    return out


def resolve_target(target, objective, design, y_test):
    """The target that a question asks for.

    Parameters
    ----------
    target : {"auto", "loss", "predict", "decision_function", "predict_proba"}
    objective : Objective
    design : Design of the test rows
    y_test : array-like of shape (n_test,) or (n_test, K), a single class, or None
        Labels for "loss"; the class that is explained for the last two.

    Returns
    -------
    LossTarget, RawTarget or ProbabilityTarget
    """
    if not isinstance(target, str) or target not in TARGETS:
        raise ValueError(f"target={target!r} is not known. Expected one of {list(TARGETS)}.")
    coding, n_test = objective.coding, design.shape[0]
    if target == "auto":
        target = "predict" if y_test is None else "loss"
    if target == "loss":
        if y_test is None:
            raise ValueError(
                'target="loss" needs y_test, the labels of the test rows. Without labels use '
                'target="predict", which explains the prediction itself.'
            )
        return LossTarget(objective.loss, encode_labels(coding, y_test, n_test))
    if not coding.is_classification:
        return _regression_target(target, objective, y_test, n_test)
    raw = objective.raw_predictions(design)
    predicted = coding.predicted_codes(raw)
    if target == "predict":
        if y_test is not None:
            raise ValueError(
                'target="predict" explains the predicted label and takes no y_test. For the loss '
                'at given labels use target="loss".'
            )
        encoded = coding.encode_codes(predicted)
        return LossTarget(objective.loss, encoded, "loss at the predicted label")
    codes = predicted if y_test is None else _named_codes(coding, y_test, n_test)
    if target == "predict_proba":
        if objective.loss.probability(raw[:1]) is None:
            raise ValueError(
                f'target="predict_proba" needs class probabilities, which {objective.loss!r} does '
                'not define. Use target="decision_function" or "loss".'
            )
        return ProbabilityTarget(objective.loss, codes)
    if objective.n_outputs == 1:  # one number, as the estimator returns it, unless a class is named
        factors = np.ones(n_test) if y_test is None else np.where(codes == 1, 1.0, -1.0)
        return RawTarget(factors[:, None])
    return RawTarget((np.arange(objective.n_outputs) == codes[:, None]).astype(float))


def _regression_target(target, objective, y_test, n_test):
    if target != "predict":
        raise ValueError(
            f'target={target!r} is for classifiers; this model predicts values. Use "predict" or '
            '"loss".'
        )
    if y_test is not None:
        raise ValueError(
            'target="predict" explains the predicted value and takes no y_test. For the loss at '
            'given target values use target="loss".'
        )
    return RawTarget(np.ones((n_test, objective.n_outputs)))


def explained_labels(target, objective, y_test):
    """The label or class that each test row's explained value belongs to, (n_test,), or None."""
    if isinstance(target, LossTarget):
        return np.asarray(y_test) if target.name == "loss" else None
    classes = objective.coding.classes
    if not objective.coding.is_classification:
        return None
    if isinstance(target, ProbabilityTarget):
        return classes[target.codes]
    several = target.factors.shape[1] > 1
    return classes[target.factors.argmax(axis=1) if several else (target.factors[:, 0] > 0) * 1]


def encode_labels(coding, y_test, n_test):
    """Targets (n_test, K) for labels of the test rows, one a row."""
    if np.ndim(y_test) == 0:
        raise ValueError(
            f"y_test is a single value ({y_test!r}). Expected one label a row, also for one row: "
            "pass a list."
        )
    if not coding.is_classification:
        y_test = check_array(y_test, ensure_2d=False, dtype=np.float64, input_name="y_test")
    y = coding.encode(y_test)
    if len(y) != n_test:
        raise ValueError(
            f"X_test has {n_test} rows but y_test has {len(y)}. Expected one label a row."
        )
    return y


def _named_codes(coding, y_test, n_test):
    named = np.atleast_1d(np.asarray(y_test))
    if named.ndim == 1 and len(named) == 1:
        named = np.repeat(named, n_test)
    if len(named) != n_test:
        raise ValueError(
            f"X_test has {n_test} rows but y_test names {len(named)} classes. Expected one class "
            "for all rows, or one a row."
        )
    return coding.codes(named)
