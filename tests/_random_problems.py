"""Random small problems, and their truth by scikit-learn's public estimators alone."""

import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from inspect import signature

import numpy as np
from scipy import sparse
from scipy.special import log_softmax
from sklearn.base import clone, is_regressor
from sklearn.decomposition import PCA
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeCV,
)
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_class_weight

from skinfluence.targets import TARGETS

N_TEST = 4
#: Finite differences in the logarithm of a weight: (position in steps, coefficient); the error of
#: these five points is step^4 / 30 times the fifth derivative.
STEP = 0.02
STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))
#: Of a refitted LogisticRegression.
TOLERANCE = 1e-14
#: liblinear stops where an iteration lowers the objective by less than 1e-12 of it.
LIBLINEAR_NOISE = 1e-6
#: Cross-fitting that comes out the same twice; splitters are allowed from scikit-learn 1.9 on.
SAME_FOLDS = {"random_state": 0} if TargetEncoder().random_state is None else {"cv": KFold(5)}
#: Class weights have heard of sample weights since scikit-learn 1.7.
COUNTS_ROWS = "sample_weight" not in signature(compute_class_weight).parameters
KINDS = {
    "LinearRegression": 0.15,
    "Ridge": 0.25,
    "RidgeCV": 0.05,
    "RidgeClassifier": 0.15,
    "LogisticRegression": 0.35,
    "LinearSVC": 0.05,
}


@dataclass
class Problem:
    """A table, an estimator as a user has it, and the number that is explained of each test row."""

    seed: int
    estimator: object
    X: object
    y: np.ndarray
    weights: np.ndarray | None
    X_test: object
    y_test: np.ndarray
    target: str
    rows: np.ndarray
    words: list
    #: whether refits start from zero: scikit-learn's solver has bad luck at times, and not twice
    from_zero: bool = False

    def __post_init__(self):
        model, self.Z, self.Z_test = clone(self.estimator), self.X, self.X_test
        if isinstance(model, Pipeline):
            steps, model = model[:-1], model[-1]
            self.Z, self.Z_test = steps.fit_transform(self.X, self.y), steps.transform(self.X_test)
        if sparse.issparse(self.Z):  # on dense tables scikit-learn's solvers are direct
            self.Z, self.Z_test = self.Z.toarray(), self.Z_test.toarray()
        self.model = _tight(model)
        if self.from_zero:
            self.model.set_params(warm_start=False)
        if model.fit_intercept and not isinstance(model, LinearSVC):  # its intercept has a penalty
            center = self.Z.mean(axis=0)
            self.Z, self.Z_test = self.Z - center, self.Z_test - center
        self.regression = is_regressor(model)
        self.sample_weight = np.ones(len(self.y)) if self.weights is None else self.weights

    def __str__(self):
        words = " ".join([f"n={len(self.Z)} p={self.Z.shape[1]}", *self.words, self.target])
        return f"seed {self.seed}: {' '.join(repr(self.estimator).split())} {words}"

    @property
    def asked(self):
        """Target of the test rows, with the labels or the class that it takes."""
        if self.target == "loss":
            return {"y_test": self.y_test, "target": "loss"}
        target = TARGETS[self.target]
        return {"y_test": None, "target": target() if self.regression else target(self.y_test)}

    @cached_property
    def fitted(self):
        """The tightly converged model; refits start there where scikit-learn has warm starts."""
        return self._fit(self.model, self.Z, self.y, self.sample_weight)

    def refit(self, Z, y, weights, **settings):
        """The explained numbers after a refit; NaN where a class has no weight left."""
        if not self.regression:
            present = np.unique(self.y[self.sample_weight > 0])
            if len(np.unique(y[weights > 0])) < len(present):
                return np.full(N_TEST, np.nan)
        model = deepcopy(self.fitted)
        return self.values(self._fit(model.set_params(**settings), Z, y, weights))

    @staticmethod
    def _fit(model, Z, y, weights):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a tolerance below what float64 has
            return model.fit(Z, y, weights)

    def values(self, model):
        """The explained number of each test row, by the model's public methods."""
        Z, y = self.Z_test, self.y_test
        if self.regression:
            predicted = model.predict(Z)
            return predicted if self.target == "predict" else 0.5 * (y - predicted) ** 2
        own = np.searchsorted(model.classes_, y)
        raw = model.decision_function(Z)
        if raw.ndim == 1:
            raw = np.stack([0.0 * raw, raw], axis=1)
            chosen = np.where(own == 1, raw[:, 1], -raw[:, 1])
        else:
            if isinstance(model, LogisticRegression):  # the softmax leaves their mean free
                raw = raw - raw.mean(axis=1, keepdims=True)
            chosen = raw[np.arange(len(y)), own]
        if self.target == "decision_function":
            return chosen
        # `predict_log_proba` is the logarithm of a rounded probability
        log = log_softmax(raw, axis=1)[np.arange(len(y)), own]
        return np.exp(log) if self.target == "predict_proba" else -log

    def without(self, rows):
        """Change of the numbers when training rows are really deleted, (n_test,)."""
        kept = np.delete(np.arange(len(self.y)), rows)
        after = self.refit(self.Z[kept], self.y[kept], self.sample_weight[kept])
        return after - self.values(self.fitted)

    def changed(self, row, z=None, label=None):
        """Change of the numbers when a row has other features, or another label."""
        Z, y = self.Z.copy(), self.y.copy()
        if z is not None:
            Z[row] = z
        if label is not None:
            y[row] = label
        return self.refit(Z, y, self.sample_weight) - self.values(self.fitted)

    def slope(self, row):
        """Minus the derivative in the logarithm of a row's weight, by finite differences.

        Where "balanced" counts rows whatever their weight, the row's count changes with its weight.
        """
        out = np.zeros(N_TEST)
        for position, coefficient in STENCIL:
            weights, settings = self.sample_weight.copy(), {}
            weights[row] *= 1.0 + position * STEP
            if self.counts_rows:
                classes, counts = np.unique(self.y, return_counts=True)
                counts = counts + position * STEP * (classes == self.y[row])
                balanced = counts.sum() / (len(classes) * counts)
                settings["class_weight"] = dict(zip(classes.tolist(), balanced, strict=True))
            out -= coefficient * self.refit(self.Z, self.y, weights, **settings) / STEP
        return out

    @property
    def counts_rows(self):
        """Whether "balanced" class weights count rows whatever their sample weight."""
        balanced = getattr(self.model, "class_weight", None) == "balanced"
        return balanced and (isinstance(self.model, RidgeClassifier) or COUNTS_ROWS)

    @cached_property
    def noise(self):
        """Bound on what rounding and the tolerance of the solver do to the numbers of two fits.

        Rounding: 16 eps times the condition of the Hessian times the largest raw prediction.
        """
        raw = self.fitted.predict if self.regression else self.fitted.decision_function
        size = max(np.abs(raw(self.Z)).max(), np.abs(raw(self.Z_test)).max())
        if self.target == "loss" and self.regression:
            size *= np.abs(self.y_test - raw(self.Z_test)).max()
        noise = 16 * np.finfo(float).eps * self.condition * size
        if isinstance(self.model, LinearSVC):
            noise += LIBLINEAR_NOISE * size
        if isinstance(self.model, LogisticRegression):  # a mean gradient below its tolerance
            longest = np.linalg.norm(self.Z_test, axis=1).max()
            noise += TOLERANCE * self.sample_weight.sum() * self.model.C * longest
        return noise

    @property
    def condition(self):
        """Condition of the Hessian, at the probability of each row's likeliest class."""
        Z, weights = self.Z, self.sample_weight
        if isinstance(self.model, LogisticRegression):
            most = self.fitted.predict_proba(Z).max(axis=1)
            weights = weights * most * (1 - most)
        if self.model.fit_intercept:
            Z = Z - np.average(Z, axis=0, weights=weights)
        squares = np.linalg.svd(np.sqrt(weights)[:, None] * Z, compute_uv=False) ** 2
        penalty = 1 / self.model.C if hasattr(self.model, "C") else getattr(self.model, "alpha", 0)
        if penalty == 0:  # the optimum of least norm: what has no curvature plays no part
            squares = squares[squares > 1e-12 * squares[0]]
        smallest = squares[-1] if penalty == 0 or len(Z) > Z.shape[1] else 0.0
        return (squares[0] + penalty) / (smallest + penalty)


