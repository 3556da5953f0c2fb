"""Which weights change, and what the change does to coefficients and raw predictions."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skinfluence.linalg import SOLVED_MIB, row_blocks

#: MiB of what changes multiply their rows with that are formed at a time.
RHO_MIB = 2.0


@dataclass(frozen=True)
class WeightChanges:
    """A block of changes of row weights, as (change, row, factor) triples.

    In change ``change[t]`` the weight of training row ``row[t]`` is multiplied by ``factor[t]``;
    factor 0 removes it. A removal of single rows is one triple a change, a group several.
    """

    n_changes: int
    change: np.ndarray
    row: np.ndarray
    factor: np.ndarray

    @classmethod
    def removals(cls, rows):
        """Change b removes row ``rows[b]``."""
        rows = np.asarray(rows)
        return cls(len(rows), np.arange(len(rows)), rows, np.zeros(len(rows)))

    @classmethod
    def groups(cls, groups, factor=0.0):
        """Change b multiplies the weights of all rows in ``groups[b]`` (index arrays)."""
        sizes = [len(g) for g in groups]
        rows = np.concatenate([np.asarray(g, dtype=np.intp) for g in groups])
        change = np.repeat(np.arange(len(sizes)), sizes)
        return cls(len(sizes), change, rows, np.full(len(rows), float(factor)))

    def block(self, start, stop):
        """Changes start .. stop - 1, renumbered from 0."""
        inside = (self.change >= start) & (self.change < stop)
        return WeightChanges(
            stop - start, self.change[inside] - start, self.row[inside], self.factor[inside]
        )

    @property
    def single_rows(self):
        """Row of each change if every change touches exactly one row, else None."""
        if len(self.row) == self.n_changes and (self.change == np.arange(self.n_changes)).all():
            return self.row
        return None


class Changes(ABC):
    """What a block of weight changes does to the coefficients and to raw predictions.

    Attributes
    ----------
    n_changes : int
    """

    n_changes: int

    @abstractmethod
    def coef_changes(self):
        """Change of the coefficients, (n_changes, *shape of the coefficients)."""

    def are_lost(self):
        """Which changes are not known, a mask (n_changes,)."""
        return np.array([np.isnan(change).any() for change in self.coef_changes()], dtype=bool)

    @abstractmethod
    def forget(self, some):
        """Make some changes NaN, for a mask: there is no model after them."""

    @abstractmethod
    def ask(self, predictor, slopes=None):
        """What happens to test rows, for some changes at a time.

        What has to be solved is solved here, once for all changes.

        Parameters
        ----------
        predictor : Predictor of the test rows, or ndarray of shape (p, m)
            At the coefficients that the changes are measured from. An array holds directions V in
            the coefficients; the answer is then V' (changes), (m, n_some).
        slopes : ndarray of shape (n_test, K), default=None
            Contracts the K raw predictions of each test row.

        Returns
        -------
        callable
            ``answer(some, out=None)`` for a slice of changes: the change of each test row's raw
            predictions (n_test, n_some, K), or contracted (n_test, n_some), written into `out` if
            given. May be called from several threads.
        """

    def raw_prediction_changes(self, predictor, out=None):
        """Change of each test row's raw predictions, (n_test, n_changes, K)."""
        return self.ask(predictor)(slice(0, self.n_changes), out)


