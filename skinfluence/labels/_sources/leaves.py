"""The leaves of a forest as a representation, for what trees see and smooth functions do not.

Each tree is grown on half of the rows; for the other half, which the tree has not seen, it is a
representation that does not depend on their labels. Such a row is judged by the mean of its leaf
*over all other rows*, of both halves,

    f_-i(x_i) = mean over trees that have not seen i of  (S_leaf - s_i y_i) / (W_leaf - s_i),

with the leaf's weighted sum S of targets and its weight W. These are out-of-bag estimates (Breiman
1996) with leaf means that leave out nothing but the row itself: more rows in each mean, no refit,
and honest.

Other row weights grow other trees: those of the first fit have bent around the wrong labels.

References
----------
L. Breiman (1996), Out-of-bag estimation, technical report, University of California, Berkeley.

P. Geurts, D. Ernst and L. Wehenkel (2006), Extremely randomized trees, Machine Learning 63(1).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from skinfluence.labels._sources.pooling import log_probabilities

#: The rows are halved so many times, and so many trees are grown on each half.
N_SPLITS, N_TREES = 2, 16
#: Rows that a tree is grown on at the most: more make larger trees, hardly better ones.
MAX_ROWS = 10_000
#: Weights that trees are grown with are multiples of one in so many of the mean weight.
WEIGHT_STEPS = 2**16
#: A leaf's mean is pulled towards the mean of all rows as by so many rows.
PRIOR_ROWS = 0.5
#: Log-probabilities of averaged leaves are made sharper or flatter by these.
TEMPERATURES = np.geomspace(0.4, 5.0, 9)


@dataclass
class Forest:
    """Grown trees, and where the rows fall.

    Attributes
    ----------
    trees : list
        scikit-learn's trees.
    leaves : ndarray of int32 of shape (T, n)
        The leaf of each row in each tree.
    unseen : ndarray of bool of shape (T, n)
        Rows that each tree was not grown on.
    """

    trees: list = field(repr=False)
    leaves: np.ndarray = field(repr=False)
    unseen: np.ndarray = field(repr=False)


def grow(X, rows, seed, n_jobs=None):
    """Grow a forest on the rows that count; the others fall through it.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, p)
        Not scaled: trees see only the order of a column.
    rows : Rows
    seed : int
    """
    counting = np.flatnonzero(rows.share > 0)
    # Rounded such that sums of them are exact: rounding errors would decide between equal splits.
    weight = np.rint(rows.share * len(counting) * WEIGHT_STEPS) / WEIGHT_STEPS
    random_state = np.random.RandomState(seed)
    trees, unseen = [], []
    for _ in range(N_SPLITS):
        order = random_state.permutation(counting)
        middle = (len(order) + 1) // 2
        for half in (order[:middle], order[middle:]):
            if len(half) == 0:
                continue
            half = np.sort(half[:MAX_ROWS])
            grown = _forest(rows, random_state, n_jobs).fit(
                X[half], _labels(rows)[half], weight[half]
            )
            trees += [tree.tree_ for tree in grown.estimators_]
            outside = np.ones(X.shape[0], dtype=bool)
            outside[half] = False
            unseen += [outside] * N_TREES
    return Forest(trees, leaves_of(trees, X), np.stack(unseen))


def _forest(rows, random_state, n_jobs):
    settings = {"n_estimators": N_TREES, "random_state": random_state, "n_jobs": n_jobs}
    if rows.codes is None:
        return ExtraTreesRegressor(**settings)
    return ExtraTreesClassifier(**settings)


def _labels(rows):
    return rows.targets[:, 0] if rows.codes is None else rows.codes


def leaves_of(trees, X):
    """The leaf of each row in each tree, shape (T, n)."""
    X = sparse.csr_matrix(X) if sparse.issparse(X) else X
    X = X.astype(np.float32)
    return np.stack([tree.apply(X).astype(np.int32) for tree in trees])


class LeafMember:
    """Leaf means of a grown forest for given row weights.

    Sums are made for one tree at a time: those of all trees would be large where there are many
    classes.

    Parameters
    ----------
    forest : Forest
    rows : Rows
    """

    def __init__(self, forest, rows):
        self.classes = rows.codes is not None
        self._forest, self._targets, self._codes = forest, rows.targets, rows.codes
        # In units of the mean row that counts, in which the prior is stated.
        self._weight = rows.share * np.count_nonzero(rows.share)
        self.means_without = self._leave_one_out()
        values = self._scores(self.means_without[rows.for_choice])[None]
        criterion, temperature = rows.criterion(values, TEMPERATURES)
        self.criterion, self.temperature = float(criterion[0]), float(temperature[0])
        self.damping = None
        self.name = f"leaf means of {len(forest.trees)} trees that have not seen the row"

    def leave_one_out(self, rows):
        """Opinion of each row without it; its leverage is not known."""
        return self._opinion(self._scores(self.means_without)), None

    def predict(self, X):
        """Opinion of rows that the fit has not seen; columns not scaled."""
        mean = self._weight @ self._targets / self._weight.sum()
        total = np.zeros((X.shape[0], len(mean)))
        found = leaves_of(self._forest.trees, X)
        for leaves, (sums, weights) in zip(found, self._sums_of_trees(), strict=True):
            total += _pulled(sums, weights, mean)[leaves]
        return self._opinion(self._scores(total / len(found)))

    def _leave_one_out(self):
        forest, weight = self._forest, self._weight
        own = weight[:, None] * self._targets
        rest = np.maximum(weight.sum() - weight, np.finfo(float).tiny)[:, None]
        mean = (weight @ self._targets - own) / rest
        total, trees = np.zeros_like(mean), forest.unseen.sum(axis=0)[:, None]
        for leaves, unseen, (sums, weights) in zip(
            forest.leaves, forest.unseen, self._sums_of_trees(), strict=True
        ):
            at = leaves[unseen]
            total[unseen] += _pulled(
                sums[at] - own[unseen], weights[at] - weight[unseen], mean[unseen]
            )
        return np.where(trees > 0, total / np.maximum(trees, 1), mean)

    def _sums_of_trees(self):
        """Weighted sums of targets and weights of each leaf, (nodes, K) and (nodes,), by tree."""
        n_targets = self._targets.shape[1]
        for leaves, tree in zip(self._forest.leaves, self._forest.trees, strict=True):
            size = tree.node_count
            weights = np.bincount(leaves, self._weight, size)
            if self.classes:
                cells = leaves.astype(np.intp) * n_targets + self._codes
                sums = np.bincount(cells, self._weight, size * n_targets)
            else:
                sums = np.bincount(leaves, self._weight * self._targets[:, 0], size)
            yield sums.reshape(size, n_targets), weights

    def _scores(self, means):
        return np.log(np.maximum(means, 1e-9)) if self.classes else means

    def _opinion(self, scores):
        if not self.classes:
            return scores[:, 0]
        return log_probabilities(self.temperature * scores)


def _pulled(sums, weights, mean):
    # Where a row leaves an empty leaf, rounding may leave a trace below zero.
    weights = np.maximum(weights, 0.0)[:, None]
    return (sums + PRIOR_ROWS * mean) / (weights + PRIOR_ROWS)
