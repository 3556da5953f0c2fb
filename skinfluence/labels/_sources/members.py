"""What is averaged: ridge regressions on representations, and a forest's out-of-bag votes."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from skinfluence.labels._sources.columns import MOST_DOUBLES, Linear, RadialBasis
from skinfluence.labels._sources.pooling import best_temperature
from skinfluence.labels._sources.ridge_path import RidgePath, ridge_path

__all__ = ["ForestMember", "RidgeMember", "Rows", "fit_forest", "fit_ridge", "pipeline_steps"]

#: Multiples of the values of a ridge regression, which lie between 0 and 1, that make them sharp.
TEMPERATURES = np.geomspace(1.0, 32.0, 9)
#: Trees, fewer for many rows, each of which is grown on a bootstrap sample and votes on the other
#: rows; more draws than these make larger trees, hardly better ones. Leaves of one row would be
#: sure of a label that may be wrong.
N_TREES, MANY_ROWS, MOST_DRAWS, LEAST_LEAF = (200, 100), 10_000, 30_000, 2
#: Share of the votes that goes to all classes alike: no tree need have voted for a class.
LEAST = 0.02
#: Weights that trees are grown with are multiples of one in so many of the mean weight.
WEIGHT_STEPS = 2**16


@dataclass
class Rows:
    """What every member of a fit is given."""

    X: Any  # ndarray or CSR, shape: (n, p)
    scaled: Any  # the same with scaled columns
    targets: np.ndarray  # one-hot labels, or the values of a regression, shape: (n, K)
    codes: np.ndarray | None  # given labels
    share: np.ndarray  # weights that sum to one
    for_choice: np.ndarray = field(repr=False)  # rows on which alternatives are compared

    def criterion(self, values, temperatures):
        """(how well, best temperature) of L alternatives, which say values (L, rows, K); (L,) each.

        Noise-aware log-likelihood in nats a row of the rows for choice; in a regression half the
        log of the mean squared error, negative: that of normal errors up to a constant.
        """
        share = self.share[self.for_choice]
        if self.codes is not None:
            return best_temperature(values, self.codes[self.for_choice], share, temperatures)
        errors = (values - self.targets[self.for_choice])[:, :, 0] ** 2 @ share / share.sum()
        return -0.5 * np.log(errors + np.finfo(float).tiny), np.ones(len(errors))


@dataclass
class RidgeMember:
    """Ridge regression on one representation, with its chosen damping."""

    representation: Linear | RadialBasis
    path: RidgePath = field(repr=False)
    damping: float  # in units of path.unit
    temperature: float  # the multiple of its values whose softmax is most likely
    criterion: float  # of Rows.criterion

    @property
    def name(self):
        """For the sentence that describes the opinion."""
        return f"ridge regression on {self.representation.name} (damping {self.damping:.1e})"

    def leave_one_out(self, rows):
        """Values (n, K) of each row without it, and its leverage (n,)."""
        value, leverage = np.empty(rows.targets.shape), np.empty(len(rows.targets))
        for some, columns in self.representation.blocks(rows.scaled):
            said, own = self.path.leave_one_out(
                columns, rows.targets[some], rows.share[some], [self.damping]
            )
            value[some], leverage[some] = said[0], own[0]
        return value, leverage

    def predict(self, X, scaled):
        """Values (m, K) of rows that the fit has not seen."""
        found = [
            self.path.predict(columns, [self.damping])[0]
            for _, columns in self.representation.blocks(scaled)
        ]
        return np.concatenate(found)


def fit_ridge(representation, rows, dampings):
    """Fit one representation and choose its damping; a RidgeMember."""
    blocks = (
        (columns, rows.targets[some], rows.share[some])
        for some, columns in representation.blocks(rows.scaled)
    )
    path = ridge_path(blocks, representation.penalty)
    chosen = rows.for_choice
    _, columns = zip(*representation.blocks(rows.scaled[chosen]), strict=True)
    values, _ = path.leave_one_out(
        np.concatenate(columns), rows.targets[chosen], rows.share[chosen], dampings
    )
    criterion, temperature = rows.criterion(values, TEMPERATURES)
    best = int(criterion.argmax())
    return RidgeMember(
        representation=representation,
        path=path,
        damping=float(dampings[best]),
        temperature=float(temperature[best]),
        criterion=float(criterion[best]),
    )


@dataclass
class ForestMember:
    """Extremely randomized trees, each of which votes on the rows that it was not grown on.

    Of each row a third of the trees have not seen the label (out-of-bag, Breiman 1996). Other row
    weights grow other trees: those of the first fit have bent around the wrong labels.
    """

    forest: Any
    out_of_bag: np.ndarray = field(repr=False)  # log-probabilities or values, shape: (n, K)
    n_classes: int | None
    criterion: float  # of Rows.criterion
    temperature: float = 1.0
    damping: None = None

    @property
    def name(self):
        """For the sentence that describes the opinion."""
        return f"out-of-bag votes of {len(self.forest.estimators_)} extremely randomized trees"

    def leave_one_out(self, rows):
        """Values (n, K) of each row by trees that have not seen it; its leverage is not known."""
        return self.out_of_bag, None

    def predict(self, X, scaled):
        """Values (m, K) of rows that no tree has seen; columns not scaled."""
        return votes(self.forest, X, self.n_classes)


def votes(forest, X, n_classes):
    """Log-probabilities of all K classes, or values of shape (m, 1)."""
    if n_classes is None:
        return forest.predict(X)[:, None]
    return _log_votes(forest.predict_proba(X), forest.classes_, n_classes)


def _log_votes(proba, known, n_classes):
    out = np.full((len(proba), n_classes), LEAST / n_classes)
    out[:, known] += proba
    return np.log(out / (1.0 + LEAST))


def fit_forest(rows, seed, n_jobs=None):
    """Grow trees on the rows that count; a ForestMember."""
    counting = np.flatnonzero(rows.share > 0)
    n_classes = None if rows.codes is None else rows.targets.shape[1]
    labels = rows.targets[:, 0] if rows.codes is None else rows.codes
    # Rounded such that sums of them are exact: rounding errors would decide between equal splits.
    weight = np.rint(rows.share[counting] * len(counting) * WEIGHT_STEPS) / WEIGHT_STEPS
    kind = ExtraTreesRegressor if rows.codes is None else ExtraTreesClassifier
    forest = kind(
        N_TREES[len(counting) > MANY_ROWS],
        min_samples_leaf=LEAST_LEAF,
        bootstrap=True,
        max_samples=min(len(counting), MOST_DRAWS),
        oob_score=True,
        random_state=seed,
        n_jobs=n_jobs,
    )
    with warnings.catch_warnings():
        # a row that every tree was grown on, among a handful of rows, gets no vote
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        forest.fit(rows.X[counting], labels[counting], weight)
    if n_classes is None:
        found = forest.oob_prediction_[:, None]
    else:
        found = _log_votes(forest.oob_decision_function_, forest.classes_, n_classes)
    out = found
    if len(counting) < len(labels):
        out = votes(forest, rows.X, n_classes)
        out[counting] = found
    criterion, _ = rows.criterion(out[None, rows.for_choice], [1.0])
    return ForestMember(forest, out, n_classes, float(criterion[0]))


class RepresentationColumns(TransformerMixin, BaseEstimator):
    """Numeric rows as the columns of a fitted ridge member, on which its penalty is one number.

    Its frozen scaler and the member are fixed: fit learns nothing.
    """

    def __init__(self, scaler, member):
        self.scaler = scaler
        self.member = member

    def fit(self, X, y=None):
        """Note the number of columns."""
        validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        return self

    def transform(self, X):
        """Rotated columns of rows, (n_rows, rank); of large tables in single precision."""
        check_is_fitted(self, "n_features_in_")
        rows, path = self.scaler.transform(X), self.member.path
        size = (rows.shape[0], path.rotation.shape[1])
        out = np.empty(size, np.float32 if size[0] * size[1] > MOST_DOUBLES else np.float64)
        for some, columns in self.member.representation.blocks(rows):
            out[some] = path.rotate(columns)
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def pipeline_steps(scaler, member, n_classes, total_weight):
    """(transformer, ridge) whose fit is that of a ridge member.

    The closed form takes weights that sum to one, and its damping is in units of the mean variance:
    the penalty of a ridge in sum form is that times the total weight. For classes the targets are
    -1 and +1 where the closed form has 0 and 1, which doubles the coefficients and no more.
    """
    alpha = float(member.damping * member.path.unit * total_weight)
    ridge = Ridge(alpha=alpha) if n_classes is None else RidgeClassifier(alpha=alpha)
    return RepresentationColumns(FrozenEstimator(scaler), member), ridge
