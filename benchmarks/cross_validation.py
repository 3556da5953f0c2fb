"""Leave-one-out scores from one fit against real leave-one-out, and the search by them.

Run alone: ``python -m benchmarks cross_validation``; needs the larger data sets.
"""

from functools import cache

import numpy as np
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
)
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
#: The penalties of LogisticRegressionCV(Cs=10), its default.
PATH = np.logspace(-4, 4, 10)
NEWTON = {"solver": "newton-cholesky", "tol": 1e-10}
SEARCHES = {"neg_log_loss": "log loss", "accuracy": "accuracy"}
SCORES = {
    "accuracy": lambda y, p: accuracy_score(y, p > 0.5),
    "neg_log_loss": lambda y, p: -log_loss(y, p),
    "roc_auc": roc_auc_score,
}
INTRODUCTION = (
    f"Up to {ROWS} random rows of each table where nothing else is said, columns scaled. First: "
    "leave_one_out_score of a fitted model, by one Newton step for each row and refits of those "
    "that move far, against the same score of real leave-one-out, one refit of scikit-learn for "
    "each row (newton-cholesky to tol=1e-10; Ridge). Then: LeaveOneOutSearch against "
    f"LogisticRegressionCV with its defaults, {len(PATH)} penalties from 1e-4 to 1e4, five folds "
    f"and lbfgs, by log loss and by accuracy, trained on {SPLITS} random halves of the rows and "
    "tested on the other half. Both take turns; seconds are those of all halves. Last: the penalty "
    "that the search chooses on the first half, and the one that real leave-one-out chooses, by "
    "refits of scikit-learn without every row at every penalty. Processor time of one thread."
)


MADE = {"flip_y": 0.05, "random_state": 0}


def _sources():
    made = {"n_informative": 10, "n_redundant": 5, **MADE}
    return {
        "breast cancer": lambda: load_breast_cancer(return_X_y=True),
        "spambase": lambda: loaders().spambase()[:2],
        "Adult": adult_columns,
        "hospital": lambda: load_hospital_readmission(return_X_y=True),
        "make_classification": lambda: make_classification(ROWS, 30, **made),
        "diabetes": lambda: load_diabetes(return_X_y=True),
        "California housing": lambda: loaders().california_housing()[:2],
        "made, 10 columns": lambda: make_classification(1000, 10, n_informative=6, **MADE),
        "made, 30 columns": lambda: make_classification(4000, 30, n_informative=6, **MADE),
        "spambase, all rows": lambda: loaders().spambase()[:2],
        "digits, ten classes": lambda: load_digits(return_X_y=True),
    }


VALUES = ("diabetes", "California housing")
#: Searches of other sizes: the table, and how many of its rows.
SIZES = {
    "made, 10 columns": 1000,
    "made, 30 columns": 4000,
    "spambase, all rows": 4601,
    "digits, ten classes": 1797,
}


@cache
def _load(name, rows):
    X, y = _sources()[name]()
    drawn = np.random.default_rng(0).permutation(len(y))[:rows]
    X, y = np.asarray(X, dtype=float)[drawn], np.asarray(y)[drawn]
    X = X[:, np.ptp(X, axis=0) > 0]
    if name not in VALUES:
        y = np.unique(y, return_inverse=True)[1]
    return StandardScaler().fit_transform(X), y


def run(quick=False):
    """A table of scores, two of searches and one of penalties."""
    names = [name for name in _sources() if name not in SIZES]
    sizes = dict.fromkeys((names[0], names[-2]) if quick else names, 120 if quick else ROWS)
    sizes |= {} if quick else SIZES
    scores, chosen, searches = [], [], {scoring: [] for scoring in SEARCHES}
    for name, rows in sizes.items():
        with Child("benchmarks.cross_validation", threads=1) as child:
            asked = {"name": name, "rows": rows}
            if name in VALUES:
                scores.append(_values_line(name, child.ask(do="values", **asked)))
                print("  " + " | ".join(scores[-1]), flush=True)
                continue
            for scoring, lines in searches.items():
                splits = 2 if quick else SPLITS
                known = child.ask(do="searches", scoring=scoring, splits=splits, **asked)
                lines.append(_search_line(name, known))
                print("  " + " | ".join(lines[-1]), flush=True)
            if name in SIZES:
                continue
            scores.append(_scores_line(name, child.ask(do="scores", **asked)))
            print("  " + " | ".join(scores[-1]), flush=True)
            for scoring, known in child.ask(do="chosen", **asked).items():
                chosen.append(_chosen_line(name, scoring, known))
                print("  " + " | ".join(chosen[-1]), flush=True)
    found = [_search_table(scoring, lines) for scoring, lines in searches.items()]
    return [_score_table(scores), *found, _chosen_table(chosen)]


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
        known["size"],
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


