"""The Hessian of an objective, as an operator on its p parameters."""

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skinfluence.linalg._blocks import row_blocks, slices
from skinfluence.linalg._penalty import as_penalty
from skinfluence.linalg._row_curvature import RowCurvature

#: Columns that are multiplied at a time where the matrix itself is formed.
COLUMNS = 256


class Hessian(LinearOperator):
    """sum_i (J_i' A_i J_i + sum_k R_ik d2 f_ik) + P, for raw predictions f_i with Jacobians J_i.

    A_i is row i's weighted K x K curvature and R_i its weighted residual: the first and second
    derivative of its loss in its raw predictions.

    Parameters
    ----------
    predictor : Predictor of n rows
        At the coefficients where the Hessian is taken.
    curvature : RowCurvature, or callable
        Weighted curvature A_i of each row in its K raw predictions. A function gives that of some
        rows, and is called for them where they are read; all are kept once a product needs them,
        until :meth:`release`.
    penalty : Penalty or ndarray, of the shape of the coefficients
        With the damping.
    non_identifiable : ndarray of shape (p, m), default=None
        Orthonormal directions that the *parametrisation* leaves free (the common shift of
        multinomial coefficients). Every gradient is orthogonal to them.
    residual : callable, default=None
        Gives R of some rows, (n_rows, K). Without it the second term is left out (Gauss-Newton).
    exact : bool
        False for a matrix that stands in for the second derivative. Newton steps and leverages
        need the second derivative itself.
    damping : float
        The part of every entry of the penalty's diagonal that the estimator does not have.
    """

    #: whether raw predictions are linear in the coefficients: J_i = I_K (x) z_i'
    linear = False
    #: whether the matrix has K blocks of shape (q, q), one an output
    separable = False
    #: whether separable blocks are one matrix
    blocks_are_equal = False
    #: whether equal changes of all K raw predictions meet no curvature, as far as is known
    rows_cancel = False
    #: least squares that drops directions of small singular values, which are not inverted; see
    #: :class:`~skinfluence.objectives._truncated.TruncatedLeastSquares`
    truncated = None
    #: the part of the rows as a matrix, where it is known
    data: np.ndarray | None = None
    #: 1 shows a progress bar while the matrix itself is formed.
    verbose = 0
    #: Whether a few digits of the matrix itself will do, where they are cheaper
    coarse = False
    #: Products to come, about: iterative solvers set it, and compiled loops pay for many.
    n_products = 30
    #: Weights of the rows, (n, 1) or (n, K), for what does not follow from their curvature.
    row_weight = None
    #: Whether every row's part is positive semi-definite; else only the sum is, at a minimum.
    convex = True

    def __init__(
        self,
        predictor,
        curvature,
        penalty,
        non_identifiable=None,
        *,
        residual=None,
        exact=True,
        damping=0.0,
    ):
        self.predictor = predictor
        self._form = curvature if callable(curvature) else None
        self._kept = None if self._form else curvature
        self.penalty_term = as_penalty(penalty)
        self._residual = residual
        self.exact = exact
        self.damping = damping
        self.n_outputs = self.curvature_of(slice(0, 1)).n_outputs
        p = self.penalty.size
        self.non_identifiable = np.zeros((p, 0)) if non_identifiable is None else non_identifiable
        super().__init__(dtype=np.float64, shape=(p, p))

    @property
    def penalty(self):
        """Diagonal of the penalty's matrix, of the shape of the coefficients; with the damping."""
        return self.penalty_term.diagonal

    @property
    def n_rows(self):
        return self.predictor.n_rows

    @property
    def curvature(self):
        """Curvature of all rows, kept from then on."""
        kept = self._kept
        if kept is None:  # some at a time: their temporaries are as large again
            kept = self._kept = RowCurvature.gather(self._form, self.n_rows, self.row_blocks())
        return kept

    def curvature_of(self, rows):
        """Curvature of some rows."""
        kept = self._kept
        return self._form(rows) if kept is None else kept.take(rows)

    def release(self):
        """Free the curvature, which can be formed again."""
        if self._form:
            self._kept = None

    def row_blocks(self):
        """Slices of rows with which a few arrays (n_rows, K) stay in the cache."""
        return row_blocks(self.n_rows, 32 * self.n_outputs, cache_mib=2.0)

    def _matmat(self, V):
        return self.penalty_term.product(V) + self._of_rows(V)

    def _of_rows(self, V, first=True):
        """The rows' part of the product; `first=False` leaves out sum_i J_i' A_i J_i."""
        out = np.zeros(V.shape)
        size = 8 * (self.n_outputs * V.shape[1] + self.shape[0])
        for rows in row_blocks(self.n_rows, size):
            part = self.predictor.take(rows)
            if first and self._residual is not None:
                out += part.hessian_product(self.curvature_of(rows), self._residual(rows), V)
            elif first:
                out += part.vjp(self.curvature_of(rows).apply(part.jvp(V)))
            elif self._residual is not None:
                out += part.curvature_product(self._residual(rows), V)
        return out

    def _adjoint(self):
        return self

    def to_dense(self):
        """The (p, p) matrix."""
        p = self.shape[0]
        out = self.penalty_term.product(np.eye(p))
        jacobians = self.predictor.forms_jacobians
        if jacobians:  # each is formed once; by columns, all rows would be passed p times
            for rows in row_blocks(self.n_rows, 16 * self.n_outputs * p):
                J = self.predictor.take(rows).row_jacobian()
                weighted = self.curvature_of(rows).apply(J)
                out += J.reshape(-1, p).T @ weighted.reshape(-1, p)
        if not jacobians or self._residual is not None:
            for columns in slices(p, COLUMNS):
                out[:, columns] += self._of_rows(np.eye(p)[:, columns], first=not jacobians)
        return 0.5 * (out + out.T)

    def diagonal(self):
        """Diagonal of the matrix, shape (p,)."""
        p = self.shape[0]
        out = np.empty(p)
        for columns in slices(p, COLUMNS):
            out[columns] = np.diag((self @ np.eye(p)[:, columns])[columns])
        return out
