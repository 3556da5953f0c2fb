"""The smallest eigenvalue of a network's Hessian: its digits, and the products that it takes."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from skinfluence.solvers import IndefiniteHessianError
from skinfluence.solvers._indefinite import require_positive_curvature, smallest_eigenvalue


class Diagonal(LinearOperator):
    """A matrix with these eigenvalues, which counts its products."""

    damping = 0.0

    def __init__(self, values):
        self.values, self.n_products = values, 0
        super().__init__(dtype=np.float64, shape=(len(values), len(values)))

    def _matvec(self, v):
        self.n_products += 1
        return self.values * v.ravel()


def spectrum(smallest, damping):
    """As of a network that has not converged: large ones fall quickly, many are near zero."""
    rng, p = np.random.default_rng(0), 2616
    large = 20.0 * np.arange(1, 200) ** -1.5
    small = 0.001 + 0.01 * rng.standard_exponential(p - 260) * rng.random(p - 260) ** 3
    negative = smallest + 0.0005 + abs(smallest) * rng.random(60)
    return np.concatenate([large, small, negative, [smallest]]) + damping


@pytest.mark.parametrize("smallest", [-0.005, -0.0095, -0.0115])
@pytest.mark.parametrize("damping", [0.0, 0.01, 0.03])
def test_it_is_found_to_two_digits_also_where_damping_moves_it_near_zero(smallest, damping):
    hessian = Diagonal(spectrum(smallest, damping))
    assert smallest_eigenvalue(hessian) == pytest.approx(smallest + damping, rel=0.05)
    assert hessian.n_products < 150


def test_the_error_holds_it():
    with pytest.raises(IndefiniteHessianError) as caught:
        require_positive_curvature(Diagonal(spectrum(-0.005, 0.0)), 10.0)
    assert caught.value.smallest_eigenvalue == pytest.approx(-0.005, rel=0.05)
    assert require_positive_curvature(Diagonal(spectrum(0.005, 0.0)), 10.0) > 0.0