class LinearChanges(Changes):
    """Changes of the form  delta_i = H^-1 (J_i' rho_i + B a_i), one per training row.

    J_i is the Jacobian of the row's raw predictions, which change by J delta_i.

    First order and the Newton step differ in rho and a only. No (n_rows, p) array is formed
    unless the coefficients themselves are asked for.

    Parameters
    ----------
    inverse : InverseHessian
    rows : ndarray of int
        The changed training rows.
    rho : ndarray of shape (n_rows, K), or callable
        A function gives it for some training rows, and is asked for a few at a time.
    directions : ndarray of shape (*shape of the coefficients, m), default=None
        B, the directions shared by all rows (see Coupling); None where there are none.
    shares : ndarray of shape (n_rows, m), default=None
        The coefficients a_i.
    """

    def __init__(self, inverse, rows, rho, directions=None, shares=None):
        hessian = inverse.hessian
        if directions is None:
            directions = np.zeros((*hessian.penalty.shape, 0))
            shares = np.zeros((len(rows), 0))
        self.inverse, self.rows, self._rho = inverse, rows, rho
        self.predictor = hessian.predictor.take(rows)
        self.directions, self.shares = directions, shares
        self.n_changes = len(rows)

    @cached_property
    def rho(self):
        """Of all changes, (n_rows, K)."""
        return self._rho_of(slice(0, self.n_changes))

    def _rho_of(self, some):
        """Of a slice of changes, (n_some, K)."""
        if not callable(self._rho):
            return self._rho[some]
        everything = self.predictor is self.inverse.hessian.predictor
        return self._rho(some if everything else self.rows[some])

    def forget(self, some):
        self._rho = self.rho
        self._rho[some] = np.nan

    def ask(self, predictor, slopes=None):
        K = self.inverse.hessian.n_outputs
        if isinstance(predictor, np.ndarray):
            return self._reader(predictor, range(K))
        if slopes is not None:
            return self._reader(predictor.row_vjp(slopes), range(K))
        n_test = predictor.n_rows
        if self.inverse.hessian.blocks_are_equal and not self.shares.shape[1] and K > 1:
            return self._answer_of_equal_outputs(predictor)
        readers = []
        for k in range(K):
            reached = [k] if self.inverse.hessian.separable else range(K)
            readers.append(self._reader(predictor.output_vjp(k, K), reached))
        if K == 1:
            return lambda some, out=None: _last_axis(readers[0], some, out)

        def answer(some, out=None):
            if out is None:
                out = np.empty((n_test, some.stop - some.start, K), self.predictor.dtype)
            for k, read in enumerate(readers):
                out[:, :, k] = read(some)
            return out

        return answer

    def _answer_of_equal_outputs(self, predictor):
        """Where all outputs have one Hessian, one product of rows serves them all."""
        K = self.inverse.hessian.n_outputs
        scores, _ = self._scores(predictor.output_vjp(0, K), [0])

        def answer(some, out=None):
            rho = self._rho_of(some)
            shared = scores(some, np.ones((len(rho), 1)))
            if out is None:
                out = np.empty((*shared.shape, K), self.predictor.dtype)
            return np.multiply(shared[:, :, None], rho, out=out)

        return answer

    def _reader(self, V, outputs):
        """V' (changes) for right-hand sides V (p, m), as a function of some changes: (m, n_some).

        `outputs` are those that V reaches.
        """
        K = self.inverse.hessian.n_outputs
        scores, shared = self._scores(V, outputs)
        reached = slice(outputs[0], outputs[-1] + 1)

        def read(some, out=None):
            if out is None:
                out = np.empty((V.shape[1], some.stop - some.start), self.predictor.dtype)
            for part in row_blocks(some.stop - some.start, 32 * K, cache_mib=RHO_MIB):
                own = slice(some.start + part.start, some.start + part.stop)
                scores(own, self._rho_of(own)[:, reached], out[:, part])
            if shared is not None:
                out += shared @ self.shares[some].T
            return out

        return read

    def _scores(self, V, outputs):
        """(function of a slice of changes and their rho, V' H^-1 B or None).

        The function gives V' H^-1 J_i' rho_i, of shape (m, n_some), as the predictor's
        `score_reader` does.
        """
        crossed, shared, solved = self.inverse.cross_solve(V), None, None
        if crossed is None or self.shares.shape[1]:
            solved = self.inverse.solve(V)
        if self.shares.shape[1]:
            shared = solved.T @ self.directions.reshape(len(V), -1)
        if crossed is None:
            return self.predictor.score_reader(solved, outputs), shared
        crossed = [crossed[k][self.rows].T for k in outputs]

        def read(some, rho, out=None):
            made = crossed[0][:, some] * rho[:, 0]
            for k, part in enumerate(crossed[1:], 1):
                made += part[:, some] * rho[:, k]
            if out is not None:
                out[:] = made
            return made if out is None else out

        return read, shared

    def own_raw_prediction_changes(self):
        """Change of each removed row's own raw predictions, (n_rows, K)."""
        if not self.inverse.factorized:
            return self._own_one_by_one()  # one solution a row, where the forms need K
        own = np.empty(self.rho.shape)
        for some, forms in self.inverse.row_form_blocks(self.rows, 8 * own.shape[1] ** 2):
            own[some] = np.einsum("nkj,nj->nk", forms, self.rho[some])
        if self.shares.shape[1]:
            own += reach(self.inverse, self.predictor, self.directions, self.shares)
        return own

    def _own_one_by_one(self):
        own = np.empty((self.n_changes, self.inverse.hessian.n_outputs))
        for some in row_blocks(self.n_changes, 24 * self.inverse.shape[0], cache_mib=SOLVED_MIB):
            own[some] = self.predictor.take(some).row_jvp(self._solved(some))
        return own

    def coef_changes(self):
        solved = self._solved(slice(0, self.n_changes))
        shape = self.inverse.hessian.penalty.shape
        return np.ascontiguousarray(solved.T).reshape(-1, *shape)

    def _solved(self, some):
        """Changes of the coefficients, flat, for a slice of changes: (p, n_some)."""
        rho = self._rho_of(some)
        lost = np.isnan(rho).any(axis=1)
        solved = self.inverse.solve_rows(self.rows[some], np.where(lost[:, None], 0.0, rho))
        solved[:, lost] = np.nan
        if self.shares.shape[1]:
            shared = self.inverse.solve(self.directions.reshape(len(solved), -1))
            solved += shared @ self.shares[some].T
        return solved


