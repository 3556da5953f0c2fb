"""The ways of finding wrong labels, by name."""

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

from benchmarks.peers import cleanlab, pyinfluence
from skinfluence import InfluenceExplainer
from skinfluence.labels import LabelFlagger
from skinfluence.labels._noise.classes import fit_noise_model
from skinfluence.labels._noise.counts import flag_labels
from skinfluence.labels._sources.opinions import Opinion


@dataclass
class Verdict:
    """Suspicion of each row, and which rows are flagged, where a way says so."""

    score: np.ndarray
    flagged: np.ndarray | None = None
    rate: float | None = None  # estimated share of wrong labels


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
    seeds: int = 10  # of a slow way fewer
    rates: tuple = (0.1, 0.2)
    clean_only: bool = False  # ranks as another does: asked for its flags on clean tables alone
    binary: bool = False
    dense: bool = False


def _flagger(**settings):
    def run(trial):
        flagger = LabelFlagger(random_state=trial.seed, **settings).fit(trial.X, trial.y)
        return Verdict(flagger.scores_, flagger.flagged_, flagger.contamination_)

    return run


def _flagger_on_logistic(**settings):
    def run(trial):
        flagger = LabelFlagger(logistic(trial.X), random_state=trial.seed, **settings)
        flagger.fit(trial.X, trial.y)
        return Verdict(flagger.scores_, flagger.flagged_, flagger.contamination_)

    return run


class Given:
    """A source whose opinion is already there: it does not fit, whatever the weights."""

    def __init__(self, proba):
        # leaves of trees say zero: as far from certain as a hundredth of a row
        K = proba.shape[1]
        self.value = np.log((proba + 0.01 / K) / 1.01)

    def fit(self, weight):
        return Opinion(self.value, None, None, "given probabilities", None)


def _noise_model_on_trees(trial):
    """Our noise model and counts on the probabilities that cleanlab gets."""
    proba = trial.probabilities("trees")
    weight, n_classes = np.ones(len(trial.y)), proba.shape[1]
    model = fit_noise_model(Given(proba), trial.y, weight, n_classes)
    flagged, rate = flag_labels(model, trial.y, weight, "auto")
    return Verdict(1.0 - model.posterior[np.arange(len(trial.y)), trial.y], flagged, rate)


def _rank(function, model):
    return lambda trial: Verdict(function(trial.y, trial.probabilities(model)))


def _issues(model):
    def run(trial):
        score, flagged = cleanlab.label_issues(trial.y, trial.probabilities(model))
        return Verdict(score, flagged, float(flagged.mean()))

    return run


def _datalab(trial):
    X = trial.X if issparse(trial.X) else StandardScaler().fit_transform(trial.X)
    score, flagged = cleanlab.datalab(X, trial.y)
    return Verdict(score, flagged, float(flagged.mean()))


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


def _pyinfluence(trial):
    Z, model = _fitted(trial)
    score, flagged = pyinfluence.mislabeled(model, Z, trial.y)
    return Verdict(score, flagged, float(flagged.mean()))


def _cleanlab_ways():
    titles = {"logistic": "logistic", "trees": "ExtraTrees", "boosting": "HistGradientBoosting"}
    for model, title in titles.items():
        settings = {"model": model, "needs": "cleanlab"}
        if model == "boosting":
            settings |= {"seeds": 4, "dense": True}
        for name, function in (
            ("self-confidence", _rank(cleanlab.self_confidence, model)),
            ("normalised margin", _rank(cleanlab.normalized_margin, model)),
            ("find_label_issues", _issues(model)),
        ):
            label = f"cleanlab, {title}, {name}"
            yield f"{model} {name}", Way(label, function, **settings)


#: The way that the others are held against.
BASE = "ours"

WAYS = {
    "ours": Way("skinfluence, as it comes", _flagger()),
    "ours logistic": Way("skinfluence, logistic", _flagger_on_logistic()),
    "ours trees": Way(
        "skinfluence's noise model, ExtraTrees", _noise_model_on_trees, model="trees"
    ),
    "ours strict": Way(
        'skinfluence, contamination="strict"', _flagger(contamination="strict"), clean_only=True
    ),
    **dict(_cleanlab_ways()),
    "datalab": Way("cleanlab, Datalab on features", _datalab, needs="cleanlab"),
    "self-influence": Way("self-influence, logistic", _self_influence),
    "loss": Way("loss, logistic", _loss),
    "pyinfluence": Way(
        "pyinfluence, self-influence, logistic",
        _pyinfluence,
        needs="pyinfluence",
        binary=True,
        dense=True,
    ),
}