def _search_table(scoring, lines):
    what = SEARCHES[scoring]
    columns = ["table", "training rows x columns"]
    columns += [f"test {what}, LeaveOneOutSearch", f"test {what}, LogisticRegressionCV"]
    columns += ["difference ± standard error", "LeaveOneOutSearch, s", "LogisticRegressionCV, s"]
    return Table(f"Penalties of logistic regression by {what}", [*columns, "ratio"], lines)


def _chosen_line(name, scoring, known):
    ours, best = (PATH[known[way]] for way in ("ours", "best"))
    lost = known["real"][known["best"]] - known["real"][known["ours"]]
    error = known["score"] - known["real"][known["ours"]]
    return [name, SEARCHES[scoring], f"{ours:.3g}", f"{best:.3g}", f"{lost:.1e}", f"{error:+.0e}"]


def _chosen_table(lines):
    columns = ["table", "score", "C of LeaveOneOutSearch", "C of real leave-one-out"]
    columns += ["lost by the search", "error of best_score_"]
    notes = [
        "Lost by the search: the best score of real leave-one-out, less that of the penalty that "
        "the search chooses."
    ]
    return Table("The penalty that real leave-one-out chooses", columns, lines, notes)


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


def _half(name, rows, seed):
    """(table, labels, mask of a random half of the rows)."""
    X, y = _load(name, rows)
    train = np.zeros(len(y), dtype=bool)
    train[np.random.default_rng(seed).permutation(len(y))[: len(y) // 2]] = True
    return X, y, train


def _search(scoring):
    return LeaveOneOutSearch(LogisticRegression(max_iter=10_000), {"C": PATH}, scoring=scoring)


def _searches(name, rows, scoring, splits):
    losses, seconds = ({"ours": [], "theirs": []} for _ in range(2))
    theirs = LogisticRegressionCV(
        Cs=len(PATH), cv=5, scoring=scoring, max_iter=10_000, use_legacy_attributes=False
    )
    ways = {"ours": _search(scoring), "theirs": theirs}
    for seed in range(splits):
        X, y, train = _half(name, rows, seed)
        for way, search in ways.items():
            if seed == 0:  # imports and compilers
                clone(search).fit(X[train], y[train])
            fitted, spent = timed(clone(search).fit, X[train], y[train])
            found = fitted.predict_proba(X[~train])
            loss = log_loss(y[~train], found)
            if scoring == "accuracy":
                loss = accuracy_score(y[~train], fitted.classes_[found.argmax(axis=1)])
            losses[way].append(loss)
            seconds[way].append(spent["cpu"])
    size = f"{train.sum():,} x {X.shape[1]}"
    return {"losses": losses, "seconds": seconds, "size": size}


def _chosen(name, rows):
    X, y, train = _half(name, rows, 0)
    X, y, real = X[train], y[train], {scoring: [] for scoring in SEARCHES}
    for C in PATH:
        model = LogisticRegression(C=C, max_iter=10_000, **NEWTON)
        left_out = _leave_one_out(model, X, y, lambda model, row: model.predict_proba(row)[0, 1])
        for scoring, scores in real.items():
            scores.append(float(SCORES[scoring](y, left_out)))
    out = {}
    for scoring, scores in real.items():
        search = _search(scoring).fit(X, y)
        ours, score = int(search.best_index_), search.best_score_
        out[scoring] = {"ours": ours, "score": score, "real": scores}
        out[scoring]["best"] = int(np.argmax(scores))
    return out
