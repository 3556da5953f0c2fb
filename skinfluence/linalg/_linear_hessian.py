"""The Hessian of raw predictions that are linear in the p = K q parameters."""

import threading
from functools import cached_property

import numpy as np

from skinfluence._utils.progress import progress
from skinfluence.kernels import hessian_product, run_chunks
from skinfluence.linalg._blocks import CACHE_MIB, row_blocks
from skinfluence.linalg._hessian import Hessian
from skinfluence.linalg._pair_grams import PairGrams

#: Pairs of outputs from which, and columns up to which, one product makes all their Gram matrices.
MANY_PAIRS, NARROW = 10, 128
#: Rows that are taken at a time for it.
PAIR_MIB = 0.5


class LinearHessian(Hessian):
    """sum_i (A_i (x) z_i z_i') + P: the Hessian of raw predictions that are linear, Theta z.

    Parameters are ordered output by output: entry ``k * q + j`` belongs to output k, column j.
    Where the curvature is separable the matrix is block diagonal with K blocks of shape (q, q).

    Parameters
    ----------
    predictor : LinearPredictor
        With coefficients of shape (K, q). All other parameters are those of :class:`Hessian`.
    """

    linear = True

    def __init__(self, predictor, curvature, penalty, non_identifiable=None, **settings):
        super().__init__(predictor, curvature, penalty, non_identifiable, **settings)
        self.design = predictor.design
        self.n_columns = self.penalty.shape[1]
        self.separable = self.curvature_of(slice(0, 1)).separable

    def take(self, rows):
        """The Hessian of some rows of the data, with the whole penalty."""
        return LinearHessian(
            self.predictor.take(rows),
            self.curvature_of(rows),
            self.penalty_term,
            self.non_identifiable,
            exact=self.exact,
            damping=self.damping,
        )

    @cached_property
    def blocks_are_equal(self):  # type: ignore[override]
        """Whether the K blocks of a separable Hessian are one matrix (squared error)."""
        return self.separable and bool(
            (self.curvature.values == self.curvature.values[:, :1]).all()
            and self.penalty_term.outputs_are_equal
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
        curvature = self.curvature
        product, sums = hessian_product(
            design.X,
            columns.T,
            offset,
            curvature.values,
            curvature.factor,
            n_products=self.n_products,
        )
        product = product.T  # shape: (f, K m)
        out = self.penalty_term.product(V.reshape(K * q, m)).reshape(V.shape)
        if design.intercept:
            out[:, -1] += sums.reshape(K, m)
            if design.center is not None:
                for some in row_blocks(f, 8 * K * m, cache_mib=1.0):
                    product[some] -= design.center[some, None] * sums
        out[:, :f] += product.reshape(f, K, m).transpose(1, 0, 2)
        return out.reshape(K * q, m)

    def block(self, k):
        """The (q, q) block of output k of a separable Hessian."""
        if self.data is not None:
            own = slice(k * self.n_columns, (k + 1) * self.n_columns)
            out = self.data[own, own].copy()
        else:
            weights = self.curvature.values[:, k]
            out = self.design.gram(weights, coarse=self.coarse, verbose=self.verbose)
        self._add_penalty(out, k)
        return out

    def _add_penalty(self, out, k):
        if self.penalty_term.matrix is not None:
            out += self.penalty_term.block(k)
        else:
            out[np.diag_indices_from(out)] += self.penalty[k]

    def to_dense(self):
        """The (p, p) matrix."""
        K, q = self.n_outputs, self.n_columns
        out = np.zeros((K, q, K, q))
        if self.separable:
            for k in range(K):
                out[k, :, k] = out[0, :, 0] if k and self.blocks_are_equal else self.block(k)
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
            self._add_penalty(out[k, :, k], k)
        return out.reshape(K * q, K * q)

    @cached_property
    def rows_cancel(self):  # type: ignore[override]
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
