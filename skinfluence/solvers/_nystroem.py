"""Diagonal plus low rank: an approximate inverse Hessian in closed form."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn import get_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skinfluence._utils.warnings import user_stacklevel
from skinfluence.linalg import row_blocks
from skinfluence.solvers._base import (
    InverseHessian,
    SingularHessianError,
    Solver,
)
from skinfluence.solvers._checks import (
    check_columns,
    check_integer,
    check_positive,
    check_seed,
    require_convex,
    require_diagonal_penalty,
)
from skinfluence.solvers._report import SolverReport
from skinfluence.solvers._sketch import Sketch

#: Training rows whose gradients probe the error.
PROBES = 16

#: Directions that rank="auto" begins with, and multiplies by a Hessian at a time.
WIDTH = 64

#: Directions that rank="auto" does not go beyond: their own algebra grows with the square.
MOST = 1024


@dataclass(frozen=True, kw_only=True)
class NystroemSolver(Solver):
    """H ~ diagonal + low rank, inverted by Woodbury's identity in p x rank numbers.

    For very many right-hand sides where p is too large to factorise: after `rank` Hessian
    products, made in wide blocks, each solution and each leverage costs 4 p rank multiplications
    and no pass over the data. It is an approximation and says how good it is: random training
    rows' gradients v are solved and multiplied back, and ``report.residual`` is their largest
    ``||v - H x|| / ||v||`` in the norm of the approximate inverse, in which influences count.
    These are off by about that much. Where the spectrum falls slowly against the penalty (pixels,
    words) many hundred directions are needed, and conjugate gradients are cheaper for some hundred
    right-hand sides.

    In coordinates in which the penalty is I, the data's part of H is replaced by its Nystroem
    approximation from random directions, plus the diagonal that this lacks (it is never larger
    than what it approximates): the directions that were not found have the right curvature on
    average. Columns without penalty (the intercept) are eliminated before, exactly, by their Schur
    complement, and the multinomial gauge is projected out.

    ``factorized`` is False, although leverages are cheap here: the Newton step divides by
    1 - leverage, where a small error can become a large one, so that ``method="auto"`` does not
    take it; ask for ``method="newton_step"`` where the residual is small.

    Lanczos iterations would reach the same directions with fewer products, but one at a time,
    each a pass over the data, and with every earlier direction to be orthogonalised against; here
    the products are a few wide ones, at the speed of matrix products, and `n_power` buys the
    accuracy back. Directions to spare ("oversampling") need no setting: none is thrown away.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Directions of the approximation, per output where outputs do not interact. "auto" doubles
        it until the residual is below `tol`, but not beyond 1024 or what fits scikit-learn's
        `working_memory`.
    tol : float, default=1e-2
        A larger residual is warned of.
    n_power : int, default=0
        Power iterations before a direction counts: each costs as much as doubling the rank, in
        products but not in memory.
    random_state : int, RandomState or None, default=None
        Draws the directions and the probes; None is a fixed seed.
    verbose : int, default=None
        Progress of what takes long: None shows a bar in terminals and notebooks, 0 nothing, 1 also
        lines elsewhere.

    Raises
    ------
    SingularHessianError
        When no column is penalised, or the columns without penalty have no curvature.

    Warns
    -----
    ConvergenceWarning
        When the residual is above `tol`.

    References
    ----------
    Frangella, Tropp & Udell (2023), "Randomized Nystroem preconditioning", SIAM Journal on Matrix
    Analysis and Applications 44(2), algorithm 2.1 and equation (2.3).
    """

    rank: int | str = "auto"
    tol: float = 1e-2
    n_power: int = 0
    random_state: object = None
    verbose: int | None = None

    name = "nystroem"

    def __post_init__(self):
        check_integer("rank", self.rank, other=("auto",))
        check_positive("tol", self.tol)
        check_integer("n_power", self.n_power, least=0)
        check_seed(self.random_state)

    def factorize(self, hessian):
        require_convex(hessian, self.name)
        require_diagonal_penalty(hessian, self.name)
        seed = 0 if self.random_state is None else self.random_state
        random_state = check_random_state(seed)
        free = (hessian.penalty <= 0).any(axis=0)
        if free.all():
            raise SingularHessianError(
                'solver="nystroem" needs a penalty, but no column has one. Use a positive damping, '
                'solver="cg", or solver="eigh".'
            )
        probes = _probes(hessian, random_state)
        reduced = _Reduced(hessian, free)
        sketch = Sketch(
            reduced.product, reduced.shape, n_power=self.n_power, random_state=random_state
        )
        largest = min(reduced.shape[1], _largest_rank(reduced.shape))
        rank = min(WIDTH, largest) if self.rank == "auto" else min(self.rank, reduced.shape[1])
        while True:
            sketch.grow(rank, WIDTH, verbose=self.verbose)
            inverse = NystroemInverse(hessian, reduced, sketch, self.name)
            inverse.estimate(probes)
            residual = inverse.report.residual
            inverse.report.converged = residual <= self.tol
            if inverse.report.converged or self.rank != "auto" or rank >= largest:
                break
            rank = min(2 * rank, largest)
        if not inverse.report.converged:
            warnings.warn(
                f"Nystroem: with rank {rank} of {reduced.shape[1]} the largest relative residual "
                f"of {PROBES} training rows is {residual:.1e} (tol={self.tol:.1e}): influences are "
                "off by about as much or more. Use a larger rank, a larger working_memory (see "
                'sklearn.set_config), a stronger penalty or damping, or solver="cg".',
                ConvergenceWarning,
                stacklevel=user_stacklevel(),
            )
        return inverse


class _Reduced:
    """The data's part of H on the penalised columns, the others being eliminated.

    With f the columns without penalty and k the others, in units of the root of k's penalty:
    C_kk - C_kf H_ff^+ C_fk, which is positive semi-definite.
    """

    def __init__(self, hessian, free):
        K, q = hessian.penalty.shape
        self.hessian = hessian
        self.blocks = hessian.n_outputs if hessian.separable and hessian.gauge is None else 1
        outputs = K // self.blocks  # of one block
        self.free = np.flatnonzero(np.tile(free, outputs))  # places within a block
        self.kept = np.flatnonzero(np.tile(~free, outputs))
        self.shape = (self.blocks, len(self.kept))
        penalty = hessian.penalty.reshape(self.blocks, outputs * q)
        self.scale = np.sqrt(penalty[:, self.kept])[:, :, None]
        E = np.zeros((self.blocks, outputs * q, len(self.free)))
        E[:, self.free, np.arange(len(self.free))] = 1.0
        image = self._whole(E) if len(self.free) else E
        self.free_inverse = _inverse_without_gauge(image[:, self.free], hessian.gauge)
        # how the free coefficients answer to the others: shape (B, kept, free)
        self.reach = image[:, self.kept] / self.scale
        self.answer = self.reach @ self.free_inverse

    def _whole(self, V):
        B, size, m = V.shape
        return (self.hessian @ V.reshape(B * size, m)).reshape(B, size, m)

    def product(self, W):
        V = np.zeros((self.blocks, len(self.kept) + len(self.free), W.shape[2]))
        V[:, self.kept] = W / self.scale
        image = self._whole(V)
        return image[:, self.kept] / self.scale - W - self.answer @ image[:, self.free]

    def diagonal(self):
        """Diagonal (B, kept) of this part."""
        whole = self.hessian.diagonal().reshape(self.blocks, -1)[:, self.kept]
        # answer' H_ff answer = answer' (C_fk in units of the root of the penalty)
        eliminated = (self.answer * self.reach).sum(axis=2)
        return whole / self.scale[:, :, 0] ** 2 - 1.0 - eliminated


def _inverse_without_gauge(matrix, gauge):
    """Pseudo-inverse of the small symmetric blocks (B, f, f) of the free columns."""
    diagonal = np.diagonal(matrix, axis1=1, axis2=2).clip(min=0.0)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    unit = matrix / scale[:, :, None] / scale[:, None, :]
    values, vectors = np.linalg.eigh(0.5 * (unit + unit.transpose(0, 2, 1)))
    null = values < 1e-11
    if null.sum() > (0 if gauge is None else gauge.shape[1]):
        raise SingularHessianError(
            "The Hessian is singular in the columns without penalty (the intercept). Use "
            'solver="auto" or "eigh" (pseudo-inverse), or a positive damping.'
        )
    weights = np.where(null, 0.0, 1.0 / np.where(null, 1.0, values))
    inverse = (vectors * weights[:, None, :]) @ vectors.transpose(0, 2, 1)
    return inverse / scale[:, :, None] / scale[:, None, :]


class NystroemInverse(InverseHessian):
    """H^-1 ~ D + L J L', block by block, with D diagonal, L tall and J small.

    Attributes
    ----------
    rank : int
        Directions of the approximation.
    """

    factorized = False

    def __init__(self, hessian, reduced, sketch, name):
        p = hessian.shape[0]
        gauge = 0 if hessian.gauge is None else hessian.gauge.shape[1]
        super().__init__(hessian, SolverReport(name, p - gauge, p, np.zeros((p, 0))))
        self.rank = sketch.rank
        vectors, values = sketch.eigenpairs()  # shapes: (B, kept, r), (B, r)
        r, f, blocks = self.rank, len(reduced.free), reduced.blocks
        size = p // blocks
        # T = W + F F' with F = U diag(values)^1/2, W = I + what F F' leaves of the diagonal; and
        # T^-1 = W^-1 - G G' with G = W^-1 F (I + F' W^-1 F)^-1/2
        F = vectors * np.sqrt(values)[:, None, :]
        W = 1.0 + (reduced.diagonal() - (F * F).sum(axis=2)).clip(min=0.0)[:, :, None]
        G = F / W
        factor = np.linalg.cholesky(np.eye(r) + F.transpose(0, 2, 1) @ G)
        G = G @ np.linalg.inv(factor).transpose(0, 2, 1)
        # the free coefficients are -answer' times the others, beside their own H_ff^+
        answer, turned = reduced.answer, reduced.answer.transpose(0, 2, 1)
        L = np.zeros((blocks, size, r + 2 * f))
        J = np.zeros((blocks, r + 2 * f, r + 2 * f))
        L[:, reduced.kept, :r] = G / reduced.scale
        L[:, reduced.free, :r] = -turned @ G
        L[:, reduced.free, r : r + f] = np.eye(f)
        L[:, reduced.kept, r + f :] = answer / W / reduced.scale
        J[:, np.arange(r), np.arange(r)] = -1.0
        J[:, r : r + f, r : r + f] = turned @ (answer / W) + reduced.free_inverse
        J[:, r : r + f, r + f :] = J[:, r + f :, r : r + f] = -np.eye(f)
        self._diagonal = np.zeros((blocks, size, 1))
        self._diagonal[:, reduced.kept] = 1.0 / (W * reduced.scale**2)
        if hessian.gauge is not None:  # it lives on the free columns, where D is zero
            N = hessian.gauge
            L[0] -= N @ (N.T @ L[0])
        self._L, self._J = L, J

    def estimate(self, probes):
        """Report the largest relative residual of some right-hand sides (p, m).

        In the norm of the approximate inverse: the plain norm of a gradient is that of its few
        directions of much curvature, which hardly count for influences.
        """
        solved = self.solve(probes)
        left = probes - self.hessian @ solved
        squares = np.einsum("pm,pm->m", left, self.solve(left)).clip(min=0.0)
        size = np.einsum("pm,pm->m", probes, solved)
        found = np.sqrt(squares / np.where(size > 0, size, 1.0))
        self.report.residual = float(found.max(initial=0.0))

    def solve(self, V):
        """H^-1 V, approximately, for V of shape (p, m)."""
        V = check_columns(V, self.shape[0])
        V = V.reshape(*self._diagonal.shape[:2], V.shape[1])
        out = self._diagonal * V + self._L @ (self._J @ (self._L.transpose(0, 2, 1) @ V))
        return out.reshape(self.shape[0], V.shape[2])

    def quadratic_form(self, predictor):
        """See :meth:`InverseHessian.quadratic_form`; 2 K q rank multiplications a row and more."""
        design = predictor.design
        K, q = self.hessian.n_outputs, self.hessian.n_columns
        L = self._L.reshape(K, q, -1)
        diagonal = self._diagonal.reshape(K, q)
        out = np.zeros((design.shape[0], K, K))
        every = np.arange(K)
        blocks = row_blocks(design.shape[0], 8 * (q + 3 * K * L.shape[2]))
        for rows in self._shown(blocks, design.shape[0]):
            part = design.take(rows)
            half = np.stack([part.matmul(L[k]) for k in range(K)])  # shape: (K, b, r + 2f)
            turned = half @ (self._J if len(self._J) > 1 else self._J[0])
            if len(self._J) > 1:
                out[rows, every, every] = np.einsum("kbr,kbr->bk", half, turned)
            else:
                out[rows] = turned.transpose(1, 0, 2) @ half.transpose(1, 2, 0)
            out[rows, every, every] += part.to_dense() ** 2 @ diagonal.T
        return out


def _probes(hessian, random_state):
    """Gradients of random training rows, with random residuals: (p, m)."""
    n, K = hessian.n_rows, hessian.n_outputs
    Z = hessian.design.take(random_state.choice(n, min(n, PROBES), replace=False)).to_dense()
    residual = random_state.standard_normal((len(Z), K))
    if hessian.gauge is not None:
        residual -= residual.mean(axis=1, keepdims=True)  # as every multinomial gradient
    return np.einsum("nk,nq->kqn", residual, Z).reshape(hessian.shape[0], -1)


def _largest_rank(shape):
    """Directions such that the sketch and the inverse (five arrays) fit the working memory."""
    budget = float(get_config()["working_memory"]) * 2**20
    return int(np.clip(budget // (8 * 5 * shape[0] * shape[1]), 1, MOST))
