"""Effective weights, and what they become when rows change."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.class_weight import compute_class_weight

from skinfluence.objectives import Coupling, RowWeights
from skinfluence.objectives._coupling import Removal
from tests.effects._zoo import OBJECTIVES

BASE = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
CODES = np.array([0, 1, 2, 1, 1, 0])


def balanced_of(counts):
    sums = np.bincount(CODES, weights=counts, minlength=3)
    return sums.sum() / (3 * sums)


def test_without_class_weights_they_are_the_users():
    assert_allclose(RowWeights(BASE).effective(), BASE[:, None])


def test_fixed_class_weights_multiply():
    got = RowWeights(BASE, CODES, np.array([1.0, 10.0, 100.0])).effective()
    assert_allclose(got[:, 0], BASE * [1, 10, 100, 10, 10, 1])


def test_balanced_by_counting_rows_is_scikit_learns():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=CODES)
    got = RowWeights(BASE, CODES, counts=np.ones(6))
    assert_allclose(got.class_weight, expected)
    assert_allclose(got.effective()[:, 0], BASE * expected[CODES])


def test_own_output_only_leaves_the_other_outputs_alone():
    got = RowWeights(BASE, CODES, np.array([5.0, 7.0, 9.0]), own_output_only=True).effective()
    expected = np.ones((6, 3))
    expected[np.arange(6), CODES] = np.array([5.0, 7.0, 9.0])[CODES]
    assert_allclose(got, BASE[:, None] * expected)


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_balanced_weights_follow_a_changed_row(factor):
    changed = RowWeights(BASE, CODES, counts=BASE).changed(np.array([1]), np.array([factor]))
    counts = BASE.copy()
    counts[1] *= factor
    assert_allclose(changed.base, counts)
    assert_allclose(changed.class_weight, balanced_of(counts))


def test_fixed_class_weights_stay_when_rows_change():
    changed = RowWeights(BASE, CODES, np.ones(3) * 4).changed(np.array([1]), np.array([0.0]))
    assert_allclose(changed.class_weight, 4.0)


def test_a_class_that_loses_its_last_row_weighs_nothing():
    changed = RowWeights(BASE, CODES, counts=np.ones(6)).changed(np.array([2]), np.zeros(1))
    assert changed.class_weight[2] == 0.0
    assert np.isfinite(changed.effective()).all()


@pytest.mark.parametrize("name", [n for n in OBJECTIVES if "balanced" in n or "mean" in n])
def test_coupling_is_what_the_gradient_loses_besides_the_rows_own(name):
    """J' without row i = J' - own part - B a_i, for the removal and not only for its slope."""
    objective = OBJECTIVES[name]()
    coupling, weights = Coupling(objective), objective.weights
    for row in (0, 7, 23):
        code = weights.codes[row] if weights.balanced else 0
        removal = Removal(coupling, code, weights.base[row], None)
        own = (objective.sample_weight * objective.residual)[row] * removal.class_weight_ratio
        z = objective.design.to_dense()[row]
        got = objective.gradient() - own[:, None] * z - removal.directions @ removal.low_rank_coefs
        expected = objective.with_weights(np.array([row]), np.zeros(1)).gradient()
        assert_allclose(got, expected, atol=1e-11)


@pytest.mark.parametrize("name", ["ridge", "logistic", "multinomial"])
def test_there_is_no_coupling_where_weights_do_not_follow(name):
    assert not Coupling(OBJECTIVES[name]())
