"""HuberRegressor with its scale as a joint parameter."""

import numpy as np

from skinfluence.adapters._linear import design_and_coef, refuse, target_values, write_coefficients
from skinfluence.adapters._registry import register_path
from skinfluence.losses import Loss
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors._scaled import ScaledPredictor

#: Scales at most as large, relative to the range of the targets, are those of an exact fit.
EXACT = 1e-8


class ScaledHuber(Loss):
    """sigma + sigma H((y - f) / sigma) of raw predictions (f, sigma).

    H(z) = z^2 for |z| < epsilon, else 2 epsilon |z| - epsilon^2: jointly convex in both. The
    targets stand in both columns of y.

    Parameters
    ----------
    epsilon : float

    References
    ----------
    P. J. Huber and E. M. Ronchetti, "Robust statistics", 2009, section 7.7: concomitant scale.
    """

    name = ""  # for two raw predictions of its own kind; the conformance test takes any
    target_kind = "real"
    separable = False
    smooth = False

    def __init__(self, epsilon=1.35):
        self.epsilon = epsilon

    def _parts(self, y, raw_prediction):
        """z, z clipped to epsilon, and sigma."""
        scale = raw_prediction[..., 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (y[..., 0] - raw_prediction[..., 0]) / scale
        return z, np.clip(z, -self.epsilon, self.epsilon), scale

    def value(self, y, raw_prediction):
        z, near, scale = self._parts(y, raw_prediction)
        return np.where(scale > 0.0, scale * (1.0 + near * (2.0 * z - near)), np.inf)

    def gradient(self, y, raw_prediction):
        _, near, _ = self._parts(y, raw_prediction)
        return np.stack([-2.0 * near, 1.0 - near**2], axis=-1)

    def hessian_product(self, y, raw_prediction, V):
        z, _, scale = self._parts(y, raw_prediction)
        moved = V[..., 0] + z * V[..., 1]
        own = np.where(np.abs(z) < self.epsilon, 2.0 * moved / scale, 0.0)
        return np.stack([own, z * own], axis=-1)

    def inverse_link(self, raw_prediction):
        """The prediction alone."""
        return raw_prediction[..., :1]

    def inverse_link_derivative(self, raw_prediction):
        return np.broadcast_to([1.0, 0.0], raw_prediction.shape)

    def inverse_link_change(self, raw_prediction, change):
        return change[..., :1]


class ScaledCoding(TargetCoding):
    """Targets of both raw predictions, the value and its scale: (n, 2) of the same number."""

    def __init__(self):
        super().__init__("real", 2)

    def encode(self, y):
        return np.repeat(TargetCoding("real", 1).encode(y), 2, axis=1)


def write_with_scale(estimator, parameters):
    """Set `coef_`, `intercept_` and `scale_`."""
    write_coefficients(estimator, parameters[:-1])
    estimator.scale_ = parameters[-1]


@register_path(
    "sklearn.linear_model.HuberRegressor",
    {},
    {"epsilon": 1.1, "alpha": 0.5, "fit_intercept": False},
    write=write_with_scale,
)
def huber_regressor(estimator, X, y, sample_weight, settings):
    """sum_i s_i (sigma + sigma H((y_i - f_i) / sigma)) + alpha ||w||^2, over w, b and sigma."""
    y = target_values(y)
    refuse(
        estimator,
        estimator.scale_ <= EXACT * np.ptp(y),
        f"the fitted scale {estimator.scale_:.1e}: it fits so many rows exactly that its scale is "
        "at its bound, where it has no derivative",
        "Use a larger alpha, fewer columns or another estimator, such as Ridge.",
    )
    weights, coding = RowWeights(sample_weight), ScaledCoding()
    design, coef = design_and_coef(estimator, X, 1, weights, centred=settings.center)
    penalty = np.zeros(coef.shape[1] + 1)
    penalty[: X.shape[1]] = 2.0 * estimator.alpha
    return Objective(
        ScaledHuber(estimator.epsilon),
        ScaledPredictor(design, np.append(coef, estimator.scale_)),
        coding.encode(y),
        penalty,
        weights,
        coding,
        penalty_scaling=settings.penalty_scaling,
    )
