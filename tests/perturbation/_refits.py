"""Real refits of scikit-learn estimators with one training row changed; none of our own numbers."""

import numpy as np
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skinfluence import InfluenceExplainer, SmoothHingeSVC

N_TRAIN = 120
N_TEST = 25


def logistic(**settings):
    """Solved as exactly as scikit-learn can: newton-cholesky where it may, else lbfgs."""
    return LogisticRegression(**{"tol": 1e-12, "solver": "newton-cholesky", **settings})


balanced = {"class_weight": "balanced"}
kernel = Nystroem(n_components=15, gamma=0.02, random_state=0)

MODELS = {
    "ridge": ("diabetes", Ridge(0.1)),
    "ridge-two-outputs": ("diabetes-two", Ridge(0.1)),
    "logistic": ("cancer", make_pipeline(StandardScaler(), logistic())),
    "logistic-balanced": ("cancer", make_pipeline(StandardScaler(), logistic(**balanced))),
    "multinomial": ("iris", logistic()),
    "multinomial-balanced": ("iris", make_pipeline(StandardScaler(), logistic(**balanced))),
    "multinomial-weighted": ("iris", logistic(class_weight={0: 0.5, 1: 2.0, 2: 1.0})),
    "smooth-hinge": ("cancer", make_pipeline(StandardScaler(), SmoothHingeSVC(temperature=0.5))),
    "pca": ("cancer", make_pipeline(StandardScaler(), PCA(5), logistic())),
    "pca-whiten": ("iris", make_pipeline(StandardScaler(), PCA(3, whiten=True), logistic())),
    "polynomial": ("iris", make_pipeline(StandardScaler(), PolynomialFeatures(2), logistic())),
    "nystroem": ("cancer", make_pipeline(StandardScaler(), kernel, logistic())),
}


def data(name):
    """(X_train, y_train, X_test, y_test), shuffled."""
    if name.startswith("diabetes"):
        X, y = load_diabetes(return_X_y=True)
        y = np.column_stack([y, X[:, 2] * 100.0 - 0.5 * y]) if name.endswith("two") else y
    else:
        X, y = {"cancer": load_breast_cancer, "iris": load_iris}[name](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))[: N_TRAIN + N_TEST]
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    return X[train], y[train], X[test], y[test]


def refit(model, X, y, sample_weight=None):
    """The last step fitted again on these rows, the earlier ones as they were fitted."""
    if not isinstance(model, Pipeline):
        return clone(model).fit(X, y, sample_weight=sample_weight)
    last = clone(model[-1]).fit(model[:-1].transform(X), y, sample_weight=sample_weight)
    return Pipeline([("earlier", model[:-1]), ("last", last)])


def losses(model, X, y):
    """Loss of each row, from the estimator's own decision values."""
    last = model[-1] if isinstance(model, Pipeline) else model
    if not hasattr(last, "classes_"):
        return 0.5 * ((model.predict(X) - y).reshape(len(y), -1) ** 2).sum(axis=1)
    codes = np.searchsorted(last.classes_, y)
    raw = model.decision_function(X)
    if raw.ndim == 2:
        return -log_softmax(raw, axis=1)[np.arange(len(y)), codes]
    margin = np.where(codes == 1, raw, -raw)
    if isinstance(last, SmoothHingeSVC):
        return last.temperature * np.logaddexp(0.0, (1.0 - margin) / last.temperature)
    return np.logaddexp(0.0, -margin)


def changed_loss(model, train, test, row, x=None, label=None, sample_weight=None):
    """Loss of each test row after a refit with the training row changed."""
    X, y = train[0].copy(), train[1].copy()
    if x is not None:
        X[row] = x
    if label is not None:
        y[row] = label
    return losses(refit(model, X, y, sample_weight), *test)


def explained(name, **settings):
    source, model = MODELS[name]
    X, y, X_test, y_test = data(source)
    return InfluenceExplainer(model, **settings).fit(X, y), (X, y), (X_test, y_test)
