"""What explaining holds beside the table, in arrays of one number a row and output (n, K)."""

import gc
import tracemalloc
import warnings
import weakref

import numpy as np
import pytest
import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from skinfluence import InfluenceExplainer
from tests._random_families import FAMILIES, Problem

N, Q, K, N_TEST = 60_000, 30, 10, 10
UNIT = 8 * N * K  # bytes; one float64 number a row is a tenth of it

#: the given model is not at its optimum
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.standard_normal((N + N_TEST, Q))
coef = 0.3 * rng.standard_normal((K, Q))
y = (X @ coef.T + rng.gumbel(size=(N + N_TEST, K))).argmax(axis=1)


@pytest.fixture(autouse=True)
def one_thread():
    """Each thread has blocks of its own, which here are not small beside the arrays."""
    with threadpool_limits(1):
        yield


def given_model():
    """At the coefficients that made the labels, without a fit."""
    model = LogisticRegression(fit_intercept=False)
    model.coef_, model.intercept_ = coef, np.zeros(K)
    model.classes_, model.n_features_in_ = np.arange(K), Q
    return FrozenEstimator(model)


def traced(function):
    """(result, largest and last size of what the call allocated), in arrays (n, K)."""
    tracemalloc.start()
    with sklearn.config_context(working_memory=0.25):
        result = function()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, peak / UNIT, held / UNIT


def ask(explainer, **settings):
    return explainer.influence(X[N:], y[N:], method="first_order", **settings)


def weights(kind):
    return None if kind == "unweighted" else 0.5 + rng.random(N)


@pytest.mark.parametrize("kind", ["unweighted", "weighted"])
@pytest.mark.parametrize(
    "solver, arrays",
    [
        ("cholesky", 3.3),  # raw predictions, influences
        ("auto", 3.3),
        ("cg", 4.3),  # and the curvature, which every product reads
    ],
)
def test_first_order_holds_raw_predictions_and_influences(solver, arrays, kind):
    explainer = InfluenceExplainer(given_model(), solver=solver, polish=False)
    s = weights(kind)
    arrays += solver == "cg" and kind == "weighted"  # curvature and factor differ then
    _, peak, _ = traced(lambda: ask(explainer.fit(X[:N], y[:N], sample_weight=s)))
    assert peak < arrays


def test_polishing_holds_the_raw_predictions_of_start_step_and_best():
    explainer = InfluenceExplainer(given_model(), solver="cholesky", polish=True)
    _, peak, held = traced(lambda: explainer.fit(X[:N], y[:N]))
    assert peak < 5.0  # and where the step leads
    assert held < 1.7


def test_newton_steps_hold_no_matrices_of_all_rows():
    explainer = InfluenceExplainer(given_model(), solver="cholesky", polish=False)
    explainer.fit(X[:N], y[:N])
    traced(lambda: ask(explainer))
    _, peak, held = traced(lambda: explainer.influence(X[N:], y[N:], method="newton_step"))
    assert peak < 4.5  # K x K matrices of all rows would be K = 10
    assert held < 2.5  # influences, and the residual of every row when it is deleted


def test_a_further_question_takes_its_influences_only():
    explainer = InfluenceExplainer(given_model(), solver="cholesky", polish=False)
    first = ask(explainer.fit(X[:N], y[:N]))
    again, peak, _ = traced(lambda: ask(explainer))
    assert peak < 1.6
    # to rounding: sums over blocks follow the alignment of the arrays that hold them
    np.testing.assert_allclose(again, first, rtol=1e-10, atol=1e-17)


def test_strongest_rows_take_less_than_the_influences_would():
    explainer = InfluenceExplainer(given_model(), solver="cholesky", polish=False)
    ask(explainer.fit(X[:N], y[:N]))
    _, peak, _ = traced(lambda: explainer.top_influences(X[N:], y[N:], method="first_order", k=3))
    assert peak < 0.6


@pytest.mark.parametrize("asked", [1, N_TEST, 200])
@pytest.mark.parametrize("solver", ["auto", "cg", "cholesky"])
@pytest.mark.parametrize("method", ["first_order", "auto"])
def test_an_explainer_that_is_dropped_frees_its_table_at_once(solver, method, asked):
    table, labels = X[:500].copy(), y[:500]
    explainer = InfluenceExplainer(given_model(), solver=solver, polish=False).fit(table, labels)
    explainer.influence(X[:asked], y[:asked], method=method)
    reference = weakref.ref(table)
    gc.disable()  # which would come some time later
    try:
        del table, explainer
        assert reference() is None
    finally:
        gc.enable()


#: Without the models that are computed in closed form.
WITH_OBJECTIVE = [
    name
    for name, family in FAMILIES.items()
    if family.target != "predict_proba" and not name.startswith("nearest")
]


@pytest.mark.parametrize("name", WITH_OBJECTIVE)
@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_an_explainer_of_each_family_frees_its_predictor_at_once(method, name):
    problem = Problem(FAMILIES[name], 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = InfluenceExplainer(problem.estimator).fit(problem.X, problem.y)
        explainer.influence(problem.X_test, problem.y_test, method=method)
    predictor = explainer.objective_.predictor
    parts = [part for part in vars(predictor).values() if hasattr(part, "__weakref__")]
    references = [weakref.ref(part) for part in (predictor, *parts)]
    gc.disable()
    try:
        del explainer, predictor, parts
        assert [reference() for reference in references] == [None] * len(references)
    finally:
        gc.enable()
