"""Fisher information of losses: the mean of squared gradients over the model's own labels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_ndtr, ndtr

from skinfluence.losses import (
    Logistic,
    Loss,
    Multinomial,
    SmoothHinge,
    SquaredError,
    SquaredHinge,
)
from skinfluence.testing import check_loss


class Probit(Loss):
    """-log Phi(y * raw); nameless, so that it is not registered."""

    target_kind = "margin"

    def value(self, y, raw_prediction):
        return -log_ndtr(y * raw_prediction).sum(axis=-1)

    def _ratio(self, m):
        return np.exp(-0.5 * m**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(m))

    def gradient(self, y, raw_prediction):
        return -y * self._ratio(y * raw_prediction)

    def hessian_product(self, y, raw_prediction, V):
        m = y * raw_prediction
        ratio = self._ratio(m)
        return ratio * (m + ratio) * V

    def probability(self, raw_prediction):
        raw = raw_prediction[..., 0]
        return np.stack([ndtr(-raw), ndtr(raw)], axis=-1)


def raw_predictions(K):
    return 2.0 * np.random.default_rng(0).standard_normal((20, K))


@pytest.mark.parametrize("K", [2, 3, 5])
def test_the_softmax_summed_over_classes_is_its_hessian(K):
    raw, loss = raw_predictions(K), Multinomial()
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    expected = np.zeros((20, K, K))
    for k in range(K):
        r = p - np.eye(K)[k]
        expected += p[:, k, None, None] * r[:, :, None] * r[:, None, :]
    assert_allclose(loss.fisher_matrix(raw), expected, atol=1e-15)
    assert_allclose(loss.hessian_matrix(np.eye(K)[[0]], raw), expected, atol=1e-15)


@pytest.mark.parametrize("K", [1, 3])
def test_the_logistic_loss_summed_over_both_labels_is_its_hessian(K):
    raw, loss = raw_predictions(K), Logistic()
    p = 1 / (1 + np.exp(-raw))
    expected = (p * (1 - p))[:, :, None] * np.eye(K)
    assert_allclose(loss.fisher_matrix(raw), expected, rtol=1e-13)
    assert_allclose(loss.hessian_matrix(np.ones(K), raw), expected, rtol=1e-13)


def test_the_squared_error_under_a_normal_law_is_its_hessian():
    """Gauss-Hermite quadrature over labels of mean raw and variance one."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    raw, loss = raw_predictions(1), SquaredError()
    r = np.stack([loss.gradient(raw + node, raw) for node in nodes])
    expected = np.tensordot(weights / weights.sum(), r**2, axes=1)
    assert_allclose(loss.fisher_matrix(raw)[:, :, 0], expected, rtol=1e-12)
    assert_allclose(loss.hessian_matrix(raw, raw)[:, :, 0], expected, rtol=1e-12)


def test_probit_is_no_canonical_loss_and_sums_over_labels():
    """The Fisher information of probit: phi^2 / (Phi (1 - Phi))."""
    raw, loss = raw_predictions(1), Probit()
    check_loss(loss)
    phi = np.exp(-0.5 * raw**2) / np.sqrt(2 * np.pi)
    expected = phi**2 / (ndtr(raw) * ndtr(-raw))
    assert_allclose(loss.fisher_matrix(raw)[:, :, 0], expected, rtol=1e-10)
    hessian = loss.hessian_matrix(np.ones(1), raw)[:, :, 0]
    assert np.abs(hessian - expected).max() > 0.1


@pytest.mark.parametrize("loss", [SmoothHinge(0.5), SquaredHinge()], ids=lambda loss: loss.name)
def test_a_hinge_defines_no_probability_of_labels(loss):
    assert loss.fisher_matrix(raw_predictions(2)) is None


def test_a_loss_that_is_called_canonical_and_is_not_is_found():
    class Mistaken(Probit):
        canonical = True

    with pytest.raises(AssertionError, match="canonical"):
        check_loss(Mistaken())


def test_a_canonical_loss_needs_a_fisher_matrix():
    class Silent(SquaredError):
        name = ""

        def fisher_matrix(self, raw_prediction):
            return None

    with pytest.raises(AssertionError, match="canonical: fisher_matrix gives None"):
        check_loss(Silent())
