"""Serves one table of data: groups of rows by four methods, and flipping sets."""

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import timed
from benchmarks._real_data import loaders
from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance
from skinfluence.groups import group_influence, smallest_flipping_set

METHODS = ("first_order", "second_order", "newton_step")
#: Largest part of the training rows in a group.
LARGEST = 0.25
N_RANDOM, N_CLUSTERS, N_TEST = 20, 20, 500

_state = {}


def _prepare(data, seed):
    """Fit once; what is explained is the loss of the test rows. `seed` draws the split."""
    X, y, X_test, y_test, names, C = _DATA[data](seed)
    model = LogisticRegression(
        C=C, fit_intercept=data != "hospital", solver="newton-cholesky", tol=1e-10
    ).fit(X, y)
    explainer = InfluenceExplainer(FrozenEstimator(model)).fit(X, y)
    explainer.influence(X_test[:1], y_test[:1])  # the factorisation is no part of the times
    assert explainer.linearization_.optimum_inverse is not None
    _state.update(X=X, y=y, X_test=X_test, y_test=y_test, names=names)
    _state.update(model=model, explainer=explainer, seed=seed)
    return {"n": len(y), "columns": X.shape[1], "n_test": len(y_test)}


def _breast_cancer(seed):
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:400], order[400:]
    scaler = StandardScaler().fit(X[train])
    X = scaler.transform(X)
    return X[train], y[train], X[test], y[test], None, 1.0


def _hospital(seed):
    X, y, X_test, y_test, names = loaders().hospital()
    some = np.random.default_rng(seed).choice(len(y_test), N_TEST, replace=False)
    penalty = 1.0 / (len(y) * 1e-4)  # the weight decay of Koh & Liang
    return X.astype(float), y, X_test[some].astype(float), y_test[some], names, penalty


_DATA = {"breast cancer": _breast_cancer, "hospital": _hospital}


def _groups(kind):
    """Groups of up to a quarter of the rows that leave rows of both classes."""
    X, y = _state["X"], _state["y"]
    n, rng = len(y), np.random.default_rng(_state["seed"] + 1)
    if kind == "random":
        sizes = np.linspace(0.01, LARGEST, N_RANDOM) * n
        found = [rng.choice(n, round(size), replace=False) for size in sizes]
    elif kind == "cluster":
        scaled = StandardScaler().fit_transform(X)
        labels = KMeans(N_CLUSTERS, n_init=3, random_state=0).fit_predict(scaled)
        found = [np.flatnonzero(labels == k) for k in range(N_CLUSTERS)]
    elif _state["names"] is None:  # the quarter with the largest values of each column
        found = [np.flatnonzero(x > np.quantile(x, 1 - LARGEST)) for x in X.T]
    else:
        found = [np.flatnonzero(x == 1) for x in X.T if set(np.unique(x)) == {0, 1}]
    return [g for g in found if 0 < len(g) <= LARGEST * n and len(set(np.delete(y, g))) == 2]


def _measure(kind):
    """Concordance with refits, over all pairs and of mean losses, and seconds per group."""
    groups = _groups(kind)
    asked = (_state["explainer"], groups, _state["X_test"], _state["y_test"])
    truth, spent = timed(lambda: group_influence(*asked, method="refit"))
    seconds = {"refit": spent["cpu"] / len(groups)}
    pairs, means = {}, {}
    for method in METHODS:
        values, spent = timed(lambda m=method: group_influence(*asked, method=m))
        pairs[method] = lins_concordance(values.ravel(), truth.ravel())
        means[method] = lins_concordance(values.mean(axis=0), truth.mean(axis=0))
        seconds[method] = spent["cpu"] / len(groups)
    sizes = [len(g) for g in groups]
    return {
        "groups": len(groups),
        "smallest": min(sizes),
        "largest": max(sizes),
        "pairs": pairs,
        "means": means,
        "seconds": seconds,
    }


def _scikit_learn(kind, sample):
    """Seconds for one of scikit-learn's refits, and the largest difference to ours."""
    groups = _groups(kind)
    groups = [groups[i] for i in np.linspace(0, len(groups) - 1, sample).astype(int)]
    X, y, X_test = (_state[name] for name in ("X", "y", "X_test"))
    before = _state["model"].decision_function(X_test)

    def refits():
        out = []
        for group in groups:
            kept = np.setdiff1d(np.arange(len(y)), group)
            left = clone(_state["model"]).fit(X[kept], y[kept])
            out.append(left.decision_function(X_test) - before)
        return np.stack(out, axis=1)

    theirs, spent = timed(refits)
    ours = group_influence(
        _state["explainer"], groups, X_test, target="decision_function", method="refit"
    )
    agreement = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return {"seconds": spent["cpu"] / sample, "agreement": agreement}


def _flip(method, n_rows):
    """Flipping sets of the first test rows, which are in random order."""
    explainer, X_test = _state["explainer"], _state["X_test"][:n_rows]
    found, spent = timed(lambda: smallest_flipping_set(explainer, X_test, method=method))
    proba = _state["model"].predict_proba(X_test).max(axis=1)
    return {
        "seconds": spent["cpu"] / n_rows,
        "sets": [
            {
                "probability": float(p),
                "predicted": f.predicted_size,
                "size": f.size,
                "confirmed": bool(f.confirmed),
            }
            for p, f in zip(proba, found, strict=True)
        ],
    }
