"""Choice of the preconditioner of conjugate gradients, and when it is built."""

import numpy as np
from sklearn import get_config
from sklearn.utils import check_random_state

from skinfluence.solvers._costs import Sizes
from skinfluence.solvers._iterative.kronecker import KroneckerPreconditioner
from skinfluence.solvers._iterative.preconditioners import (
    NystroemSketch,
    Preconditioner,
    penalty_scale,
)

PRECONDITIONERS = ("auto", "jacobi", "nystroem", "kronecker", None)

#: Products that a Kronecker product is taken to save one block of right-hand sides (measured: 20
#: to 30 on MNIST, hundreds where the penalty is weak), and a sketch (wide blocks need it less).
SAVED_BY_KRONECKER, SAVED_BY_SKETCH = 20, 20

#: Directions that are computed before the units are chosen, and the curvature of the last of them,
#: over the mean of those not seen, up to which the latter count as equal. In units of the diagonal
#: it is 0.8 to 1.6 for tables of measurements, 3 to 11 for pixels and counts of words.
FEW, FLAT = 10, 2.0

#: Factor on the estimated cost of making a Kronecker product: its small parts are many.
OVERHEAD = 1.2

#: A preconditioner chosen by "auto" may take this share of a product to apply.
LIGHT = 0.25

#: Arrays of the size of a block of right-hand sides that exist at the same time.
ARRAYS = 12


class Coordinates:
    """The preconditioner of the next iteration; with "auto" a better one once that pays.

    Parameters
    ----------
    hessian : Hessian
    solver : CGSolver
    shape : (int, int)
        Number and size of the Hessian's independent blocks.
    scale : ndarray of shape (p,)
        Root of the Hessian's diagonal.
    width : int
        Right-hand sides of a block.

    Attributes
    ----------
    current : tuple
        The preconditioner, and the non-identifiable directions in its coordinates (orthonormal,
        of shape (*shape, m)) or None. To be read once an iteration: another thread may improve it
        meanwhile.
    """

    def __init__(self, hessian, solver, shape, scale, width):
        self._hessian, self._shape, self._scale, self._width = hessian, shape, scale, width
        self._seed = 0 if solver.random_state is None else solver.random_state
        name = solver.preconditioner
        self._rank = solver.rank
        self._waiting = name == "auto" and hessian.linear
        self._tried_diagonal = False
        self._spent = 0.0  # estimated seconds of products while waiting
        self._kronecker = name == "kronecker"
        if self._waiting:
            # a sketch chosen by "auto" must not take more memory than the iteration
            self._rank = min(solver.rank, columns_in_memory(hessian.shape[0]))
            self._sizes = Sizes(hessian, 1)
            self._price = kronecker_price(hessian)
            self._kronecker = self._price <= solver.rank * self._sizes.product()
            if not self._kronecker:
                self._price = self._sizes.product(self._rank)
        if name in ("nystroem", "kronecker"):
            self._improve()
        else:
            units = {"jacobi": scale, None: np.ones_like(scale), "auto": scale}[name]
            if self._waiting:
                units = penalty_scale(hessian, scale)
            self._use(Preconditioner(units.reshape(*shape, 1)))

    def _use(self, preconditioner):
        filled = None
        if self._hessian.non_identifiable.size:
            null = self._hessian.non_identifiable.reshape(*self._shape, -1)
            null = preconditioner.null_back(null)
            filled, _ = np.linalg.qr(null)
        self.current = preconditioner, filled

    def _improve(self):
        self._waiting = False
        if self._kronecker:
            self._use(KroneckerPreconditioner(self._hessian, self._shape))
            return
        units = penalty_scale(self._hessian, self._scale)
        self._use(self._sketched(units, self._rank).preconditioner())

    def _sketched(self, units, rank):
        return NystroemSketch(
            self._hessian,
            self._shape,
            units,
            rank=rank,
            width=self._width,
            random_state=check_random_state(self._seed),
        )

    def _try_diagonal(self):
        """Units of the diagonal, where all directions but a few are as curved as each other."""
        self._tried_diagonal = True
        sketch = self._sketched(self._scale, min(FEW, self._rank))
        rank, q = sketch.values.shape[1], self._shape[1]
        data = 1.0 - (self._hessian.penalty.ravel() / self._scale**2).reshape(self._shape)
        rest = (data.sum(axis=1) - sketch.values.sum(axis=1)) / max(1, q - rank)
        if (sketch.values[:, -1] <= FLAT * rest).all():
            self._waiting = False
            self._use(sketch.preconditioner())

    def spend(self, n_products, m):
        """Remember so many products of m columns."""
        if self._waiting:
            self._spent += n_products * self._sizes.product(m)

    def allowance(self, m, left):
        """Products of m columns until a better preconditioner is made; `left` if it is."""
        if self._waiting and not self._kronecker and not self._tried_diagonal:
            self._try_diagonal()
        if not self._waiting:
            return left
        product = self._sizes.product(m)
        saved = SAVED_BY_KRONECKER if self._kronecker else SAVED_BY_SKETCH / m**0.5
        if saved * product >= self._price or self._spent >= 2 * self._price:
            self._improve()
            return left
        return min(left, int(np.ceil((2 * self._price - self._spent) / product)))


def kronecker_price(hessian):
    """Estimated seconds of a Kronecker preconditioner; inf if it cannot pay.

    It cannot where outputs do not interact (each has a Krylov space of its own), where its matrices
    do not fit scikit-learn's `working_memory`, or where applying it takes long compared with a
    product, as for sparse rows of many columns.
    """
    if hessian.separable:
        return np.inf
    sizes = Sizes(hessian, 1)
    product, cost = sizes.product(), sizes.kronecker()
    fits = cost.mebibytes <= float(get_config()["working_memory"])
    if not fits or sizes.kronecker_product() > LIGHT * product:
        return np.inf
    return OVERHEAD * cost.seconds


def columns_in_memory(p):
    """Columns of length p of which ARRAYS copies fit scikit-learn's `working_memory`."""
    budget = float(get_config()["working_memory"]) * 2**20
    return max(1, int(budget // (8 * p * ARRAYS)))
