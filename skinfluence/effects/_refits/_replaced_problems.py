"""Objectives that differ from one by a replaced row: their gradients and steps."""

import numpy as np

from skinfluence.effects._refits._step_lengths import find_lengths
from skinfluence.linalg import row_blocks


class ReplacedProblems:
    """A block of B objectives, each with one training row replaced.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of its Hessian: the metric of the steps.
    edits : RowEdits
        With new rows.
    """

    def __init__(self, objective, inverse, edits):
        self.objective = objective
        self.inverse = inverse
        self.edits = edits
        self.old = objective.design.take(edits.row).to_dense()  # shape: (B, q)
        self.new = edits.new.predictor.design.to_dense()
        self.weight = objective.sample_weight  # shape: (n, 1 or K)
        self.new_weight = edits.new_sample_weight(objective)  # shape: (B, 1 or K)
        self.class_ratio = edits.class_ratio(objective.weights)  # shape: (B, C)
        if self.class_ratio is not None:
            self.new_weight = self.new_weight * self._own_ratio(edits.new.codes)

    def __len__(self):
        return self.edits.n_edits

    @property
    def loses_digits(self):
        """Whether updates of the inverse would lose them: each edit is factorised then."""
        inverse, same = self.inverse, self.edits.new.same_features
        return inverse.nearly_interpolates and not same and not inverse.hessian.damping

    def keep(self, some):
        """Go on with some of the changes only, for a mask."""
        self.edits = self.edits.take(np.flatnonzero(some))
        self.old, self.new = self.old[some], self.new[some]
        self.new_weight = self.new_weight[some]
        if self.class_ratio is not None:
            self.class_ratio = self.class_ratio[some]

    def _own_ratio(self, codes):
        weights = self.objective.weights
        own = codes[:, None] == np.arange(weights.n_classes)
        ratio = (self.class_ratio * own).sum(axis=1, keepdims=True)
        return np.where(own, ratio, 1.0) if weights.own_output_only else ratio

    def residuals(self, raw, rows, some=slice(None)):
        """Weighted derivatives of some rows' losses at raw predictions (n_rows, n_some, K).

        For the changes `some`, all of them by default.
        """
        objective, weights = self.objective, self.objective.weights
        out = objective.loss.gradient(objective.y[rows, None, :], raw)
        out *= self.weight[rows, None, :]
        if self.class_ratio is not None:
            codes = weights.codes[rows]
            if weights.own_output_only:
                own = codes[:, None, None] == np.arange(weights.n_classes)
                out *= np.where(own, self.class_ratio[None, some], 1.0)
            else:
                out *= self.class_ratio[some].T[codes][:, :, None]
        return out

    def new_residuals(self, raw):
        """The same for the new rows, at raw predictions (B, K)."""
        return self.new_weight * self.objective.loss.gradient(self.edits.new.y, raw)

    def new_curvature(self, raw):
        """Weighted K x K curvature of the new rows, (B, K, K)."""
        loss, K = self.objective.loss, raw.shape[1]
        if loss.separable:
            return (self.new_weight * loss.curvature(self.edits.new.y, raw))[:, :, None] * np.eye(K)
        return self.new_weight[:, :, None] * loss.hessian_matrix(self.edits.new.y, raw)


