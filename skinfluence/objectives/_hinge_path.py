"""The exact optimum of a hinge machine, and where it goes when the weights of its rows change.

A machine ``min theta' P theta / 2 + sum_i u_i max(0, 1 - y_i z_i' theta)`` has the dual problem
``max sum_i alpha_i - |A' alpha|^2 / 2`` over ``0 <= alpha_i <= u_i``, with rows
``a_i = y_i P^-1/2 z_i`` of A, and ``x = P^1/2 theta = A' alpha``. Rows beyond the margin have alpha
0, rows within it alpha u; only those on it are free. While no row changes sides, the optimum is
linear in u: it is followed from one such change to the next, and is exact at the end (Cauwenberghs
and Poggio, "Incremental and decremental support vector machine learning", NIPS 2000).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from skinfluence.linalg import row_blocks
from skinfluence.objectives._hinge_margin import Held, independent

#: Sides of the margin.
BEYOND, ON, WITHIN = -1, 0, 1
#: Rows next to the margin that are watched at a time, at least.
WATCHED = 64
#: Rates that are this small, relative to what moves, are rounding.
ROUNDING = 1e-10
#: Rows want margins that differ by this much, so that no two change sides at the same time; what is
#: returned has them at 1.
APART = 1e-11
#: Largest violation of the optimality conditions, in units of the margin.
TOLERANCE = 1e-6
#: Changes of sides on one path, in multiples of the rows that are watched.
MOST_TURNS = 50


class HingeMachine:
    """A binary hinge machine at its optimum.

    Parameters
    ----------
    design : Design of shape (n, q), without a centre
    y : ndarray of shape (n,)
        Labels -1 and +1.
    penalty : ndarray of shape (q,)
        Diagonal of P; positive.
    weights : ndarray of shape (n,)
        u of each row.
    alpha : ndarray of shape (n,)
        A guess at the dual solution, such as that of the smooth hinge.
    reach : callable, default=None
        Called with the part of the path to the optimum that is done, from 0 to 1.

    Attributes
    ----------
    coef : ndarray of shape (q,)
        theta; NaN where the optimum was not found.
    optimum : _Position
        With margins a little apart from 1, see `APART`.
    removals : dict of int to ndarray
        For those who keep what the removal of a row does.
    """

    def __init__(self, design, y, penalty, weights, alpha, reach=None):
        self.design, self.y, self.weights = design, y.astype(np.float64), weights
        self._root = np.sqrt(penalty)
        self.removals: dict = {}
        self.wanted = 1.0 + APART * np.random.default_rng(0).random(len(y))
        self.norm = np.empty(design.shape[0])
        for some in row_blocks(len(self.norm), 8 * design.shape[1], cache_mib=2.0):
            A = self.rows(some)
            self.norm[some] = np.sqrt(np.asarray((A * A).sum(axis=1)).ravel())
        path = self._from_guess(np.clip(alpha, 0.0, weights))
        self._x = path.end(reach)
        self.optimum = path.position
        without = weights == 0.0  # these may get weight, and then need their side
        self.optimum.side[without] = np.where(self.optimum.margin < self.wanted, WITHIN, BEYOND)[
            without
        ]
        self.coef = self._x / self._root

    def rows(self, some):
        """Rows of A, dense or sparse as the design is."""
        part, y = self.design.take(some), self.y[some]
        if not part.is_sparse:
            return part.to_dense() * y[:, None] / self._root
        Z = part.X
        if part.intercept:
            Z = sparse.hstack([Z, np.ones((Z.shape[0], 1))])
        return sparse.csr_array(sparse.diags(y) @ Z @ sparse.diags(1.0 / self._root))

    def margins(self, x):
        """A x, (n,)."""
        return self.y * self.design.matmul((x / self._root)[:, None])[:, 0]

    def combined(self, alpha):
        """A' alpha, (q,)."""
        return self.design.rmatmul((self.y * alpha)[:, None])[:, 0] / self._root

    def coef_change(self, weights):
        """The optimum with other weights minus `coef`, (q,); NaN where it is not found."""
        moved = weights - self.weights
        if not moved[self.optimum.alpha > 0.0].any() and (moved <= 0.0).all():
            return np.zeros_like(self.coef)
        path = _Path(self, self.optimum, weights, stage=self._stage)
        return (path.end() - self._x) / self._root

    @cached_property
    def _stage(self):
        """Where all paths from the optimum start."""
        return _Stage(self, self.optimum, self.wanted, np.zeros(len(self.y), dtype=bool))

    def _from_guess(self, alpha):
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
        x = self.combined(alpha)
        margin = self.margins(x)
        wanted = np.where(
            side == WITHIN, np.maximum(margin, self.wanted), np.minimum(margin, self.wanted)
        )
        wanted = np.where(u > 0.0, np.where(side == ON, margin, wanted), self.wanted)
        return _Path(self, _Position(side, alpha, x, margin), u, wanted)


