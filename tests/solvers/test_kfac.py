"""K-FAC and EK-FAC: exact where the Gauss-Newton matrix is a Kronecker product, close elsewhere."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skinfluence.losses import Multinomial, SquaredError
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors import LinearPredictor, Perceptron
from skinfluence.solvers import CholeskySolver, EKFACSolver, KFACSolver, SingularHessianError

RNG = np.random.default_rng(0)
SOLVERS = [KFACSolver(), EKFACSolver()]


def one_layer(penalty):
    """Two linear outputs; each row has its weight."""
    X = RNG.standard_normal((40, 3))
    predictor = Perceptron(X, RNG.standard_normal(8), (3, 2), "tanh")
    weights = RowWeights(RNG.integers(0, 3, 40).astype(float))
    y, coding = RNG.standard_normal((40, 2)), TargetCoding("real", 2)
    return Objective(SquaredError(), predictor, y, penalty, weights, coding)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.name)
@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_linear_regression_is_inverted_exactly(solver, damping):
    penalty = np.repeat([1.0, 1.0, 1.0, 0.0], 2) * (damping > 0)  # biases are not penalised
    hessian = one_layer(penalty).hessian(damping, curvature="gauss_newton")
    V = RNG.standard_normal((8, 3))
    expected = np.linalg.solve(hessian.to_dense(), V)
    np.testing.assert_allclose(solver.factorize(hessian).solve(V), expected, rtol=1e-9)


def test_eigenvalues_are_corrected_to_the_curvature_along_their_vectors():
    objective, _ = digits()
    hessian = objective.hessian(0.01, curvature="gauss_newton")
    inverse, dense = EKFACSolver().factorize(hessian), hessian.to_dense()
    start = 0
    for block in inverse.blocks:
        vectors = np.kron(block.left * block.scale[:, None], block.right)
        own = dense[start : start + len(vectors), start : start + len(vectors)]
        along = np.einsum("pj,pj->j", vectors, own @ vectors)
        np.testing.assert_allclose(block.eigenvalues.ravel(), along, rtol=1e-9)
        start += len(vectors)


def digits():
    """A network of 64-8-10 units after a few hundred Gauss-Newton steps, and gradients of tests."""
    X, labels = load_digits(return_X_y=True)
    X, y = X[:300] / 16.0, np.eye(10, dtype=np.int8)[labels[:300]]
    p = 65 * 8 + 9 * 10
    coef = 0.3 * np.random.default_rng(1).standard_normal(p)
    coding = TargetCoding("one_hot", 10, np.arange(10))
    predictor = Perceptron(X[:200], coef, (64, 8, 10), "tanh")
    objective = Objective(
        Multinomial(), predictor, y[:200], np.full(p, 2.0), RowWeights(np.ones(200)), coding
    )
    for _ in range(6):
        inverse = EKFACSolver().factorize(objective.hessian(0.1, curvature="gauss_newton"))
        step = inverse @ objective.gradient()
        objective = objective.with_coef(objective.coef - step)
    tests = objective.per_sample_gradients(predictor.of(X[200:]), y[200:])
    return objective, tests


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.name)
def test_influences_of_a_network_are_near_those_of_the_exact_inverse(solver):
    objective, tests = digits()
    assert (objective.raw_prediction.argmax(axis=1) == objective.y.argmax(axis=1)).mean() > 0.8
    hessian, V = objective.hessian(0.1, curvature="gauss_newton"), tests.to_dense().T
    G = objective.per_sample_gradients()
    exact, got = (G @ s.factorize(hessian).solve(V) for s in (CholeskySolver(), solver))
    assert np.corrcoef(exact.ravel(), got.ravel())[0, 1] > 0.9


def test_what_it_cannot_invert_is_refused_in_words():
    objective, _ = digits()
    with pytest.raises(ValueError, match='Use curvature="gauss_newton"'):
        EKFACSolver().factorize(objective.hessian(0.1))
    flat = one_layer(np.zeros(8))
    flat = flat.replace(predictor=flat.predictor.of(np.zeros((40, 3))))
    with pytest.raises(SingularHessianError, match="Pass a positive damping"):
        KFACSolver().factorize(flat.hessian(curvature="gauss_newton"))
    linear = one_layer(np.zeros(8))
    design = LinearPredictor.__new__(LinearPredictor)
    with pytest.raises(TypeError, match="does not give inputs and derivatives of layers"):
        design.layers()
    assert linear.predictor.layers()[0].index.shape == (4, 2)
