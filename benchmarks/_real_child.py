"""Serves a real problem: scikit-learn's fit, influences by any solver, exact answers, peers."""

import importlib
import resource
from functools import partial

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from benchmarks import _by_hand_large
from benchmarks._cases import Case
from benchmarks._measure import growth, mark, timed
from benchmarks._real_data import loaders
from skinfluence import InfluenceExplainer
from skinfluence.solvers import CGSolver

#: Packages of others may fail, or not fit the memory: told in the table.
MAY_FAIL = True

_state = {}


def _fit(data, quick, **settings):
    """Load the table and fit it as scikit-learn does; memory counts from the imports on."""
    loader = loaders()  # imports pandas
    _state["mark"] = mark()
    X, y, X_test, y_test = _DATA[data](loader, quick)
    estimator = LogisticRegression(fit_intercept=False, **settings)
    _, times = timed(estimator.fit, X, y)
    _state["case"] = Case(data, data, X, y, X_test, y_test, estimator)
    _state["explainers"] = {}
    return {
        "seconds": times["wall"],
        "iterations": int(estimator.n_iter_[0]),
        "rows": X.shape[0],
        "columns": X.shape[1],
        "accuracy": float(estimator.score(X_test, y_test)),
    }


def _mnist(loader, quick):
    X, y, X_test, y_test = loader.mnist(paper=True)
    if quick:
        X, y, X_test, y_test = X[:3000, 200:400], y[:3000], X_test[:1000, 200:400], y_test[:1000]
    return np.ascontiguousarray(X, float), y, np.ascontiguousarray(X_test, float), y_test


def _newsgroups(loader, quick):
    X, y, X_test, y_test = loader.newsgroups20()[:4]
    if quick:
        X, y, X_test, y_test = X[:1500, :2000], y[:1500], X_test[:500, :2000], y_test[:500]
    return X, y, X_test, y_test


def _explain(solver, method="first_order", polish=False):
    """A fitted explainer; what it costs to make one. "cg 1e-6" is CGSolver(tol=1e-6)."""
    case = _state["case"]
    chosen = CGSolver(tol=float(solver.split()[1])) if solver.startswith("cg ") else solver
    explainer = InfluenceExplainer(
        FrozenEstimator(case.estimator), solver=chosen, method=method, polish=polish
    )
    _state["explainers"][solver], times = timed(explainer.fit, case.X, case.y)
    return {"seconds": times["wall"]}


def _influence(solver, tests):
    """All training rows on some test rows; how the solver fared."""
    case, explainer = _state["case"], _state["explainers"][solver]
    found, times = timed(explainer.influence, case.X_test[tests], case.y_test[tests])
    _state.setdefault("found", {})[solver] = found
    return {"seconds": times["wall"]} | _report(explainer)


def _top(solver, n_test, k):
    """The strongest training rows of the first test rows."""
    case, explainer = _state["case"], _state["explainers"][solver]
    top = partial(explainer.top_influences, k=k)
    _state["top"], times = timed(top, case.X_test[:n_test], case.y_test[:n_test])
    return {"seconds": times["wall"], "peak": growth(_state["mark"])} | _report(explainer)


def _report(explainer):
    # of what answered, which is not what "auto" would factorise for other questions
    report = explainer.linearization_.inverse_for("first_order", 1).report
    return {
        "solver": report.solver,
        "iterations": report.n_iter,
        "residual": report.residual,
        "reason": report.reason,
    }


def _difference(solver, reference):
    """Largest difference between two solvers' answers, relative to the largest influence."""
    found, expected = _state["found"][solver], _state["found"][reference]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _top_error(n_exact, tol):
    """Error of the strongest influences of some test rows against plain conjugate gradients."""
    exact = _by_hand_large.exact(_state["case"], n_exact, tol)
    index, values = (part[:n_exact] for part in _state["top"])
    expected = np.take_along_axis(exact, index, axis=1)
    k = index.shape[1]
    truly = np.argsort(-np.abs(exact), axis=1, kind="stable")[:, :k]
    return {
        "error": float(np.abs(values - expected).max() / np.abs(expected).max()),
        "found": sum(len(np.intersect1d(a, b)) for a, b in zip(index, truly, strict=True)),
        "of": int(index.size),
    }


def _self_influence(solver):
    _, times = timed(_state["explainers"][solver].self_influence)
    return {"seconds": times["wall"]}


def _gram_pairs(measured):
    """Seconds of Z' diag(w) Z for all pairs of classes in numpy, from a few of them."""
    case = _state["case"]
    K = case.n_outputs
    weights = np.random.default_rng(0).uniform(size=(measured, case.X.shape[0], 1))
    _, times = timed(lambda: [case.X.T @ (w * case.X) for w in weights])
    return {"seconds": times["wall"] / measured * K * (K + 1) / 2}


def _assemble():
    """Seconds of our own dense Hessian: the same products, as skinfluence does them."""
    hessian = next(iter(_state["explainers"].values())).objective_.hessian()
    return {"seconds": timed(hessian.to_dense)[1]["wall"]}


def _densify():
    """The table as the packages on torch take it; they may hold 20 GiB."""
    resource.setrlimit(resource.RLIMIT_AS, (20 * 2**30, 20 * 2**30))
    case = _state["case"]
    case.X, case.X_test = case.X.toarray(), case.X_test[:100].toarray()
    case.y_test = case.y_test[:100]
    return {}


def _peer(package, function, n_test):
    """Another package on the first test rows."""
    case = _state["case"]
    X_test = case.X_test[:n_test]
    small = Case("", "", case.X, case.y, X_test, case.y_test[:n_test], case.estimator)
    way = getattr(importlib.import_module(f"benchmarks.peers.{package}"), function)
    return {"seconds": timed(way, small)[1]["wall"], "peak": growth(_state["mark"])}


_DATA = {"mnist": _mnist, "newsgroups": _newsgroups}
