"""Serves one size of the LiSSA benchmark: makes the Hessian, solves it by one way, compares."""

import warnings
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks._real_data import loaders
from skinfluence.linalg import Design, LinearHessian, RowCurvature
from skinfluence.losses import Multinomial
from skinfluence.predictors import LinearPredictor
from skinfluence.solvers._iterative.cg import CGSolver
from skinfluence.solvers._stochastic.lissa import LissaSolver

WEIGHT_DECAY = 0.01
#: Test row 8, a five that is read as a six; then the others.
FIRST_TEST = 8
#: Training rows whose influences are correlated.
N_COMPARED = 55_000

_state = {}


def _make(data, n, n_test, penalty, dtype="float32"):
    """Build the Hessian, the test gradients and the residuals of n rows."""
    _state.clear()
    X, y, X_test, y_test = {"mnist": _mnist, "synthetic": _synthetic}[data](n, n_test, dtype)
    K = int(y.max()) + 1
    C = 1 / (WEIGHT_DECAY * len(y)) if penalty == "mean" else 1.0
    fitted = min(n, 55_000)
    if "coef" not in _state:
        strength = C * len(y) / fitted if penalty == "mean" else C
        model = LogisticRegression(C=strength, fit_intercept=False, tol=1e-3, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X[:fitted].astype(float), y[:fitted])
    coef = model.coef_ if K > 2 else np.vstack([-model.coef_[0] / 2, model.coef_[0] / 2])
    loss = Multinomial()
    p = loss.probability((X @ coef.T.astype(X.dtype)).astype(float))
    alpha = np.full(coef.shape, 1 / C)
    if K == 2:  # one margin
        design_penalty, curvature, factor = alpha[:1], p[:, :1] * p[:, 1:], None
        residual = p[:, 1:] - y[:, None]
        p_test = loss.probability(X_test @ coef.T)
        residual_test = p_test[:, 1:] - y_test[:, None]
    else:
        design_penalty, curvature, factor = alpha, p, p
        residual = p.copy()
        residual[np.arange(len(y)), y] -= 1.0
        residual_test = loss.probability(X_test @ coef.T)
        residual_test[np.arange(len(y_test)), y_test] -= 1.0
    _state["hessian"] = LinearHessian(
        LinearPredictor(Design(X)), RowCurvature(curvature, factor), design_penalty
    )
    _state["b"] = (residual_test[:, :, None] * X_test[:, None, :]).reshape(len(X_test), -1).T.copy()
    _state["residual"] = residual[:N_COMPARED]
    return {"n": len(X), "p": design_penalty.size, "bytes": X.nbytes}


def _mnist(n, n_test, dtype):
    """The digits, repeated with other pixels' noise where n is beyond 55,000."""
    X, y, X_test, y_test = loaders().mnist(paper=True)
    out = np.empty((n, X.shape[1]), dtype=dtype)
    rng = np.random.default_rng(0)
    for start in range(0, n, len(X)):
        part = out[start : start + len(X)]
        part[:] = X[: len(part)]
        if start:
            part *= 1.0 + 0.2 * rng.standard_normal(part.shape, dtype=np.float32)
    labels = np.resize(y, n)
    tests = slice(FIRST_TEST, FIRST_TEST + n_test)
    return out, labels, X_test[tests].astype(float), y_test[tests]


def _synthetic(n, n_test, dtype, q=200):
    """Two classes, features of equal scale with little correlation."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n + n_test, q), dtype=np.float32).astype(dtype, copy=False)
    raw = X @ rng.standard_normal(q).astype(dtype) * 2.0 / np.sqrt(q)
    y = (rng.random(len(X)) < 1.0 / (1.0 + np.exp(-raw))).astype(int)
    return X[:n], y[:n], X[n:].astype(float), y[n:]


def _influences(V):
    """Of the first test row on the first training rows."""
    hessian, residual = _state["hessian"], _state["residual"]
    K, q = hessian.penalty.shape
    design = hessian.design.take(slice(0, len(residual)))
    return (design.matmul(V[:, 0].reshape(K, q).T) * residual).sum(axis=1)


def _exact(tol=1e-7):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        solution = (
            CGSolver(tol=tol, max_iter=500).factorize(_state["hessian"]).solve(_state["b"][:, :1])
        )
    _state["exact"] = _influences(solution)
    return {}


def _solve(solver, settings, n_test=1, repeat=1):
    """Seconds from the Hessian to the solution, correlation and what was reported."""
    makers = {"cg": CGSolver, "lissa": LissaSolver}
    seconds = []
    for _ in range(repeat):
        start = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            inverse = makers[solver](**settings).factorize(_state["hessian"])
            middle = perf_counter()
            solution = inverse.solve(_state["b"][:, :n_test])
        seconds.append((perf_counter() - start, middle - start))
    found, exact = _influences(solution), _state["exact"]
    total, setup = min(seconds)
    report = inverse.report
    return {
        "seconds": total,
        "setup": setup,
        "correlation": float(np.corrcoef(found, exact)[0, 1]),
        "slope": float(found @ exact / (exact @ exact)),
        "n_iter": report.n_iter,
        "standard_error": report.standard_error,
        "batch_size": getattr(inverse, "batch_size", None),
        "scale": getattr(inverse, "scale", None),
    }
