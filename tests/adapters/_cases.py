"""Every supported estimator and setting on small tables, and the truth of its own refits."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from skinfluence.adapters._linear import COUNTS_ARE_WEIGHTED
from skinfluence.svm import SmoothHingeSVC
from skinfluence.testing import finite_difference_influence

N_ROWS, N_TEST = 48, 6
ROWS = [1, 17, 40]

#: lbfgs stops when the objective falls by less than 64 eps: its refits carry errors of 1e-7
LBFGS = {"rtol": 1e-3, "step": 0.05}
#: liblinear's own stopping rule ends near here
LIBLINEAR = {"rtol": 1e-4, "step": 0.02}
GLM = {"solver": "newton-cholesky"}
#: a kink of the squared hinge must not lie within the step
KINKED = {"rtol": 1e-4, "step": 2e-3}

FORMATS = {
    "dense": np.asarray,
    "csr_array": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "csc_matrix": sparse.csc_matrix,
}


class Case(NamedTuple):
    """An estimator, the kind of its targets, and how well its refits can be known."""

    estimator: object
    kind: str
    rtol: float = 1e-6
    step: float = 0.01
    refit: object = None


@lru_cache
def table(kind, weighted):
    """(X, y, X_test, y_test, sample_weight) with many zeros in X."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N_ROWS + N_TEST, 5)) + 0.5
    X[rng.random(X.shape) < 0.3] = 0.0
    noise = rng.standard_normal((len(X), 3))
    scores = X @ rng.standard_normal((5, 3)) + 1.5 * noise
    y = {
        "values": scores[:, 0],
        "positive": np.exp(0.3 * scores[:, 0]),
        "counts": np.floor(np.exp(0.4 * scores[:, 0] + 0.5)),
        "two values": scores[:, :2],
        "two classes": np.where(scores[:, 0] > 0.8, "yes", "no"),
        "three classes": np.array(["a", "b", "c"])[(scores - [0, 0.7, 0]).argmax(axis=1)],
    }[kind]
    weights = 0.5 + rng.random(N_ROWS) if weighted else None
    return X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], weights


def _logistic(**settings):
    return LogisticRegression(**{"solver": "newton-cholesky", **settings})