class Metric:
    """Newton directions (H - E A E' + E' A' E'')^-1 G of a block, from one inverse of H.

    E = I (x) z is the old row with its curvature A, E' the new one. Woodbury's identity takes K
    columns where the features stay, else 2 K.
    """

    def __init__(self, problems):
        self.inverse = problems.inverse
        self.problems = problems
        objective, edits = problems.objective, problems.edits
        self.lost = objective.row_curvature(edits.row).matrix()  # shape: (B, K, K)
        self.solved_rows = self.forms = None
        if self.inverse.factorized:
            # a row has one solution, however many labels it is tried with
            rows, place = np.unique(edits.row, return_inverse=True)
            parts = [(objective.design.take(rows).to_dense(), place)]
            if not edits.new.same_features:
                parts.append((problems.new, np.arange(len(problems))))
            self._solve_rows(parts)

    def keep(self, some):
        """Go on with some of the changes only, for a mask."""
        self.lost = self.lost[some]
        if self.inverse.factorized:
            self.solved_rows, self.forms = self.solved_rows[some], self.forms[some]

    def _solve_rows(self, parts):
        """H^-1 F for the columns F = E or [E, E'] of every change, and F' H^-1 F.

        `parts` are pairs (rows Z, place of each change's row among them), E first.
        """
        K, q = self.problems.objective.coef.shape
        B = len(self.problems)
        self.solved_rows = np.empty((B, len(parts) * K, K * q))
        for part, (Z, place) in enumerate(parts):
            right = np.zeros((K, q, len(Z)))
            for k in range(K):
                right[k] = Z.T
                solved = self.inverse.solve(right.reshape(K * q, -1))
                self.solved_rows[:, part * K + k] = solved.T[place]
                right[k] = 0.0
        blocks = self.solved_rows.reshape(B, -1, K, q)
        self.forms = np.empty((B, len(parts) * K, len(parts) * K))
        for part, (Z, place) in enumerate(parts):
            own = np.einsum("bmkq,bq->bmk", blocks, Z[place], optimize=True)
            self.forms[:, :, part * K : (part + 1) * K] = own

    def direction(self, gradient, raw_new):
        """The Newton direction for gradients (B, K, q), with the new rows' curvature at raw_new."""
        B = len(gradient)
        plain = self.inverse.solve(gradient.reshape(B, -1).T).T  # shape: (B, p)
        if not self.inverse.factorized:
            return plain.reshape(gradient.shape)
        D = self._curvature_change(raw_new)
        own = np.einsum("bmp,bp->bm", self.solved_rows, gradient.reshape(B, -1))
        right = np.einsum("bmj,bj->bm", D, own)
        system = np.eye(D.shape[1]) + D @ self.forms
        # singular where the row alone determines a direction: the length of the step decides then
        good = np.abs(np.linalg.det(system)) > 1e-12
        system[~good] = np.eye(D.shape[1])
        pull = np.linalg.solve(system, right[:, :, None])
        pull[~good] = 0.0
        out = plain - np.einsum("bmp,bm->bp", self.solved_rows, pull[:, :, 0])
        uphill = ~(np.einsum("bp,bp->b", out, gradient.reshape(B, -1)) > 0.0)
        out[uphill] = plain[uphill]
        return out.reshape(gradient.shape)

    def _curvature_change(self, raw_new):
        gained = self.problems.new_curvature(raw_new)
        B, K, _ = gained.shape
        if self.forms.shape[1] == K:
            return gained - self.lost
        D = np.zeros((B, 2 * K, 2 * K))
        D[:, :K, :K] = -self.lost
        D[:, K:, K:] = gained
        return D


