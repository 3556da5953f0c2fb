"""Kernel machines: linear predictors whose columns are made where kernels do not suffice."""

from functools import cached_property
from typing import Any

import numpy as np

from skinfluence.predictors._linear import LinearPredictor


class KernelPredictor(LinearPredictor):
    """Raw predictions ``sum_j dual_j k(x_j, x)``, plus an intercept and an offset.

    A linear predictor on the columns of its space. These cost a factorisation of the kernel matrix,
    and are made when a design or coefficients are asked for.

    Parameters
    ----------
    space : KernelSpace
        Of the n training rows.
    dual : ndarray of shape (n, K)
    intercept : ndarray of shape (K,), default=None
        None where there is none.
    offset : ndarray of shape (n_rows, K), default=None
    offset_of : callable, default=None
        See LinearPredictor.
    """

    #: rows of a table, (n_rows, n_features), and which training rows: all where both are None
    X: Any = None
    rows: Any = None

    def __init__(self, space, dual, intercept=None, *, offset=None, offset_of=None):
        self.space, self.dual, self.intercept = space, dual, intercept
        self.offset, self.offset_of = offset, offset_of

    @cached_property
    def _design(self):
        design = self.space.design
        if self.X is not None:
            return design.with_rows_of(self.space.columns(self.X))
        return design if self.rows is None else design.take(self.rows)

    @cached_property
    def coef(self):
        return self.space.coef(self.dual, self.intercept)

    @property
    def columns(self):  # type: ignore[override]
        return self.space

    @property
    def n_rows(self):
        if self.X is not None:
            return self.X.shape[0]
        return len(self.dual) if self.rows is None else len(self.rows)

    @property
    def n_stored(self):
        """Coefficients, or a few more: without making the columns."""
        return self.dual.size

    @property
    def dtype(self):
        return np.dtype(np.float64)

    @property
    def kernels(self):
        """Kernel of each row with all training rows, (n_rows, n)."""
        if self.X is not None:
            return self._kernels
        return self.space.gram if self.rows is None else self.space.gram[self.rows]

    @cached_property
    def _kernels(self):
        return self.space.kernel(self.X)

    def raw(self):
        if self.space.has_columns:
            return super().raw()
        out = self.kernels @ self.dual
        out = out if self.intercept is None else out + self.intercept
        return out if self.offset is None else out + self.offset

    def explicit(self):
        """The linear predictor on columns that are made."""
        return self.with_coef(self.coef)

    def moved_to(self, dual, intercept):
        """The same rows at other dual coefficients."""
        return self._replace(dual=dual, intercept=intercept)

    def take(self, rows):
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
        rows = np.arange(self.n_rows)[rows]
        if np.array_equal(rows, np.arange(self.n_rows)):
            return self
        offset = None if self.offset is None else self.offset[rows]
        if self.X is not None:
            return self._replace(X=self.X[rows], offset=offset)
        return self._replace(rows=rows if self.rows is None else self.rows[rows], offset=offset)

    def of(self, X):
        offset = None if self.offset_of is None else self.offset_of(X)
        return self._replace(X=X, rows=None, offset=offset)

    def with_coef(self, coef):
        return LinearPredictor(
            self._design,
            coef,
            offset=self.offset,
            columns=self.columns,
            offset_of=self.offset_of,
        )

    def at(self, other):
        if isinstance(other, KernelPredictor):
            same = other.dual is self.dual and other.intercept is self.intercept
            return self if same else self.moved_to(other.dual, other.intercept)
        return self.with_coef(other.coef)

    def followed_by(self, other):
        return self.explicit().followed_by(other)

    def uncentred(self):
        return self.explicit().uncentred()
