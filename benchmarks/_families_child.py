"""Serves one estimator of each family: its fit, its influence matrix, its leave-one-outs."""

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LassoCV,
    LassoLars,
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler, scale
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from benchmarks._measure import timed
from benchmarks._real_data import loaders
from skinfluence import InfluenceExplainer

LOGISTIC = LogisticRegression()
#: Estimators, and the kind of their targets.
MODELS = {
    "Ridge": (Ridge(), "values"),
    "LogisticRegression": (LOGISTIC, "two classes"),
    "LogisticRegression, 3 classes": (LOGISTIC, "three classes"),
    "PoissonRegressor": (PoissonRegressor(), "counts"),
    "GammaRegressor": (GammaRegressor(), "positive"),
    "TweedieRegressor": (TweedieRegressor(power=1.5), "counts"),
    "Lasso": (Lasso(0.05), "values"),
    "ElasticNet": (ElasticNet(0.05), "values"),
    "MultiTaskElasticNet": (MultiTaskElasticNet(0.05), "two values"),
    "LassoCV": (LassoCV(), "values"),
    "LassoLars": (LassoLars(0.05), "values"),
    "QuantileRegressor": (QuantileRegressor(alpha=0.01), "values"),
    "HuberRegressor": (HuberRegressor(), "values"),
    "BayesianRidge": (BayesianRidge(), "values"),
    "ARDRegression": (ARDRegression(), "values"),
    "SGDClassifier": (SGDClassifier(loss="log_loss", random_state=0), "two classes"),
    "SGDRegressor": (SGDRegressor(random_state=0), "values"),
    "LinearSVC": (LinearSVC(), "two classes"),
    "LinearSVR": (LinearSVR(), "values"),
    "LinearDiscriminantAnalysis": (LinearDiscriminantAnalysis(), "two classes"),
    "GaussianNB": (GaussianNB(), "two classes"),
    "OneVsRestClassifier": (OneVsRestClassifier(LOGISTIC), "three classes"),
    "OneVsOneClassifier": (OneVsOneClassifier(LOGISTIC), "three classes"),
    "OutputCodeClassifier": (OutputCodeClassifier(LOGISTIC, random_state=0), "three classes"),
    "VotingClassifier": (
        VotingClassifier([("a", LOGISTIC), ("b", LogisticRegression(C=0.01))], voting="soft"),
        "two classes",
    ),
    "BaggingClassifier": (BaggingClassifier(LOGISTIC, random_state=0), "two classes"),
    "MultiOutputRegressor": (MultiOutputRegressor(Ridge()), "two values"),
    "RegressorChain": (RegressorChain(Ridge()), "two values"),
    "ClassifierChain": (ClassifierChain(LOGISTIC), "two labels"),
    "TransformedTargetRegressor": (
        TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp),
        "positive",
    ),
    "KernelRidge": (KernelRidge(kernel="rbf", gamma=0.05), "values"),
    "GaussianProcessRegressor": (
        GaussianProcessRegressor(RBF(4.0), alpha=1.0, optimizer=None),
        "values",
    ),
    "GaussianProcessClassifier": (
        GaussianProcessClassifier(RBF(4.0), optimizer=None),
        "two classes",
    ),
    "SVC": (SVC(), "two classes"),
    "SVR": (SVR(), "values"),
}
#: Estimators of columns that are correlated, as real ones are, and the cross-validation of their
#: penalty: on columns of independent noise descent by coordinates takes a few rounds only.
REAL = {
    "Lasso": (Lasso(), LassoCV(), False),
    "ElasticNet": (ElasticNet(), ElasticNetCV(), False),
    "MultiTaskLasso": (MultiTaskLasso(), MultiTaskLassoCV(), True),
    "MultiTaskElasticNet": (MultiTaskElasticNet(), MultiTaskElasticNetCV(), True),
}
#: Whose leave-one-outs are timed, at a tolerance at which refits agree.
REFITTED = {
    name: cls(solver="newton-cholesky", tol=1e-10, **settings)
    for name, cls, settings in (
        ("PoissonRegressor", PoissonRegressor, {}),
        ("GammaRegressor", GammaRegressor, {}),
        ("TweedieRegressor", TweedieRegressor, {"power": 1.5}),
        ("LogisticRegression", LogisticRegression, {}),
    )
}
N_COLUMNS = 20

_state = {}


