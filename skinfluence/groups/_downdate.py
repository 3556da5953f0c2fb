"""Newton step of a group that grows row by row: the basis of both searches."""

from functools import cached_property

import numpy as np

from skinfluence.effects import (
    RowEdits,
    class_sizes,
    linear_first_order,
    low_rank_coefs,
    newton_step,
    weighted_residual,
)
from skinfluence.objectives import Coupling
from skinfluence.solvers import AutoSolver


class Candidates:
    """Rows that may still be removed: never the last one of a class, none without weight."""

    def __init__(self, objective):
        self._codes, self._sizes = class_sizes(objective)
        self.free = (objective.sample_weight > 0).any(axis=1)
        self.free &= (self._sizes > 1)[self._codes]

    def remove(self, row):
        own = self._codes[row]
        self.free[row] = False
        self._sizes[own] -= 1
        if self._sizes[own] == 1:
            self.free &= self._codes != own


class Downdate:
    """The model without a growing group, to one Newton step, and what each further row would add.

    For removed rows U with H_U = H - sum E_i A_i E_i' and the step d_U = H_U^-1 g_U, a further row
    changes the step by ``H_U^-1 E_i (I - A_i M_i)^-1 (s_i r_i + A_i E_i' d_U)``, M_i = E_i' H_U^-1
    E_i. Leverages M_i, raw predictions E_i' d_U and the inverse itself are carried along by
    updates of rank K: a step costs a few products of all Jacobians with K columns, and no
    factorisation.

    Parameters
    ----------
    objective : Objective
        Without coupled weights (see :class:`RefactorizedDowndate`).
    inverse : InverseHessian
    """

    def __init__(self, objective, inverse):
        self.objective = objective
        self.candidates = Candidates(objective)
        self.coef = np.zeros(objective.coef.shape)  # d_U
        self._inverse = inverse
        rows = np.arange(objective.n_rows)
        self._slopes = weighted_residual(objective, inverse)(rows)  # shape: (n, K)
        self._moved = np.zeros(self._slopes.shape)  # E_i' d_U
        self._curvature = objective.row_curvature()
        forms = inverse.leverage_blocks().copy()  # shape: (n, K, K)
        self._system = inverse.leverage_system(rows, self._curvature, forms)
        # H_U^-1 is H^-1 plus, for each removed row, H_U^-1 E_j (its core) E_j' H_U^-1
        self._reached = _Columns(objective.n_parameters)
        self._weighted = _Columns(objective.n_parameters)  # the same times the core
        self._folded = None  # their product, once they are more than the coefficients
        self._direction, self._against = None, None

    def gains(self, direction):
        """Gain of ``direction . d_U`` by removing each row, (n,); 0 for rows that must stay."""
        if self._direction is None or not np.array_equal(direction, self._direction):
            solved = self._solve(direction.reshape(-1, 1))
            self._direction = direction.copy()
            self._against = self.objective.predictor.jvp(solved)[:, :, 0]  # shape: (n, K)
        pulled, full = self._system.solve(self._right())
        out = np.einsum("nk,nk->n", self._against, pulled)
        out[~self.candidates.free | full] = 0.0
        return out

    def _right(self, rows=slice(None)):
        return self._slopes[rows] + self._curvature.take(rows).apply(self._moved[rows])

    def remove(self, row):
        """Let the group have one row more."""
        K = self.objective.n_outputs
        reached = self._solve_row(row)
        pulled, core = self._own_part(row)
        crossed = self.objective.predictor.jvp(reached)  # shape: (n, K, K)
        # numpy's product of stacked 1 x 1 matrices is slow
        added = core * crossed**2 if K == 1 else crossed @ core @ crossed.transpose(0, 2, 1)
        self._system.downdate(added)
        self._moved += crossed[:, :, 0] * pulled if K == 1 else crossed @ pulled
        if self._direction is not None:
            pull = core @ (reached.T @ self._direction.ravel())
            self._against += crossed[:, :, 0] * pull if K == 1 else crossed @ pull
        self.coef += (reached @ pulled).reshape(self.coef.shape)
        self._reached.append(reached)
        self._weighted.append(reached @ core)
        self._fold()
        self.candidates.remove(row)

    def _fold(self):
        """Keep the updates of the inverse as small as the inverse."""
        p = self.objective.n_parameters
        if self._reached.columns.shape[1] <= p:
            return
        product = self._weighted.columns @ self._reached.columns.T
        self._folded = product if self._folded is None else self._folded + product
        self._reached, self._weighted = _Columns(p), _Columns(p)

    def _own_part(self, row):
        """(I - A M)^-1 (s r + A E' d_U) and (I - A M)^-1 A of one row; NaN at leverage one."""
        core, right = self._system.inner(row), self._right([row])[0]
        return self._system.take([row]).solve(right[None])[0][0], core

    def _solve(self, V):
        """H_U^-1 V for V (p, m)."""
        return self._updated(self._inverse.solve(V), V)

    def _solve_row(self, row):
        """H_U^-1 E_i of one row, (p, K)."""
        K = self.objective.n_outputs
        V = self.objective.predictor.take([row]).row_jacobian()[0].T
        solved = self._inverse.solve_rows(np.full(K, row), np.eye(K))
        return self._updated(solved, V)

    def _updated(self, solved, V):
        out = solved + self._weighted.columns @ (self._reached.columns.T @ V)
        return out if self._folded is None else out + self._folded @ V