@dataclass
class _Position:
    """An optimum."""

    side: np.ndarray  # shape: (n,)
    alpha: np.ndarray  # shape: (n,)
    x: np.ndarray  # shape: (q,)
    margin: np.ndarray  # shape: (n,)


class _Stage:
    """The rows that are watched while x stays within a radius: no other row reaches the margin."""

    def __init__(self, machine, position, wanted, watched):
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.abs(wanted - position.margin) / machine.norm
        distance[np.isnan(distance)] = np.inf
        on = position.side == ON
        distance[on | watched] = 0.0
        count = WATCHED + 4 * np.count_nonzero(on) + np.count_nonzero(watched)
        self.radius, self.near = np.inf, np.arange(len(distance))
        if count < len(distance):
            order = np.argpartition(distance, count)
            self.near, self.radius = np.sort(order[:count]), distance[order[count]]
        self.held = Held(machine.rows(self.near), np.flatnonzero(on[self.near]))


class _Path:
    """From one optimum to that of other weights, and from other wanted margins to the machine's.

    Parameters
    ----------
    machine : HingeMachine
    position : _Position
        The start, for the machine's own weights.
    weights : ndarray of shape (n,)
        Those of the end.
    wanted : ndarray of shape (n,), default=None
        The margins that are wanted at the start; the machine's by default.
    stage : _Stage, default=None
        The first one, where it is known.
    """

    def __init__(self, machine, position, weights, wanted=None, stage=None):
        self.machine, self.position = machine, position
        self.u, self.du = machine.weights, weights - machine.weights
        self.c = machine.wanted if wanted is None else wanted
        self.dc = machine.wanted - self.c
        self.time = 0.0
        self._stage = stage

    def end(self, reach=None):
        """x at the end, (q,); NaN where it was not reached. Calls `reach` with the part done."""
        for _ in range(MOST_TURNS):
            stage, self._stage = self._stage, None
            if stage is None:
                c = self.c + self.time * self.dc
                stage = _Stage(self.machine, self.position, c, self.dc != 0.0)
            walk = _Walk(self, stage)
            finished = walk.run()
            self.position = walk.position()
            if reach is not None:
                reach(self.time)
            if finished is not None:
                return walk.optimum() if finished else np.full_like(walk.x, np.nan)
        return np.full_like(self.position.x, np.nan)


