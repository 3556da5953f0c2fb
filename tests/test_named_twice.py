"""A row that is named twice is asked about twice; in a group it counts once."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence
from skinfluence.perturbation import relabel_influence, replacement_influence

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 3))
Y = np.digitize(X[:, 0] + RNG.standard_normal(50), [-0.5, 0.5])
ONCE, TWICE, PLACE = [5, 9], [5, 9, 5], [0, 1, 0]


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_a_row_named_twice(method):
    model = LogisticRegression(class_weight="balanced")
    explainer = InfluenceExplainer(model, method=method).fit(X, Y)
    tests = X[:4], Y[:4]
    new = X[ONCE] + 1.0
    for once, twice in [
        (explainer.influence(*tests, rows=ONCE), explainer.influence(*tests, rows=TWICE)),
        (
            replacement_influence(explainer, ONCE, new, None, *tests),
            replacement_influence(explainer, TWICE, new[PLACE], None, *tests),
        ),
        (
            relabel_influence(explainer, *tests, rows=ONCE),
            relabel_influence(explainer, *tests, rows=TWICE),
        ),
    ]:
        np.testing.assert_allclose(twice, once[:, PLACE], rtol=1e-7, atol=1e-12)
    groups = group_influence(explainer, [ONCE, TWICE], *tests)
    # the last digits of a matrix product depend on the place of the column in it
    np.testing.assert_allclose(groups[:, 0], groups[:, 1], rtol=1e-10)
