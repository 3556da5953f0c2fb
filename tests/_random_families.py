"""Random small problems of each family of models, and their truth by scikit-learn's own refits."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sklearn
from scipy.optimize import minimize
from scipy.special import expit
from sklearn import discriminant_analysis, naive_bayes, neighbors, svm
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    LassoLars,
    LogisticRegression,
    MultiTaskElasticNet,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor, RegressorChain
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import has_fit_parameter

from skinfluence.adapters._families.quantile import bandwidth
from skinfluence.losses import TEMPERATURE
from tests._random_problems import STENCIL
from tests.adapters._composed_cases import bit_losses, label_losses, pair_losses

N, N_TEST = 40, 4
OLD = parse_version(sklearn.__version__) < parse_version("1.8")
NEWTON = {"solver": "newton-cholesky", "tol": 1e-11, "max_iter": 50}
DESCENT = {"tol": 1e-14, "max_iter": 1_000_000}


@dataclass(frozen=True)
class Family:
    """Estimators of one kind.

    Attributes
    ----------
    draw : callable
        ``draw(rng)`` gives an estimator that converges tightly.
    kind : str
        Of its targets.
    rtol : float
        Of the largest effect.
    noise : float
        Of the largest number of a test row: how well the estimator's own solver converges.
    step : float or None
        Relative change of a weight for the slope; None where there is no derivative.
    truth : callable or None
        ``truth(estimator, problem, kept)``: another estimator of the same optimum on some rows.
    target : str
    loss : callable or None
        ``loss(fitted, X, y)``: of each row, for target "loss" of labels.
    """

    draw: Callable
    kind: str
    rtol: float = 1e-7
    noise: float = 1e-11
    step: float | None = 0.02
    truth: Callable | None = None
    target: str = "predict"
    loss: Callable | None = None


def _strength(rng, low=-2.0, high=1.0):
    return float(10.0 ** rng.uniform(low, high))


def _yes(rng):
    return bool(rng.random() < 0.7)


def _logistic(rng):
    return LogisticRegression(C=_strength(rng), fit_intercept=_yes(rng), **NEWTON)


def _sparse_logistic(rng):
    ratio = float(rng.choice([0.5, 1.0]))
    old = {"penalty": "elasticnet"} if OLD else {}
    settings = {"solver": "saga", "tol": 1e-12, "max_iter": 100_000, **old}
    return LogisticRegression(C=_strength(rng, -1.0, 0.0), l1_ratio=ratio, **settings)


def _elastic_net(rng, cls=ElasticNet):
    ratio = float(rng.choice([0.5, 0.9, 1.0]))
    alpha = _strength(rng, -2.0, -0.5)
    return cls(alpha=alpha, l1_ratio=ratio, fit_intercept=_yes(rng), **DESCENT)


def _tweedie(rng):
    power = float(rng.choice([1.5, 2.5, 3.0]))
    return TweedieRegressor(power=power, alpha=_strength(rng, -2.0, 0.0), **NEWTON)


def _huber(rng):
    settings = {"epsilon": rng.uniform(1.1, 2.0), "alpha": _strength(rng, -3.0, 0.0)}
    return HuberRegressor(**settings, tol=1e-10, max_iter=10_000)


def _svr(rng):
    kernel = str(rng.choice(["rbf", "linear", "poly"]))
    return svm.SVR(kernel=kernel, gamma=0.2, C=_strength(rng, -1.0), epsilon=0.2, tol=1e-12)


def _svc(rng):
    kernel = str(rng.choice(["rbf", "linear"]))
    return svm.SVC(kernel=kernel, gamma=0.2, C=_strength(rng, -1.0), tol=1e-12)


def _sgd(rng, cls, **settings):
    return cls(
        alpha=_strength(rng, -2.0, 0.0), tol=1e-7, max_iter=20_000, random_state=0, **settings
    )


def _voting(rng, cls, first, second):
    return cls([("one", first), ("two", second)], weights=rng.uniform(0.5, 2.0, 2).tolist())


def _stacking(rng):
    mean = FrozenEstimator(DummyRegressor().fit([[0.0]], [1.0]))
    return StackingRegressor([("mean", mean)], Ridge(_strength(rng)), passthrough=True)


def _nearest(rng, cls):
    return cls(int(rng.integers(2, 7)), weights=str(rng.choice(["uniform", "distance"])))


class DualDescent:
    """LinearSVR by coordinate descent on its dual to rounding, where liblinear stops earlier."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        Z, C, epsilon = np.column_stack([X, np.ones(len(X))]), self.model.C, self.model.epsilon
        K, dual = Z @ Z.T, np.zeros(len(y))
        for _ in range(2_000):
            before = dual.copy()
            for i in range(len(y)):
                pull = y[i] - K[i] @ dual + K[i, i] * dual[i]
                free = np.sign(pull) * max(abs(pull) - epsilon, 0.0) / K[i, i]
                dual[i] = np.clip(free, -C, C)
            if np.abs(dual - before).max() < 1e-13:
                break
        self.coef = Z.T @ dual
        return self

    def predict(self, X):
        return X @ self.coef[:-1] + self.coef[-1]


