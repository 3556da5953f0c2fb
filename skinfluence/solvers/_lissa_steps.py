"""Three ways to make the steps of LiSSA: numpy, and compiled for dense and for sparse rows.

All make the same steps on the same rows. Each holds V in the memory order that its loops like:
`start` makes it, `advance` changes it in place, `common` gives it as (n_repeats, m, K, q).
"""

import numpy as np

from skinfluence.kernels import lissa_csr, lissa_dense

#: Numbers updated beyond which a compiled kernel pays, whose compilation takes some seconds.
KERNEL_WORK = 3e8
#: Bytes of drawn rows that the numpy way makes dense at a time.
BLOCK_BYTES = 2**25


def choose_steps(hessian, work):
    """The class of steps for a Hessian and a number of updates (see :data:`KERNEL_WORK`)."""
    if work < KERNEL_WORK or hessian.curvature.full:
        return NumpySteps
    if not hessian.design.is_sparse:
        return DenseSteps
    return NumpySteps if hessian.design.center is not None else CsrSteps


class NumpySteps:
    """All repeats at once in matrix products; any curvature, any design.

    Parameters
    ----------
    hessian : Hessian
    row_scale : ndarray of shape (n,)
        Factor of a drawn row's curvature.
    weights : ndarray of shape (K, q) or (1, q)
        The preconditioner.
    scale : float
    """

    def __init__(self, hessian, row_scale, weights, scale):
        self.hessian = hessian
        self.row_scale = row_scale
        self.step = weights / scale
        penalty = hessian.penalty
        alike = bool((penalty == penalty[:1]).all())
        self.shrink = (penalty[:1] if alike else penalty) * self.step  # shape: (1 or K, q)

    def start(self, b, n_repeats):
        """(V = 0, drift) for right-hand sides b of shape (m, K, q)."""
        drift = b * self.step
        return np.zeros((n_repeats, *drift.shape)), drift

    def take(self, V, columns):
        """The same for some of the right-hand sides."""
        return np.ascontiguousarray(V[..., columns, :, :])

    def common(self, V):
        return V

    def advance(self, V, drift, rows):
        """len(rows) steps; rows has shape (n_steps, n_repeats, batch_size)."""
        n_repeats, m, K, q = V.shape
        size = max(1, BLOCK_BYTES // (8 * q * rows[0].size))
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            Z_all = self.hessian.design.take(some.ravel()).to_dense().reshape(*some.shape, q)
            for Z, drawn in zip(Z_all, some, strict=True):
                flat = V.reshape(n_repeats, m * K, q)
                raw = Z @ flat.transpose(0, 2, 1)  # shape: (n_repeats, batch, m K)
                raw = raw.reshape(-1, m, K).transpose(0, 2, 1)
                bent = self.hessian.curvature_of(drawn.ravel()).apply(raw)
                bent = bent * self.row_scale[drawn.ravel(), None, None]
                bent = bent.transpose(0, 2, 1).reshape(n_repeats, -1, m * K)
                move = (bent.transpose(0, 2, 1) @ Z).reshape(V.shape)
                V -= V * self.shrink
                V += drift - self.step * move


class DenseSteps(NumpySteps):
    """The compiled loop over dense rows."""

    def advance(self, V, drift, rows):
        hessian, K = self.hessian, self.hessian.n_outputs
        curvature = hessian.curvature
        center = hessian.design.center
        lissa_dense(
            hessian.design.X,
            np.zeros(hessian.design.n_features) if center is None else center,
            curvature.values,
            np.empty((0, K)) if curvature.factor is None else curvature.factor,
            self.row_scale,
            rows,
            self.shrink,
            self.step,
            drift,
            V,
        )


class CsrSteps(NumpySteps):
    """The compiled loop over sparse rows, which touches only their columns."""

    def __init__(self, hessian, row_scale, weights, scale):
        super().__init__(hessian, row_scale, weights, scale)
        self._shrink = np.ascontiguousarray(self.shrink.T)
        self._pace = np.ascontiguousarray(self.step.T)

    def start(self, b, n_repeats):
        drift = np.ascontiguousarray((b * self.step).transpose(2, 0, 1))  # shape: (q, m, K)
        return np.zeros((n_repeats, *drift.shape)), drift

    def take(self, V, columns):
        return np.ascontiguousarray(V[..., columns, :])

    def common(self, V):
        return V.transpose(0, 2, 3, 1)

    def advance(self, V, drift, rows):
        hessian, K = self.hessian, self.hessian.n_outputs
        curvature = hessian.curvature
        X = hessian.design.X
        lissa_csr(
            X.data,
            X.indices,
            X.indptr,
            bool(hessian.design.intercept),
            curvature.values,
            np.empty((0, K)) if curvature.factor is None else curvature.factor,
            self.row_scale,
            rows,
            self._shrink,
            self._pace,
            drift,
            V,
        )
