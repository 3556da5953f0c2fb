"""What the thesis saw of relative influence (Balkyte 2022, section 7.1), on a part of MNIST."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence.selection import top_relative_influences

N, N_TEST, WEIGHT_DECAY = 5000, 200, 1e-3


@pytest.fixture(scope="module")
def problem(shared_data):
    """(training rows of 7 x 7 pixels, labels, test rows, labels, explainer)."""
    X, y, X_test, y_test = shared_data.mnist(paper=True)

    def pooled(images):
        return images.astype(float).reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)

    X, y, X_test, y_test = pooled(X[:N]), y[:N], pooled(X_test[:N_TEST]), y_test[:N_TEST]
    model = LogisticRegression(C=1 / (N * WEIGHT_DECAY), tol=1e-6, max_iter=10_000)
    explainer = InfluenceExplainer(model, method="first_order").fit(X, y)
    return X, y, X_test, y_test, explainer


@pytest.fixture(scope="module")
def strongest(problem):
    """The strongest training row of each test row, by each way."""
    _, _, X_test, y_test, explainer = problem
    asked = {"k": 1, "order": "helpful"}
    found = {"influence": explainer.top_influences(X_test, y_test, **asked)[0]}
    for kind in ("theta", "loss"):
        found[kind] = top_relative_influences(explainer, X_test, y_test, kind=kind, **asked)[0]
    return {way: rows[:, 0] for way, rows in found.items()}


def test_the_strongest_rows_are_different_ones_and_have_the_label_of_the_test_row(problem):
    _, y, X_test, y_test, explainer = problem
    plain = explainer.top_influences(X_test, y_test, k=3)[0]
    for kind in ("theta", "loss"):
        own = top_relative_influences(explainer, X_test, y_test, k=3, kind=kind)[0]
        assert len(np.unique(own)) > 1.5 * len(np.unique(plain))
        other, other_plain = ((y[rows] != y_test[:, None]).mean() for rows in (own, plain))
        assert other < 0.5 * other_plain


def test_left_out_alone_the_strongest_row_by_influence_costs_its_test_row_most(problem, strongest):
    _, _, X_test, y_test, explainer = problem
    tests = np.arange(0, N_TEST, 10)
    cost = {}
    for way, rows in strongest.items():
        found = explainer.influence(X_test[tests], y_test[tests], method="refit", rows=rows[tests])
        cost[way] = np.diag(found)
    assert cost["influence"].mean() > 1.2 * cost["theta"].mean() > 0.0
    assert cost["influence"].mean() > 1.2 * cost["loss"].mean() > 0.0
    assert_allclose(cost["influence"].max(), max(c.max() for c in cost.values()))
