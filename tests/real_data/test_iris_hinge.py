"""Liu et al.'s reproduction of Koh & Liang: the smooth linear SVC on Versicolor and Virginica.

Their machine: lambda = 2 (so C = 1/2), a free intercept, fitted to the optimum of the smooth
hinge; ten random test rows; truth: the change of the exact hinge loss by leaving one training row
out. They report R = 0.86 at t = 0.01 and 0.77 at t = 0.1 for one draw. The draw matters: over the
six used here R lies between 0.75 and 0.89 at t = 0.01 and between 0.54 and 0.78 at t = 0.1.
"""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from skinfluence import InfluenceExplainer
from skinfluence.svm import SmoothHingeSVC

C = 0.5
DRAWS = range(6)


def draw(seed):
    """(X, y, margins' sign) of 90 training rows and the same of ten test rows."""
    X, y = load_iris(return_X_y=True)
    X, y = X[y > 0], y[y > 0]
    order = np.random.RandomState(seed).permutation(len(y))
    sign = np.where(y == 2, 1.0, -1.0)
    test, train = order[:10], np.sort(order[10:])
    return (X[train], y[train], sign[train]), (X[test], y[test], sign[test])


def hinge_changes(train, test):
    """Change of each test row's exact hinge loss without each training row, (10, 90)."""
    X, y, _ = train
    X_test, _, sign = test

    def losses(rows):
        # libsvm leaves the intercept free, as Liu et al. do; LinearSVC would penalise it
        machine = SVC(kernel="linear", C=C, tol=1e-8).fit(X[rows], y[rows])
        return np.maximum(0.0, 1.0 - sign * machine.decision_function(X_test))

    rows = np.arange(len(y))
    without = [losses(np.delete(rows, i)) for i in rows]
    return np.transpose(without) - losses(rows)[:, None]


@pytest.fixture(scope="module")
def problems():
    drawn = [draw(seed) for seed in DRAWS]
    return [(train, test, hinge_changes(train, test)) for train, test in drawn]


def correlations(problems, temperature, method):
    """R over all pairs of test and training rows, one number a draw."""
    found = []
    for train, test, actual in problems:
        machine = SmoothHingeSVC(C=C, temperature=temperature)
        explainer = InfluenceExplainer(machine).fit(*train[:2])
        predicted = explainer.influence(*test[:2], method=method)
        found.append(np.corrcoef(predicted.ravel(), actual.ravel())[0, 1])
    return np.array(found)


def test_influence_of_the_smooth_machine_predicts_hinge_refits(problems):
    found = correlations(problems, 0.01, "first_order")
    assert found[0] >= 0.86, found
    assert np.median(found) >= 0.82, found


def test_a_temperature_of_a_tenth_is_too_warm(problems):
    """As in their fourth panel: no draw gains by the warmer hinge."""
    cool = correlations(problems, 0.01, "first_order")
    warm = correlations(problems, 0.1, "first_order")
    assert (warm < cool).all(), (warm, cool)
    assert np.median(warm) >= 0.65, warm


def test_what_is_lost_at_a_low_temperature_is_lost_by_linearising(problems):
    """Refits of the smooth machine agree with those of the hinge much better: R 0.92 to 0.96."""
    linear = correlations(problems, 0.01, "first_order")
    refitted = correlations(problems, 0.01, "refit")
    assert (refitted > linear).all(), (refitted, linear)
    assert refitted.min() >= 0.91, refitted