def cases():
    """Name -> Case."""
    out = {
        "LinearRegression": Case(LinearRegression(), "values"),
        "LinearRegression-no-intercept": Case(LinearRegression(fit_intercept=False), "values"),
        "LinearRegression-two-outputs": Case(LinearRegression(), "two values"),
        "Ridge-no-intercept": Case(Ridge(0.3, fit_intercept=False), "values"),
        "Ridge-two-outputs": Case(Ridge(0.3), "two values"),
        "Ridge-alpha-per-output": Case(Ridge(np.array([0.1, 5.0])), "two values"),
        "RidgeCV": Case(RidgeCV([0.5]), "values", refit=Ridge(0.5)),
        "KernelRidge": Case(KernelRidge(alpha=0.4, kernel="rbf", gamma=0.2), "values"),
        "KernelRidge-two-outputs": Case(
            KernelRidge(alpha=[0.4, 2.0], kernel="rbf", gamma=0.2), "two values"
        ),
        "Lasso": Case(Lasso(0.2), "values"),
        "Lasso-no-intercept": Case(Lasso(0.2, fit_intercept=False), "values"),
        "LassoCV": Case(LassoCV(alphas=[0.2]), "values", refit=Lasso(0.2)),
        "ElasticNet": Case(ElasticNet(0.3, l1_ratio=0.7), "values"),
        "ElasticNet-l2": Case(ElasticNet(0.3, l1_ratio=0.01, selection="random"), "values"),
        "ElasticNetCV": Case(
            ElasticNetCV(alphas=[0.3], l1_ratio=0.7),
            "values",
            refit=ElasticNet(0.3, l1_ratio=0.7),
        ),
        "PoissonRegressor": Case(PoissonRegressor(alpha=0.3, **GLM), "counts"),
        "PoissonRegressor-no-intercept": Case(
            PoissonRegressor(alpha=0.3, fit_intercept=False, **GLM), "counts"
        ),
        "GammaRegressor": Case(GammaRegressor(alpha=0.2, **GLM), "positive"),
        "TweedieRegressor-normal": Case(TweedieRegressor(power=0, alpha=0.2, **GLM), "values"),
        "TweedieRegressor-log-normal": Case(
            TweedieRegressor(power=0, link="log", alpha=0.2, **GLM), "positive"
        ),
        "TweedieRegressor-1.5": Case(TweedieRegressor(power=1.5, alpha=0.2, **GLM), "counts"),
        "TweedieRegressor-3": Case(TweedieRegressor(power=3, alpha=0.2, **GLM), "positive"),
        "RidgeClassifier-binary": Case(RidgeClassifier(0.7), "two classes"),
        "RidgeClassifier-three": Case(RidgeClassifier(0.7), "three classes"),
        "RidgeClassifier-class_weight": Case(
            RidgeClassifier(class_weight={"a": 3.0, "b": 0.5}), "three classes"
        ),
        "RidgeClassifierCV": Case(
            RidgeClassifierCV([0.5]), "two classes", refit=RidgeClassifier(0.5)
        ),
        "LogisticRegressionCV": Case(
            LogisticRegressionCV(Cs=[0.4], cv=3, solver="newton-cholesky"),
            "three classes",
            refit=_logistic(C=0.4),
        ),
        "SmoothHingeSVC-binary": Case(SmoothHingeSVC(temperature=0.3), "two classes"),
        "SmoothHingeSVC-three": Case(SmoothHingeSVC(C=0.5, temperature=0.5), "three classes"),
        "SmoothHingeSVC-no-intercept": Case(
            SmoothHingeSVC(temperature=0.3, fit_intercept=False), "two classes"
        ),
        "SmoothHingeSVC-balanced": Case(
            SmoothHingeSVC(temperature=0.3, class_weight="balanced"), "three classes"
        ),
        "SmoothHingeSVC-class_weight": Case(
            SmoothHingeSVC(temperature=0.3, class_weight={"yes": 4.0}), "two classes"
        ),
        "LogisticRegression-liblinear": Case(
            LogisticRegression(solver="liblinear"), "two classes", **LIBLINEAR
        ),
        "LogisticRegression-liblinear-scaling": Case(
            LogisticRegression(solver="liblinear", intercept_scaling=3.0, C=0.5),
            "two classes",
            **LIBLINEAR,
        ),
        "LogisticRegression-liblinear-class_weight": Case(
            LogisticRegression(solver="liblinear", class_weight={"no": 2.5}),
            "two classes",
            **LIBLINEAR,
        ),
        "LinearSVR": Case(
            LinearSVR(loss="squared_epsilon_insensitive", dual=False, epsilon=0.2),
            "values",
            **KINKED,
        ),
        "LinearSVR-scaling": Case(
            LinearSVR(loss="squared_epsilon_insensitive", dual=False, C=0.3, intercept_scaling=3.0),
            "values",
            **KINKED,
        ),
        "LinearSVC-binary": Case(LinearSVC(dual=False), "two classes", **KINKED),
        "LinearSVC-three": Case(LinearSVC(dual=False, C=0.5), "three classes", **KINKED),
        "LinearSVC-no-intercept": Case(
            LinearSVC(dual=False, fit_intercept=False), "two classes", **KINKED
        ),
        "LinearSVC-scaling": Case(
            LinearSVC(dual=False, intercept_scaling=3.0), "two classes", **KINKED
        ),
        "LinearSVC-class_weight": Case(
            LinearSVC(dual=False, class_weight={"a": 3.0, "b": 0.5}), "three classes", **KINKED
        ),
    }
    for solver in ("svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga"):
        out[f"Ridge-{solver}"] = Case(Ridge(0.3, solver=solver), "values")
    for solver in ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"):
        for short, kind in (("binary", "two classes"), ("three", "three classes")):
            out[f"LogisticRegression-{solver}-{short}"] = Case(
                LogisticRegression(solver=solver), kind, **(LBFGS if solver == "lbfgs" else {})
            )
    for short, kind in (("binary", "two classes"), ("three", "three classes")):
        out[f"LogisticRegression-lbfgs-refitted-by-newton-{short}"] = Case(
            LogisticRegression(), kind, refit=_logistic()
        )
        label = "yes" if short == "binary" else "b"
        out[f"LogisticRegression-no-intercept-{short}"] = Case(_logistic(fit_intercept=False), kind)
        out[f"LogisticRegression-class_weight-{short}"] = Case(
            _logistic(class_weight={label: 3.0}), kind
        )
        out[f"LogisticRegression-C-inf-{short}"] = Case(_logistic(C=np.inf), kind)
    if COUNTS_ARE_WEIGHTED:  # else "balanced" counts rows, and no weight moves a count
        for short, kind in (("binary", "two classes"), ("three", "three classes")):
            out[f"LogisticRegression-balanced-{short}"] = Case(
                _logistic(class_weight="balanced"), kind
            )
            out[f"LinearSVC-balanced-{short}"] = Case(
                LinearSVC(dual=False, class_weight="balanced"), kind, **KINKED
            )
        out["LogisticRegression-liblinear-balanced"] = Case(
            LogisticRegression(solver="liblinear", class_weight="balanced"),
            "two classes",
            **LIBLINEAR,
        )
    return out


CASES = cases()


@lru_cache
def truth(name, weighted):
    """Finite differences of the estimator's own refits on the dense table: (n_test, n_rows)."""
    case = CASES[name]
    X, y, X_test, y_test, weights = table(case.kind, weighted)
    estimator = case.estimator if case.refit is None else case.refit
    return finite_difference_influence(
        estimator, X, y, X_test, y_test, ROWS, sample_weight=weights, step=case.step
    )
