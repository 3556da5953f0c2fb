"""Every registered loss keeps the contract; every kind of mistake is found."""

import numpy as np
import pytest

from skinfluence.losses import (
    REGISTRY,
    Logistic,
    Multinomial,
    SmoothHinge,
    SquaredError,
    SquaredHinge,
)
from skinfluence.testing import check_loss

EXAMPLES = [loss for cls in REGISTRY.values() for loss in cls.examples()]


@pytest.mark.parametrize("loss", EXAMPLES, ids=repr)
def test_registered_losses_keep_the_contract(loss):
    check_loss(loss)


def test_the_losses_of_the_package_are_registered():
    names = {"squared_error", "logistic", "multinomial", "smooth_hinge", "squared_hinge"}
    assert names <= set(REGISTRY)


# Nameless subclasses are not registered: each makes one mistake that check_loss must name.


class WrongGradient(Logistic):
    name = ""

    def gradient(self, y, raw_prediction):
        return 1.001 * super().gradient(y, raw_prediction)


class TakesTheTypeOfTargets(Logistic):
    name = ""

    def gradient(self, y, raw_prediction):
        out = np.array(np.broadcast_to(y, np.broadcast_shapes(y.shape, raw_prediction.shape)))
        out[...] = super().gradient(y, raw_prediction)
        return out


class WrongHessian(Logistic):
    name = ""

    def hessian_product(self, y, raw_prediction, V):
        return np.abs(super().gradient(y, raw_prediction)) * V


class ForgetsTheOtherClasses(Multinomial):
    name = ""

    def hessian_product(self, y, raw_prediction, V):
        p = self.probability(raw_prediction)
        return p * (1.0 - p) * V


class PlainDifference(Logistic):
    name = ""

    def value_change(self, y, raw_prediction, change):
        return self.value(y, raw_prediction + change) - self.value(y, raw_prediction)


class Overflows(Logistic):
    name = ""

    def value(self, y, raw_prediction):
        return np.log1p(np.exp(-y * raw_prediction)).sum(axis=-1)


class NotConvex(SquaredError):
    name = ""

    def value(self, y, raw_prediction):
        return -super().value(y, raw_prediction)

    def gradient(self, y, raw_prediction):
        return -super().gradient(y, raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        return -super().hessian_product(y, raw_prediction, V)

    def value_change(self, y, raw_prediction, change):
        return -super().value_change(y, raw_prediction, change)


class NotSeparable(Multinomial):
    name = ""
    separable = True


class NotShiftInvariant(SquaredError):
    name = ""
    shift_invariant = True


class ProbabilitiesOfOtherSize(Logistic):
    name = ""

    def probability(self, raw_prediction):
        return 1.5 * super().probability(raw_prediction)


@pytest.mark.parametrize(
    "loss, message",
    [
        (WrongGradient(), "gradient is not the derivative of value"),
        (TakesTheTypeOfTargets(), "gradient differs where targets are integers"),
        (WrongHessian(), "hessian_product is not the derivative of gradient"),
        (ForgetsTheOtherClasses(), "hessian_product is not the derivative"),
        (PlainDifference(), "value_change loses digits"),
        (NotConvex(), "convex"),
        (NotSeparable(), "separable"),
        (NotShiftInvariant(), "shift_invariant"),
        (ProbabilitiesOfOtherSize(), "sum to one"),
    ],
    ids=lambda p: type(p).__name__ if not isinstance(p, str) else "",
)
def test_a_mistake_is_named(loss, message):
    with pytest.raises(AssertionError, match=message):
        check_loss(loss)


def test_an_overflow_at_far_margins_is_found():
    with pytest.raises(FloatingPointError, match="overflow"):
        check_loss(Overflows())


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01, 0.001])
def test_the_smooth_hinge_tends_to_the_hinge(temperature):
    raw = np.linspace(-3, 3, 61)[:, None]
    hinge = np.maximum(1.0 - raw[:, 0], 0.0)
    gap = SmoothHinge(temperature).value(np.ones_like(raw), raw) - hinge
    # t log 2 at the kink, less elsewhere
    assert np.all((gap >= -1e-15) & (gap <= temperature * np.log(2) + 1e-15))


def test_the_smooth_hinge_bends_by_a_quarter_of_the_inverse_temperature():
    one = np.ones((1, 1))
    assert SmoothHinge(0.001).hessian_product(one, one, one)[0, 0] == pytest.approx(250.0)


def test_multinomial_with_two_classes_is_logistic_of_the_difference():
    rng = np.random.default_rng(0)
    raw, codes = rng.standard_normal((20, 2)), rng.integers(2, size=20)
    binary = Logistic().value(np.where(codes == 1, 1.0, -1.0)[:, None], raw[:, 1:] - raw[:, :1])
    np.testing.assert_allclose(Multinomial().value(np.eye(2)[codes], raw), binary, rtol=1e-13)


def test_squared_hinge_is_flat_beyond_the_margin():
    y, raw = np.array([[1.0], [-1.0], [1.0]]), np.array([[1.5], [-2.0], [0.5]])
    np.testing.assert_array_equal(SquaredHinge().value(y, raw), [0.0, 0.0, 0.25])
