"""What solvers are reckoned to cost on a common machine: only the ratios matter."""

from dataclasses import dataclass

import numpy as np

#: Multiplications a second. Square matrix products, products with few columns, and products with
#: sparse rows.
SQUARE, NARROW, SPARSE = 6e10, 1e10, 2e9

#: Multiplications of an eigendecomposition of size 1: as many square products of its size.
EIGEN = 16.0

#: Products that one right-hand side is taken to need; a block of them shares its Krylov space.
ITERATIONS = 60


@dataclass(frozen=True)
class Cost:
    """What a solver is reckoned to take: seconds of a common machine, and MiB."""

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
        self.gram = self.pair_entries / (SPARSE if self.sparse else SQUARE)

    def cholesky(self):
        side = self.q if self.separable else self.p
        factor = self.factors * side**3 / SQUARE
        solve = 2.0 * self.m * self.p * side / SQUARE
        return Cost(self.grams * self.gram + factor + solve, 16.0 * self.factors * side**2 / 2**20)

    def woodbury(self):
        side = self.n if self.separable else self.n * self.K
        gram = self.n**2 * self.q / 2.0 / SQUARE
        factor = self.factors * side**3 / SQUARE
        solve = self.m * (self.K * self.entries + self.factors * side**2) * 2.0 / SQUARE
        table = 8.0 * self.n * self.q
        return Cost(gram + factor + solve, (16.0 * self.factors * side**2 + table) / 2**20)

    def product(self, m=1):
        """Seconds of a Hessian product with m columns."""
        rate = SPARSE if self.sparse else SQUARE if self.K * m >= 16 else NARROW
        return 2.0 * m * self.K * self.entries / rate

    def cg(self):
        m = min(self.m, 100)
        products = ITERATIONS / m**0.35  # MNIST, 7,840 parameters: 67 for m = 1, 13 for m = 100
        seconds = products * self.m / m * self.product(m)
        return Cost(seconds, 8.0 * self.p * 12.0 * min(self.m, 128) / 2**20)

    def kronecker(self):
        """Of making the preconditioner, its Gram matrix and its eigenproblem."""
        return Cost(self.gram + EIGEN * self.q**3 / SQUARE, 48.0 * self.q**2 / 2**20)

    def kronecker_product(self):
        """Seconds of applying it to one column and coming back."""
        return 4.0 * self.K * self.q**2 / NARROW
