"""What is interrupted or kept half-way leaves the process, the reports and the filters alone."""

import threading
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from skinfluence import InfluenceExplainer
from skinfluence.explainer import influence_blocks
from skinfluence.kernels import run_chunks
from skinfluence.objectives import minimize
from skinfluence.perturbation import relabel_influence_blocks
from skinfluence.solvers import CGSolver
from skinfluence.solvers._iterative.cg import CGInverse

rng = np.random.default_rng(0)
X = rng.standard_normal((80, 20)) * np.logspace(0, 3, 20)
y = (X[:, 0] + rng.standard_normal(80) > 0).astype(int)


@pytest.fixture(autouse=True)
def two_blas_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def unconverged(**settings):
    solver = CGSolver(max_iter=2, preconditioner=None)
    model = LogisticRegression(C=1e3, solver="newton-cholesky")
    return InfluenceExplainer(model, solver=solver, polish=False, **settings).fit(X, y)


def half_way(explainer, method):
    """A generator of influences on four test rows that has given its first block."""
    tests = explainer.test_rows(X[:4], y[:4])
    rows = np.arange(len(X))
    blocks = influence_blocks(explainer.linearization_, tests, method, rows)
    next(blocks)
    return blocks


@pytest.mark.parametrize("n_threads", [1, 2])
def test_results_that_are_kept_hold_no_limit_of_the_blas(n_threads):
    before = blas_threads()
    parts = run_chunks(lambda chunk: chunk, [1, 2, 3], n_threads)
    assert next(parts) == 1
    assert blas_threads() == before
    assert list(parts) == [2, 3]


@pytest.mark.parametrize("method", ["first_order", "newton_step", "refit"])
def test_influences_that_are_kept_half_way_hold_nothing(method):
    before, filters = blas_threads(), list(warnings.filters)
    explainer = InfluenceExplainer(LogisticRegression(), solver="cg", polish=False)
    with pytest.warns(ConvergenceWarning, match="away from an optimum"):
        explainer.fit(X / X.std(axis=0), y)
    kept = half_way(explainer, method)
    assert blas_threads() == before
    assert warnings.filters == filters
    assert not explainer.linearization_.inverse._sessions
    del kept


@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_a_call_after_one_that_was_interrupted_reports_its_own_solutions(monkeypatch):
    explainer = unconverged(method="first_order")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skinfluence.explainer._most_influential.TopK.add", interrupt)
    with pytest.raises(KeyboardInterrupt) as kept:
        explainer.top_influences(X[:3], y[:3])
    with pytest.warns(ConvergenceWarning, match="of 3 right-hand sides"):
        explainer.influence(X[:3], y[:3])
    assert not explainer.linearization_.inverse.report.converged
    del kept


@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_solutions_of_kept_blocks_are_reported_when_these_end():
    explainer = unconverged(method="first_order")
    blocks = half_way(explainer, "first_order")
    with pytest.warns(ConvergenceWarning, match="of 3 right-hand sides"):
        explainer.influence(X[:3], y[:3])
    with pytest.warns(ConvergenceWarning, match="of 4 right-hand sides"):
        list(blocks)


@pytest.mark.parametrize("method", ["first_order", "newton_step"])
def test_blocks_of_other_labels_that_are_kept_hold_nothing(method):
    before, filters = blas_threads(), list(warnings.filters)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X / X.std(axis=0), y)
    with config_context(working_memory=1e-3):
        blocks = relabel_influence_blocks(explainer, X, y, method=method)
        next(blocks)
    assert blas_threads() == before
    assert warnings.filters == filters
    assert next(blocks)[2].shape[2] == 2


def test_newton_steps_in_threads_that_overlap_leave_the_warning_filters_alone(monkeypatch):
    objective = InfluenceExplainer(LogisticRegression()).fit(X / X.std(axis=0), y).objective_
    objective = objective.with_coef(0 * objective.coef)
    solver, first_is_done = CGSolver(max_iter=1, preconditioner=None), threading.Event()
    second_is_inside, solve = threading.Event(), CGInverse.solve

    def slow(inverse, V, x0=None):
        if threading.current_thread() is second:
            second_is_inside.set()
            assert first_is_done.wait(10)
        else:
            second.start()
            assert second_is_inside.wait(10)
        return solve(inverse, V, x0)

    monkeypatch.setattr(CGInverse, "solve", slow)
    filters = list(warnings.filters)
    second = threading.Thread(target=minimize, args=(objective, solver), kwargs={"max_iter": 1})
    minimize(objective, solver, max_iter=1)
    first_is_done.set()
    second.join()
    assert warnings.filters == filters
