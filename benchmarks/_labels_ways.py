"""The ways of finding wrong labels, by name."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import numpy as np
from scipy.sparse import issparse
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from benchmarks.peers import cleanlab
from skinfluence import InfluenceExplainer
from skinfluence.labels import LabelFlagger, find_wrong_labels


@dataclass
class Verdict:
    """Suspicion of each row, and which rows are flagged, where a way says so."""

    score: np.ndarray
    flagged: np.ndarray | None = None
    rate: tuple | None = None  # estimated share of wrong labels, and its standard error


def logistic(X):
    """Logistic regression on scaled columns, as it comes."""
    scaler = MaxAbsScaler() if issparse(X) else StandardScaler()
    return make_pipeline(scaler, LogisticRegression(max_iter=1_000))


class Trial:
    """A table with wrong labels; cross-validated probabilities are computed once for all ways."""

    def __init__(self, X, y, seed):
        self.X, self.y, self.seed = X, y, seed
        self._probabilities = {}

    def probabilities(self, model):
        """5-fold probabilities of "logistic", "trees" or "boosting"."""
        if model not in self._probabilities:
            begun = process_time()
            X = self.X.toarray() if model == "boosting" and issparse(self.X) else self.X
            estimator = {
                "logistic": lambda: logistic(X),
                "trees": lambda: ExtraTreesClassifier(random_state=self.seed),
                "boosting": lambda: HistGradientBoostingClassifier(random_state=self.seed),
            }[model]()
            folds = StratifiedKFold(5, shuffle=True, random_state=self.seed)
            found = cross_val_predict(estimator, X, self.y, cv=folds, method="predict_proba")
            self._probabilities[model] = found, process_time() - begun
        return self._probabilities[model][0]

    def run(self, way):
        """(verdict, processor seconds, those of the cross-validation it stands on included)."""
        spent = 0.0
        if way.model is not None:
            self.probabilities(way.model)
            spent = self._probabilities[way.model][1]
        begun = process_time()
        verdict = way.run(self)
        return verdict, spent + process_time() - begun


@dataclass(frozen=True)
class Way:
    """One way from a trial to a verdict."""

    label: str
    run: Callable
    model: str | None = None  # whose cross-validated probabilities it needs
    needs: str = "numpy"  # module without which it is skipped
    slow: bool = False  # asked for one seed alone
    dense: bool = False

    def applies(self, X):
        """Whether it can judge these rows here."""
        return importlib.util.find_spec(self.needs) is not None and not (self.dense and issparse(X))


def _flagger(on_logistic=False, **settings):
    def run(trial):
        estimator = logistic(trial.X) if on_logistic else None
        flagger = LabelFlagger(estimator, random_state=trial.seed, **settings)
        flagger.fit(trial.X, trial.y)
        rate = flagger.noise_rate_, flagger.noise_rate_std_
        return Verdict(flagger.scores_, flagger.flagged_, rate)

    return run


def _find_wrong_labels(trial):
    found = find_wrong_labels(trial.y, trial.probabilities("trees"))
    return Verdict(1.0 - found.label_quality, found.flagged)


def _rank(function, model):
    return lambda trial: Verdict(function(trial.y, trial.probabilities(model)))


def _issues(model):
    def run(trial):
        return Verdict(*cleanlab.label_issues(trial.y, trial.probabilities(model)))

    return run


def _datalab(trial):
    X = trial.X if issparse(trial.X) else StandardScaler().fit_transform(trial.X)
    return Verdict(*cleanlab.datalab(X, trial.y))


def _fitted(trial):
    """Rows as the logistic regression sees them, and the fitted model."""
    scaler, model = logistic(trial.X)[0], LogisticRegression(max_iter=1_000)
    Z = scaler.fit_transform(trial.X)
    return Z, model.fit(Z, trial.y)


def _loss(trial):
    Z, model = _fitted(trial)
    return Verdict(-model.predict_log_proba(Z)[np.arange(len(trial.y)), trial.y])


def _self_influence(trial):
    Z, model = _fitted(trial)
    explainer = InfluenceExplainer(FrozenEstimator(model)).fit(Z, trial.y)
    return Verdict(explainer.self_influence("first_order"))


def _cleanlab_ways():
    titles = {"logistic": "logistic", "trees": "ExtraTrees", "boosting": "HistGradientBoosting"}
    for model, title in titles.items():
        slow = model == "boosting"
        for name, function in (
            ("self-confidence", _rank(cleanlab.self_confidence, model)),
            ("normalised margin", _rank(cleanlab.normalized_margin, model)),
            ("find_label_issues", _issues(model)),
        ):
            label = f"cleanlab, {title}, {name}"
            if not slow or name == "find_label_issues":
                yield f"{model} {name}", Way(label, function, model, "cleanlab", slow, slow)


#: The way that the others are held against.
BASE = "ours"

WAYS = {
    "ours": Way("skinfluence, as it comes", _flagger()),
    "ours plain": Way("skinfluence, without noise model", _flagger(noise_model=False)),
    "ours logistic": Way("skinfluence, logistic", _flagger(on_logistic=True)),
    "ours trees": Way("skinfluence's find_wrong_labels, ExtraTrees", _find_wrong_labels, "trees"),
    **dict(_cleanlab_ways()),
    "datalab": Way("cleanlab, Datalab on features", _datalab, needs="datasets"),
    "self-influence": Way("self-influence, logistic", _self_influence),
    "loss": Way("loss, logistic", _loss),
}
#: cleanlab's configurations that are asked on every table.
CLEANLAB = [name for name in WAYS if name.startswith(("logistic", "trees"))]
#: What is held against each other where people or weak models are.
COMPARED = ["ours", "ours plain", "ours trees", *CLEANLAB]
