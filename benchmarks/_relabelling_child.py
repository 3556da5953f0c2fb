"""Serves one model: other labels, other rows and moved features against refits and by hand."""

from statistics import median

import numpy as np
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import timed
from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.effects import RowEdits, first_order
from skinfluence.explainer import lins_concordance
from skinfluence.perturbation import (
    perturbation_influence,
    relabel_influence,
    replacement_influence,
)

DATA = {"breast cancer": load_breast_cancer, "digits": load_digits}
EXACT = {"solver": "newton-cholesky", "tol": 1e-10}
#: Models of the table of derivatives: (data, earlier steps, last step).
MODELS = {
    "ridge": ("breast cancer", [StandardScaler()], Ridge()),
    "logistic": ("breast cancer", [StandardScaler()], LogisticRegression(**EXACT)),
    "logistic, PCA": ("breast cancer", [StandardScaler(), PCA(10)], LogisticRegression(**EXACT)),
    "smooth hinge": ("breast cancer", [StandardScaler()], SmoothHingeSVC(temperature=0.5)),
    "multinomial, PCA": (
        "digits",
        [StandardScaler(), PCA(20)],
        LogisticRegression(**EXACT, C=0.1),
    ),
}

_state = {}


def _prepare(data, C=1.0, model=None):
    """Fit once; what is explained is the loss of the rows that were held out."""
    steps, last = [StandardScaler()], LogisticRegression(**EXACT, C=C)
    if model is not None:
        data, steps, last = MODELS[model]
    X, y = DATA[data](return_X_y=True)
    if isinstance(last, Ridge):
        y = y.astype(float)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    explainer = InfluenceExplainer(make_pipeline(*map(clone, steps), last)).fit(X, y)
    explainer.influence(X_test[:1], y_test[:1])  # the factorisation is no part of the times
    _state.update(X=X, y=y, test=(X_test, y_test), explainer=explainer)
    return {"n": len(y), "columns": X.shape[1], "n_test": len(y_test)}


def _relabel(step):
    """All other labels of every step-th row, by every method."""
    explainer, test, y = _state["explainer"], _state["test"], _state["y"]
    rows = np.arange(0, len(y), step)
    other = explainer.classes_ != y[rows][:, None]
    made, spent = {}, {}
    for method in ("first_order", "newton_step", "refit"):
        values, time = timed(
            lambda m=method: relabel_influence(explainer, *test, rows=rows, method=m)
        )
        made[method], spent[method] = values[:, other], time["cpu"] / other.sum()
    made["one_step"] = _one_step(explainer, test, rows)[:, other]
    truth = made.pop("refit")
    return {
        "rows": len(rows),
        "labels": int(other.sum()),
        "pairs": {m: lins_concordance(v, truth) for m, v in made.items()},
        "means": {m: lins_concordance(v.mean(0), truth.mean(0)) for m, v in made.items()},
        "seconds": spent,
    }


def _one_step(explainer, test, rows):
    """A Newton step of length one, with the loss taken where it leads."""
    objective = explainer.objective_
    tests = explainer.test_rows(*test)
    out = np.empty((len(tests), len(rows), len(explainer.classes_)))
    for k in range(len(explainer.classes_)):
        codes = np.full(len(rows), k)
        y = objective.coding.encode_codes(codes)
        edits = RowEdits.relabellings(objective, rows, y, codes)
        # the softmax and the logistic loss curve alike for every label: the Hessian stays
        changes = first_order(objective, explainer.linearization_.inverse, edits)
        out[:, :, k] = tests.change(changes.contract(tests.predictor)(slice(0, len(rows))))
    return out


