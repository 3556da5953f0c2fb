"""Anderson acceleration of many independent fixed-point iterations at once."""

import numpy as np

from skinfluence.effects._refits._problems import PerEdit

#: Differences of an iteration that are kept.
DEPTH = 12


class Anderson(PerEdit):
    """x <- x + step(x), accelerated by the last differences of every iteration.

    Every change has its own history and its own tiny least-squares problem; all are solved in one
    batch. With a contraction the plain iteration gains log(rate) digits a step, this about twice
    as many (Walker & Ni, 2011, SIAM J. Numer. Anal. 49).
    """

    per_edit = ("_x", "_step", "_moved", "_dstep")

    def __init__(self):
        self._n_steps = 0
        self._x = self._step = None
        self._moved = self._dstep = None  # histories of x + step and of step, (B, DEPTH, p)

    def advance(self, x, step):
        """Next iterates from the current ones and their plain steps, all (B, ...)."""
        shape, B = x.shape, len(x)
        x, step = x.reshape(B, -1), step.reshape(B, -1)
        if self._x is None:
            self._x, self._step = x.copy(), step
            return (x + step).reshape(shape)
        if self._moved is None:
            self._moved = np.zeros((B, DEPTH, x.shape[1]))
            self._dstep = np.zeros_like(self._moved)
        place = self._n_steps % DEPTH  # the oldest entry makes room
        self._n_steps += 1
        np.subtract(step, self._step, out=self._dstep[:, place])
        np.add(x - self._x, self._dstep[:, place], out=self._moved[:, place])
        self._x, self._step = x.copy(), step
        m = min(self._n_steps, DEPTH)
        F = self._dstep[:, :m]
        gram = F @ F.transpose(0, 2, 1)
        scale = np.einsum("bmm->bm", gram).max(axis=1)
        gram += (1e-14 * scale + np.finfo(float).tiny)[:, None, None] * np.eye(m)
        weights = np.linalg.solve(gram, F @ step[:, :, None])  # shape: (B, m, 1)
        # an extrapolation many times the plain step is a sign of an exhausted history
        weights[np.abs(weights).max(axis=(1, 2)) > 1e3] = 0.0
        out = x + step - (weights.transpose(0, 2, 1) @ self._moved[:, :m])[:, 0]
        return out.reshape(shape)
