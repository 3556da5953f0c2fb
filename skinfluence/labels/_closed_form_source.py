"""The source for users who give no estimator: representations, closed forms, a choice among them.

Start reading here: `ClosedFormSource.fit`. Columns come from `_representations.py`, leave-one-out
values for every damping from `_closed_form.py`, and the choice of damping, temperature and
representation by leave-one-out likelihood from `_pooling.py`.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy import sparse
from scipy.special import log_softmax
from sklearn.utils import check_random_state

from skinfluence.labels._closed_form import RidgeSums
from skinfluence.labels._opinions import Opinion
from skinfluence.labels._pooling import best_temperature, pooled, shares_of_near_best
from skinfluence.labels._representations import (
    landmarks_of,
    linear,
    radial_bases,
    scaling_of,
)

REPRESENTATIONS = ("auto", "linear", "rbf")
#: Dampings that "auto" tries, in units of the mean variance of the columns' directions.
DAMPINGS = np.geomspace(1e-5, 10.0, 13)
#: The choice is made on so many rows at the most.
ROWS_FOR_CHOICE = 2000
BLOCK_ENTRIES = 2**20
#: Representations further than this from the best in the first fit are not fitted again.
WORTH_REFITTING = 0.05


@dataclass
class Member:
    """One fitted representation with its chosen damping."""

    representation: object
    path: object = field(repr=False)
    damping: float
    temperature: float
    criterion: float


class ClosedFormSource:
    """What ridge regressions on the library's own representations say of each row without it.

    Each representation is fitted once by ridge regression on the one-hot labels (or the values of
    a regression); one eigendecomposition gives the values without each row for every damping. The
    damping, and for classes the temperature of the softmax that makes probabilities of values, are
    those under which the given labels are most likely without their own rows. Representations
    nearly as good as the best are averaged, as log-probabilities.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, p)
        Numbers, all finite.
    target : ndarray of shape (n,)
        Codes 0 ... K - 1, or the values of a regression.
    n_classes : int or None
        None for a regression.
    representation : {"auto", "linear", "rbf"}, default="auto"
        "auto" takes both.
    n_components : int, default=300
        Number of landmarks, and of directions of a linear representation with many more columns.
    damping : "auto" or float, default="auto"
        In units of the mean variance of the representation's directions.
    random_state : int, RandomState instance or None, default=None
        Draws the landmarks.

    Notes
    -----
    The first fit decides which representations are worth fitting again with other weights.
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
        self._X = X.tocsr() if sparse.issparse(X) else X
        self._codes = target if n_classes else None
        values = np.eye(n_classes)[target] if n_classes else np.asarray(target, float)[:, None]
        self._targets = values
        self._representation = representation
        self._n_components = n_components
        self._dampings = DAMPINGS if isinstance(damping, str) else np.array([float(damping)])
        self._seed = check_random_state(random_state).randint(2**31 - 1)
        self._n_jobs = n_jobs
        self._counting = None

    def fit(self, weight):
        weight = np.asarray(weight, dtype=np.float64)
        self._prepare(weight > 0)
        share = weight / weight.sum()
        members = [self._member(r, share) for r in self._representations]
        members = self._worth_keeping(members)
        parts, leverages = zip(*[self._leave_one_out(m, share) for m in members], strict=True)
        shares = self._shares(members)
        best = int(np.argmax([m.criterion for m in members]))

        self.best = members[best]
        return Opinion(
            value=self._combine(parts, shares),
            predict=partial(self._predict_new, members, shares),
            leverage=leverages[best],
            description=_description([m for m, s in zip(members, shares, strict=True) if s]),
            damping=float(members[best].damping),
        )

    def _predict_new(self, members, shares, X_new):
        rows = self._scaling.apply(X_new.tocsr() if sparse.issparse(X_new) else X_new)
        return self._combine([self._predict(m, rows) for m in members], shares)

    def _prepare(self, counting):
        """Scale the rows and draw the landmarks, unless the same rows count as in the last fit."""
        if self._counting is not None and np.array_equal(counting, self._counting):
            return
        random_state = np.random.RandomState(self._seed)
        self._counting = counting
        kept = self._X[counting]
        self._scaling = scaling_of(kept)
        self._rows = self._scaling.apply(self._X)
        kept = self._rows[counting]
        self._representations = []
        if self._representation in ("auto", "linear"):
            self._representations.append(linear(kept, self._n_components, random_state))
        if self._representation in ("auto", "rbf"):
            landmarks = landmarks_of(kept, self._n_components, random_state)
            self._representations.extend(radial_bases(landmarks))
        rows = np.flatnonzero(counting)
        chosen = random_state.permutation(len(rows))[:ROWS_FOR_CHOICE]
        self._rows_for_choice = rows[np.sort(chosen)]

    def _worth_keeping(self, members):
        best = max(m.criterion for m in members)
        members = [m for m in members if m.criterion >= best - WORTH_REFITTING]
        self._representations = [m.representation for m in members]
        return members

    def _member(self, representation, share):
        sums = RidgeSums()
        for block in self._blocks():
            sums.add(representation.columns(self._rows[block]), self._targets[block], share[block])
        path = sums.path(representation.whitening)
        rows = self._rows_for_choice
        columns = representation.columns(self._rows[rows])
        values, _ = path.leave_one_out(columns, self._targets[rows], share[rows], self._dampings)
        if self._codes is None:
            error = ((values - self._targets[rows])[:, :, 0] ** 2) @ share[rows]
            criterion, temperature = -np.log(error + np.finfo(float).tiny), np.ones(len(error))
        else:
            criterion, temperature = best_temperature(values, self._codes[rows], share[rows])
        best = int(criterion.argmax())
        return Member(
            representation, path, self._dampings[best], temperature[best], float(criterion[best])
        )

    def _leave_one_out(self, member, share):
        parts, leverages = [], []
        for block in self._blocks():
            columns = member.representation.columns(self._rows[block])
            values, leverage = member.path.leave_one_out(
                columns, self._targets[block], share[block], [member.damping]
            )
            parts.append(values[0])
            leverages.append(leverage[0])
        return self._opinion(member, np.concatenate(parts)), np.concatenate(leverages)

    def _predict(self, member, rows):
        step = self._block_rows()
        starts = range(0, rows.shape[0], step)
        parts = [
            member.path.predict(
                member.representation.columns(rows[start : start + step]), [member.damping]
            )[0]
            for start in starts
        ]
        return self._opinion(member, np.concatenate(parts))

    def _opinion(self, member, values):
        if self._codes is None:
            return values[:, 0]
        return log_softmax(member.temperature * values, axis=1)

    def _shares(self, members):
        return shares_of_near_best([m.criterion for m in members])

    def _combine(self, parts, shares):
        if self._codes is None:
            return sum(s * part for s, part in zip(shares, parts, strict=True))
        return pooled(parts, shares)

    def _block_rows(self):
        return max(1, BLOCK_ENTRIES // max(self._n_components, 300))

    def _blocks(self):
        step, n = self._block_rows(), len(self._targets)
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _description(members):
    parts = [f"{m.representation.name} (damping {m.damping:.1e})" for m in members]
    return "Ridge regression without the row on " + " and on ".join(parts) + "."
