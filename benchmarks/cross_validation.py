"""Leave-one-out scores from one fit against real leave-one-out, and the search by them.

Run alone: ``python -m benchmarks cross_validation``; needs the larger data sets.
"""

from functools import cache

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, roc_auc_score
from sklearn.preprocessing import StandardScaler

from benchmarks._labels_data import adult_columns
from benchmarks._measure import timed
from benchmarks._processes import Child
from benchmarks._real_data import loaders
from benchmarks._tables import Table, ratio
from skinfluence import InfluenceExplainer
from skinfluence.cross_validation import LeaveOneOutSearch, leave_one_out_score
from skinfluence.datasets import load_hospital_readmission

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True
ROWS, SPLITS = 800, 5
PATH = np.logspace(-4, 4, 17)
NEWTON = {"solver": "newton-cholesky", "tol": 1e-10}
SCORES = {
    "accuracy": lambda y, p: accuracy_score(y, p > 0.5),
    "neg_log_loss": lambda y, p: -log_loss(y, p),
    "roc_auc": roc_auc_score,
}
INTRODUCTION = (
    f"Up to {ROWS} random rows of each table, columns scaled. First: leave_one_out_score of a "
    "fitted model, by one Newton step for each row, against the same score of real leave-one-out, "
    "one refit of scikit-learn for each row (newton-cholesky to tol=1e-10; Ridge). Then: "
    "LeaveOneOutSearch against LogisticRegressionCV with five folds, both over the same "
    f"{len(PATH)} penalties from 1e-4 to 1e4 by log loss, on {SPLITS} random halves of the rows; "
    "test loss is the log loss of the other half. Processor time of one thread."
)


def _sources():
    made = {"n_informative": 10, "n_redundant": 5, "flip_y": 0.05, "random_state": 0}
    return {
        "breast cancer": lambda: load_breast_cancer(return_X_y=True),
        "spambase": lambda: loaders().spambase()[:2],
        "Adult": adult_columns,
        "hospital": lambda: load_hospital_readmission(return_X_y=True),
        "make_classification": lambda: make_classification(ROWS, 30, **made),
        "diabetes": lambda: load_diabetes(return_X_y=True),
        "California housing": lambda: loaders().california_housing()[:2],
    }


VALUES = ("diabetes", "California housing")


@cache
def _load(name, rows):
    X, y = _sources()[name]()
    drawn = np.random.default_rng(0).permutation(len(y))[:rows]
    X, y = np.asarray(X, dtype=float)[drawn], np.asarray(y)[drawn]
    X = X[:, np.ptp(X, axis=0) > 0]
    return StandardScaler().fit_transform(X), y if name in VALUES else np.unique(
        y, return_inverse=True
    )[1]


def run(quick=False):
    """A table of scores and one of searches."""
    scores, searches = [], []
    names = list(_sources())
    for name in (names[0], names[-2]) if quick else names:
        rows = 120 if quick else ROWS
        with Child("benchmarks.cross_validation", threads=1) as child:
            if name in VALUES:
                scores.append(_values_line(name, child.ask(do="values", name=name, rows=rows)))
            else:
                scores.append(_scores_line(name, child.ask(do="scores", name=name, rows=rows)))
                splits = 2 if quick else SPLITS
                known = child.ask(do="searches", name=name, rows=rows, splits=splits)
                searches.append(_search_line(name, known))
                print("  " + " | ".join(searches[-1]), flush=True)
        print("  " + " | ".join(scores[-1]), flush=True)
    return [_score_table(scores), _search_table(searches)]


def _scores_line(name, known):
    cells = [
        f"{real:.4f} ({known['ours'][key] - real:+.0e})" for key, real in known["real"].items()
    ]
    seconds = [known["seconds"][way] for way in ("fit", "ours", "real")]
    return [name, known["size"], *cells, "", *_seconds(*seconds)]


def _values_line(name, known):
    cell = f"{known['real']:.6g} ({known['ours'] / known['real'] - 1.0:+.0e})"
    seconds = [known["seconds"][way] for way in ("fit", "ours", "real")]
    return [name, known["size"], "", "", "", cell, *_seconds(*seconds)]


