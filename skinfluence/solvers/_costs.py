"""Estimated costs of solvers on a common machine: only their ratios matter."""

from dataclasses import dataclass

import numpy as np

#: Entries of a dense table that are read in a second, and multiplications with them.
READ, MULTIPLY = 2e9, 2e10

#: Entries of sparse rows that are read in a second, and multiplications with them.
READ_SPARSE, MULTIPLY_SPARSE = 4e8, 1.2e9

#: Pairs of entries of a row a second, in Gram matrices: one alone, those of all pairs of outputs
#: (the rows of which are scaled anew for each), and of sparse rows.
GRAM, GRAM_OF_PAIRS, GRAM_SPARSE = 3.3e10, 1.8e10, 2e9

#: Cubes of the size a second, in a Cholesky factorisation with the inverse of its factor; square
#: products; and multiplications of an eigendecomposition, in square products of its size.
FACTOR, SQUARE, EIGEN = 4.5e10, 4e10, 16.0

#: Multiplications of a row's curvature with its raw predictions.
CURVATURE = 1e9

#: Products that one right-hand side is taken to need, where a Kronecker product preconditions and
#: elsewhere, with many rows for the columns. A block of right-hand sides shares its Krylov space:
#: the number falls with this power of its width.
ITERATIONS_COUPLED, ITERATIONS, SHARED = 30, 28, 0.2

#: Seconds around a product, and around a factorisation.
PRODUCT_CALL, FACTOR_CALL = 5e-4, 2e-3

#: Right-hand sides of a block of conjugate gradients. More would share more, but the small dense
#: algebra between the products grows with the square.
MAX_WIDTH = 128


@dataclass(frozen=True)
class Cost:
    """Estimated cost of a solver: seconds on a common machine, and MiB."""

    seconds: float
    mebibytes: float


class Sizes:
    """Multiplications and memory of each solver for one Hessian and m right-hand sides."""

    def __init__(self, hessian, m):
        self.n, self.q, self.K = hessian.n_rows, hessian.n_columns, hessian.n_outputs
        self.m, self.p = m, hessian.shape[0]
        self.separable = hessian.separable
        X = hessian.design.X
        self.sparse = hessian.design.is_sparse
        self.entries = X.nnz if self.sparse else self.n * self.q
        self.pair_entries = self.n * self.q**2 / 2.0
        if self.sparse:
            self.pair_entries = float((np.diff(X.indptr).astype(float) ** 2).sum()) / 2.0
        equal = hessian.blocks_are_equal
        #: matrices to be made, factorised, and of which size
        self.factors = 1 if equal or not self.separable else self.K
        self.grams = self.factors if self.separable else self.K * (self.K - 1) / 2
        #: seconds of one
        rate = GRAM if self.separable else GRAM_OF_PAIRS
        self.gram = self.pair_entries / (GRAM_SPARSE if self.sparse else rate)

    def cholesky(self):
        """Cost of a Cholesky factorisation with its solutions."""
        side = self.q if self.separable else self.p
        factor = self.factors * side**3 / FACTOR
        solve = 2.0 * self.m * self.p * side / SQUARE
        seconds = FACTOR_CALL + self.grams * self.gram + factor + solve
        return Cost(seconds, 16.0 * self.factors * side**2 / 2**20)

    def woodbury(self):
        """Cost of the n x n side with its solutions."""
        side = self.n if self.separable else self.n * self.K
        gram = self.n**2 * self.q / SQUARE
        factor = self.factors * side**3 / FACTOR
        solve = self.m * (self.K * self.entries + self.factors * side**2) * 2.0 / SQUARE
        table = 8.0 * self.n * self.q
        mebibytes = (16.0 * self.factors * side**2 + table) / 2**20
        return Cost(FACTOR_CALL + gram + factor + solve, mebibytes)

    def leverages(self):
        """Seconds of the leverages of all rows: of each pair of outputs a quadratic form a row."""
        pairs = self.factors if self.separable else self.K**2
        return 2.0 * pairs * self.n * self.q * min(self.q, self.n) / SQUARE

    def product(self, m=1):
        """Seconds of a Hessian product with m columns."""
        read, multiply = (READ_SPARSE, MULTIPLY_SPARSE) if self.sparse else (READ, MULTIPLY)
        C = self.K * m
        curvature = 0.0 if self.separable else 2.0 * self.n * C / CURVATURE
        return PRODUCT_CALL + self.entries * (1.0 / read + 2.0 * C / multiply) + curvature

    def cg_product(self):
        """Seconds of an iteration with a block of right-hand sides."""
        m = min(self.m, MAX_WIDTH)
        # with the small dense algebra of the block
        return self.product(m) + 10.0 * self.p * m**2 / SQUARE

    def cg(self):
        """Cost of all right-hand sides in blocks; preconditioned."""
        m = min(self.m, MAX_WIDTH)
        most = ITERATIONS if self.separable else ITERATIONS_COUPLED
        # with few rows for the columns, small curvatures are rounded off by chance
        spread = 0.4 + 1.6 * min(self.q / max(1, self.n), 4.0) ** 0.5
        products = most * spread / m**SHARED
        made = 0.0 if self.separable else min(self.kronecker().seconds, products * self.product(m))
        seconds = made + products * self.m / m * self.cg_product()
        return Cost(seconds, 8.0 * self.p * 12.0 * m / 2**20)

    def kronecker(self):
        """Cost of the preconditioner, its Gram matrix and its eigenproblem."""
        gram = self.pair_entries / (GRAM_SPARSE if self.sparse else GRAM)
        return Cost(gram + EIGEN * self.q**3 / SQUARE, 48.0 * self.q**2 / 2**20)

    def kronecker_product(self):
        """Seconds of applying it to one column and coming back."""
        return 4.0 * self.K * self.q**2 / MULTIPLY
