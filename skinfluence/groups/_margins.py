"""Distance of a prediction from another one, as a linear function of the coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skinfluence._utils.checks import check_threshold
from skinfluence.groups._fewest import Crossing, LinearCrossing


@dataclass(frozen=True)
class Margin:
    """A test row, and the changes after which its prediction is another.

    Attributes
    ----------
    answer : label or float
        Its prediction.
    crossings : sequence of Crossing
        Changes of the coefficients, one of which suffices.
    """

    answer: Any
    crossings: Sequence[Crossing]
    _predictor: object = field(repr=False)
    _threshold: float | None = None

    def of(self, objective):
        """Prediction of another such model; for values on the same side it is `answer`."""
        raw = objective.raw_predictions(self._predictor)
        if self._threshold is None:
            coding = objective.coding
            return coding.classes[coding.predicted_codes(raw)[0]]
        value = float(objective.loss.inverse_link(raw)[0, 0])
        crossed = (value > self._threshold) != (self.answer > self._threshold)
        return value if crossed else self.answer


def margins_of(explainer, X_test, threshold):
    """One Margin for each test row."""
    objective = explainer.objective_
    predictor = explainer.fitted_model_.predictor(X_test)
    check_threshold(threshold, objective.coding.is_classification)
    if not objective.coding.is_classification:
        return _of_values(objective, predictor, threshold)
    raw = objective.raw_predictions(predictor)
    codes = objective.coding.predicted_codes(raw)
    margins = []
    for t, code in enumerate(codes):
        part = predictor.take([t])
        leads = objective.coding.leads(raw[t], code)
        crossings = [LinearCrossing(_gradient(part, factors), lead) for factors, lead in leads]
        margins.append(Margin(objective.coding.classes[code], crossings, part))
    return margins


def _gradient(predictor, factors):
    """Derivative of ``factors . raw prediction`` of one row in the coefficients, in their shape."""
    return predictor.row_vjp(np.array([factors]))[:, 0].reshape(predictor.coef.shape)


def _of_values(objective, predictor, threshold):
    if objective.n_outputs != 1:
        raise ValueError(
            f"The model predicts {objective.n_outputs} values a row; expected one, which can cross "
            "a threshold. Explain each target on its own."
        )
    raw = objective.raw_predictions(predictor)
    values, slopes = objective.loss.inverse_link(raw), objective.loss.inverse_link_derivative(raw)
    margins = []
    for t, value in enumerate(values[:, 0]):
        part = predictor.take([t])
        sign = -1.0 if value > threshold else 1.0
        gap = abs(float(value - threshold))
        crossings = [LinearCrossing(_gradient(part, sign * slopes[t]), gap)]
        margins.append(Margin(float(value), crossings, part, float(threshold)))
    return margins