def _targets(kind, raw, rng):
    own = raw[:, 0]
    if kind == "counts":
        return rng.poisson(np.exp(0.5 * own)).astype(float)
    if kind == "positive":
        return np.exp(0.5 * own) * rng.gamma(2.0, 0.5, len(own))
    if kind == "two classes":
        return (own + rng.logistic(size=len(own)) > 0.0).astype(int)
    if kind == "three classes":
        return np.digitize(own + rng.standard_normal(len(own)), [-0.5, 0.5])
    if kind == "two labels":
        return (raw + rng.logistic(size=raw.shape) > 0.0).astype(int)
    noisy = raw + rng.standard_normal(raw.shape)
    return noisy if kind == "two values" else noisy[:, 0]


def _prepare(name, n, n_test):
    rng = np.random.default_rng(0)
    estimator, kind = MODELS[name]
    X = rng.standard_normal((n + n_test, N_COLUMNS))
    raw = X @ rng.standard_normal((N_COLUMNS, 2)) / np.sqrt(N_COLUMNS)
    _set(estimator, X, _targets(kind, raw, rng), n)


def _prepare_real(name, n, n_test):
    """Values of houses, or with the incomes there, by squares and products of the columns."""
    estimator, search, two = REAL[name]
    X, y = loaders().california_housing()[:2]
    some = np.random.default_rng(0).choice(len(y), n + n_test, replace=False)
    X, y = X[some], y[some]
    if two:
        X, y = X[:, 1:], scale(np.column_stack([y, X[:, 0]]))
    products = PolynomialFeatures(2, include_bias=False)
    X = make_pipeline(StandardScaler(), products, StandardScaler()).fit(X[:n]).transform(X)
    alpha = search.fit(X[:n], y[:n]).alpha_
    _set(clone(estimator).set_params(alpha=alpha), X, y, n)
    return {"columns": X.shape[1], "alpha": float(alpha)}


def _set(estimator, X, y, n):
    _state.update(estimator=estimator, train=(X[:n], y[:n]), test=(X[n:], y[n:]))
    _state.update(fitted=clone(estimator).fit(*_state["train"]))


def _fit():
    return timed(clone(_state["estimator"]).fit, *_state["train"])[1]


def _explain(n_test):
    """From the fitted estimator to the first-order influences of some test rows."""
    tests = tuple(part[:n_test] for part in _state["test"])

    def explained():
        explainer = InfluenceExplainer(FrozenEstimator(_state["fitted"]), method="first_order")
        return explainer.fit(*_state["train"]).influence(*tests)

    return timed(explained)[1]


def _multiply(n_test):
    """The products that write the matrix, one for each raw prediction."""
    n, rng = len(_state["train"][0]), np.random.default_rng(0)
    if "tables" not in _state:
        explainer = InfluenceExplainer(FrozenEstimator(_state["fitted"])).fit(*_state["train"])
        widths = _widths(explainer.objective_)
        _state["tables"] = [(rng.random((n_test, q)), rng.random((n, q))) for q in widths]

    def multiplied():
        first, *others = _state["tables"]
        out = first[0] @ first[1].T
        for tests, rows in others:
            out += tests @ rows.T
        return out

    return timed(multiplied)[1]


def _widths(objective):
    """Numbers of a row behind each raw prediction: its columns, or kernels with all rows."""
    if objective.members:
        return [width for member in objective.members for width in _widths(member.objective)]
    kernels = hasattr(objective.predictor, "space")
    columns = objective.n_rows if kernels else _state["train"][0].shape[1]
    return [columns] * objective.n_outputs


def _leave_out(name, sample):
    """Times of all exact leave-one-outs and of some refits, and their largest difference."""
    model, (X, y) = REFITTED[name], _state["train"]
    fitted = clone(model).fit(X, y)
    explainer = InfluenceExplainer(FrozenEstimator(fitted), method="refit").fit(X, y)
    ours, spent = timed(explainer.coef_influence)
    rows = np.linspace(0, len(y) - 1, sample).astype(int)

    def refits():
        kept = [np.arange(len(y)) != row for row in rows]
        return np.stack([_flat(clone(model).fit(X[some], y[some])) for some in kept])

    theirs, refitted = timed(refits)
    theirs -= _flat(fitted)
    error = np.abs(ours[rows] - theirs).max() / np.abs(theirs).max()
    return {"ours": spent["cpu"], "one": refitted["cpu"] / sample, "error": float(error)}


def _flat(model):
    return np.append(np.ravel(model.coef_), model.intercept_)
