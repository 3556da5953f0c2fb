"""The source for users who give no estimator: representations, closed forms, a choice among them.

Start reading here: `ClosedFormSource.fit`. Columns come from `_representations.py`, leave-one-out
values for every damping from `_closed_form.py`, the leaves of trees from `_leaves.py`, and the
choice by leave-one-out likelihood from `_pooling.py`.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from skinfluence.labels._sources.columns import (
    Scaling,
    landmarks_of,
    linear,
    radial_bases,
    scaling_of,
)
from skinfluence.labels._sources.leaves import LeafMember, grow
from skinfluence.labels._sources.members import Rows, as_rows, fit_ridge
from skinfluence.labels._sources.opinions import Opinion
from skinfluence.labels._sources.pooling import pooled, shares_of_near_best

REPRESENTATIONS = ("auto", "linear", "rbf")
#: What "auto" takes.
ALL = ("linear", "rbf", "leaves")
#: Dampings that "auto" tries, in units of the mean variance of the columns' directions.
DAMPINGS = np.geomspace(1e-4, 10.0, 11)
#: The choice is made on so many rows at the most.
ROWS_FOR_CHOICE = 2000
#: Members further than this from the best in the first fit, in nats a row, are not fitted again.
WORTH_REFITTING = 0.05


class ClosedFormSource:
    """What the library's own representations say of each row without it.

    Ridge regressions on the one-hot labels (or the values of a regression): one eigendecomposition
    a representation gives the values without each row for every damping. The damping, and for
    classes the temperature of the softmax that makes probabilities of values, are those under which
    the given labels are most likely without their own rows. Leaf means of trees that have not seen
    the row stand beside them. Members nearly as good as the best are averaged, as
    log-probabilities.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, p)
        Numbers, all finite.
    target : ndarray of shape (n,)
        Codes 0 ... K - 1, or the values of a regression.
    n_classes : int or None
        None for a regression.
    representation : {"auto", "linear", "rbf"}, default="auto"
        "auto" takes both, and the leaves of trees.
    n_components : int, default=300
        Number of landmarks, and of directions of a linear representation with many more columns.
    damping : "auto" or float, default="auto"
        In units of the mean variance of the representation's directions; leaves have none.
    random_state : int, RandomState instance or None, default=None
        Draws the landmarks and grows the trees.
    n_jobs : int or None, default=None
        Threads that grow the trees.

    Attributes
    ----------
    best : RidgeMember
        The best ridge regression of the last fit.

    Notes
    -----
    The first fit decides which members are worth fitting again with other weights.
    """

    def __init__(
        self,
        X,
        target,
        n_classes=None,
        *,
        representation="auto",
        n_components=300,
        damping="auto",
        random_state=None,
        n_jobs=None,
    ):
        self._X = as_rows(X)
        self._codes = np.asarray(target) if n_classes else None
        values = np.asarray(target, dtype=np.float64)[:, None] if not n_classes else None
        self._targets = np.eye(n_classes)[target] if n_classes else values
        self._representation = representation
        self._n_components = n_components
        self._dampings = DAMPINGS if isinstance(damping, str) else np.array([float(damping)])
        self._seed = check_random_state(random_state).randint(2**31 - 1)
        self._n_jobs = n_jobs
        self._counting = None
        self._kinds = []

    def fit(self, weight):
        """See :class:`~._opinions.Source`."""
        weight = np.asarray(weight, dtype=np.float64)
        self._prepare(weight > 0)
        rows = Rows(
            self._scaled, self._targets, self._codes, weight / weight.sum(), self._for_choice
        )
        members = self._worth_keeping([self._member(kind, rows) for kind in self._kinds])
        shares = shares_of_near_best([member.criterion for member in members])
        members = [member for member, share in zip(members, shares, strict=True) if share]
        shares = shares[shares > 0]
        parts, leverages = zip(*[member.leave_one_out(rows) for member in members], strict=True)
        model = PooledModel(self._scaling, members, shares)
        best = int(np.argmax([member.criterion for member in members]))
        return Opinion(
            value=model.pool(parts),
            predict=model,
            leverage=leverages[best],
            description=f"Without the row: {'; '.join(member.name for member in members)}.",
            damping=members[best].damping,
        )

    def with_target(self, target):
        """The source of the same rows with other labels (or values)."""
        other = copy(self)
        other._kinds = list(self._kinds)
        if self._codes is None:
            other._targets = np.asarray(target, dtype=np.float64)[:, None]
        else:
            other._codes = np.asarray(target)
            other._targets = np.eye(self._targets.shape[1])[other._codes]
        return other

    def _prepare(self, counting):
        """Scale the rows and draw the landmarks, unless the same rows count as in the last fit."""
        if self._counting is not None and np.array_equal(counting, self._counting):
            return
        random_state = np.random.RandomState(self._seed)
        self._counting = counting
        self._scaling = scaling_of(self._X[counting])
        self._scaled = self._scaling.apply(self._X)
        kept = self._scaled[counting]
        wanted = {"auto": ALL}.get(self._representation, (self._representation,))
        self._kinds = []
        if "linear" in wanted:
            self._kinds.append(linear(kept, self._n_components, random_state))
        if "rbf" in wanted:
            landmarks = landmarks_of(kept, self._n_components, random_state)
            self._kinds.extend(radial_bases(landmarks))
        if "leaves" in wanted:
            self._kinds.append(Leaves(random_state.randint(2**31 - 1)))
        rows = np.flatnonzero(counting)
        chosen = random_state.permutation(len(rows))[: self._rows_for_choice()]
        self._for_choice = rows[np.sort(chosen)]

    def _rows_for_choice(self):
        """Fewer rows where there are many classes, whose probabilities all have to be made."""
        n_classes = self._targets.shape[1]
        return int(np.clip(2 * ROWS_FOR_CHOICE // n_classes, 500, ROWS_FOR_CHOICE))

    def _member(self, kind, rows):
        if isinstance(kind, Leaves):
            return LeafMember(grow(self._X, rows, kind.seed, self._n_jobs), rows)
        return fit_ridge(kind, rows, self._dampings)

    def _worth_keeping(self, members):
        best = max(member.criterion for member in members)
        worth = [member.criterion >= best - WORTH_REFITTING for member in members]
        self._kinds = [kind for kind, keep in zip(self._kinds, worth, strict=True) if keep]
        ridges = [member for member in members if member.damping is not None]
        if ridges:
            self.best = max(ridges, key=lambda member: member.criterion)
        return [member for member, keep in zip(members, worth, strict=True) if keep]


@dataclass
class Leaves:
    """A forest that is grown anew for each fit."""

    seed: int


@dataclass
class PooledModel:
    """The averaged members, for rows that they have not seen."""

    scaling: Scaling
    members: list
    shares: np.ndarray

    def pool(self, parts):
        """Mean of the members' opinions: of log-probabilities, or of values."""
        if self.members[0].classes:
            return pooled(parts, self.shares)
        return self.shares @ np.asarray(parts)

    def __call__(self, X):
        X = as_rows(X)
        scaled = self.scaling.apply(X)
        return self.pool(
            [member.predict(X if member.damping is None else scaled) for member in self.members]
        )
