"""ChainPredictor: members that take what those before them predict as further columns."""

from functools import cached_property

import numpy as np
from scipy import sparse

from skinfluence.predictors._base import Predictor
from skinfluence.predictors._composed import Combination, ComposedPredictor


class ChainPredictor(ComposedPredictor):
    """Raw predictions of a chain: member `order[k]` has the columns of X and k more.

    These hold what members `order[:k]` predict, so that a change of their parameters reaches all
    members behind them. Raw predictions of a member must be linear in these columns, with slopes
    W_mj that are those of every row.

    Parameters
    ----------
    X : {ndarray, CSR} of shape (n, n_features)
    combination : Combination
        Of the members' raw predictions, in the order of `members`.
    members : list of FittedModel
        At their own parameters.
    order : list of int
    passed : list of Output
        From a member's raw predictions to the column that it passes on.
    """

    fitted_to_these = False  # but to the true values of the columns that are predicted here

    def __init__(self, X, combination: Combination, members, order, passed):
        self.X = _plain(X)
        self.combination = combination
        self.members = members
        self.order = order
        self.passed = passed
        own = [np.ravel(member.objective.coef) for member in members]
        self.sizes = [len(part) for part in own]
        self.coef = np.concatenate(own)

    @property
    def n_rows(self):
        return self.X.shape[0]

    def split(self, parameters):
        return np.split(parameters, np.cumsum(self.sizes)[:-1], axis=-1)

    @property
    def parts(self):
        """Predictor of each member, at the columns that it is given in the chain."""
        return self._made[0]

    @cached_property
    def _made(self):
        """(predictor, table) of each member."""
        coefs, n_members = self.split(self.coef), len(self.members)
        parts, tables = [None] * n_members, [None] * n_members
        columns = np.zeros((self.n_rows, 0))
        for m in self.order:
            tables[m] = beside(self.X, columns)
            part = self.members[m].predictor(tables[m])
            parts[m] = part.with_coef(coefs[m].reshape(part.coef.shape))
            columns = np.append(columns, self.passed[m].value(parts[m].raw()), axis=1)
        return parts, tables

    @cached_property
    def _probes(self):
        """Predictor of each member at rows that differ in one column of the chain each."""
        coefs, parts, first = self.split(self.coef), [None] * len(self.members), self.X[:1]
        for k, m in enumerate(self.order):
            rows = first[[0] * (k + 1)] if k else first
            part = self.members[m].predictor(beside(rows, np.eye(k + 1, k, -1)))
            parts[m] = part.with_coef(coefs[m].reshape(part.coef.shape))
        return parts

    @cached_property
    def slopes(self):
        """W of each member: derivative of its raw predictions in its columns, (k, K_m)."""
        return [_slopes(probe.raw()) for probe in self._probes]

    def tables(self, X):
        return (self if X is self.X else self.of(X))._made[1]

    @property
    def dtype(self):
        return np.result_type(*(member.objective.predictor.dtype for member in self.members))

    def take(self, rows):
        # all rows as they are: their columns need not be made again
        whole = isinstance(rows, slice) and rows.indices(self.n_rows) == (0, self.n_rows, 1)
        return self if whole else Predictor.take(self, rows)

    followed_by = Predictor.followed_by
    with_coef, raw_at = Predictor.with_coef, Predictor.raw_at

    def of(self, X):
        return self._replace(X=_plain(X))

    def at(self, other):
        if other.coef is self.coef and other.members is self.members:
            return self
        return self._replace(members=other.members, sizes=other.sizes, coef=other.coef)

    def derivative(self):
        """In the raw predictions of each member at given columns, (n, K, K_m).

        From the last member to the first: what a member predicts reaches the output by itself and
        by the columns of those behind it.
        """
        raws, total = self.raws(), self.combination.derivative(self.raws())
        for k, m in reversed(list(enumerate(self.order))):
            column = sum(
                np.einsum("...kj,j->...k", total[later], self.slopes[later][k])
                for later in self.order[k + 1 :]
            )
            if k + 1 < len(self.order):
                total[m] = total[m] + np.asarray(column)[..., None] * self.passed[m].derivative(
                    raws[m]
                )
        return total

    def change(self, moved, slopes_moved):
        """Change of the raw predictions, (..., K).

        Parameters
        ----------
        moved : list of ndarray of shape (..., K_m)
            Change of each member's raw predictions at its present columns. The first axis is that
            of the rows.
        slopes_moved : list of ndarray of shape (k, ..., K_m)
            Change of W of each member, for axes that broadcast against those of `moved`.
        """
        axes = (slice(None), *[None] * (moved[0].ndim - 2))
        before = [raw[axes] for raw in self.raws()]
        after, shifts = list(moved), list[np.ndarray]()
        for m in self.order:
            new = before[m] + moved[m]
            for j, shift in enumerate(shifts):
                new = new + (self.slopes[m][j] + slopes_moved[m][j]) * shift
            shifts.append(self.passed[m].value(new) - self.passed[m].value(before[m]))
            after[m] = new
        return self.combination.value(after) - self.combination.value(before)

    def _read_exactly(self, reads):
        parts = enumerate(zip(self.parts, self._probes, strict=True))
        made = [(reads(m, part, None), reads(m, probe, None)) for m, (part, probe) in parts]

        def exact(some):
            moved = [read(some) for read, _ in made]
            return self.change(moved, [_slopes(probe(some)) for _, probe in made])

        return exact

    def own_changes(self, moved, *, linear):
        rows = [part.row_changes(own) for part, own in zip(self.parts, moved, strict=True)]
        if linear:
            return self.pushed(rows)
        probes = zip(self._probes, moved, strict=True)
        return self.change(rows, [_slopes(probe.raw_changes(own)) for probe, own in probes])


def _plain(X):
    return sparse.csr_array(X) if sparse.issparse(X) else np.asarray(X)


def beside(X, columns):
    """X with further columns."""
    if sparse.issparse(X):
        return sparse.csr_array(sparse.hstack([X, columns]))
    return np.concatenate([X, columns], axis=1)


def _slopes(raw):
    """From numbers of probes (1 + k, ...): what each column adds, (k, ...)."""
    return raw[1:] - raw[:1]
