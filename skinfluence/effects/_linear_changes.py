"""Changes of the coefficients that are the inverse Hessian times one or two row terms."""

from functools import cached_property

import numpy as np

from skinfluence.effects._changes import Changes, StoredChanges
from skinfluence.linalg import SOLVED_MIB, row_blocks

#: MiB of residuals that are formed at a time.
RESIDUAL_MIB = 2.0


class LinearChanges(Changes):
    """Changes of the form  delta_b = H^-1 (J_b' r_b - J'_b' r'_b + B a_b).

    J_b is the Jacobian of the raw predictions of a training row, (x) z_b for linear predictors, and
    J'_b that of a new row in its place, if any. First order and the Newton step of single rows
    differ in r and a only. No array of shape (n_changes, p) is formed unless the coefficients
    themselves are needed.

    Parameters
    ----------
    inverse : InverseHessian
    rows : ndarray of int, shape (n_changes,)
        The edited training rows.
    residual : ndarray of shape (n_changes, K), or callable
        r: the weighted residuals, or deleted residuals. A function gives those of some training
        rows, and is called for a few at a time.
    directions : ndarray of shape (..., m), default=None
        B, shared by all changes (see Coupling); None where there are none.
    low_rank_coefs : ndarray of shape (n_changes, m), default=None
        The coefficients a_b.
    new : (Predictor of n_changes rows, ndarray of shape (n_changes, K)), default=None
        The new rows, and r'.
    own : ndarray of shape (n_changes, K), default=None
        Changes of the rows' own raw predictions, where they are known.
    """

    def __init__(
        self, inverse, rows, residual, directions=None, low_rank_coefs=None, *, new=None, own=None
    ):
        hessian = inverse.hessian
        if directions is None:
            directions = np.zeros((*hessian.penalty.shape, 0))
            low_rank_coefs = np.zeros((len(rows), 0))
        self.inverse, self.rows, self._residual, self.new = inverse, rows, residual, new
        self._own = own
        self.predictor = hessian.predictor.take(rows)
        self.directions, self.low_rank_coefs = directions, low_rank_coefs
        self.n_changes = len(rows)

    @cached_property
    def residual(self):
        """r of all changes, (n_changes, K)."""
        return self._residual_of(slice(0, self.n_changes))

    def _residual_of(self, some):
        """r of a slice of changes, (n_some, K)."""
        if not callable(self._residual):
            return self._residual[some]
        everything = self.predictor is self.inverse.hessian.predictor
        return self._residual(some if everything else self.rows[some])

    def set_nan(self, some):
        # a copy: an inverse may keep it
        self.residual = self._residual = self.residual.copy()
        self.residual[some], self._own = np.nan, None

    def take(self, some):
        """Some of the changes, for a slice or an array of int."""
        coefs = self.low_rank_coefs[some]
        return LinearChanges(
            self.inverse, self.rows[some], self.residual[some], self.directions, coefs
        )

    def divided(self, lengths):
        """The changes divided by their lengths (n_changes,); 0 where the length is 0."""
        factor = np.divide(1.0, lengths, out=np.zeros(len(lengths)), where=lengths > 0)[:, None]
        coefs = self.low_rank_coefs * factor
        return LinearChanges(
            self.inverse, self.rows, self.residual * factor, self.directions, coefs
        )

    def contract(self, predictor, slopes=None):
        if slopes is not None:
            return self.products(predictor.row_vjp(slopes))
        hessian, low_rank = self.inverse.hessian, self.low_rank_coefs.shape[1] > 0
        K, n_test = hessian.n_outputs, predictor.n_rows
        if K > 1 and hessian.blocks_are_equal and not low_rank and self.new is None:
            return self._contract_equal_outputs(predictor)
        readers = []
        for k in range(K):
            reached = [k] if hessian.separable else range(K)
            readers.append(self.products(predictor.output_vjp(k, K), reached))
        if K == 1:
            return lambda some, out=None: _last_axis(readers[0], some, out)

        def contracted(some, out=None):
            if out is None:
                out = np.empty((n_test, some.stop - some.start, K), self.predictor.dtype)
            for k, read in enumerate(readers):
                out[:, :, k] = read(some)
            return out

        return contracted

    def _contract_equal_outputs(self, predictor):
        """Contraction where all outputs have one Hessian: one product of rows serves all."""
        V = predictor.output_vjp(0, self.inverse.hessian.n_outputs)
        crossed = self.inverse.cross_solve(V)
        scores = self._scores(crossed, self.inverse.solve(V) if crossed is None else None, [0])

        def contracted(some, out=None):
            residual = self._residual_of(some)
            shared = scores(some, np.ones((len(residual), 1)))
            if out is None:
                out = np.empty((*shared.shape, residual.shape[1]), self.predictor.dtype)
            return np.multiply(shared[:, :, None], residual, out=out)

        return contracted

    def products(self, V, outputs=None):
        """V' delta for directions V (p, m), as a function of a slice of changes: (m, n_some).

        `outputs` are those that V reaches, all by default.
        """
        K = self.inverse.hessian.n_outputs
        outputs = range(K) if outputs is None else outputs
        reached = slice(outputs[0], outputs[-1] + 1)
        crossed, solved = self.inverse.cross_solve(V), None
        if crossed is None or self.low_rank_coefs.shape[1] or self.new is not None:
            solved = self.inverse.solve(V)
        shared, new_scores = np.zeros((V.shape[1], 0)), None
        if self.low_rank_coefs.shape[1]:
            shared = solved.T @ self.directions.reshape(len(V), -1)
        if crossed is None and self.new is None:
            at_once = self.predictor.scaled_rows_reader(solved, outputs, shared)
            if at_once is not None:
                return self._read_at_once(at_once, V.shape[1], reached)
        scores = self._scores(crossed, solved, outputs)
        if self.new is not None:
            new_scores = self.new[0].score_reader(solved, outputs)

        def read(some, out=None):
            if out is None:
                out = np.empty((V.shape[1], some.stop - some.start), self.predictor.dtype)
            for part in row_blocks(some.stop - some.start, 32 * K, cache_mib=RESIDUAL_MIB):
                own = slice(some.start + part.start, some.start + part.stop)
                scores(own, self._residual_of(own)[:, reached], out[:, part])
                if new_scores is not None:
                    out[:, part] -= new_scores(own, self.new[1][own, reached])
            if shared.shape[1]:
                out += shared @ self.low_rank_coefs[some].T
            return out

        return read

    def _read_at_once(self, at_once, m, reached):
        """:meth:`products` by a reader of scaled rows."""

        def read(some, out=None):
            if out is None:
                out = np.empty((m, some.stop - some.start), self.predictor.dtype)
            residual = self._residual_of(some)[:, reached]
            return at_once(some, residual, self.low_rank_coefs[some], out)

        return read

    def _scores(self, crossed, solved, outputs):
        """V' H^-1 J' r as a function of a slice of changes and their r: (m, n_some).

        By the cross products J H^-1 V where the inverse has them, else by ``H^-1 V``; as the
        predictor's `score_reader` does.
        """
        if crossed is None:
            return self.predictor.score_reader(solved, outputs)
        crossed = [crossed[k][self.rows].T for k in outputs]

        def read(some, residual, out=None):
            made = crossed[0][:, some] * residual[:, 0]
            for k, part in enumerate(crossed[1:], 1):
                made += part[:, some] * residual[:, k]
            if out is not None:
                out[:] = made
            return made if out is None else out

        return read

    def own_raw_prediction_changes(self):
        if self._own is not None:
            return self._own.copy()
        if not self.inverse.factorized or self.new is not None:
            return self._own_one_by_one()  # one solution a row, where the forms need K
        own = np.empty(self.residual.shape)
        for some, forms in self.inverse.iter_leverage_blocks(self.rows, 8 * own.shape[1] ** 2):
            own[some] = np.einsum("nkj,nj->nk", forms, self.residual[some])
        if self.low_rank_coefs.shape[1]:
            own += low_rank_raw_changes(
                self.inverse, self.predictor, self.directions, self.low_rank_coefs
            )
        return own

    def _own_one_by_one(self):
        own = np.empty((self.n_changes, self.inverse.hessian.n_outputs))
        for some in row_blocks(self.n_changes, 24 * self.inverse.shape[0], cache_mib=SOLVED_MIB):
            own[some] = self.predictor.take(some).row_jvp(self._solved(some))
        return own

    def coef_changes(self):
        solved = self._solved(slice(0, self.n_changes))
        return np.ascontiguousarray(solved.T).reshape(-1, *self.inverse.hessian.penalty.shape)

    def _solved(self, some):
        """Changes of the coefficients, flat, for a slice of changes: (p, n_some)."""
        residual = self._residual_of(some)
        lost = np.isnan(residual).any(axis=1)
        kept = np.where(lost[:, None], 0.0, residual)
        if self.new is None:
            solved = self.inverse.solve_rows(self.rows[some], kept)
        else:
            new, gained = self.new[0].take(some), self.new[1][some]
            V = self.predictor.take(some).row_vjp(kept) - new.row_vjp(gained)
            solved = self.inverse.solve(V)
        solved[:, lost] = np.nan
        if self.low_rank_coefs.shape[1]:
            shared = self.inverse.solve(self.directions.reshape(len(solved), -1))
            solved += shared @ self.low_rank_coefs[some].T
        return solved

    def summed(self, edits):
        V = np.zeros((*self.inverse.hessian.penalty.shape, edits.n_edits))
        for b, (rows, lost) in enumerate(edits.parts()):
            if not len(rows):
                continue
            weighted = (self.residual[rows] * lost[:, None])[:, :, None]
            V[..., b] = self.predictor.take(rows).vjp(weighted).reshape(V.shape[:-1])
            V[..., b] += self.directions @ (lost @ self.low_rank_coefs[rows])
        return solved_changes(self.inverse, V)


def _last_axis(read, some, out):
    """Result of `read` with an axis of one output at the end."""
    return read(some, None if out is None else out[:, :, 0])[:, :, None]


def low_rank_raw_changes(inverse, predictor, directions, coefs):
    """J_i H^-1 B a_i: each row's own raw predictions along shared directions, (n_rows, K)."""
    solved = inverse.solve(directions.reshape(-1, directions.shape[-1]))
    return np.einsum("nkm,nm->nk", predictor.jvp(solved), coefs)


def solved_changes(inverse, V):
    """Changes of the coefficients H^-1 V, with an axis of changes at the end of V."""
    *shape, n_changes = V.shape
    solved = inverse.solve(np.ascontiguousarray(V).reshape(-1, n_changes))
    return StoredChanges(np.ascontiguousarray(solved.T).reshape(n_changes, *shape))
