"""What targets of two classes share: decision values, the positive rows, and smooth steps."""

import numpy as np
from scipy.special import expit

from skinfluence.targets._base import JointTarget
from skinfluence.targets._labels import label_codes

#: Temperature of the derivative of counts, which have none of their own.
SMOOTHING = 0.1


class TwoClassTarget(JointTarget):
    """One number for all test rows of a classifier of two classes.

    The decision value of a row is that of the second class. Counts replace the step at zero by a
    sigmoid of width `temperature`; at temperature 0 they are exact, with the derivative of those at
    temperature 0.1.
    """

    temperature: float
    positive: np.ndarray

    def _check_model(self, objective):
        """Raise ValueError unless the model has two classes."""
        coding = objective.coding
        two = coding.is_classification and coding.n_labels == 1 and len(coding.classes) == 2
        if not two or objective.n_outputs > 2:
            raise ValueError(
                f"target={type(self).__name__} is for classifiers of two classes. Use "
                "target=Mean()."
            )

    def _read(self, objective, raw, y_test, *, both=False):
        """Mask of the test rows of the second class."""
        self._check_model(objective)
        positive = label_codes(type(self).__name__, objective.coding, y_test, len(raw)) == 1
        if both and (positive.all() or not positive.any()):
            raise ValueError(
                f"target={type(self).__name__} compares rows of both classes; y_test has rows of "
                "one class only. Pass test rows of both."
            )
        return positive

    def _scores(self, raw):
        """Decision values of the second class, (...,) for raw predictions (..., K)."""
        return raw[..., 0] if raw.shape[-1] == 1 else raw[..., 1] - raw[..., 0]

    def _spread(self, slopes, raw):
        """Derivatives (n, K) in the raw predictions for those in the decision values, (n,)."""
        return slopes[:, None] if raw.shape[1] == 1 else np.stack([-slopes, slopes], axis=1)

    @property
    def _width(self):
        return self.temperature or SMOOTHING


def smooth_step(values, temperature):
    """Sigmoid of values / temperature; at temperature 0 the step itself, one half at 0."""
    return expit(values / temperature) if temperature else np.heaviside(values, 0.5)


def step_slope(values, temperature):
    """Derivative of :func:`smooth_step` at a positive temperature."""
    p = expit(values / temperature)
    return p * (1.0 - p) / temperature
