"""Exact optimum of a hinge machine, and its path when the weights of rows change.

See :mod:`skinfluence.objectives._hinge.machine` for the machine and its notation.
"""

from dataclasses import dataclass

import numpy as np

from skinfluence.objectives._hinge.margin import Held

#: Sides of the margin.
BEYOND, ON, WITHIN = -1, 0, 1
#: Rows next to the margin that are watched at a time, at least.
WATCHED = 64
#: Rates that are this small, relative to what moves, are rounding.
ROUNDING = 1e-10
#: Largest violation of the optimality conditions, in units of the largest c.
TOLERANCE = 1e-6
#: Changes of sides on one path, in multiples of the rows that are watched.
MOST_TURNS = 50


@dataclass
class Position:
    """An optimum."""

    side: np.ndarray  # shape: (n,)
    alpha: np.ndarray  # shape: (n,)
    x: np.ndarray  # shape: (q + 1,)
    margin: np.ndarray  # shape: (n,)


class Stage:
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
        A, free = machine.rows(self.near), machine.free[self.near]
        self.held = Held(A, free, np.flatnonzero(on[self.near]))


class Path:
    """From one optimum to that of other weights, and from other wanted margins to the machine's.

    Parameters
    ----------
    machine : HingeMachine
    position : Position
        The start, for the machine's own weights.
    weights : ndarray of shape (n,)
        Those of the end.
    wanted : ndarray of shape (n,), default=None
        The margins that are wanted at the start; the machine's by default.
    stage : Stage, default=None
        The first one, where it is known.
    """

    def __init__(self, machine, position, weights, wanted=None, stage=None):
        self.machine, self.position = machine, position
        self.u, self.du = machine.weights, weights - machine.weights
        self.c = machine.wanted if wanted is None else wanted
        self.dc = machine.wanted - self.c
        self.time = 0.0
        self._stage = stage

    def end(self, update=None):
        """x at the end, (q,); NaN where it was not reached. Calls `update` with the part done."""
        for _ in range(MOST_TURNS):
            stage, self._stage = self._stage, None
            if stage is None:
                c = self.c + self.time * self.dc
                stage = Stage(self.machine, self.position, c, self.dc != 0.0)
            walk = _Walk(self, stage)
            finished = walk.run()
            self.position = walk.position()
            if update is not None:
                update(self.time)
            if finished is not None:
                x = walk.optimum() if finished else np.full_like(walk.x, np.nan)
                return self.machine.with_middle_intercept(x, self.position, self.u + self.du)
        return np.full_like(self.position.x, np.nan)


class _Walk:
    """The part of a path within one stage, on the rows that are watched."""

    def __init__(self, path, stage):
        position, near, time = path.position, stage.near, path.time
        self.path, self.near, self.radius = path, near, stage.radius
        self.held = stage.held.copy()
        self.A, self.norm, self.free = self.held.A, path.machine.norm[near], self.held.free
        self.side, self.alpha = position.side[near], position.alpha[near]
        self.margin, self.x = position.margin[near], position.x.copy()
        self.du, self.dc = path.du[near], path.dc[near]
        self.u, self.c = path.u[near] + time * self.du, path.c[near] + time * self.dc
        # what the weights of the rows within the margin do to x
        moving = np.flatnonzero((position.side == WITHIN) & (path.du != 0.0))
        if len(moving) > WATCHED:
            within = np.where(position.side == WITHIN, path.du, 0.0)
            self.drift, self.off = path.machine.combined(within)
        else:
            self.drift = path.machine.rows(moving).T @ path.du[moving]
            self.off = path.machine.free[moving] @ path.du[moving]

    def run(self):
        """True at the end of the path, None at the end of the stage, False where it is lost."""
        start, path, stalled = self.x.copy(), self.path, 0
        for _ in range(MOST_TURNS * len(self.near)):
            place = self.held.place
            w = self.held.solve(-self.off, self.dc - self.A @ self.drift)
            db, w = w[0], w[1:]
            pulled = self.held.combine(w)
            dx = np.append(self.drift + pulled, db)
            rate = self._margins(dx) - self.dc  # of the margin, against that which is wanted
            size = np.linalg.norm(self.drift) + np.linalg.norm(pulled) + abs(db)
            noise = ROUNDING * self.norm * size
            if (np.abs(rate[place]) > 0.01 * noise[place]).any() and self.held.updates:
                self.held = Held(self.A, self.free, place)  # many updates have lost digits
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
            stalled = 0 if h > 0.0 else stalled + 1
            if stalled > MOST_TURNS + 4 * len(self.near):  # sides change in a circle
                break
            event()
        return False

    def _margins(self, x):
        """A x of the rows that are watched."""
        return self.A @ x[:-1] + self.free * x[-1]

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
            step = (side - was > 0 or -1) * self.du[j]
            self.drift = self.drift + step * self.held.row(j)
            self.off = self.off + step * self.free[j]

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
        w = self.held.solve(0.0, wanted - self._margins(self.x))
        x = self.x + np.append(self.held.combine(w[1:]), w[0])
        return x, self.alpha[self.held.place] + w[1:]

    def optimum(self):
        """x with the margins of the machine; NaN where it is no optimum."""
        margin, unit = self.path.machine.margin[self.near], self.path.machine.unit
        x, alpha = self._settled(margin)
        off = (self._margins(x) - margin) / unit
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
        return Position(side, alpha, x, path.machine.margins(x))