class _Columns:
    """Columns that are added one after another, in memory that doubles."""

    def __init__(self, n_rows):
        self._held = np.empty((n_rows, 16), order="F")
        self._n = 0

    @property
    def columns(self):
        return self._held[:, : self._n]

    def append(self, columns):
        more = self._n + columns.shape[1]
        if more > self._held.shape[1]:
            grown = np.empty((len(self._held), 2 * more), order="F")
            grown[:, : self._n] = self.columns
            self._held = grown
        self._held[:, self._n : more] = columns
        self._n = more


class RefactorizedDowndate:
    """Downdate with a factorisation of the Hessian that is left at every step.

    For objectives where other rows' weights or dropped singular values follow, and for models that
    nearly interpolate, where updates would lose digits. What a further row adds is the Newton step
    without it of the objective that is left, its class weights differentiated; the step d_U itself
    is exact.
    """

    def __init__(self, objective, inverse):
        self.objective = objective
        self.candidates = Candidates(objective)
        self.coef = np.zeros(objective.coef.shape)
        self._inverse = inverse
        self._rows = []

    @cached_property
    def _left(self):
        rows = np.array(self._rows, dtype=np.intp)
        return self.objective.with_weights(rows, np.zeros(len(rows)))

    @cached_property
    def _left_inverse(self):
        if not self._rows:
            return self._inverse
        damping = self._inverse.hessian.damping / self._left.weights.base.sum()
        return AutoSolver().factorize(self._left.hessian(damping))

    def gains(self, direction):
        """See :meth:`Downdate.gains`."""
        left, predictor = self._left, self.objective.predictor
        solved = self._left_inverse.solve(direction.reshape(-1, 1))
        curvature = left.row_curvature()
        rows = np.arange(left.n_rows)
        if left.quadratic:
            moved = left.with_coef(left.coef + self.coef)
            right = weighted_residual(moved, self._left_inverse)(rows)
        else:
            right = left.weighted_residual()
            right = right + curvature.apply(predictor.jvp(self.coef.reshape(-1, 1))[:, :, 0])
        pulled, full = self._left_inverse.leverage_system(rows, curvature).solve(right)
        out = np.einsum("nkm,nk->n", predictor.jvp(solved), pulled)
        coupling, free = Coupling(left), np.flatnonzero(self.candidates.free)
        shared = solved.T @ coupling.directions.reshape(len(solved), -1)
        out[free] += low_rank_coefs(coupling, RowEdits.removals(free)) @ shared[0]
        out[~self.candidates.free | full] = 0.0
        return out

    def remove(self, row):
        """See :meth:`Downdate.remove`."""
        self._rows.append(row)
        self.candidates.remove(row)
        for name in ("_left", "_left_inverse"):
            self.__dict__.pop(name, None)
        group = RowEdits.groups([np.array(self._rows)])
        self.coef = newton_step(self.objective, self._inverse, group).coef_changes()[0]


def downdate(objective, inverse):
    """The downdate that suits the objective."""
    follow = bool(Coupling(objective)) or objective.cut is not None
    if follow or inverse.nearly_interpolates:
        return RefactorizedDowndate(objective, inverse)
    return Downdate(objective, inverse)


def additive_gains(objective, inverse, direction):
    """Influence of every row on ``direction . coef`` to first order, (n,)."""
    edits = RowEdits.removals(np.arange(objective.n_rows))
    changes = linear_first_order(objective, inverse, edits)
    return changes.products(direction.reshape(-1, 1))(slice(0, objective.n_rows))[0]


def top_additive(objective, gains):
    """Rows that may be removed together, those of the largest positive gains first."""
    candidates, chosen = Candidates(objective), []
    for row in np.argsort(-gains, kind="stable"):
        if gains[row] <= 0.0:
            break
        if candidates.free[row]:
            chosen.append(row)
            candidates.remove(row)
    return np.array(chosen, dtype=np.intp)
