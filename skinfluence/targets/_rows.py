"""Targets with one number for each test row: loss, prediction, decision value, probability."""

from typing import Any

import numpy as np

from skinfluence.losses import Loss
from skinfluence.targets._base import Target
from skinfluence.targets._labels import encode_labels, named_codes


class LossValue(Target):
    """Loss of each test row at its label or value in `y_test`."""

    name = "loss"
    per_row = ("y",)
    loss: Loss
    y: np.ndarray

    def bind(self, objective, raw, y_test):
        if y_test is None:
            raise ValueError(
                'target="loss" needs y_test, the labels of the test rows. Without labels use '
                'target="predict", which explains the prediction itself.'
            )
        y = encode_labels(objective.coding, y_test, len(raw))
        return self.at(objective.loss, y, labels=np.asarray(y_test))

    @classmethod
    def at(cls, loss, y, **attributes):
        """The target for encoded labels y (n, K)."""
        return cls()._replace(loss=loss, y=y, **attributes)

    def value(self, raw):
        return self.loss.exact.value(self.y, raw)

    def gradient(self, raw):
        return self.loss.gradient(self.y, raw)

    def change(self, raw, moved):
        return self.loss.exact.value_change(self.y[:, None], raw[:, None], moved)


class _RawSum(Target):
    """A fixed linear combination of the raw predictions of each row, with `factors` (n, K)."""

    name = "raw prediction"
    per_row = ("factors",)
    factors: np.ndarray

    def value(self, raw):
        return (self.factors * raw).sum(axis=1)

    def gradient(self, raw):
        return self.factors

    def change(self, raw, moved):
        return np.einsum("tk,tnk->tn", self.factors, moved)


class Prediction(_RawSum):
    """Prediction of each test row, without labels.

    For classifiers the loss at the predicted label, for regressors the predicted value, summed
    over outputs.
    """

    def bind(self, objective, raw, y_test):
        coding = objective.coding
        if y_test is not None:
            what = "label" if coding.is_classification else "value"
            given = "labels" if coding.is_classification else "target values"
            raise ValueError(
                f'target="predict" explains the predicted {what} and takes no y_test. For the loss '
                f'at given {given} use target="loss".'
            )
        if not coding.is_classification:
            if objective.loss.has_link:
                return _PredictedMean()._replace(loss=objective.loss)
            return self._replace(factors=np.ones(raw.shape))
        y = coding.encode_codes(coding.predicted_codes(raw))
        return LossValue.at(objective.loss, y, name="loss at the predicted label")


class _PredictedMean(Target):
    """Predicted value of each test row where a link stands between it and the raw prediction."""

    name = "predicted value"
    loss: Loss

    def value(self, raw):
        return self.loss.inverse_link(raw).sum(axis=-1)

    def gradient(self, raw):
        return self.loss.inverse_link_derivative(raw)

    def change(self, raw, moved):
        return self.loss.inverse_link_change(raw[:, None], moved).sum(axis=-1)


class _ClassTarget(Target):
    """A number of one class for each test row."""

    def __init__(self, class_=None):
        self.class_ = class_

    def _codes(self, objective, raw, y_test):
        name = type(self).__name__
        if y_test is not None:
            raise ValueError(
                f"target={name} takes no y_test. To choose the class pass "
                f"target=skinfluence.targets.{name}(class_)."
            )
        if not objective.coding.is_classification:
            raise ValueError(
                f"target={name} is for classifiers; this model predicts values. Use "
                'target="predict" or "loss".'
            )
        if objective.coding.n_labels > 1:
            raise ValueError(
                f"target={name} is for one label a row, and this model predicts "
                f'{objective.coding.n_labels}. Use target="loss", or explain the estimator of '
                "one label by itself."
            )
        if self.class_ is None:
            return objective.coding.predicted_codes(raw)
        return named_codes(objective.coding, self.class_, len(raw))


class DecisionValue(_ClassTarget, _RawSum):
    """Decision value of each test row for one class.

    For one-vs-one machines (SVC) it is what ``decision_function_shape="ovr"`` gives for the class:
    its votes, and the sum of its decision values on a scale that only breaks ties. With "ovo" it
    is that sum.

    Parameters
    ----------
    class_ : label or array-like of shape (n_test,), default=None
        The class, one for all test rows or one for each. None is the predicted class; for two
        classes the number as `decision_function` returns it.
    against : label, default=None
        Of one-vs-one machines, the decision value of the pair with this class instead.
    """

    def __init__(self, class_=None, against=None):
        super().__init__(class_)
        self.against = against

    def bind(self, objective, raw, y_test):
        codes, coding = self._codes(objective, raw, y_test), objective.coding
        if not objective.raw_are_decisions:
            known = objective.loss.probability(raw[:1]) is not None
            instead = '"predict_proba" or "loss"' if known else '"loss"'
            raise ValueError(
                'target="decision_function" is not known for this estimator, whose raw predictions '
                f"are no decision values. Use target={instead}."
            )
        if self.against is not None:
            other = named_codes(coding, self.against, len(raw))
            factors = coding.pair_factors(codes, other)
        elif coding.n_outputs == 1:
            codes = np.ones_like(codes) if self.class_ is None else codes
            factors = np.where(codes == 1, 1.0, -1.0)[:, None]
        else:
            factors = coding.decision_factors(codes)
        if coding.votes_count and self.against is None:
            return _VotedValue()._replace(
                coding=coding, codes=codes, factors=factors, labels=coding.classes[codes]
            )
        return self._replace(factors=factors, labels=coding.classes[codes])


class _VotedValue(Target):
    """Decision value of one class by the votes of one-vs-one machines."""

    name = "decision value"
    per_row = ("codes", "factors")
    coding: Any
    codes: np.ndarray
    factors: np.ndarray

    def value(self, raw):
        values = self.coding.votes_and_sums(raw)
        own = self.codes.reshape(-1, *(1,) * (values.ndim - 1))
        return np.take_along_axis(values, own, axis=-1)[..., 0]

    def gradient(self, raw):
        total = (self.factors * raw).sum(axis=1, keepdims=True)
        return self.factors / (3.0 * (np.abs(total) + 1.0) ** 2)

    def change(self, raw, moved):
        return self.value(raw[:, None] + moved) - self.value(raw)[:, None]


class Probability(_ClassTarget):
    """Probability of one class for each test row.

    Parameters
    ----------
    class_ : label or array-like of shape (n_test,), default=None
        The class, one for all test rows or one for each; None is the predicted class.
    """

    name = "probability"
    per_row = ("codes",)
    loss: Loss
    codes: np.ndarray

    def bind(self, objective, raw, y_test):
        codes = self._codes(objective, raw, y_test)
        if objective.loss.probability(raw[:1]) is None:
            known = objective.raw_are_decisions
            instead = '"decision_function" or "loss"' if known else '"loss"'
            raise ValueError(
                'target="predict_proba" needs class probabilities, which '
                f"{type(objective.loss).__name__} does not define. Use target={instead}."
            )
        labels = objective.coding.classes[codes]
        return self._replace(loss=objective.loss, codes=codes, labels=labels)

    def value(self, raw):
        return self.loss.probability(raw)[np.arange(len(raw)), self.codes]

    def gradient(self, raw):
        return self.loss.probability_gradient(self.codes, raw)

    def change(self, raw, moved):
        return self.loss.probability_change(self.codes[:, None], raw[:, None], moved)
