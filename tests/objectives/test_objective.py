"""Value, gradient and Hessian of an objective against each other, and its optimum."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose

from skinfluence.objectives import RowWeights, TargetCoding, is_optimum, minimize
from skinfluence.solvers import AutoSolver
from tests.effects._zoo import N_ROWS, OBJECTIVES
from tests.effects.test_hard_cases import one_row_from_separable

every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def moved(name):
    """The objective away from its optimum, and a direction."""
    objective = OBJECTIVES[name]()
    rng = np.random.default_rng(0)
    start = objective.with_coef(objective.coef + 0.3 * rng.standard_normal(objective.coef.shape))
    return start, rng.standard_normal(objective.coef.shape)


def slope(function, h=1e-3):
    at = {i: function(i * h) for i in (-2, -1, 1, 2)}
    return (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)


@every_objective
def test_gradient_is_the_slope_of_the_value(name):
    objective, direction = moved(name)
    got = (objective.gradient() * direction).sum()
    expected = slope(lambda h: objective.with_coef(objective.coef + h * direction).value())
    assert got == pytest.approx(expected, rel=1e-7)


@every_objective
def test_hessian_is_the_slope_of_the_gradient(name):
    objective, direction = moved(name)
    got = (objective.hessian() @ direction.ravel()).reshape(direction.shape)
    expected = slope(lambda h: objective.with_coef(objective.coef + h * direction).gradient())
    assert_allclose(got, expected, atol=1e-7 * np.abs(expected).max())


@every_objective
def test_sums_over_blocks_of_rows_are_those_over_all_rows(name):
    whole = moved(name)[0]
    blocks = whole.without_caches()
    with sklearn.config_context(working_memory=1e-3):
        assert len(list(blocks.row_blocks())) > 1
        for found, expected in (
            (blocks.gradient(), whole.gradient()),
            (blocks.gradient_scale, whole.gradient_scale),
            (blocks.row_values(), whole.row_values()),
            (blocks.hessian().to_dense(), whole.hessian().to_dense()),
        ):
            assert_allclose(found, expected, atol=1e-13 * np.abs(expected).max())


@every_objective
def test_residuals_and_curvature_of_some_rows_are_those_among_all(name):
    objective, _ = moved(name)
    rows = np.array([5, 0, 17])
    weighted = (objective.sample_weight * objective.residual)[rows]
    assert_allclose(objective.weighted_residual(rows), weighted, rtol=1e-14)
    whole = objective.row_curvature()
    assert_allclose(objective.row_curvature(rows).matrix(), whole.matrix()[rows], rtol=1e-14)


@pytest.mark.parametrize("unit", [slice(0, 1), slice(0, N_ROWS // 2), slice(1, None)])
def test_products_with_the_hessian_know_the_weights_of_rows_among_rows_of_weight_one(unit):
    """Rows of weight one hold one array for both parts of a softmax, others hold two."""
    objective, _ = moved("multinomial")
    base = 0.5 + np.random.default_rng(0).random(objective.n_rows)
    base[unit] = 1.0
    objective = objective.replace(weights=RowWeights(base))
    hessian = objective.hessian()
    V = np.random.default_rng(1).standard_normal((hessian.shape[0], 2))
    with sklearn.config_context(working_memory=1e-3):
        assert_allclose(hessian @ V, hessian.to_dense() @ V, rtol=1e-10)
        matrices, Z = objective.row_curvature().matrix(), objective.design.to_dense()
        data = np.einsum("nkj,nq,nr->kqjr", matrices, Z, Z).reshape(hessian.shape)
        data[np.diag_indices_from(data)] += objective.penalty.diagonal.ravel()
        assert_allclose(hessian @ V, data @ V, rtol=1e-10)


def test_targets_of_classes_are_small_integers():
    coding = TargetCoding("one_hot", 3, np.array(["a", "b", "c"]))
    y = coding.encode(["c", "a"])
    assert y.dtype == np.int8
    np.testing.assert_array_equal(y, [[0, 0, 1], [1, 0, 0]])


def test_labels_are_looked_up_some_at_a_time():
    coding, labels = TargetCoding("margin", 1, np.array([3, 7])), np.tile([3, 7, 7], 30)
    with sklearn.config_context(working_memory=1e-3):
        np.testing.assert_array_equal(coding.codes(labels), np.tile([0, 1, 1], 30))
        with pytest.raises(ValueError, match=r"not trained on: \[5\]"):
            coding.codes([*labels, 5])


@every_objective
def test_damping_is_in_units_of_the_weights(name):
    objective, _ = moved(name)
    added = objective.hessian(0.3).to_dense() - objective.hessian().to_dense()
    assert_allclose(added, 0.3 * objective.weights.base.sum() * np.eye(len(added)), atol=1e-9)


@every_objective
def test_minimize_comes_back_to_the_optimum_from_anywhere(name):
    objective = OBJECTIVES[name]()
    far = objective.with_coef(objective.coef + 5.0)
    result = minimize(far, AutoSolver())
    assert result.converged
    assert result.stationarity < 1e-12
    gauge_free = result.objective.raw_prediction
    expected = objective.raw_prediction
    if objective.loss.shift_invariant:
        gauge_free = gauge_free - gauge_free.mean(axis=1, keepdims=True)
        expected = expected - expected.mean(axis=1, keepdims=True)
    assert_allclose(gauge_free, expected, atol=1e-9)


def test_the_way_to_infinity_is_no_optimum():
    """Without row 0 the classes are separable: the gradient vanishes, and its terms with it."""
    separable = one_row_from_separable().with_weights(np.array([0]), np.zeros(1))
    result = minimize(separable, AutoSolver())
    assert result.stationarity < 1e-9
    assert not result.converged
    assert not is_optimum(result.objective)


def test_multinomial_gradients_are_orthogonal_to_the_gauge():
    objective, _ = moved("multinomial")
    gauge = objective.hessian().non_identifiable
    assert gauge.shape == (15, 1)
    assert_allclose(objective.per_sample_gradients() @ gauge, 0.0, atol=1e-14)
    assert_allclose(objective.hessian() @ gauge, 0.0, atol=1e-12)


@pytest.mark.parametrize("classes", [["b", "a", "c"], [3, -1, 2]], ids=["strings", "integers"])
def test_codes_follow_the_order_of_the_classes(classes):
    coding = TargetCoding("one_hot", 3, np.array(classes))
    labels = np.array(classes)[[2, 0, 1, 1]]
    assert coding.codes(labels).tolist() == [2, 0, 1, 1]
    assert_allclose(coding.encode(labels), np.eye(3)[[2, 0, 1, 1]])


def test_margins_of_two_and_of_more_classes():
    two, three = (TargetCoding("margin", K, np.arange(C)) for K, C in ((1, 2), (3, 3)))
    assert two.encode([0, 1]).tolist() == [[-1.0], [1.0]]
    assert three.encode([2, 0]).tolist() == [[-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]


@pytest.mark.parametrize("labels", [["z"], [7.5], ["a", None]])
def test_unknown_labels_are_named(labels):
    coding = TargetCoding("margin", 1, np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"not trained on.*Known classes: \['a', 'b'\]"):
        coding.codes(np.array(labels, dtype=object))
