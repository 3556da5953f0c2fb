"""The Hessian of an objective, as an operator on the p = K q parameters."""

import threading
from functools import cached_property

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skinfluence._utils.progress import progress
from skinfluence.kernels import hessian_product, run_chunks
from skinfluence.linalg._blocks import CACHE_MIB, row_blocks
from skinfluence.linalg._pair_grams import PairGrams
from skinfluence.linalg._row_curvature import RowCurvature

#: Pairs of outputs from which, and columns up to which, one product makes all their Gram matrices.
MANY_PAIRS, NARROW = 10, 128
#: Rows that are taken at a time for it.
PAIR_MIB = 0.5


class Hessian(LinearOperator):
    """sum_i (A_i (x) z_i z_i') + diag(penalty), with A_i row i's K x K weighted curvature.

    Parameters are ordered output by output: entry ``k * q + j`` belongs to output k, column j.

    Parameters
    ----------
    design : Design of shape (n, q)
    curvature : RowCurvature, or callable
        Weighted curvature A_i of each row in its K raw predictions. Where it is separable H is
        block diagonal with K blocks of shape (q, q). A function gives that of some rows, and is
        called for them where they are read; all are held once a product needs them, until
        :meth:`release`.
    penalty : ndarray of shape (K, q)
        Second derivative of the penalty, damping included.
    gauge : ndarray of shape (p, m) or None
        Orthonormal directions that the *parametrisation* leaves free (the common shift of
        multinomial coefficients). Every gradient is orthogonal to them.
    exact : bool
        False for a Fisher matrix that stands in for the second derivative. Newton steps and
        leverages need the second derivative itself.
    damping : float
        The part of every entry of `penalty` that the estimator does not have.
    """

    #: least squares that drops directions of small singular values, which are not inverted; see
    #: :class:`~skinfluence.objectives._truncated.TruncatedLeastSquares`
    truncated = None
    #: 1 shows a progress bar while the matrix itself is formed.
    verbose = 0
    #: Whether every A_i is positive semi-definite; else only the sum is, at a minimum.
    convex = True

    def __init__(self, design, curvature, penalty, gauge=None, *, exact=True, damping=0.0):
        self.design = design
        self._form = curvature if callable(curvature) else None
        self._held = None if self._form else curvature
        self.penalty = penalty
        self.exact = exact
        self.damping = damping
        self.gauge = gauge if gauge is not None and gauge.size else None
        self.n_outputs, self.n_columns = penalty.shape
        self.separable = self.curvature_of(slice(0, 1)).separable
        p = penalty.size
        super().__init__(dtype=np.float64, shape=(p, p))

    @property
    def n_rows(self):
        return self.design.shape[0]

    @property
    def curvature(self):
        """Curvature of all rows, held from then on."""
        held = self._held
        if held is None:  # some at a time: what they are made by is as large again
            held = self._held = RowCurvature.gather(self._form, self.n_rows, self.row_blocks())
        return held

    def curvature_of(self, rows):
        """Curvature of some rows."""
        held = self._held
        return self._form(rows) if held is None else held.take(rows)

    def take(self, rows):
        """The Hessian of some rows of the data, with the whole penalty."""
        return Hessian(
            self.design.take(rows),
            self.curvature_of(rows),
            self.penalty,
            self.gauge,
            exact=self.exact,
            damping=self.damping,
        )

    def release(self):
        """Let go of the curvature that can be formed again, for those who are done with it."""
        if self._form:
            self._held = None

    @cached_property
    def blocks_are_equal(self):
        """Whether the K blocks of a separable Hessian are one matrix (squared error)."""
        return self.separable and bool(
            (self.curvature.values == self.curvature.values[:, :1]).all()
            and (self.penalty == self.penalty[:1]).all()
        )

    def _matmat(self, V):
        design, (K, q) = self.design, self.penalty.shape
        V = V.reshape(K, q, -1)  # shape: (K, q, m)
        m = V.shape[2]
        f, offset = design.n_features, np.zeros(K * m)
        # the m numbers of a coefficient stay together: whole cache lines are copied
        columns = V[:, :f].transpose(1, 0, 2).reshape(f, K * m)
        if design.intercept:
            offset = V[:, -1].reshape(K * m)
            if design.center is not None:
                offset = offset - design.center @ columns
        held = self.curvature
        product, sums = hessian_product(design.X, columns.T, offset, held.values, held.factor)
        product = product.T  # shape: (f, K m)
        out = self.penalty[:, :, None] * V
        if design.intercept:
            out[:, -1] += sums.reshape(K, m)
            if design.center is not None:
                for some in row_blocks(f, 8 * K * m, cache_mib=1.0):
                    product[some] -= design.center[some, None] * sums
        out[:, :f] += product.reshape(f, K, m).transpose(1, 0, 2)
        return out.reshape(K * q, m)

    def _matvec(self, v):
        return self._matmat(v.reshape(-1, 1)).ravel()

    def _adjoint(self):
        return self

    def block(self, k):
        """The (q, q) block of output k of a separable Hessian."""
        out = self.design.gram(self.curvature.values[:, k], verbose=self.verbose)
        out[np.diag_indices_from(out)] += self.penalty[k]
        return out

    def to_dense(self):
        """The (p, p) matrix."""
        K, q = self.n_outputs, self.n_columns
        out = np.zeros((K, q, K, q))
        if self.separable:
            for k in range(K):
                out[k, :, k] = self.block(k)
            return out.reshape(K * q, K * q)
        self._add_coupled_grams(out)
        for k in range(K):
            for j in range(k):
                out[k, :, j] = out[j, :, k]
        if self.rows_cancel:
            # A_i 1 = 0: each block on the diagonal is what the others of its row leave
            for k in range(K):
                for j in range(K):
                    if j != k:
                        out[k, :, k] -= out[k, :, j]
        for k in range(K):
            out[k, np.arange(q), k, np.arange(q)] += self.penalty[k]
        return out.reshape(K * q, K * q)

    @cached_property
    def rows_cancel(self):
        """Whether equal changes of all K raw predictions meet no curvature (the softmax)."""
        left = top = 0.0
        for rows in self.row_blocks():
            some = self.curvature_of(rows)
            if some.factor is None:
                return False
            more = some.values - some.factor * some.factor.sum(axis=1, keepdims=True)
            left = np.maximum(left, np.abs(more).max())
            top = np.maximum(top, np.abs(some.values).max())
        return bool(left <= 1e-14 * self.n_outputs * top)

    def row_blocks(self):
        """Slices of rows with which a few arrays (n_rows, K) stay in the cache."""
        return row_blocks(self.n_rows, 32 * self.n_outputs, cache_mib=2.0)

    def _add_coupled_grams(self, out):
        """Z' diag(A_kj) Z for j >= k (or j > k where the others follow), rows read once for all."""
        K = self.n_outputs
        pairs = [(k, j) for k in range(K) for j in range(k + self.rows_cancel, K)]
        if self.design.is_sparse:
            for k, j in self._shown(pairs, len(pairs), "pairs of outputs"):
                out[k, :, j] = self.design.gram(self.curvature.entry(k, j))
            return
        if len(pairs) >= MANY_PAIRS and self.n_columns <= NARROW:
            grams = PairGrams(self.n_columns, len(pairs))
            widest = max(len(pairs), self.n_columns)
            for rows, Z in self._shown_blocks(PAIR_MIB * self.n_columns / widest):
                some = self.curvature_of(rows)
                weights = np.empty((len(pairs), len(Z)))
                for t, (k, j) in enumerate(pairs):
                    weights[t] = some.entry(k, j)
                grams.add(Z, weights.T)
            for t, (k, j) in enumerate(pairs):
                out[k, :, j] = grams.gram(t)
            return
        own = threading.local()  # each thread has a buffer of its own
        for rows, Z in self._shown_blocks(CACHE_MIB):
            some = self.curvature_of(rows)

            def add(pair, some=some, Z=Z):
                k, j = pair
                weight = some.entry(k, j)[:, None]
                if getattr(own, "scaled", None) is None:
                    own.scaled = np.empty_like(Z)
                scaled = own.scaled[: len(Z)]
                if weight.min() < 0.0 < weight.max():
                    out[k, :, j] += Z.T @ np.multiply(Z, weight, out=scaled)
                    return
                # one sign, as the softmax has it: the root of the size makes a symmetric
                # product, half the multiplications of a general one
                np.multiply(Z, np.sqrt(np.abs(weight)), out=scaled)
                gram = scaled.T @ scaled
                out[k, :, j] += gram if weight.max() > 0.0 else -gram

            run_chunks(add, pairs)

    def _shown_blocks(self, cache_mib):
        blocks = self.design.dense_blocks(cache_mib)
        return self._shown(blocks, self.n_rows, "rows", lambda block: len(block[1]))

    def _shown(self, steps, total, unit, size=lambda step: 1):
        return progress(
            steps, total=total, what="Hessian", unit=unit, verbose=self.verbose, size=size
        )

    def diagonal(self):
        """Diagonal of the matrix, shape (p,)."""
        out = self.penalty.astype(float)
        for rows in self.row_blocks():
            out += self.design.take(rows).weighted_square_sums(self.curvature_of(rows).diagonal())
        return out.ravel()