def _tight(model):
    if isinstance(model, LogisticRegression):
        return model.set_params(
            solver="newton-cholesky", tol=TOLERANCE, max_iter=100, warm_start=True
        )
    if isinstance(model, LinearSVC):
        return model.set_params(tol=1e-13, max_iter=100_000)
    return Ridge(model.alphas[0]) if isinstance(model, RidgeCV) else model


def draw(seed):
    """A random problem."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    n, words = int(rng.integers(12, 81)), []
    n_classes = 0
    if kind not in ("LinearRegression", "Ridge", "RidgeCV"):
        n_classes = int(rng.choice([2, 3, 4], p=[0.6, 0.3, 0.1]))
        words.append(f"{n_classes} classes")
    p = int(rng.integers(2, max(3, n // 3)))
    if rng.random() < 0.25:
        p = int(rng.integers(n, min(3 * n, 120) + 1))
    if kind in ("LogisticRegression", "LinearSVC"):
        p = min(p, 40 if n_classes > 2 else 80)
    X = _table(rng, n + N_TEST, p, words)
    y = _targets(rng, X, n, n_classes)
    weights = _weights(rng, n, words)
    estimator = _estimator(rng, kind, y, words)
    if "zeros" in words and rng.random() < 0.5:
        X = sparse.csr_array(X)
        words.append("csr")
    elif rng.random() < 0.25:
        X, steps = _steps(rng, X, n_classes)
        estimator = Pipeline([*((type(s).__name__, s) for s in steps), ("model", estimator)])
    targets = ["decision_function"] if n_classes else ["predict", "loss"]
    if kind == "LogisticRegression":
        targets += ["predict_proba", "loss"]
    target = str(rng.choice(targets))
    rows = rng.choice(n, 2, replace=False)
    return Problem(seed, estimator, X[:n], y[:n], weights, X[n:], y[n:], target, rows, words)


def _table(rng, n, p, words):
    X = rng.standard_normal((n, p))
    word = str(rng.choice(["plain", "heavy", "zeros", "factor"], p=[0.4, 0.2, 0.25, 0.15]))
    words.append(word)
    if word == "heavy":
        X = rng.standard_t(2, (n, p))
    elif word == "zeros":
        X *= rng.random((n, p)) < 0.3
    elif word == "factor":  # columns that have most in common
        X = 0.2 * X + rng.standard_normal((n, 1))
    drawn = rng.random(6) < [0.2, 0.15, 0.1, 0.15, 0.3, 0.15]
    names = ["duplicated", "collinear", "constant", "repeated row", "scaled", "shifted"]
    words += [name for name, yes in zip(names, drawn, strict=True) if yes]
    duplicated, collinear, constant, repeated, scaled, shifted = drawn
    if duplicated:
        X[:, -1] = X[:, 0]
    if collinear:
        X[:, 0] = X[:, 1] - 2 * X[:, p // 2]
    if constant:
        X[:, p // 3] = 1.0
    if repeated:
        X[1] = X[0]
    if scaled:
        X *= 10.0 ** rng.uniform(-2, 2, p)
    if shifted:
        X += 10.0 ** rng.uniform(0, 3) * (X != 0)
    return X


def _targets(rng, X, n, n_classes):
    """Values, or class numbers that all occur in the first n rows."""
    spread = X.std(axis=0)
    standard = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    scores = standard @ rng.standard_normal((X.shape[1], max(2, n_classes)))
    scores /= scores.std()
    scores += 10.0 ** rng.uniform(-1, 0.5) * rng.standard_normal(scores.shape)
    if not n_classes:
        return scores[:, 0] * 10.0 ** rng.integers(-3, 4)
    y = scores.argmax(axis=1)
    if rng.random() < 0.3:  # a rare class
        y[(y == 0) & (rng.random(len(y)) < 0.8)] = 1
    y[:n_classes] = np.arange(n_classes)
    y[n:] = rng.integers(0, n_classes, len(y) - n)
    return y


def _weights(rng, n, words):
    word = str(
        rng.choice(["even", "mild", "uneven", "zero", "whole"], p=[0.4, 0.2, 0.15, 0.15, 0.1])
    )
    words.append(f"{word} weights")
    if word == "even":
        return None
    if word == "uneven":
        return 10.0 ** rng.uniform(-2, 2, n)
    if word == "whole":
        return rng.integers(1, 5, n).astype(float)
    weights = rng.uniform(0.5, 1.5, n)
    if word == "zero":
        weights[5:][rng.random(n - 5) < 0.2] = 0.0
    return weights


def _estimator(rng, kind, y, words):
    settings = {"fit_intercept": bool(rng.random() < 0.75)}
    strength = float(10.0 ** rng.uniform(-4, 2))
    if kind == "LinearRegression":
        return LinearRegression(**settings)
    if kind == "Ridge":
        return Ridge(strength, **settings)
    if kind == "RidgeCV":
        return RidgeCV([strength])
    class_weights = [None, "balanced", {0: 3.0, int(y.max()): 0.4}]
    settings["class_weight"] = class_weights[rng.choice(3, p=[0.5, 0.25, 0.25])]
    if kind == "RidgeClassifier":
        return RidgeClassifier(strength, **settings)
    C = float(10.0 ** rng.uniform(-3, 3))
    if kind == "LinearSVC":
        return LinearSVC(dual=False, C=min(C, 1.0), **settings)
    solver = str(rng.choice(["lbfgs", "newton-cholesky", "newton-cg"]))
    return LogisticRegression(C=C, solver=solver, max_iter=300, **settings)


def _steps(rng, X, n_classes):
    """(table, earlier steps of a pipeline)."""
    word = rng.choice(["scale", "project", "powers", "bins", "categories"])
    if word == "project":
        return X, [StandardScaler(), PCA(min(X.shape[1], 5))]
    if word == "powers" and X.shape[1] < 6:
        return X, [StandardScaler(), PolynomialFeatures(2)]
    if word == "bins" and X.shape[1] < 10:
        return X, [KBinsDiscretizer(3, strategy="uniform", encode="onehot-dense")]
    if word == "categories":  # cross-fitted: training rows are not what `transform` gives
        ranks = X[:, :3].argsort(axis=0).argsort(axis=0)
        return ranks // max(2, len(X) // 5), [TargetEncoder(**SAME_FOLDS)]
    return X, [StandardScaler()]
