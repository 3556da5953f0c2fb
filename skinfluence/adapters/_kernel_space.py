"""The functions that the kernels of training rows span, with columns where these are needed."""

from functools import cached_property

import numpy as np

from skinfluence.linalg import Design, row_blocks

#: MiB of kernels that are made at a time: fresh memory costs more than they do.
BLOCK_MIB = 8.0


class KernelSpace:
    """Functions that kernels of some training rows span, and their columns where these are needed.

    Parameters
    ----------
    kernel : RowKernel
        Of the training rows, positive semi-definite.
    make_columns : callable
        ``make_columns(kernel, matrix=...)`` gives the KernelColumns.
    intercept : bool
        Whether there is an intercept too.
    weights : ndarray of shape (n,), default=None
        By which the columns are centred; not at all without.
    """

    is_limited = False

    def __init__(self, kernel, make_columns, intercept, weights=None):
        self.kernel, self._make_columns = kernel, make_columns
        self._intercept, self._weights = intercept, weights

    @cached_property
    def gram(self):
        """Kernel matrix of the training rows."""
        rows, n = self.kernel.rows, self.kernel.n_rows
        out = np.empty((n, n))
        for some in row_blocks(n, 8 * n, cache_mib=BLOCK_MIB):
            out[some] = self.kernel(rows[some])
        return out

    @cached_property
    def diagonal(self):
        """Kernel of each training row with itself, (n,)."""
        return np.diag(self.gram).copy()

    @property
    def has_columns(self):
        """Whether the columns were made."""
        return "_made" in vars(self)

    @cached_property
    def _made(self):
        """(KernelColumns, Design of the training rows), in the place of the kernel matrix."""
        columns = self._make_columns(self.kernel, matrix=self.gram)
        del self.gram
        Z, center = columns.take_training(), None
        if self._weights is not None:
            center = (self._weights @ Z) / self._weights.sum()
        return columns, Design(Z, center, self._intercept)

    def __call__(self, X):
        """The columns of any rows."""
        return self.columns(X)

    def left_out(self, X):
        """See :meth:`skinfluence.adapters._kernel.KernelColumns.left_out`."""
        return self.columns.left_out(X)

    @property
    def columns(self):
        return self._made[0]

    @property
    def design(self):
        return self._made[1]

    def coef(self, dual, intercept):
        """Coefficients (K, q) on the columns of functions with dual coefficients (n, K)."""
        design = self.design
        features = dual.T @ design.X
        if intercept is None:
            return features
        if design.center is not None:
            intercept = intercept + features @ design.center
        return np.column_stack([features, intercept])
