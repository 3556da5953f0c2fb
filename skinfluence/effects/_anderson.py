"""Anderson acceleration of many independent fixed-point iterations at once."""

import numpy as np


class Anderson:
    """x <- x + step(x), accelerated by the last `depth` differences of every iteration.

    Every change has its own history and its own tiny least-squares problem; all are solved in one
    batch. With a contraction the plain iteration gains log(rate) digits a step, this about twice
    as many (Walker & Ni, 2011, SIAM J. Numer. Anal. 49).
    """

    def __init__(self, depth):
        self.depth = depth
        self._x = self._step = None
        self._dx, self._dstep = [], []

    def select(self, keep):
        """Drop the iterations that are finished."""
        if self._x is not None:
            self._x, self._step = self._x[keep], self._step[keep]
            self._dx = [a[keep] for a in self._dx]
            self._dstep = [a[keep] for a in self._dstep]

    def advance(self, x, step):
        """Next iterates from the current ones and their plain steps, all (B, ...)."""
        if self._x is not None:
            self._dx.append(x - self._x)
            self._dstep.append(step - self._step)
            del self._dx[: -self.depth], self._dstep[: -self.depth]
        self._x, self._step = x.copy(), step
        if not self._dx:
            return x + step
        B = len(x)
        F = np.stack([d.reshape(B, -1) for d in self._dstep], axis=1)  # shape: (B, m, p)
        gram = F @ F.transpose(0, 2, 1)
        scale = np.einsum("bmm->bm", gram).max(axis=1)
        gram += (1e-14 * scale + np.finfo(float).tiny)[:, None, None] * np.eye(F.shape[1])
        right = F @ step.reshape(B, -1, 1)
        weights = np.linalg.solve(gram, right)[:, :, 0]  # shape: (B, m)
        # an extrapolation many times the plain step is a sign of an exhausted history
        weights[np.abs(weights).max(axis=1) > 1e3] = 0.0
        moved = np.stack(self._dx, axis=1) + np.stack(self._dstep, axis=1)
        return x + step - np.einsum("bm,bm...->b...", weights, moved)