class _Walk:
    """The part of a path within one stage, on the rows that are watched."""

    def __init__(self, path, stage):
        position, near, time = path.position, stage.near, path.time
        self.path, self.near, self.radius = path, near, stage.radius
        self.held = stage.held.copy()
        self.A, self.norm = self.held.A, path.machine.norm[near]
        self.side, self.alpha = position.side[near], position.alpha[near]
        self.margin, self.x = position.margin[near], position.x.copy()
        self.du, self.dc = path.du[near], path.dc[near]
        self.u, self.c = path.u[near] + time * self.du, path.c[near] + time * self.dc
        # what the weights of the rows within the margin do to x
        moving = np.flatnonzero((position.side == WITHIN) & (path.du != 0.0))
        if len(moving) > WATCHED:
            self.drift = path.machine.combined(np.where(position.side == WITHIN, path.du, 0.0))
        else:
            self.drift = path.machine.rows(moving).T @ path.du[moving]

    def run(self):
        """True at the end of the path, None at the end of the stage, False where it is lost."""
        start, path = self.x.copy(), self.path
        for _ in range(MOST_TURNS * len(self.near)):
            place = self.held.place
            w = self.held.inverse @ (self.dc - self.A @ self.drift)[place]
            pulled = self.held.combine(w)
            dx = self.drift + pulled
            rate = self.A @ dx - self.dc  # of the margin, against that which is wanted
            size = np.linalg.norm(self.drift) + np.linalg.norm(pulled)
            noise = ROUNDING * self.norm * size
            if (np.abs(rate[place]) > 0.01 * noise[place]).any() and self.held.updates:
                self.held = Held(self.A, place)  # many updates have lost digits
                continue
            length, event = self._next(w, rate, noise)
            size = np.linalg.norm(dx)
            left = self.radius - np.linalg.norm(self.x - start)
            stop = left / size if size > 0.0 else np.inf
            h = min(length, stop, 1.0 - path.time)
            self.x += h * dx
            self.margin += h * (rate + self.dc)
            self.c += h * self.dc
            self.u += h * self.du
            self.alpha[place] += h * w
            if h == 1.0 - path.time:
                path.time = 1.0
                return True
            path.time += h
            if h == stop:
                return None
            event()
        return False

    def _next(self, w, rate, noise):
        """(how far to go until a row changes sides, what happens then)."""
        place = self.held.place
        alpha, u, du = self.alpha[place], self.u[place], self.du[place]
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.where(w < 0.0, alpha / -w, np.inf)
            high = np.where(w > du, (u - alpha) / (w - du), np.inf)
            gap = (self.c - self.margin) / rate
        crosses = (self.side * rate > noise) & (self.u + np.abs(self.du) > 0.0)
        gap = np.where(crosses & (self.side != ON), gap, np.inf)
        found = [
            (a.min(), int(a.argmin()), kind)
            for a, kind in ((low, BEYOND), (high, WITHIN), (gap, ON))
            if len(a)
        ]
        length, k, kind = min(found)
        happens = (lambda: self._enter(k)) if kind == ON else (lambda: self._leave(k, kind))
        return max(length, 0.0), happens

    def _put(self, j, side):
        """Row j goes to another side; those within the margin follow their weights."""
        was, self.side[j] = self.side[j], side
        if self.du[j] != 0.0 and WITHIN in (was, side):
            self.drift = self.drift + (side - was > 0 or -1) * self.du[j] * self.held.row(j)

    def _leave(self, k, side):
        j = self.held.place[k]
        self.alpha[j] = self.u[j] if side == WITHIN else 0.0
        self.held.remove(k)
        self._put(j, side)

    def _enter(self, j):
        """Row j reaches the margin, and stays there; a row that it depends on makes room."""
        sign = -self.side[j]  # of what its alpha does
        self.alpha[j] = self.u[j] if self.side[j] == WITHIN else 0.0
        w = self.held.add(j, self.norm[j])
        if w is None:
            self._put(j, ON)
            return
        place, pull = self.held.place, sign * w
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(pull > 0.0, self.alpha[place] / pull, np.inf)
            room = np.where(pull < 0.0, (self.u[place] - self.alpha[place]) / -pull, room)
        k = int(room.argmin())
        step = min(room[k], self.u[j])
        self.alpha[place] -= step * pull
        self.alpha[j] += sign * step
        if room[k] >= self.u[j]:
            self._put(j, sign)
            return
        self._leave(k, BEYOND if pull[k] > 0.0 else WITHIN)
        self._put(j, ON)
        self.held.add(j, 0.0)

    def _settled(self, wanted):
        """(x, alpha on the margin) with these margins there: what rounding took away comes back."""
        w = self.held.inverse @ (wanted - self.A @ self.x)[self.held.place]
        return self.x + self.held.combine(w), self.alpha[self.held.place] + w

    def optimum(self):
        """x with margins of 1, (q,); NaN where it is no optimum."""
        x, alpha = self._settled(1.0)
        off = self.A @ x - 1.0
        wrong = np.where(self.side == ON, np.abs(off), self.side * off)
        wrong = wrong[self.u > 0.0].max(initial=0.0)
        room = np.minimum(alpha, self.u[self.held.place] - alpha).min(initial=0.0)
        if wrong > TOLERANCE or room < -TOLERANCE * self.u.max(initial=0.0):
            return np.full_like(x, np.nan)
        return x

    def position(self):
        """All rows where the walk ended."""
        path, before = self.path, self.path.position
        x, self.alpha[self.held.place] = self._settled(self.c)
        side, alpha = before.side.copy(), before.alpha.copy()
        side[self.near], alpha[self.near] = self.side, self.alpha
        u = path.u + path.time * path.du
        alpha = np.where(side == WITHIN, u, np.where(side == ON, alpha, 0.0))
        return _Position(side, alpha, x, path.machine.margins(x))