class Steps:
    """Where a block of problems is, and how it goes on; raw predictions are carried along.

    Attributes
    ----------
    delta : ndarray of shape (B, K, q)
        Change of the coefficients so far.
    gradient : ndarray of shape (B, K, q)
    """

    def __init__(self, problems):
        self.problems = problems
        objective = problems.objective
        B = len(problems)
        self.metric = Metric(problems)
        self.delta = np.zeros((B, *objective.coef.shape))
        # the change is measured from a point that counts as the optimum, even where it is none
        self.left_over = objective.gradient()
        self.raw = np.repeat(objective.raw_prediction[:, None, :], B, axis=1)  # shape: (n, B, K)
        self.raw_new = objective.raw_predictions(problems.edits.new.predictor)  # shape: (B, K)
        self.gradient = self._gradient_at_start()
        self._previous = None

    def keep(self, some):
        """Go on with some of the changes only, for a mask."""
        self.problems.keep(some)
        self.metric.keep(some)
        self.delta, self.gradient = self.delta[some], self.gradient[some]
        self.raw, self.raw_new = self.raw[:, some], self.raw_new[some]
        if self._previous is not None:
            self._previous = tuple(part[some] for part in self._previous)

    def pulls_where_nothing_holds(self):
        """Whose gradient leaves the directions in which the data had curvature, a mask (B,)."""
        null_space = self.metric.inverse.report.null_space  # shape: (p, m)
        flat = self.gradient.reshape(len(self.gradient), -1)
        outside = np.abs(flat @ null_space).max(axis=1, initial=0.0)
        return outside > 1e-8 * np.abs(flat).max(axis=1)

    def newton_direction(self):
        """Downhill: minus the Newton direction, (B, K, q)."""
        return -self.metric.direction(self.gradient, self.raw_new)

    def step(self, downhill, running):
        """One conjugate step of those that are `running`, a mask (B,)."""
        direction = self._conjugate(downhill)
        direction[~running] = 0.0
        length, residual = self._move(direction)
        self.delta += length[:, None, None] * direction
        gradient = self._gradient(residual)
        self._previous = (direction, downhill, self.gradient)
        self.gradient = gradient

    def _conjugate(self, downhill):
        if self._previous is None:
            return downhill.copy()
        direction, before, gradient = self._previous
        change = np.einsum("bkq,bkq->b", downhill, self.gradient - gradient)
        size = np.einsum("bkq,bkq->b", before, gradient)
        with np.errstate(divide="ignore", invalid="ignore"):
            beta = np.maximum(0.0, change / size)  # Polak and Ribiere
        beta[~np.isfinite(beta)] = 0.0
        out = downhill + beta[:, None, None] * direction
        uphill = np.einsum("bkq,bkq->b", out, self.gradient) >= 0.0
        out[uphill] = downhill[uphill]
        return out

    def _gradient_at_start(self):
        """Of an objective at rest with a row replaced: what left and what came."""
        problems, objective = self.problems, self.problems.objective
        if problems.class_ratio is not None:  # and every weight that followed
            return self._gradient()
        rows = problems.edits.row
        lost = objective.sample_weight[rows] * objective.residual[rows]
        gained = problems.new_residuals(self.raw_new)
        return gained[:, :, None] * problems.new[:, None] - lost[:, :, None] * problems.old[:, None]

    def _gradient(self, known=None):
        """By the weighted derivatives (n, B, K) of the losses here, where these are known."""
        problems, objective = self.problems, self.problems.objective
        B, K, q = self.delta.shape
        rows_of = problems.edits.row
        out = np.zeros((q, B * K))
        for rows in row_blocks(objective.n_rows, 8 * B * K, cache_mib=0.5):
            residual = problems.residuals(self.raw[rows], rows) if known is None else known[rows]
            inside = np.flatnonzero((rows_of >= rows.start) & (rows_of < rows.stop))
            residual[rows_of[inside] - rows.start, inside] = 0.0
            out += objective.design.take(rows).rmatmul(residual.reshape(-1, B * K))
        gradient = np.ascontiguousarray(out.T).reshape(B, K, q)
        gradient += problems.new_residuals(self.raw_new)[:, :, None] * problems.new[:, None, :]
        gradient += objective.penalty.gradient(objective.coef + self.delta)
        gradient -= self.left_over
        return gradient

    def _move(self, direction):
        """Go along the direction as far as it goes down.

        Gives the length of each step (B,), and the weighted derivatives of the losses there
        (n, B, K), or None where they were not met on the way.
        """
        problems, objective = self.problems, self.problems.objective
        B, K, q = direction.shape
        moved = objective.design.matmul(direction.reshape(B * K, q).T).reshape(-1, B, K)
        moved[problems.edits.row, np.arange(B)] = 0.0  # the old row is gone
        moved_new = np.einsum("bkq,bq->bk", direction, problems.new)
        pulled = objective.penalty.gradient(objective.coef + self.delta) - self.left_over
        base = np.einsum("bkq,bkq->b", direction, pulled)
        curved = np.einsum("bkq,bkq->b", objective.penalty.times(direction), direction)

        residual, met, sums = np.empty_like(moved), np.full(B, np.nan), np.zeros(B)

        def slope(length):
            other = np.flatnonzero(length != met)  # the rest stays where it was met
            if 4 * len(other) > 3 * B:
                other = slice(None)
            met[other], sums[other] = length[other], 0.0
            out = base + length * curved
            new = problems.new_residuals(self.raw_new + length[:, None] * moved_new)
            out += np.einsum("bk,bk->b", new, moved_new)
            for rows in row_blocks(objective.n_rows, 24 * B * K, cache_mib=1.0):
                way = moved[rows, other]
                raw = self.raw[rows, other] + length[other, None] * way
                found = problems.residuals(raw, rows, other)
                residual[rows, other] = found
                sums[other] += np.einsum("nbk,nbk->b", found, way)
            return out + sums

        start = np.einsum("bkq,bkq->b", direction, self.gradient)
        length = find_lengths(slope, start)
        for rows in row_blocks(objective.n_rows, 16 * B * K, cache_mib=1.0):
            self.raw[rows] += length[:, None] * moved[rows]
        self.raw_new += length[:, None] * moved_new
        return length, residual if np.array_equal(met, length) else None
