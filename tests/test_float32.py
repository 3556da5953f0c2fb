"""float32 in, float32 out: half the memory, and only the answers themselves are rounded."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from skinfluence import InfluenceExplainer
from skinfluence.adapters import Settings, explain_estimator
from skinfluence.svm import SmoothHingeSVC

X, y = load_digits(return_X_y=True)
X = X[:300] / 16.0 + 0.1  # tenths are not exact in either type
y = y[:300]
SINGLE = X.astype(np.float32)
BINARY = (y > 4).astype(int)

#: Of the largest influence of a test row: a sum over 65 columns rounded to 24 bits.
ERROR = 2e-6

MODELS = [
    (LogisticRegression(), BINARY),
    (LogisticRegression(), y),
    (Ridge(), y.astype(float)),
    (SmoothHingeSVC(temperature=0.1), BINARY),
]
models = pytest.mark.parametrize("model, labels", MODELS, ids=["binary", "ten", "ridge", "hinge"])


def fitted_pair(model, labels, make=lambda table: table):
    """(explainer of the float32 table, explainer of the same values in float64)."""
    wide = SINGLE.astype(np.float64)
    return (
        InfluenceExplainer(model).fit(make(SINGLE), labels),
        InfluenceExplainer(model).fit(make(wide), labels),
    )


def assert_close_by_row(found, expected):
    size = np.abs(expected).max(axis=1, keepdims=True)
    assert (np.abs(found - expected) / size).max() <= ERROR


@models
@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_influences_are_float32_and_as_exact_as_that(model, labels, method):
    single, wide = fitted_pair(model, labels)
    rows = np.arange(40) if method == "refit" else None
    found = single.influence(SINGLE[:5], labels[:5], method=method, rows=rows)
    expected = wide.influence(SINGLE[:5], labels[:5], method=method, rows=rows)
    assert found.dtype == np.float32
    assert_close_by_row(found, expected)


@models
def test_what_is_of_the_size_of_the_rows_keeps_float64(model, labels):
    single, wide = fitted_pair(model, labels)
    for ask in (
        lambda e: e.leverage(),
        lambda e: e.self_influence(),
        lambda e: e.coef_influence(rows=[0, 1]),
    ):
        found, expected = ask(single), ask(wide)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_columns_far_from_zero_lose_no_digits(make, method):
    """Not centred before the product, a thousand spreads away cost three of the seven digits."""
    far = (X + 300.0).astype(np.float32)
    # fitted in float64: scikit-learn's own solver may diverge on sparse float32 rows this far away
    model = FrozenEstimator(Ridge().fit(make(far.astype(np.float64)), BINARY))
    found, expected = (
        InfluenceExplainer(model)
        .fit(make(table), BINARY)
        .influence(make(table[:9]), BINARY[:9], method=method)
        for table in (far, far.astype(np.float64))
    )
    assert found.dtype == np.float32
    assert_close_by_row(found, expected)


def test_sparse_float32():
    single, wide = fitted_pair(LogisticRegression(), y, sparse.csr_array)
    found = single.influence(SINGLE[:5], y[:5])
    assert found.dtype == np.float32
    assert_close_by_row(found, wide.influence(SINGLE[:5], y[:5]))


def test_the_strongest_rows_are_the_same():
    single, wide = fitted_pair(LogisticRegression(), BINARY)
    found, expected = (e.top_influences(SINGLE[:5], BINARY[:5], k=3) for e in (single, wide))
    np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("make", [np.asfortranarray, np.ascontiguousarray])
def test_no_copy_of_a_float32_table_in_float64_is_made(make):
    rng = np.random.default_rng(0)
    table = make(rng.standard_normal((60_000, 40)).astype(np.float32))  # 9.6 MB
    labels = (table[:, 0] + rng.standard_normal(len(table)) > 0).astype(int)
    model = LogisticRegression().fit(table, labels)
    settings = Settings(center=True, temperature=0.001, penalty_scaling="estimator")
    tracemalloc.start()
    objective = explain_estimator(model, table, labels, None, settings).objective
    objective.stationarity()
    objective.hessian().to_dense()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < table.nbytes
