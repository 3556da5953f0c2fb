"""Serves a Poisson regression of claims of many insurance policies, made up."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor

from benchmarks._measure import timed
from skinfluence import InfluenceExplainer
from skinfluence.targets import Mean

#: Levels of the categories of a policy: area, vehicle brand, region, fuel, class of the vehicle.
LEVELS = (6, 11, 22, 2, 4)
ESTIMATOR = PoissonRegressor(alpha=1e-6, solver="newton-cholesky", tol=1e-8)

_state = {}


def _prepare(n, n_test):
    """Policies with exposures as weights: y is the number of claims a year."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n + n_test, 4))]
    for levels in LEVELS:
        code = rng.integers(0, levels, n + n_test)
        parts.append((code[:, None] == np.arange(1, levels)).astype(float))
    X = np.hstack(parts)
    exposure = rng.uniform(0.1, 1.0, n + n_test)
    rate = np.exp(-2.3 + X @ rng.normal(scale=0.2, size=X.shape[1]))
    y = rng.poisson(exposure * rate) / exposure
    _state.update(train=(X[:n], y[:n]), weight=exposure[:n], test=(X[n:], y[n:]))
    return {"columns": X.shape[1]}


def _fit():
    """scikit-learn's own fit."""
    model = clone(ESTIMATOR)
    return timed(lambda: model.fit(*_state["train"], sample_weight=_state["weight"]))[1]


def _explain():
    """The fit of the explainer, which fits the estimator, and its factorised Hessian."""
    explainer = InfluenceExplainer(ESTIMATOR)

    def work():
        explainer.fit(*_state["train"], sample_weight=_state["weight"])
        explainer.influence(_state["test"][0][:1], rows=[0])

    _state["explainer"] = explainer
    return timed(work)[1]


def _ask(what):
    """One question."""
    explainer, test = _state["explainer"], _state["test"]
    ask = {
        "mean": lambda: explainer.influence(*test, target=Mean("loss"), method="first_order"),
        "top": lambda: explainer.top_influences(*test, k=10),
        "own": lambda: explainer.self_influence("newton_step"),
        "diagnostics": lambda: explainer.diagnostics(dfbetas=False),
    }[what]
    return timed(ask)[1]


def _leave_out(count):
    """Exact refits without some rows, and scikit-learn's own without two of them."""
    explainer, test = _state["explainer"], _state["test"]
    rows = np.linspace(0, explainer.objective_.n_rows - 1, count).astype(int)
    values, spent = timed(lambda: explainer.influence(test[0], rows=rows, method="refit"))
    (X, y), theirs, worst = _state["train"], [], 0.0
    before = explainer.predict(test[0])
    for b in (0, count - 1):
        kept = np.arange(len(y)) != rows[b]
        given = X[kept], y[kept], _state["weight"][kept]
        model, time = timed(lambda given=given: clone(ESTIMATOR).fit(*given))
        theirs.append(time["cpu"])
        change = model.predict(test[0]) - before
        worst = max(worst, float(np.abs(change - values[:, b]).max() / np.abs(change).max()))
    return {"cpu": spent["cpu"] / count, "theirs": min(theirs), "error": worst}