class SameDraws:
    """Bagged members that are fitted again to their draws of the rows that are left."""

    def __init__(self, model, problem, kept):
        self.model, self.problem, self.left = model, problem, np.arange(N)[kept]

    def fit(self, X, y):
        X, y = self.problem.X, self.problem.y
        out, members = self.model.fit(X, y), []
        drawn = zip(out.estimators_, out.estimators_samples_, out.estimators_features_, strict=True)
        for member, rows, columns in drawn:
            rows = rows[np.isin(rows, self.left)]
            members.append(clone(member).fit(X[rows][:, columns], y[rows]))
        out.estimators_ = members
        return out


class SmoothedQuantile:
    """QuantileRegressor without a penalty, whose loss is smoothed at a width, to its optimum."""

    def __init__(self, model, problem, kept):
        model = clone(model).fit(problem.X, problem.y)
        width = bandwidth(problem.y - model.predict(problem.X), model.quantile)
        self.model, self.width = model, TEMPERATURE * width

    def fit(self, X, y):
        Z, q, t = np.column_stack([X, np.ones(len(X))]), self.model.quantile, self.width

        def value(coef):
            r = y - Z @ coef
            return (q * r + t * np.logaddexp(0.0, -r / t)).sum()

        def gradient(coef):
            return Z.T @ (expit((Z @ coef - y) / t) - q)

        def hessian(coef):
            share = expit((Z @ coef - y) / t)
            return (Z.T * (share * (1.0 - share) / t)) @ Z

        start = np.append(self.model.coef_, self.model.intercept_)
        settings = {"jac": gradient, "hess": hessian, "options": {"gtol": 1e-9, "maxiter": 10_000}}
        coef = minimize(value, start, method="trust-exact", **settings).x
        for _ in range(3):
            coef = coef - np.linalg.solve(hessian(coef), gradient(coef))
        self.coef = coef
        return self

    def predict(self, X):
        return X @ self.coef[:-1] + self.coef[-1]


def _nu(rng, cls):
    kernel = str(rng.choice(["rbf", "linear"]))
    return cls(nu=rng.uniform(0.1, 0.4), kernel=kernel, gamma=0.2, tol=1e-12)


def _machine_at_nu(model, problem, kept):
    """SVC or SVR at the C and epsilon that nu amounts to on all rows."""
    whole = clone(model).fit(problem.X, problem.y)
    shared = {"kernel": model.kernel, "gamma": 0.2, "tol": 1e-12}
    size = np.abs(whole.dual_coef_[0])
    if isinstance(model, svm.NuSVC):
        return svm.SVC(C=size.max(), **shared)
    rows = whole.support_[size < (1.0 - 1e-6) * model.C]  # on the edge of the tube
    off = np.abs(problem.y[rows] - whole.predict(problem.X[rows]))
    return svm.SVR(C=model.C, epsilon=np.median(off), **shared)


def _ridge_at_precisions(model, problem, kept):
    whole = clone(model).fit(problem.X, problem.y)
    return Ridge(whole.lambda_ / whole.alpha_)


def _bagging(rng, cls, member):
    return cls(member, 4, max_features=0.8, random_state=0)


