"""The shared elementwise functions, against scipy's."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from skinfluence.losses._stable import scaled_sigmoid, sigmoid, softmax


@pytest.mark.parametrize("n_classes", [2, 3, 32, 33, 50])
def test_softmax_of_few_and_of_many_classes(n_classes):
    raw = 300.0 * np.random.default_rng(0).standard_normal((7, 4, n_classes))
    before = raw.copy()
    np.testing.assert_allclose(softmax(raw), scipy_softmax(raw, axis=-1), rtol=1e-13)
    np.testing.assert_array_equal(raw, before)


def test_sigmoid_leaves_its_argument_alone():
    a = np.linspace(-800.0, 800.0, 33)
    before = a.copy()
    np.testing.assert_allclose(sigmoid(a), expit(a), rtol=1e-14)
    np.testing.assert_array_equal(a, before)


def test_scaled_sigmoid_is_written_over_its_argument():
    a = np.array([0.0, 2.0])
    assert scaled_sigmoid(3.0, a) is a
    np.testing.assert_allclose(a, 3.0 * expit([0.0, -2.0]), rtol=1e-15)
