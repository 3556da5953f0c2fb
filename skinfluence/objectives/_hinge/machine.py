"""The exact optimum of a hinge machine, and where it goes when the weights of its rows change.

A machine ``min theta' P theta / 2 + sum_i u_i max(0, c_i - y_i z_i' theta)`` has the dual problem
``max sum_i c_i alpha_i - |A' alpha|^2 / 2`` over ``0 <= alpha_i <= u_i``, with rows
``a_i = y_i P^-1/2 z_i`` of A, and ``x = P^1/2 theta = A' alpha``. Rows beyond the margin c have
alpha 0, rows within it alpha u; only those on it are free. An intercept without penalty adds the
constraint ``sum_i y_i alpha_i = 0``; it is the last entry of x, times `scale`. While no row changes
sides, the optimum is linear in u: it is followed from one such change to the next, and is exact at
the end (Cauwenberghs and Poggio, "Incremental and decremental support vector machine learning",
NIPS 2000).

The epsilon-insensitive loss is two such terms a row: with c = y - epsilon, and on the other side.
"""

from functools import cached_property

import numpy as np
from scipy import sparse

from skinfluence.linalg import Design, row_blocks
from skinfluence.objectives._hinge.margin import independent
from skinfluence.objectives._hinge.path import BEYOND, ON, WITHIN, Path, Position, Stage

#: An alpha this near to 0 or u, relative to u, is there.
AT_BOUND = 1e-6
#: Rows want margins that differ by this much, so that no two change sides at the same time; what is
#: returned has them at c. In units of the largest c.
APART = 1e-11


