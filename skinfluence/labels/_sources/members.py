"""Members of a pool: ridge regressions on representations, and leaf means of a forest."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import gen_batches
from sklearn.utils.validation import _num_samples

from skinfluence._utils.frames import take_rows
from skinfluence.labels._inputs.targets import Target
from skinfluence.labels._sources.columns import MOST_DOUBLES, Linear, RadialBasis, blocks
from skinfluence.labels._sources.ridge_path import RidgePath, ridge_path

#: Trees, and the bootstrap sample that each is grown on: a share of the rows, and at the most so
#: many. Smaller samples leave each row unseen by more trees.
N_TREES, SHARE_DRAWN, MOST_DRAWN = 100, 0.5, 30_000
#: Trees between two signs of progress; of so small a table all trees grow at once, since threads
#: that start anew for each few of them take half as long again.
TREES_AT_ONCE, SMALL = 20, 1_000_000
#: Trees that a ridge regression counts as, in the progress.
RIDGE_STEPS = 5
#: A leaf mean is pulled towards the mean of all rows as by so many rows.
PRIOR_ROWS = 0.5
#: What is added to the probability of each class before its logarithm.
LEAST = 1e-9
#: Rows of an explainer's table that are encoded at a time.
ROWS_AT_ONCE = 5000
#: Weights that trees are grown with are multiples of one in so many of the mean weight.
WEIGHT_STEPS = 2**16


@dataclass
class Rows:
    """The training data of every member of a pool."""

    scaled: Any  # columns of variance one, ndarray or CSR, shape: (n, p)
    target: Target
    share: np.ndarray  # weights that sum to one
    for_choice: np.ndarray = field(repr=False)  # rows on which alternatives are compared

    def __post_init__(self):
        codes, K = self.target.codes, self.target.n_classes
        # one-hot labels, or the values of a regression, shape: (n, K)
        self.targets = codes[:, None] if K is None else np.eye(K)[codes]

    def criterion(self, values):
        """Log-likelihood of L alternatives, values (L, rows, K) of the rows for choice, (L,).

        In nats a row and up to a constant, for normal errors: minus half the logarithm of the mean
        squared error, which of one-hot labels is Brier's score.
        """
        share = self.share[self.for_choice]
        errors = ((values - self.targets[self.for_choice]) ** 2).sum(axis=2) @ share / share.sum()
        return -0.5 * np.log(errors + np.finfo(float).tiny)


@dataclass
class RidgeMember:
    """Ridge regression on one representation, with its chosen damping."""

    representation: Linear | RadialBasis
    path: RidgePath = field(repr=False)
    damping: float  # in units of path.unit
    criterion: float  # of Rows.criterion

    def __post_init__(self):
        self.name = f"ridge regression on {self.representation.name} (damping {self.damping:.1e})"

    def leave_one_out(self, rows):
        """Values (n, K) of each row without it, and its leverage (n,)."""
        value, leverage = np.empty(rows.targets.shape), np.empty(len(rows.targets))
        fit = self.path.at(self.damping)
        for some, columns in blocks(self.representation, rows.scaled):
            values, own = fit.leave_one_out(columns, rows.targets[some], rows.share[some], [0.0])
            value[some], leverage[some] = values[0], own[0]
        return value, leverage

    def predict(self, scaled):
        """Values (m, K) of rows that the fit has not seen."""
        parts = (columns for _, columns in blocks(self.representation, scaled))
        return np.concatenate([self.path.predict(part, [self.damping])[0] for part in parts])


def fit_ridge(representation, rows, dampings, tell):
    """Fit one representation and choose its damping; a RidgeMember. `tell` hears of it."""
    parts = (
        (columns, rows.targets[some], rows.share[some])
        for some, columns in blocks(representation, rows.scaled)
    )
    path = ridge_path(parts, representation.penalty)
    chosen = rows.for_choice
    columns = representation.columns(rows.scaled[chosen], np.float64)
    values, _ = path.leave_one_out(columns, rows.targets[chosen], rows.share[chosen], dampings)
    criterion = rows.criterion(values)
    best = int(criterion.argmax())
    tell(representation.name, RIDGE_STEPS)
    return RidgeMember(representation, path, float(dampings[best]), float(criterion[best]))


@dataclass
class ForestMember:
    """Extremely randomized trees (Geurts et al. 2006) whose leaves hold the means of all rows.

    The prediction for a row is the mean of its leaf over all other rows, averaged over the trees
    that were not grown on the row: out-of-bag estimates (Breiman 1996) from more rows.
    """

    name = f"leaf means of {N_TREES} extremely randomized trees"  # in descriptions
    forest: Any
    columns: Any  # those that the trees see, as an index
    out_of_bag: np.ndarray = field(repr=False)  # log-probabilities or values, shape: (n, K)
    n_classes: int | None

    def leave_one_out(self, rows):
        """Values (n, K) of each row by trees that have not seen it; its leverage is not known."""
        return self.out_of_bag, None

    def predict(self, scaled):
        """Values (m, K) of rows that no tree has seen."""
        scaled = scaled[:, self.columns]
        if self.n_classes is None:
            return self.forest.predict(scaled)[:, None]
        return _logarithm(self.forest.predict_proba(scaled), self.forest.classes_, self.n_classes)


def _logarithm(means, known, n_classes):
    """Log-probabilities of all K classes; a class without rows gets LEAST."""
    out = np.full((len(means), n_classes), LEAST)
    out[:, known] += np.maximum(means, 0.0)
    return np.log(out / out.sum(axis=1, keepdims=True))


def fit_forest(rows, columns, seed, n_jobs=None, tell=lambda what, steps: None):
    """Grow trees on some columns and fill their leaves; a ForestMember. `tell` hears of trees."""
    scaled = rows.scaled[:, columns]
    n, n_classes = len(rows.share), rows.target.n_classes
    # rounded such that sums of them are exact: rounding errors would decide between equal splits
    weight = np.rint(rows.share * n * WEIGHT_STEPS) / WEIGHT_STEPS
    kind = ExtraTreesRegressor if n_classes is None else ExtraTreesClassifier
    forest = kind(
        bootstrap=True,
        warm_start=True,  # the same trees as all at once
        max_samples=min(int(np.ceil(SHARE_DRAWN * n)), MOST_DRAWN),
        random_state=seed,
        n_jobs=n_jobs,
    )
    step = N_TREES if np.prod(scaled.shape) < SMALL else TREES_AT_ONCE
    for grown in range(step, N_TREES + 1, step):
        forest.set_params(n_estimators=grown).fit(scaled, rows.target.codes, weight)
        tell("forest", grown)
    out = _fill_leaves(forest, forest.apply(scaled).T, rows, weight)
    if n_classes is not None:
        out = _logarithm(out, forest.classes_, n_classes)
    return ForestMember(forest, columns, out, n_classes)


def _fill_leaves(forest, leaves, rows, weight):
    """Set the value of each leaf to the mean of all its rows; leave-one-out means (n, K) of rows.

    Of rows that every tree was grown on, the mean of all other rows.
    """
    known = slice(None) if rows.target.classes is None else forest.classes_
    own = np.column_stack([rows.targets[:, known], np.ones(len(weight))]) * weight[:, None]
    every = own.sum(axis=0)
    prior = PRIOR_ROWS * every / every[-1]
    others = every - own
    prior_of_row = PRIOR_ROWS * others / np.maximum(others[:, -1:], np.finfo(float).tiny)
    total, trees, n = np.zeros_like(own), np.zeros(len(own)), len(own)
    ones, ends = np.ones(n), np.arange(n + 1)
    grown = zip(forest.estimators_, leaves, forest.estimators_samples_, strict=True)
    for tree, leaf, drawn in grown:
        in_leaf = sparse.csr_matrix((ones, leaf, ends), (n, tree.tree_.node_count))
        sums = in_leaf.T @ own
        filled = sums + prior
        tree.tree_.value[:, 0] = filled[:, :-1] / filled[:, -1:]
        unseen = np.ones(n, dtype=bool)
        unseen[drawn] = False
        left = sums[leaf[unseen]] - own[unseen]
        left[:, -1] = np.maximum(left[:, -1], 0.0)  # of an empty leaf, rounding may leave a trace
        left += prior_of_row[unseen]
        total[unseen] += left / left[:, -1:]
        trees[unseen] += 1
    total[trees == 0] = prior_of_row[trees == 0]
    return total[:, :-1] / total[:, -1:]


def scaled_rows(X, encoder, scaler):
    """Rows as the user gave them as scaled numbers, ndarray or CSR."""
    X = X if encoder is None else encoder.transform(X)
    return scaler.transform(sparse.csr_matrix(X) if sparse.issparse(X) else X)


def rotated_columns(X, encoder, scaler, member):
    """Rows as columns (n_rows, rank) on which the member's penalty is one number.

    Encoded and scaled in blocks. Of large tables in single precision.
    """
    path, n = member.path, _num_samples(X)
    size = (n, path.rotation.shape[1])
    out = np.empty(size, np.float32 if size[0] * size[1] > MOST_DOUBLES else np.float64)
    for some in gen_batches(n, ROWS_AT_ONCE):
        rows = scaled_rows(X if n <= ROWS_AT_ONCE else take_rows(X, some), encoder, scaler)
        for own, columns in blocks(member.representation, rows):
            out[some][own] = path.rotate(columns)
    return out


def pipeline_steps(encoder, scaler, member, n_classes, total_weight):
    """(transformer, ridge) whose fit is that of a ridge member.

    The closed form takes weights that sum to one, a ridge in sum form; and a ridge classifier has
    targets -1 and +1 for 0 and 1, which doubles the coefficients and no more.
    """
    alpha = float(member.damping * member.path.unit * total_weight)
    ridge = Ridge(alpha=alpha) if n_classes is None else RidgeClassifier(alpha=alpha)
    # kept fitted by `clone`
    encoder, scaler = (step and FrozenEstimator(step) for step in (encoder, scaler))
    fitted = {"encoder": encoder, "scaler": scaler, "member": member}
    columns = FunctionTransformer(rotated_columns, kw_args=fitted)
    return columns.set_output(transform="default"), ridge
