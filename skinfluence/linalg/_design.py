"""The design Z = [X - center, 1]: the intercept and the centring are algebra, not copies of X."""

from functools import partial

import numpy as np
from scipy import sparse

from skinfluence._utils.progress import progress_bar
from skinfluence.kernels import csr_gram, csr_quadratic_form, row_chunks, sum_chunks
from skinfluence.linalg._blocks import CACHE_MIB, block_size, row_blocks, slices

#: Products of two entries of a row, in all, from which a compiled Gram matrix is worth waiting for
#: the compiler: a second of scipy's sparse product.
KERNEL_WORK = 2e8

#: What the centre may add to a float32 product, in sizes of the result: three binary digits.
MOST_LOST = 8.0


class Design:
    """Rows z_i of the linear model ``raw_prediction = Theta z``, as an operator.

    ``Z = [X - center, 1]`` without being stored: `X` is kept by reference. Where the intercept is
    not penalised, centring is a change of coordinates that leaves every influence as it is and
    takes the offset of the columns out of the Hessian's condition number (squared!).

    Parameters
    ----------
    X : ndarray or CSR of shape (n, n_features), float64 or float32
        float32 is read as it is, at half the memory, and every sum over it is taken in float64;
        only :meth:`transposed_matmul`, whose result is of the size of the results, is in float32
        then.
    center : ndarray of shape (n_features,) or None
        Subtracted from every row. Needs `intercept`, or the model would change.
    intercept : bool
        Whether a column of ones follows the features.
    """

    def __init__(self, X, center=None, intercept=False):
        self.X = X
        self.center = center
        self.intercept = intercept
        n, n_features = X.shape
        self.shape = (n, n_features + bool(intercept))  # (n, q)

    @property
    def is_sparse(self):
        return sparse.issparse(self.X)

    @property
    def n_features(self):
        return self.X.shape[1]

    @property
    def dtype(self):
        """Of X, and of results that are as large as a table: float64 or float32."""
        return self.X.dtype

    @property
    def _is_single(self):
        return self.X.dtype == np.float32 and not self.is_sparse  # scipy itself adds in float64

    def _wide_blocks(self):
        """(slice, X[slice] in float64) over the rows of a float32 table, in the cache."""
        for rows in row_blocks(self.shape[0], 8 * self.n_features, cache_mib=0.5):
            yield rows, self.X[rows].astype(np.float64)

    def matmul(self, V):
        """Z @ V for V of shape (q, m) -> (n, m), float64."""
        features = V[: self.n_features]
        if self._is_single:
            out = np.empty((self.shape[0], V.shape[1]))
            for rows, X in self._wide_blocks():
                np.matmul(X, features, out=out[rows])
        else:
            out = self.X @ features
        if self.intercept:
            out += self.offset(V)
        return out

    def offset(self, V):
        """What the column of ones and the centre add to X @ V, (m,); None without an intercept."""
        if not self.intercept:
            return None
        return V[-1] if self.center is None else V[-1] - self.center @ V[:-1]

    def transposed_matmul(self, V, out=None):
        """(Z @ V)' for V of shape (q, m) -> (m, n) in the type of X, into `out` if given."""
        features = V[: self.n_features]
        out = np.empty((V.shape[1], self.shape[0]), self.dtype) if out is None else out
        offset = self.offset(V)
        if self.is_sparse:
            product = self.X @ features
            out[:] = (product if offset is None else product + offset).T
            return out
        np.matmul(features.T.astype(self.dtype, copy=False), self.X.T, out=out)
        if offset is not None:
            out += offset[:, None].astype(self.dtype, copy=False)
        if self._is_single and self.center is not None:
            # rows far from zero lose in the product the digits that the offset takes away
            size = np.maximum(out.max(axis=1, initial=0.0), -out.min(axis=1, initial=0.0))
            if (np.abs(self.center) @ np.abs(features) > MOST_LOST * size).any():
                self._centred_product(V, out)
        return out

    def _centred_product(self, V, out):
        """(Z @ V)' in float32 with the centre taken from the rows; up to 2.5 times slower."""
        center = self.center.astype(np.float32)
        features = V[: self.n_features]
        offset = V[-1] - (self.center - center) @ features
        turned = np.ascontiguousarray(features.T, dtype=np.float32)
        for rows in row_blocks(self.shape[0], 4 * self.n_features, cache_mib=0.5):
            np.matmul(turned, (self.X[rows] - center).T, out=out[:, rows])
        out += offset[:, None].astype(np.float32)

    def rmatmul(self, U):
        """Z' @ U for U of shape (n, m) -> (q, m)."""
        out = np.empty((self.shape[1], U.shape[1]))
        if self._is_single:
            out[:] = 0.0
            for rows, X in self._wide_blocks():
                out[: self.n_features] += X.T @ U[rows]
        else:
            out[: self.n_features] = self.X.T @ U
        if self.intercept:
            total = np.ones(len(U)) @ U  # ten times faster than to sum columns of few entries
            out[-1] = total
            if self.center is not None:
                out[: self.n_features] -= np.outer(self.center, total)
        return out

    def take(self, rows):
        """Design of some of the rows (a view for a slice of a dense X, or all rows)."""
        n = self.shape[0]
        if not isinstance(rows, slice):
            numbers = np.asarray(rows)
            # a mask is not a list of numbers: [False, True] equals arange(2)
            if numbers.dtype != bool and np.array_equal(numbers, np.arange(n)):
                return self
        return Design(self.X[rows], self.center, self.intercept)

    def columns(self, some):
        """The same design for some of its columns, rising; the intercept is the last one."""
        features = some[some < self.n_features]
        intercept = len(features) < len(some)
        X = self.X[:, features] if self.is_sparse else np.take(self.X, features, axis=1)
        center = self.center[features] if intercept and self.center is not None else None
        return Design(X, center, intercept)

    def with_rows_of(self, X):
        """Design of other rows, such as the test set, with the same columns."""
        return Design(X, self.center, self.intercept)

    def to_dense(self, out=None):
        """Z as an ndarray of shape (n, q), in C order; written into `out` if given."""
        Z = np.empty(self.shape) if out is None else out
        X = self.X.toarray() if self.is_sparse else self.X
        if self.center is None:
            Z[:, : self.n_features] = X
        else:
            np.subtract(X, self.center, out=Z[:, : self.n_features])
        if self.intercept:
            Z[:, -1] = 1.0
        return Z

    def dense_blocks(self, cache_mib=2.0, dtype=np.float64):
        """(slice, Z[slice]) over all rows, each block small enough for the cache.

        All blocks share one buffer: a block may be overwritten, and is gone with the next one.
        """
        n, q = self.shape
        size = max(1, min(n, block_size(8 * q, cache_mib)))
        buffer = np.empty((size, q), dtype)
        for rows in slices(n, size):
            yield rows, self.take(rows).to_dense(buffer[: rows.stop - rows.start])

    def _feature_blocks(self, cache_mib=2.0, dtype=np.float64):
        """The same without the column of ones, which is algebra: (slice, X[slice] - center)."""
        return Design(self.X, self.center, intercept=False).dense_blocks(cache_mib, dtype)

    def gram(self, weights, *, coarse=False, verbose=0):
        """Z' diag(weights) Z of shape (q, q), for weights of any sign.

        Rows of weight zero cost nothing: at a low temperature the smooth hinge has curvature on
        few rows only. `coarse` takes dense rows in float32: half the time, six digits or fewer.
        `verbose` shows a progress bar over dense rows.
        """
        rows = np.flatnonzero(weights)
        if len(rows) == 0:
            return np.zeros((self.shape[1],) * 2)
        if len(rows) < 0.7 * len(weights):
            return self.take(rows).gram(weights[rows], coarse=coarse, verbose=verbose)
        if self.is_sparse:
            return self._sparse_gram(weights)
        sign = np.sign(weights[rows[0]])
        if (sign * weights).min() < 0.0:  # a loss that is not convex: each sign has its own root
            settings = {"coarse": coarse, "verbose": verbose}
            positive = self.gram(np.maximum(weights, 0.0), **settings)
            return positive + self.gram(np.minimum(weights, 0.0), **settings)
        equal = bool((weights == weights[0]).all())  # then there is nothing to scale
        dtype = np.float32 if coarse else np.float64
        root = None if equal else np.sqrt(np.abs(weights)).astype(dtype, copy=False)
        n, q = self.shape
        chunks = row_chunks(n, n * q, q * q)
        with progress_bar(
            total=len(chunks), what="Hessian", unit="parts of the rows", verbose=verbose
        ) as update:
            (total,) = sum_chunks(partial(self._dense_gram, root, dtype, update), chunks)
        if coarse and not np.isfinite(total).all():  # beyond the range of float32
            return self.gram(weights, verbose=verbose)
        return (weights[0] if equal else sign) * total

    def _dense_gram(self, root, dtype, update, chunk):
        """[Z' diag(root^2) Z] over a slice of rows; `update` is called when it is done."""
        part, (_, q), f = self.take(chunk), self.shape, self.n_features
        out = np.zeros((q, q))
        # half as many rows as columns: each block's product is added to the whole of `out`
        mib = min(CACHE_MIB, max(2.0, 4.0 * q**2 / 2**20))
        beyond = "ignore" if dtype == np.float32 else None
        with np.errstate(over=beyond, invalid=beyond):
            for block, F in part._feature_blocks(mib, dtype):
                ones = np.ones(len(F), dtype)
                if root is not None:
                    ones = root[chunk][block]
                    F *= ones[:, None]
                # numpy calls syrk: half the multiplications of a general product
                out[:f, :f] += F.T @ F
                if self.intercept:
                    out[-1, :f] += ones @ F
                    out[-1, -1] += ones @ ones
        if self.intercept:
            out[:f, -1] = out[-1, :f]
        update(chunk.start, 1)
        return [out]

    def _sparse_gram(self, weights):
        X = self.X
        if float((np.diff(X.indptr).astype(float) ** 2).sum()) > KERNEL_WORK:
            features = csr_gram(X.data, X.indices, X.indptr, weights, self.n_features)
        else:
            features = (X.T @ (sparse.diags(weights) @ X)).toarray()
        if not self.intercept:
            return features
        column = X.T @ weights
        total = weights.sum()
        out = np.empty((self.shape[1],) * 2)
        if self.center is not None:
            mixed = np.outer(column, self.center)
            features -= mixed + mixed.T - total * np.outer(self.center, self.center)
            column = column - total * self.center
        out[:-1, :-1] = features
        out[-1, :-1] = out[:-1, -1] = column
        out[-1, -1] = total
        return out

    def quadratic_form(self, matrix):
        """z_i' M z_i of sparse rows for a symmetric (q, q) matrix, (n,).

        Costs the square of a row's entries where the product Z @ M costs q times as many.
        """
        X, f = self.X, self.n_features
        corner, column = 0.0, np.zeros(f)
        features = matrix[:f, :f]
        if self.intercept:
            # z = T [x, 1]: the centre moves from the rows, which are sparse, into the matrix
            corner, column = matrix[f, f], matrix[:f, f]
            if self.center is not None:
                pull = features @ self.center
                corner = corner - 2.0 * column @ self.center + self.center @ pull
                column = column - pull
        square = csr_quadratic_form(X.data, X.indices, X.indptr, np.ascontiguousarray(features))
        return square + 2.0 * (X @ column) + corner

    def square_norms(self, weights=None):
        """sum_j w_kj z_ij^2 of every row i, for weights (K, q), by default (1, q) ones: (n, K)."""
        weights = np.ones((1, self.shape[1])) if weights is None else weights
        out = np.empty((self.shape[0], len(weights)))
        if not self.is_sparse:
            for rows, F in self._feature_blocks():
                out[rows] = np.multiply(F, F, out=F) @ weights[:, : self.n_features].T
            return out + weights[:, -1] if self.intercept else out
        features = weights[:, : self.n_features]
        out[:] = self.X.multiply(self.X) @ features.T
        if self.intercept:
            out += weights[:, -1]
        if self.center is not None:
            scaled = features * self.center
            out = np.maximum(out - 2.0 * (self.X @ scaled.T) + scaled @ self.center, 0.0)
        return out

    def absolute_sums(self, weights):
        """Column sums of abs(Z), weighted by each column of `weights` (n, m) -> (q, m)."""
        out = np.zeros((self.shape[1], weights.shape[1]))
        if not self.is_sparse:
            for rows, F in self._feature_blocks(cache_mib=1.0):
                out[: self.n_features] += np.abs(F, out=F).T @ weights[rows]
            if self.intercept:
                out[-1] = np.ones(len(weights)) @ weights
            return out
        total, f = weights.sum(axis=0), self.n_features
        part = abs(self.X)
        if self.center is not None:
            # |x - c| = |c| wherever x is zero; the entries that are stored make the difference
            away = np.abs(self.center)
            shifted = np.abs(self.X.data - self.center[self.X.indices]) - away[self.X.indices]
            part = sparse.csr_array((shifted, self.X.indices, self.X.indptr), self.X.shape)
            out[:f] = np.outer(away, total)
        out[:f] += part.T @ weights
        if self.intercept:
            out[-1] = total
        return out

    def weighted_square_sums(self, weights):
        """Diagonal of Z' diag(w) Z for each column w of `weights` (n, m) -> (m, q)."""
        if self.is_sparse and self.center is None:
            out = np.empty((weights.shape[1], self.shape[1]))
            out[:, : self.n_features] = weights.T @ self.X.multiply(self.X).tocsr()
            if self.intercept:
                out[:, -1] = weights.sum(axis=0)
            return out
        return sum(weights[block].T @ Z**2 for block, Z in self.dense_blocks())