def _last_axis(read, some, out):
    """The same with an axis of one output at the end."""
    return read(some, None if out is None else out[:, :, 0])[:, :, None]


def reach(inverse, predictor, directions, shares):
    """J_i H^-1 B a_i: what the shared directions do to each row's raw predictions, (n_rows, K)."""
    solved = inverse.solve(directions.reshape(-1, directions.shape[-1]))
    return np.einsum("nkm,nm->nk", predictor.jvp(solved), shares)


class PartitionedChanges(Changes):
    """Changes in several parts, such as one for each class: (positions, changes) pairs.

    Positions are sorted within each part.
    """

    def __init__(self, parts):
        self.parts = parts
        self.n_changes = sum(len(place) for place, _ in parts)

    def forget(self, some):
        for place, part in self.parts:
            part.forget(some[place])

    def _gather(self, make):
        for position, (place, part) in enumerate(self.parts):
            made = make(part)
            if position == 0:
                out = np.empty((self.n_changes, *made.shape[1:]))
            out[place] = made
        return out

    def ask(self, predictor, slopes=None):
        answers = [(place, part.ask(predictor, slopes)) for place, part in self.parts]

        def answer(some, out=None):
            for place, ask in answers:
                a, b = np.searchsorted(place, (some.start, some.stop))
                made = ask(slice(a, b))
                if out is None:
                    n_some = some.stop - some.start
                    out = np.empty((made.shape[0], n_some, *made.shape[2:]), made.dtype)
                out[:, place[a:b] - some.start] = made
            return out

        return answer

    def own_raw_prediction_changes(self):
        """See :meth:`LinearChanges.own_raw_prediction_changes`."""
        return self._gather(lambda part: part.own_raw_prediction_changes())

    def coef_changes(self):
        return self._gather(lambda part: part.coef_changes())


class SummedChanges(Changes):
    """Changes of the same rows that add up."""

    def __init__(self, parts):
        self.parts = parts
        self.n_changes = parts[0].n_changes

    def forget(self, some):
        self.parts[0].forget(some)

    def ask(self, predictor, slopes=None):
        answers = [part.ask(predictor, slopes) for part in self.parts]

        def answer(some, out=None):
            out = answers[0](some, out)
            for ask in answers[1:]:
                out += ask(some)
            return out

        return answer

    def own_raw_prediction_changes(self):
        """See :meth:`LinearChanges.own_raw_prediction_changes`."""
        return sum(part.own_raw_prediction_changes() for part in self.parts)

    def coef_changes(self):
        return sum(part.coef_changes() for part in self.parts)


class RefittedChanges(Changes):
    """Coefficient changes that were computed one by one, (n_changes, *shape of the coefficients).

    `predictor` holds the row of each change, where its own raw predictions may be asked for.
    """

    def __init__(self, coef_changes, predictor=None):
        self._coef_changes = coef_changes
        self._predictor = predictor
        self.n_changes = len(coef_changes)

    def own_raw_prediction_changes(self):
        """Change of each removed row's own raw predictions, (n_rows, K)."""
        return self._predictor.row_changes(self._coef_changes)

    def forget(self, some):
        self._coef_changes[some] = np.nan

    def among(self, known):
        """These changes at the places that a mask marks, and NaN at the others."""
        coef = np.full((len(known), *self._coef_changes.shape[1:]), np.nan)
        coef[known] = self._coef_changes
        return RefittedChanges(coef)

    def coef_changes(self):
        return self._coef_changes

    def ask(self, predictor, slopes=None):
        def answer(some, out=None):
            coef = self._coef_changes[some]
            if isinstance(predictor, np.ndarray):
                return np.matmul(predictor.T, coef.reshape(len(coef), -1).T, out=out)
            made = predictor.raw_changes(coef)  # shape: (n_test, n_some, K)
            if slopes is not None:
                made = np.einsum("tk,tnk->tn", slopes, made)
            if out is None:
                return made
            out[:] = made
            return out

        return answer
