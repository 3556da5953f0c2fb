"""Cross-validated predictions of any estimator."""

import copy
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skinfluence._utils.frames import take_rows
from skinfluence._utils.progress import progress
from skinfluence.labels._inputs.steps import last_step, weight_name
from skinfluence.labels._inputs.targets import Target
from skinfluence.labels._sources.prediction import OutOfSamplePrediction

#: A class that a model holds for impossible gets this probability: models that count (a forest, a
#: tree) say zero after some hundred votes.
LEAST = 1e-3
#: Log-probability of a class that a model has never seen.
UNSEEN = -30.0
N_SPLITS = 5
#: With fewer rows an estimator with threads of its own (HistGradientBoosting) gets one.
FEW_ROWS = 5000


@dataclass(eq=False)
class CrossValidatedPredictor:
    """Cross-validated probabilities or values of any scikit-learn estimator.

    The folds are stratified by the given labels. Other row weights are not fitted: the first
    prediction stays. A noise model gains little from five times the fits: with forests its average
    precision moved by -0.02 to +0.02, by nothing on the mean.
    """

    X: Any  # as the user gave it
    target: Target
    _: KW_ONLY
    estimator: Any  # cloned, and seeded where it has no seed of its own
    reason: str = ""  # for the description
    random_state: Any = 0
    n_jobs: int | None = None
    verbose: int | None = 0

    def __post_init__(self):
        self._prediction = None
        random_state = check_random_state(self.random_state)
        stratified = self.target.classes is not None
        self._folds = make_folds(self.target.codes, stratified, N_SPLITS, random_state)
        self._seed = random_state.randint(2**31 - 1)

    def with_target(self, target):
        """The source of the same rows and folds with other labels (or values)."""
        other = copy.copy(self)
        other.target, other._prediction = target, None
        return other

    def fit(self, weight):
        """Out-of-fold prediction, always at the first row weights."""
        if self._prediction is None:
            self._prediction = self._fit(weight)
        return self._prediction

    def _fit(self, weight):
        # threads of a few rows wait for each other longer than they work
        limits = 1 if len(weight) < FEW_ROWS else None
        with threadpool_limits(limits, user_api="openmp"):
            n_folds = int(self._folds.max()) + 1
            found = Parallel(n_jobs=self.n_jobs, return_as="generator")(
                delayed(self._fold)(number, weight) for number in range(n_folds)
            )
            settings = {"what": "cross-validation", "unit": "folds", "verbose": self.verbose}
            models, values = zip(*progress(found, total=n_folds, **settings), strict=True)
        place = np.argsort(np.argsort(self._folds, kind="stable"))
        name = type(last_step(self.estimator)).__name__
        return OutOfSamplePrediction(
            value=np.concatenate(values)[place],
            predict=partial(mean_prediction, models),
            leverage=None,
            description=f"{name}, cross-validated in {len(models)} folds{self.reason}",
            damping=None,
            are_probabilities=models[0].method != "decision_function",
        )

    def _fold(self, number, weight):
        """(model of the other folds, its predictions for this one)."""
        own, classes = self._folds == number, self.target.classes
        estimator, used = seeded(clone(self.estimator), self._seed), ~own
        name = None if (weight == 1.0).all() else weight_name(estimator)
        settings = {name: weight[used]} if name else {}
        labels = self.target.codes[used]
        if classes is not None:
            labels = classes[labels]
            if (labels == labels[0]).all():  # which many classifiers refuse
                estimator, settings = DummyClassifier(), {}
        model = FoldModel(estimator.fit(take_rows(self.X, used), labels, **settings), classes)
        return model, model(take_rows(self.X, own))


@dataclass
class FoldModel:
    """A fitted estimator that returns log-probabilities of all K classes, or values."""

    estimator: Any
    classes: np.ndarray | None

    @property
    def method(self):
        """Name of the most informative method: probabilities, else margins."""
        names = ("predict",) if self.classes is None else ("predict_proba", "decision_function")
        for name in names:
            if hasattr(self.estimator, name):
                return name
        raise ValueError(
            f"{type(last_step(self.estimator)).__name__} has neither predict_proba nor "
            "decision_function: its votes do not say how likely a label is. Pass a classifier that "
            "has one of them, or none: LabelFlagger()."
        )

    def __call__(self, X):
        found = np.asarray(getattr(self.estimator, self.method)(X), dtype=np.float64)
        if self.classes is None:
            return found.reshape(-1)
        if self.method == "predict_proba":
            found = np.log((found + LEAST / found.shape[1]) / (1.0 + LEAST))
        else:
            found = log_of_margins(found)
        return all_classes(found, self.estimator.classes_, self.classes)


def mean_prediction(models, X):
    """That of the models of all folds, for rows that none of them has seen."""
    found = np.stack([model(X) for model in models])
    return found.mean(axis=0) if found.ndim == 2 else np.log(np.exp(found).mean(axis=0))


def log_of_margins(margins):
    """Log-probabilities (m, K) of margins (m,), (m, 1) or (m, K), before any temperature."""
    margins = margins.reshape(len(margins), -1)
    if margins.shape[1] == 1:
        return np.hstack([log_expit(-margins), log_expit(margins)])
    return log_softmax(margins, axis=1)


def all_classes(log_proba, known, classes):
    """Columns of the `known` classes (sorted) put among all of `classes`."""
    if len(known) == len(classes):
        return log_proba
    out = np.full((len(log_proba), len(classes)), UNSEEN)
    out[:, np.searchsorted(classes, known)] = log_proba
    return log_softmax(out, axis=1)


def make_folds(target, stratified, n_splits, random_state):
    """Number of the fold of each row, (n,): drawn, and balanced within each class."""
    # StratifiedKFold complains of classes of fewer rows than folds
    order = random_state.permutation(len(target))
    if stratified:
        order = order[np.argsort(target[order], kind="stable")]
    folds = np.empty(len(target), dtype=np.intp)
    folds[order] = np.arange(len(target)) % min(n_splits, len(target))
    return folds


def seeded(estimator, seed):
    """The estimator with a seed wherever it would take the global random state."""
    if not hasattr(estimator, "get_params"):
        return estimator
    missing = {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    return estimator.set_params(**missing) if missing else estimator
