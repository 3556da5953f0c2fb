"""Serves repairs: wrong labels are looked at in some order and set right, then the model is fitted.

Figure 6 of Koh & Liang (2017), and estimators that clean their labels by themselves.
"""

import importlib.util
import warnings

import numpy as np

from benchmarks._labels_data import TABLES, load, make_wrong
from benchmarks._labels_ways import WAYS, Trial, Verdict, logistic
from benchmarks._real_data import loaders
from benchmarks.peers import cleanlab
from skinfluence import CleanedClassifier, LabelFlagger

warnings.simplefilter("ignore")


def handle(request):
    """Answer one request of `benchmarks/_labels_repair.py`."""
    parts = {"curves": _curves, "accuracy": _accuracy, "people": _people}
    return parts[request.pop("do")](**request)


def _split(table, seed, rows, test_rows):
    """Training and test rows, drawn by the seed, without columns that the training rows lack."""
    X, y = load(table, seed, rows + test_rows)
    return X[:rows], y[:rows], X[rows:], y[rows:]


def _leave_one_out(trial):
    flagger = LabelFlagger(
        logistic(trial.X), noise_model=False, damping=0.0, random_state=trial.seed
    )
    return Verdict(flagger.fit(trial.X, trial.y).scores_)


def _random(trial):
    return Verdict(np.random.default_rng(trial.seed).random(len(trial.y)))


ORDERS = {
    "noise model": WAYS["ours"].run,
    "leave-one-out": _leave_one_out,
    "influence": WAYS["self-influence"].run,
    "loss": WAYS["loss"].run,
    "cleanlab": WAYS["trees find_label_issues"].run,
    "random": _random,
}


def _curves(table, kind, rate, seed, rows, test_rows, shares, orders):
    """For each order and share inspected: test accuracy, and share of wrong labels set right."""
    X, truth, X_test, y_test = _split(table, seed, rows, test_rows)
    y, wrong = make_wrong(X, truth, kind, rate, seed)
    trial = Trial(X, y, seed)
    plain = {
        "noisy": float(logistic(X).fit(X, y).score(X_test, y_test)),
        "clean": float(logistic(X).fit(X, truth).score(X_test, y_test)),
    }
    found = {}
    for name in orders:
        order = np.argsort(-ORDERS[name](trial).score, kind="stable")
        accuracy, right = [], []
        for share in shares:
            looked_at = order[: round(share * len(y))]
            repaired = y.copy()
            repaired[looked_at] = truth[looked_at]
            accuracy.append(float(logistic(X).fit(X, repaired).score(X_test, y_test)))
            right.append(float(wrong[looked_at].sum() / wrong.sum()))
        found[name] = {"accuracy": accuracy, "found": right}
    return {"plain": plain, "orders": found}


def _accuracy(table, kind, rate, seed, rows=None):
    """Test accuracy of the logistic regression under each way of cleaning."""
    rows = rows or TABLES[table].rows or 800
    X, y = load(table, seed, None if table in ("breast cancer", "digits") else 2 * rows)
    shuffled = np.random.default_rng(seed).permutation(len(y))
    train, test = shuffled[: len(y) // 2], shuffled[len(y) // 2 :]
    X, truth, X_test, y_test = X[train], y[train], X[test], y[test]
    noisy, _ = make_wrong(X, truth, kind, rate, seed)
    return _cleaned(X, truth, noisy, X_test, y_test, seed)


def _people(source, seed, rows=None):
    """Test accuracy on right labels where people got those of the training rows wrong."""
    if source == "music":
        data = loaders().music_genre()
        names = ("X", "y_true", "y_majority", "X_test", "y_test")
        return _cleaned(*(data[name] for name in names), seed)
    X, labels = loaders().cifar10n_part()
    X, truth, given = X.astype(float), labels["clean_label"], labels[source]
    drawn = np.random.default_rng(seed).permutation(len(X))
    train, test = drawn[: rows or 5_000], drawn[5_000:]
    return _cleaned(X[train], truth[train], given[train], X[test], truth[test], seed)


def _cleaned(X, truth, noisy, X_test, y_test, seed):
    """{way of cleaning: test accuracy}, and under "action" what was chosen, as a word."""
    models = {
        "clean": logistic(X).fit(X, truth),
        "right": logistic(X).fit(X[noisy == truth], truth[noisy == truth]),
        "raw": logistic(X).fit(X, noisy),
    }
    flagger = LabelFlagger(random_state=seed)
    for action in ("auto", "reweight", "drop", "relabel"):
        models[action] = CleanedClassifier(logistic(X), flagger, action=action).fit(X, noisy)
    if importlib.util.find_spec("cleanlab") is not None:
        models["cleanlab"] = cleanlab.clean_learning(logistic(X), X, noisy, seed)
        proba = Trial(X, noisy, seed).probabilities("trees")
        models["cleanlab trees"] = cleanlab.clean_learning(logistic(X), X, noisy, seed, proba)
    scores = {
        name: float((model.predict(X_test) == y_test).mean()) for name, model in models.items()
    }
    return scores | {"action": models["auto"].action_}