class HingeMachine:
    """A machine of hinges at its optimum: a binary classifier, or a regression.

    Parameters
    ----------
    design : Design of shape (n, q)
        Where its intercept has no penalty it is the last column.
    y : ndarray of shape (m,)
        Sides -1 and +1, for each of the n rows in turn, once or twice.
    margin : ndarray of shape (m,)
        Margin c that is wanted of each.
    penalty : ndarray of shape (q,)
        Diagonal of P; positive, but for the intercept.
    weights : ndarray of shape (m,)
        u of each.
    alpha : ndarray of shape (m,)
        A guess at the dual solution, such as that of the smooth hinge.
    coef : ndarray of shape (q,)
        A guess at theta: of the intercept, where it has no penalty.
    update : callable, default=None
        Called with the part of the path to the optimum that is done, from 0 to 1.

    Attributes
    ----------
    coef : ndarray of shape (q,)
        theta; NaN where the optimum was not found.
    optimum : Position
        With margins a little apart from c, see `APART`.
    removals : dict of int to ndarray
        For those who keep what the removal of a row does.
    """

    def __init__(self, design, y, margin, penalty, weights, alpha, coef, update=None):
        self.y, self.weights, self.margin = y.astype(np.float64), weights, margin
        self.has_free = penalty[-1] == 0.0
        # sparse rows are taken without their centre, and the intercept is then another one
        self._center = design.center if design.is_sparse else None
        self.design = design
        if self._center is not None:
            self.design = Design(design.X, None, design.intercept)
        self._root = np.sqrt(penalty[:-1] if self.has_free else penalty)
        self.removals: dict = {}
        self.unit = max(np.abs(margin).max(initial=0.0), np.finfo(float).tiny)
        apart = APART * self.unit
        self.wanted = margin + apart * np.random.default_rng(0).random(len(y))
        self.norm = np.empty(len(y))
        for some in row_blocks(len(self.norm), 8 * design.shape[1], cache_mib=2.0):
            A = self.rows(some)
            self.norm[some] = np.sqrt(np.asarray((A * A).sum(axis=1)).ravel())
        self.scale = 0.0
        if self.has_free:
            self.scale = self.norm.mean() or 1.0
        self.free = self.scale * self.y
        self.norm = np.hypot(self.norm, self.free)
        path = self._from_guess(np.clip(alpha, 0.0, weights), coef)
        self._x = path.end(update)
        self.optimum = path.position
        without = weights == 0.0  # these may get weight, and then need their side
        self.optimum.side[without] = np.where(self.optimum.margin < self.wanted, WITHIN, BEYOND)[
            without
        ]
        self.coef = self._coef(self._x)

    def rows(self, some):
        """Rows of A without the intercept that has no penalty, dense or sparse as the design is."""
        some = np.arange(len(self.y))[some]
        part, y = self.design.take(some % self.design.shape[0]), self.y[some]
        if not part.is_sparse:
            Z = part.to_dense()
            return (Z[:, :-1] if self.has_free else Z) * y[:, None] / self._root
        Z = part.X
        if part.intercept and not self.has_free:
            Z = sparse.hstack([Z, np.ones((Z.shape[0], 1))])
        return sparse.csr_array(sparse.diags(y) @ Z @ sparse.diags(1.0 / self._root))

    def _coef(self, x):
        """Coefficients (q,) of x; linear."""
        coef = x[:-1] / self._root
        if not self.has_free:
            return coef
        intercept = self.scale * x[-1]
        if self._center is not None:
            intercept = intercept + self._center @ coef
        return np.append(coef, intercept)

    def margins(self, x):
        """A x, (m,)."""
        coef = x[:-1] / self._root
        if self.has_free:
            coef = np.append(coef, self.scale * x[-1])
        raw = self.design.matmul(coef[:, None])[:, 0]
        return self.y * np.tile(raw, len(self.y) // len(raw))

    def combined(self, alpha):
        """A' alpha, and with the free column: (q,) and a number."""
        signed = (self.y * alpha).reshape(-1, self.design.shape[0]).sum(axis=0)
        out = self.design.rmatmul(signed[:, None])[:, 0]
        return (out[:-1] if self.has_free else out) / self._root, float(self.free @ alpha)

    def coef_change(self, weights):
        """The optimum with other weights minus `coef`, (q,); NaN where it is not found."""
        moved = weights - self.weights
        if not moved[self.optimum.alpha > 0.0].any() and (moved <= 0.0).all():
            return np.zeros_like(self.coef)
        path = Path(self, self.optimum, weights, stage=self._stage)
        return self._coef(path.end() - self._x)

    def with_middle_intercept(self, x, position, u):
        """x with the intercept in the middle of its interval, as libsvm has it.

        It is an interval where every alpha is at a bound, 0 or u; else x itself.
        """
        share = np.divide(position.alpha, u, out=np.zeros_like(u), where=u > 0.0)
        bounded = (share < AT_BOUND) | (share > 1.0 - AT_BOUND)
        if not self.has_free or not bounded.all():
            return x
        room = self.y * (self.margin - position.margin) / self.scale  # until a row is on its margin
        upper = (share > 0.5) == (self.y > 0.0)
        counts = (u > 0.0) & (self.y != 0.0)
        low, high = room[~upper & counts], room[upper & counts]
        if not (len(low) and len(high)):
            return x
        x = x.copy()
        x[-1] = position.x[-1] + 0.5 * (low.max() + high.min())
        return x

    @cached_property
    def _stage(self):
        """Where all paths from the optimum start."""
        return Stage(self, self.optimum, self.wanted, np.zeros(len(self.y), dtype=bool))

    def _from_guess(self, alpha, coef):
        """The path to the optimum from any alpha, which is optimal where other margins are wanted.

        The margin that is wanted of each row starts where the guess puts it.
        """
        u = self.weights
        share = np.divide(alpha, u, out=np.zeros_like(u), where=u > 0.0)
        side = np.where(share > 0.5, WITHIN, BEYOND)
        free = np.flatnonzero((share > 1e-9) & (share < 1.0 - 1e-9))
        free = free[np.argsort(-(share * (1.0 - share))[free], kind="stable")]
        side[free[independent(self.rows(free), self.norm[free])]] = ON
        alpha = np.where(side == ON, alpha, np.where(side == WITHIN, u, 0.0))
        intercept = 0.0
        if self.has_free:
            self._balance(alpha, side)
            intercept = coef[-1] / self.scale
            if self._center is not None:
                intercept -= self._center @ coef[:-1] / self.scale
        x = np.append(self.combined(alpha)[0], intercept)
        margin = self.margins(x)
        wanted = np.where(
            side == WITHIN, np.maximum(margin, self.wanted), np.minimum(margin, self.wanted)
        )
        wanted = np.where(u > 0.0, np.where(side == ON, margin, wanted), self.wanted)
        return Path(self, Position(side, alpha, x, margin), u, wanted)

    def _balance(self, alpha, side):
        """Make ``sum y alpha`` zero, in place: by rows on the margin, then by changes of side.

        Where those on the margin do not suffice they are at their bounds, and one other row is on.
        """
        u = self.weights
        self._shift(alpha, np.flatnonzero(side == ON))
        if abs(self.y @ alpha) > 1e-9 * u.sum():
            last = self._shift(alpha, np.arange(len(alpha)))
            side[:] = np.where(alpha > 0.5 * u, WITHIN, BEYOND)
            side[last] = ON

    def _shift(self, alpha, some):
        """Move `some` alphas one after the other towards a zero sum; the last that is moved."""
        off = self.y @ alpha
        step = -np.sign(off) * self.y[some]
        room = np.where(step > 0.0, self.weights[some] - alpha[some], alpha[some]) * np.abs(step)
        taken = np.clip(abs(off) - (np.cumsum(room) - room), 0.0, room)
        alpha[some] += step * taken
        return some[np.flatnonzero(taken)[-1:]]