def _seconds(fit, ours, real):
    return [f"{fit + ours:.3g}", f"{real:.3g}", ratio(real / (fit + ours))]


def _search_line(name, known):
    losses = [np.mean(known["losses"][way]) for way in ("ours", "theirs")]
    difference = np.subtract(known["losses"]["ours"], known["losses"]["theirs"])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    seconds = [np.sum(known["seconds"][way]) for way in ("ours", "theirs")]
    return [
        name,
        *(f"{loss:.4f}" for loss in losses),
        f"{difference.mean():+.4f} ± {error:.4f}",
        *(f"{value:.3g}" for value in seconds),
        ratio(seconds[1] / seconds[0]),
    ]


def _score_table(lines):
    columns = ["table", "rows x columns", "accuracy", "log loss", "AUROC", "squared error"]
    columns += ["from one fit, s", "real, s", "real / from one fit"]
    notes = [
        "Scores of real leave-one-out with scikit-learn's sign, and in brackets the difference of "
        "the score from one fit; relative for the squared error of Ridge. Seconds: the fit and one "
        "score, against all refits."
    ]
    return Table("Leave-one-out scores", columns, lines, notes)


def _search_table(lines):
    columns = ["table", "test loss, LeaveOneOutSearch", "test loss, LogisticRegressionCV"]
    columns += [
        "difference ± standard error",
        "LeaveOneOutSearch, s",
        "LogisticRegressionCV, s",
        "ratio",
    ]
    return Table("Penalties of logistic regression", columns, lines)


def _leave_one_out(estimator, X, y, predict):
    """Prediction of each row by a refit without it."""
    out = np.empty(len(y))
    for i in range(len(y)):
        left = np.arange(len(y)) != i
        out[i] = predict(clone(estimator).fit(X[left], y[left]), X[i : i + 1])
    return out


def _scores(name, rows):
    X, y = _load(name, rows)
    estimator = LogisticRegression(max_iter=10_000)
    explainer, fit = timed(InfluenceExplainer(estimator).fit, X, y)
    found, ours = {}, []
    for scoring in SCORES:
        found[scoring], spent = timed(leave_one_out_score, explainer, scoring)
        ours.append(spent["cpu"])
    exact = clone(estimator).set_params(**NEWTON)
    one = lambda model, row: model.predict_proba(row)[0, 1]  # noqa: E731
    left_out, real = timed(_leave_one_out, exact, X, y, one)
    return {
        "size": f"{len(y):,} x {X.shape[1]}",
        "ours": found,
        "real": {key: float(score(y, left_out)) for key, score in SCORES.items()},
        "seconds": {"fit": fit["cpu"], "ours": ours[0], "real": real["cpu"]},
    }


def _values(name, rows):
    X, y = _load(name, rows)
    explainer, fit = timed(InfluenceExplainer(Ridge()).fit, X, y)
    found, ours = timed(leave_one_out_score, explainer, "neg_mean_squared_error")
    left_out, real = timed(_leave_one_out, Ridge(), X, y, lambda model, row: model.predict(row)[0])
    return {
        "size": f"{len(y):,} x {X.shape[1]}",
        "ours": found,
        "real": -float(mean_squared_error(y, left_out)),
        "seconds": {"fit": fit["cpu"], "ours": ours["cpu"], "real": real["cpu"]},
    }


def _searches(name, rows, splits):
    X, y = _load(name, rows)
    losses, seconds = ({"ours": [], "theirs": []} for _ in range(2))
    base = LogisticRegression(max_iter=10_000)
    ways = {
        "ours": LeaveOneOutSearch(base, {"C": PATH}, scoring="neg_log_loss"),
        "theirs": LogisticRegressionCV(Cs=PATH, cv=5, scoring="neg_log_loss", max_iter=10_000),
    }
    for seed in range(splits):
        train = np.zeros(len(y), dtype=bool)
        train[np.random.default_rng(seed).permutation(len(y))[: len(y) // 2]] = True
        for way, search in ways.items():
            fitted, spent = timed(clone(search).fit, X[train], y[train])
            losses[way].append(log_loss(y[~train], fitted.predict_proba(X[~train])))
            seconds[way].append(spent["cpu"])
    return {"losses": losses, "seconds": seconds}
