"""Serves trials in which skinfluence and cleanlab judge labels by the very same estimator."""

import copy
import warnings
from time import process_time

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._labels_data import load, make_wrong
from benchmarks.peers import cleanlab
from skinfluence.labels import LabelFlagger

warnings.simplefilter("ignore")


def handle(request):
    """Answer one request of `benchmarks/_labels_same.py`."""
    return {"trial": _trial, "refits": _refits}[request.pop("do")](**request)


def _logistic(seed):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))


def _kernel(seed):
    """Radial basis functions of 200 landmarks; their width is that of the mean squared distance."""

    return make_pipeline(
        StandardScaler(),
        Nystroem(gamma=None, n_components=200, random_state=seed),
        LogisticRegression(C=10.0, max_iter=1_000),
    )


ESTIMATORS = {"logistic": _logistic, "kernel": _kernel}


def _flagger(estimator, **settings):
    return lambda X, y: LabelFlagger(estimator, random_state=0, **settings).fit(X, y).scores_


def _trial(table, model, kind, rate, seed, rows=None):
    """Average precision and seconds of four scores, and those of the cross-validation alone."""
    X, truth = load(table, seed, rows)
    y, wrong = make_wrong(X, truth, kind, rate, seed)
    estimator = ESTIMATORS[model](seed)
    found = {}
    for name, score in {
        "noise-aware": _flagger(estimator),
        "plain": _flagger(estimator, noise_model=False, damping=0.0),
    }.items():
        begun = process_time()
        scores = score(X, y)
        found[name] = _numbers(wrong, scores, process_time() - begun)
    begun = process_time()
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    proba = cross_val_predict(estimator, X, y, cv=folds, method="predict_proba")
    validated = process_time() - begun
    for name, function in {
        "self-confidence": cleanlab.self_confidence,
        "find_label_issues": lambda y, p: cleanlab.label_issues(y, p)[0],
    }.items():
        begun = process_time()
        scores = function(y, proba)
        found[name] = _numbers(wrong, scores, validated + process_time() - begun)
    return found | {"cross-validation": validated}


def _numbers(wrong, scores, seconds):
    return {"precision": float(average_precision_score(wrong, scores)), "seconds": seconds}


def _refits(table, model, sample, seed=0, rows=None):
    """Leave-one-out probabilities of given labels beside those of real refits of the last step."""
    X, truth = load(table, seed, rows)
    y, _ = make_wrong(X, truth, "symmetric", 0.1, seed)
    estimator = ESTIMATORS[model](seed)
    estimator[-1].set_params(tol=1e-9, max_iter=20_000)
    flagger = LabelFlagger(estimator, noise_model=False, damping=0.0, random_state=0).fit(X, y)
    Z = clone(estimator)[:-1].fit_transform(X, y)
    drawn = np.random.default_rng(seed).permutation(len(y))[:sample]
    whole = clone(estimator[-1]).fit(Z, y).set_params(warm_start=True)
    refitted = []
    for row in drawn:
        kept = np.delete(np.arange(len(y)), row)
        model_without = copy.deepcopy(whole).fit(Z[kept], y[kept])
        refitted.append(model_without.predict_proba(Z[[row]])[0, y[row]])
    ours = flagger.loo_proba_[drawn, y[drawn]]
    return {"spearman": float(spearmanr(ours, refitted)[0]), "refits": len(drawn)}