def _replace(step):
    """Every step-th row becomes another row, label and all."""
    explainer, X, y = _state["explainer"], _state["X"], _state["y"]
    rows = np.arange(0, len(y), step)
    other = np.random.default_rng(0).permutation(len(y))[: len(rows)]
    asked = (explainer, rows, X[other], y[other], *_state["test"])
    made, spent = {}, {}
    for method in ("first_order", "newton_step", "refit"):
        made[method], time = timed(lambda m=method: replacement_influence(*asked, method=m))
        spent[method] = time["cpu"] / len(rows)
    truth = made.pop("refit")
    theirs, seconds = [], []
    sample = np.arange(0, len(rows), max(1, len(rows) // 10))
    for b in sample:
        moved, labels = X.copy(), y.copy()
        moved[rows[b]], labels[rows[b]] = X[other[b]], y[other[b]]
        loss, time = timed(_refitted_losses, moved, labels)
        theirs.append(loss)
        seconds.append(time["cpu"])
    effects = np.stack(theirs, axis=1) - _refitted_losses(X, y)[:, None]
    return {
        "rows": len(rows),
        "pairs": {m: lins_concordance(v, truth) for m, v in made.items()},
        "seconds": spent,
        "scikit_learn": median(seconds),
        "agreement": float(np.abs(effects - truth[:, sample]).max() / np.abs(effects).max()),
    }


def _scikit_learn(step, sample):
    """scikit-learn's own refits with some labels changed: their time, and how ours agree."""
    explainer, X, y = _state["explainer"], _state["X"], _state["y"]
    rows = np.arange(0, len(y), step)
    rows = rows[:: max(1, len(rows) // sample)][:sample]
    classes = explainer.classes_
    codes = (
        np.searchsorted(classes, y[rows]) + 1 + np.arange(len(rows)) % (len(classes) - 1)
    ) % len(classes)
    ours = relabel_influence(explainer, *_state["test"], classes[codes], rows=rows, method="refit")
    before = _refitted_losses(X, y)
    theirs, seconds = [], []
    for row, code in zip(rows, codes, strict=True):
        labels = y.copy()
        labels[row] = classes[code]
        loss, time = timed(_refitted_losses, X, labels)
        theirs.append(loss - before)
        seconds.append(time["cpu"])
    theirs = np.stack(theirs, axis=1)
    return {
        "seconds": median(seconds),
        "agreement": float(np.abs(theirs - ours).max() / np.abs(theirs).max()),
    }


def _refitted_losses(X, y):
    """Losses of the test rows after a refit of the last step, the earlier ones as they were."""
    model = _state["explainer"].estimator_
    X_test, y_test = _state["test"]
    last = clone(model[-1]).fit(model[:-1].transform(X), y)
    Z = model[:-1].transform(X_test)
    if isinstance(last, Ridge):
        return 0.5 * (last.predict(Z) - y_test) ** 2
    raw = last.decision_function(Z)
    codes = np.searchsorted(last.classes_, y_test)
    if raw.ndim == 2:
        return -log_softmax(raw, axis=1)[np.arange(len(Z)), codes]
    margin = np.where(codes == 1, raw, -raw)
    if isinstance(last, SmoothHingeSVC):
        return last.temperature * np.logaddexp(0.0, (1.0 - margin) / last.temperature)
    return np.logaddexp(0.0, -margin)


def _derivatives(n_rows, n_features):
    """Derivatives against differences of refits: the largest error, relative, by features."""
    explainer, X = _state["explainer"], _state["X"]
    got = perturbation_influence(explainer, *_state["test"])
    size = (np.abs(got).max(axis=0) * X.std(axis=0)).max(axis=1)
    rows = np.argsort(-size)[: 10 * n_rows : 10]
    features = np.flatnonzero(X.std(axis=0) > 0.0)[:: max(1, X.shape[1] // n_features)]
    worst, seconds = 0.0, []
    for row in rows:
        for j in features:
            slope, time = timed(_difference, row, j)
            seconds.append(time["cpu"])
            error = np.abs(got[:, row, j] - slope).max() / np.abs(slope).max()
            worst = max(worst, float(error))
    return {"pairs": len(rows) * len(features), "error": worst, "seconds": median(seconds)}


def _difference(row, j):
    """Fourth-order difference of four refits."""
    h, at = 2e-3 * _state["X"][:, j].std(), {}
    for i in (-2, -1, 1, 2):
        moved = _state["X"].copy()
        moved[row, j] += i * h
        at[i] = _refitted_losses(moved, _state["y"])
    return (8.0 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12.0 * h)


def _ours():
    explainer = _state["explainer"]
    _, spent = timed(lambda: perturbation_influence(explainer, *_state["test"]))
    return spent


def _by_hand():
    """The same array by plain numpy, for the pipelines that end with logistic regression."""
    if "inverse" not in _state:  # like ours, which was factorised before
        _state["inverse"] = _inverse_by_hand(*_curvature_by_hand()[1:])
    made, spent = timed(_derivatives_by_hand)
    ours = perturbation_influence(_state["explainer"], *_state["test"])
    return {**spent, "agreement": float(np.abs(made - ours).max() / np.abs(ours).max())}


def _curvature_by_hand():
    """(residuals (n, K), curvature (n, K, K), design (n, q)) of the training rows."""
    last, Z = _state["explainer"].estimator_[-1], _design_by_hand(_state["X"])
    residual = _residuals_by_hand(Z, _state["y"])
    if len(last.classes_) == 2:
        p = expit(Z @ np.r_[last.coef_[0], last.intercept_])
        return residual, (p * (1.0 - p))[:, None, None], Z
    p = softmax(Z @ np.c_[last.coef_, last.intercept_].T, axis=1)
    return residual, p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :]), Z


def _design_by_hand(X):
    return np.c_[_state["explainer"].estimator_[:-1].transform(X), np.ones(len(X))]


def _residuals_by_hand(Z, y):
    last = _state["explainer"].estimator_[-1]
    raw = Z @ np.c_[last.coef_, last.intercept_].T
    if len(last.classes_) == 2:
        return expit(raw) - (y == last.classes_[1])[:, None]
    return softmax(raw, axis=1) - (y[:, None] == last.classes_)


def _inverse_by_hand(curvature, Z):
    K, q = curvature.shape[1], Z.shape[1]
    hessian = np.einsum("nkj,na,nb->kajb", curvature, Z, Z, optimize=True).reshape(K * q, K * q)
    penalty = np.full((K, q), 1.0 / _state["explainer"].estimator_[-1].C)
    penalty[:, -1] = 0.0
    return np.linalg.pinv(hessian + np.diag(penalty.ravel()))


def _derivatives_by_hand():
    """-(Theta' A_i U z_i + U' r_i) for all pairs, back through scalers and projections."""
    model, (X_test, y_test) = _state["explainer"].estimator_, _state["test"]
    residual, curvature, Z = _curvature_by_hand()
    Z_test = _design_by_hand(X_test)
    V = _residuals_by_hand(Z_test, y_test)[:, :, None] * Z_test[:, None, :]
    U = (V.reshape(len(Z_test), -1) @ _state["inverse"]).reshape(V.shape)
    pulled = np.einsum("nkj,tjq,nq->tnk", curvature, U, Z, optimize=True)
    out = pulled @ model[-1].coef_
    out += np.einsum("nk,tkf->tnf", residual, U[:, :, :-1], optimize=True)
    steps = np.eye(_state["X"].shape[1])  # shape: (n_features, columns of the model)
    for step in model[:-1]:
        linear = step.components_.T if hasattr(step, "components_") else np.diag(1.0 / step.scale_)
        steps = steps @ linear
    return -out @ steps.T