PROBABILITIES = {"kind": "classes", "target": "predict_proba"}
COUNTS = {"kind": "counted classes", "target": "predict_proba"}
FAMILIES = {
    "Poisson": Family(
        lambda rng: PoissonRegressor(alpha=_strength(rng, -2, 0), **NEWTON), "counts"
    ),
    "Gamma": Family(lambda rng: GammaRegressor(alpha=_strength(rng, -2, 0), **NEWTON), "positive"),
    "Tweedie": Family(_tweedie, "positive"),
    "elastic net": Family(_elastic_net, "values", step=1e-3, rtol=1e-6),
    "elastic net, two targets": Family(_elastic_net, "two values", step=1e-3, rtol=1e-6),
    "multi-task elastic net": Family(
        lambda rng: _elastic_net(rng, MultiTaskElasticNet), "two values", step=1e-3, rtol=1e-6
    ),
    "LassoLars": Family(lambda rng: LassoLars(_strength(rng, -2, -0.5)), "values"),
    "Huber": Family(_huber, "values", noise=1e-4),
    "KernelRidge": Family(
        lambda rng: KernelRidge(alpha=_strength(rng), kernel="rbf", gamma=0.2), "values"
    ),
    "Gaussian process": Family(
        lambda rng: GaussianProcessRegressor(RBF(2.0), alpha=_strength(rng), optimizer=None),
        "values",
    ),
    "SVR": Family(_svr, "values", step=None, noise=1e-5),
    "LinearSVR": Family(
        lambda rng: svm.LinearSVR(C=_strength(rng, -2, -1), epsilon=0.2),
        "values",
        step=None,
        truth=lambda model, problem, kept: DualDescent(model),
    ),
    "SGDRegressor": Family(
        lambda rng: _sgd(rng, SGDRegressor),
        "values",
        step=None,
        truth=lambda model, problem, kept: Ridge(model.alpha * len(problem.X[kept])),
    ),
    "transformed target": Family(
        lambda rng: TransformedTargetRegressor(
            Ridge(_strength(rng)), func=np.log, inverse_func=np.exp
        ),
        "positive",
    ),
    "voting of regressors": Family(
        lambda rng: _voting(rng, VotingRegressor, Ridge(_strength(rng)), _elastic_net(rng)),
        "values",
        step=1e-3,
        rtol=1e-6,
    ),
    "one regressor per target": Family(
        lambda rng: MultiOutputRegressor(Ridge(_strength(rng))), "two values"
    ),
    "chain of regressors": Family(
        lambda rng: RegressorChain(Ridge(_strength(rng)), order=[1, 0]), "two values"
    ),
    "stacking of fitted regressors": Family(_stacking, "values"),
    "nearest rows, values": Family(
        lambda rng: _nearest(rng, neighbors.KNeighborsRegressor), "values", step=None
    ),
    "sparse logistic": Family(_sparse_logistic, step=1e-3, rtol=1e-5, **PROBABILITIES),
    "SVC": Family(_svc, "two classes", step=None, noise=1e-5, target="decision_function"),
    "SGDClassifier": Family(
        lambda rng: _sgd(rng, SGDClassifier, loss="log_loss"),
        "two classes",
        step=None,
        truth=lambda model, problem, kept: LogisticRegression(
            C=1.0 / (model.alpha * len(problem.X[kept])), **NEWTON
        ),
        target="predict_proba",
    ),
    "one versus rest": Family(
        lambda rng: OneVsRestClassifier(_logistic(rng)), step=None, **PROBABILITIES
    ),
    "voting of classifiers": Family(
        lambda rng: _voting(rng, VotingClassifier, _logistic(rng), _logistic(rng)).set_params(
            voting="soft"
        ),
        **PROBABILITIES,
    ),
    "bagging of regressors": Family(
        lambda rng: _bagging(rng, BaggingRegressor, Ridge(_strength(rng))),
        "values",
        step=None,
        truth=SameDraws,
    ),
    "bagging of classifiers": Family(
        lambda rng: _bagging(rng, BaggingClassifier, _logistic(rng)),
        step=None,
        truth=SameDraws,
        **PROBABILITIES,
    ),
    "NuSVC": Family(
        lambda rng: _nu(rng, svm.NuSVC),
        "two classes",
        step=None,
        noise=1e-5,
        truth=_machine_at_nu,
        target="decision_function",
    ),
    "NuSVR": Family(
        lambda rng: _nu(rng, svm.NuSVR), "values", step=None, noise=1e-5, truth=_machine_at_nu
    ),
    "BayesianRidge": Family(
        lambda rng: BayesianRidge(tol=1e-12), "values", step=None, truth=_ridge_at_precisions
    ),
    "quantile": Family(
        lambda rng: QuantileRegressor(quantile=rng.uniform(0.2, 0.8), alpha=0.0),
        "values",
        step=None,
        truth=SmoothedQuantile,
    ),
    "one versus one": Family(
        lambda rng: OneVsOneClassifier(_logistic(rng)),
        "classes",
        step=None,
        target="loss",
        loss=pair_losses,
    ),
    "output codes": Family(
        lambda rng: OutputCodeClassifier(_logistic(rng), code_size=3.0, random_state=1),
        "classes",
        step=None,
        target="loss",
        loss=bit_losses,
    ),
    "chain of classifiers": Family(
        lambda rng: ClassifierChain(_logistic(rng), order=[1, 0]),
        "two labels",
        step=None,
        target="loss",
        loss=label_losses,
    ),
    "linear discriminant": Family(
        lambda rng: discriminant_analysis.LinearDiscriminantAnalysis(), **PROBABILITIES
    ),
    "quadratic discriminant": Family(
        lambda rng: discriminant_analysis.QuadraticDiscriminantAnalysis(
            reg_param=rng.uniform(0.01, 0.5)
        ),
        **PROBABILITIES,
    ),
    "GaussianNB": Family(lambda rng: naive_bayes.GaussianNB(), **PROBABILITIES),
    "MultinomialNB": Family(lambda rng: naive_bayes.MultinomialNB(alpha=_strength(rng)), **COUNTS),
    "ComplementNB": Family(lambda rng: naive_bayes.ComplementNB(alpha=_strength(rng)), **COUNTS),
    "BernoulliNB": Family(
        lambda rng: naive_bayes.BernoulliNB(alpha=_strength(rng), binarize=0.5), **COUNTS
    ),
    "nearest centroid": Family(lambda rng: neighbors.NearestCentroid(), **PROBABILITIES),
    "nearest rows, classes": Family(
        lambda rng: _nearest(rng, neighbors.KNeighborsClassifier), step=None, **PROBABILITIES
    ),
}


