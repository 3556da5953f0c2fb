"""Digits: values and changes against decimal arithmetic with hundreds of digits."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from skinfluence.losses import Logistic, Multinomial, SmoothHinge, SquaredError, SquaredHinge

RAWS = [-800.0, -37.5, -2.25, -1e-9, 0.0, 0.7, 5.0, 36.0, 800.0]
CHANGES = [-900.0, -1.5, -1e-6, 1e-15, 0.2, 40.0]


def logistic(y, raw):
    return (1 + (-y * raw).exp()).ln()


def smooth_hinge(y, raw, t=Decimal("0.5")):
    return t * (1 + ((1 - y * raw) / t).exp()).ln()


def squared_hinge(y, raw):
    return max(1 - y * raw, Decimal(0)) ** 2


def squared_error(y, raw):
    return (y - raw) ** 2 / 2


CASES = [
    (Logistic(), logistic),
    (SmoothHinge(0.5), smooth_hinge),
    (SquaredHinge(), squared_hinge),
    (SquaredError(), squared_error),
]


@pytest.fixture(autouse=True)
def _many_digits():
    with localcontext() as context:
        context.prec = 400  # exp(-800) beside 1 must not vanish
        yield


@pytest.mark.parametrize("loss, exact", CASES, ids=lambda p: getattr(p, "name", ""))
@pytest.mark.parametrize("y", [-1.0, 1.0])
def test_values_have_all_their_digits(loss, exact, y):
    for raw in RAWS:
        expected = float(exact(Decimal(y), Decimal(raw)))
        got = float(loss.value(np.array([y]), np.array([raw])))
        assert got == pytest.approx(expected, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("loss, exact", CASES, ids=lambda p: getattr(p, "name", ""))
@pytest.mark.parametrize("y", [-1.0, 1.0])
def test_changes_have_all_their_digits(loss, exact, y):
    for raw in RAWS:
        for change in CHANGES:
            before, after = (exact(Decimal(y), Decimal(r)) for r in (raw, raw + change))
            if Decimal(raw) + Decimal(change) != Decimal(raw + change):
                after = exact(Decimal(y), Decimal(raw) + Decimal(change))
            got = float(loss.value_change(np.array([y]), np.array([raw]), np.array([change])))
            # relative to the change itself, save for what the larger value's rounding leaves
            # where the change is as large as the values are
            room = 4e-16 * float(max(abs(before), abs(after))) if abs(change) > 1 else 1e-300
            assert got == pytest.approx(float(after - before), rel=4e-14, abs=room), (raw, change)


def test_multinomial_changes_have_all_their_digits():
    rng = np.random.default_rng(0)
    loss = Multinomial()
    for size in (1e-13, 1e-9, 1e-4, 0.1, 3.0):
        for _ in range(8):
            raw, change = 2.0 * rng.standard_normal(4), size * rng.standard_normal(4)
            y = np.eye(4)[rng.integers(4)]
            got = float(loss.value_change(y, raw, change))
            start, moved = map(Decimal, raw.tolist()), map(Decimal, change.tolist())
            start, moved = list(start), list(moved)
            label = int(y.argmax())
            before = sum(a.exp() for a in start).ln() - start[label]
            end = [a + b for a, b in zip(start, moved, strict=True)]
            after = sum(a.exp() for a in end).ln() - end[label]
            # cancellation between the classes' parts is the data's, and is bounded by their size
            assert got == pytest.approx(float(after - before), rel=1e-12, abs=4e-15 * size)


@pytest.mark.parametrize("raw", [-800.0, -40.0, 40.0, 700.0])
def test_logistic_curvature_does_not_vanish_early(raw):
    """p (1 - p) rounds to zero at 37; exp(-|raw|) / (1 + exp(-|raw|))^2 does not before 745."""
    one = np.ones(1)
    e = Decimal(-abs(raw)).exp()
    expected = float(e / (1 + e) ** 2)
    got = float(Logistic().hessian_product(one, np.array([raw]), one)[0])
    assert got == pytest.approx(expected, rel=1e-13)


def shares(raw):
    top = [Decimal(r).exp() for r in raw]
    return [t / sum(top) for t in top]


@pytest.mark.parametrize("code", [0, 1])
def test_changes_of_binary_probabilities_have_all_their_digits(code):
    for raw in [-300.0, -37.5, -1e-9, 0.7, 36.0, 80.0, 300.0]:
        for change in CHANGES:
            moved = Decimal(raw) + Decimal(change)
            expected = shares([0, moved])[code] - shares([0, raw])[code]
            got = Logistic().probability_change(np.array(code), np.array([raw]), np.array([change]))
            assert float(got) == pytest.approx(float(expected), rel=2e-13, abs=1e-300)


def test_changes_of_softmax_probabilities_have_all_their_digits():
    rng = np.random.default_rng(0)
    for far in (0.0, 40.0, 300.0):
        for size in (1e-13, 1e-4, 3.0):
            raw, change = rng.standard_normal((2, 4)) * [[1.0], [size]]
            raw[2] += far
            moved = [Decimal(a) + Decimal(d) for a, d in zip(raw, change, strict=True)]
            for code in range(4):
                expected = float(shares(moved)[code] - shares(raw)[code])
                got = Multinomial().probability_change(np.array(code), raw, change)
                assert float(got) == pytest.approx(expected, rel=1e-11, abs=1e-300)