class Problem:
    """A table and an estimator of a family.

    Parameters
    ----------
    family : Family
    seed : int
    """

    def __init__(self, family, seed):
        rng = np.random.default_rng(seed)
        self.family = family
        X, y = _table(rng, family.kind)
        self.X, self.y, self.X_test, self.y_test = X[:N], y[:N], X[N:], y[N:]
        self.estimator = family.draw(rng)
        self.rows = rng.choice(N, 2, replace=False)
        self.weights = None
        if has_fit_parameter(self.estimator, "sample_weight") and family.truth is None:
            self.weights = rng.uniform(0.5, 1.5, N)

    def values(self, kept=slice(None), row=None, factor=1.0):
        """Numbers of the test rows after a refit to some rows, one with another weight."""
        X, y, settings = self.X[kept], self.y[kept], {}
        model, target = clone(self.estimator), self.family.target
        if self.weights is not None:
            weights = self.weights.copy()
            weights[[] if row is None else row] *= factor
            settings["sample_weight"] = weights[kept]
        if self.family.truth is not None:
            model = self.family.truth(model, self, kept)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = model.fit(X, y, **settings)
            if self.family.loss is not None:
                return self.family.loss(model, self.X_test, self.y_test)
            out = getattr(model, target)(self.X_test)
        if target == "predict_proba":
            return out[np.arange(N_TEST), np.searchsorted(model.classes_, self.y_test)]
        if target == "decision_function":
            return np.where(self.y_test == model.classes_[1], out, -out)
        return out if self.y.ndim == 1 else 0.5 * ((self.y_test - out) ** 2).sum(axis=1)

    def removal(self, row):
        return self.values(np.delete(np.arange(N), row)) - self.values()

    def slope(self, row):
        """Minus the derivative in the logarithm of a row's weight, by finite differences."""
        h = self.family.step
        parts = [c * self.values(row=row, factor=1.0 + k * h) for k, c in STENCIL]
        return -np.sum(parts, axis=0) / h


def _table(rng, kind):
    """(X, y) with zeros, a repeated row, and now and then heavy tails."""
    n, p = N + N_TEST, int(rng.integers(2, 7))
    X = rng.standard_normal((n, p)) if rng.random() < 0.7 else rng.standard_t(4, (n, p))
    X[rng.random((n, p)) < rng.choice([0.0, 0.3])] = 0.0
    X[1] = X[0]
    scores = X @ rng.standard_normal((p, 3))
    scores = scores / scores.std() + rng.uniform(0.3, 1.0) * rng.standard_normal((n, 3))
    if kind == "counted classes":
        return rng.poisson(np.exp(0.5 * np.clip(X, -2.0, 2.0))).astype(float), scores.argmax(axis=1)
    return X, {
        "values": scores[:, 0],
        "two values": scores[:, :2],
        "positive": np.exp(0.5 * scores[:, 0]),
        "counts": rng.poisson(np.exp(0.5 * scores[:, 0])).astype(float),
        "two labels": (scores[:, :2] > 0.3).astype(int),
        "two classes": (scores[:, 0] > 0.3).astype(int),
        "classes": scores.argmax(axis=1),
    }[kind]
