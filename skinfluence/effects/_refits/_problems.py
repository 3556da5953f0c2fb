"""Blocks of objectives that differ from one by an edit of rows: their gradients and metric."""

import numpy as np

from skinfluence.effects._residuals import weighted_residual
from skinfluence.linalg import row_blocks


class PerEdit:
    """Arrays with one entry for each of a block of edits, of which some are left out on the way."""

    #: names of the attributes that hold them, or None
    per_edit: tuple[str, ...]

    def keep(self, some):
        """Go on with some of the edits only, for a mask."""
        for name in self.per_edit:
            part = getattr(self, name)
            setattr(self, name, None if part is None else part[some])


class EditedProblems(PerEdit):
    """A block of B objectives, each with one edit of the training rows; for linear predictors.

    New rows may come where there is no optimum (``polish=False``): changes are measured from there,
    and the gradient that is left is subtracted.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
        Of its Hessian.
    edits : RowEdits

    Attributes
    ----------
    rounding : float
        A gradient that is no larger is zero.
    """

    per_edit = ("class_ratio", "penalty_ratio", "new", "new_weight")

    def __init__(self, objective, inverse, edits):
        self.objective, self.inverse, self.edits = objective, inverse, edits
        self.rounding = 4 * np.finfo(float).eps * objective.gradient_scale
        self.left_over = 0.0 if edits.new is None else objective.gradient()
        weights = objective.weights
        self.class_ratio = edits.class_ratio(weights)  # shape: (B, C)
        self.penalty_ratio = edits.penalty_ratio(objective)
        self.new = self.new_weight = None
        if edits.new is not None:
            self.new = edits.new.predictor.design.to_dense()  # shape: (B, q)
            self.new_weight = edits.new_sample_weight(objective)  # shape: (B, 1 or K)
            if self.class_ratio is not None:
                own = edits.new.codes[:, None] == np.arange(weights.n_classes)
                ratio = (self.class_ratio * own).sum(axis=1, keepdims=True)
                ratio = np.where(own, ratio, 1.0) if weights.own_output_only else ratio
                self.new_weight = self.new_weight * ratio
        self._sort_terms()

    def _sort_terms(self):
        order = np.argsort(self.edits.row, kind="stable")
        self._terms = [
            part[order] for part in (self.edits.row, self.edits.edit_of_term, self.edits.factor)
        ]

    def __len__(self):
        return self.edits.n_edits

    def keep(self, some):
        super().keep(some)
        self.edits = self.edits.take(np.flatnonzero(some))
        self._sort_terms()

    def residuals(self, raw, rows, some=slice(None)):
        """Weighted derivatives of some rows' losses at raw predictions (n_rows, n_some, K).

        For the edits `some`, all by default.
        """
        objective, weights = self.objective, self.objective.weights
        out = objective.loss.gradient(objective.y[rows, None, :], raw)
        out *= objective.sample_weight[rows, None, :]
        if self.class_ratio is not None:
            codes, ratio = weights.codes[rows], self.class_ratio[some]
            if weights.own_output_only:
                own = codes[:, None, None] == np.arange(weights.n_classes)
                out *= np.where(own, ratio, 1.0)
            else:
                out *= ratio.T[codes][:, :, None]
        sorted_rows, edit, factor = self._terms
        terms = slice(*np.searchsorted(sorted_rows, (rows.start, rows.stop)))
        place, local, factor = edit[terms], sorted_rows[terms] - rows.start, factor[terms]
        if not isinstance(some, slice):
            places = np.full(len(self), -1)
            places[some] = np.arange(out.shape[1])
            inside = places[place] >= 0
            place, local, factor = places[place[inside]], local[inside], factor[inside]
        factor = factor[:, None]
        out[local, place] = np.where(factor == 0.0, 0.0, factor * out[local, place])
        return out

    def new_residuals(self, raw):
        """Weighted derivatives of the new rows' losses at raw predictions (B, K)."""
        return self.new_weight * self.objective.loss.gradient(self.edits.new.y, raw)

    def new_curvature(self, raw):
        """Weighted K x K curvature of the new rows, (B, K, K)."""
        loss, K = self.objective.loss, raw.shape[1]
        if loss.separable:
            return (self.new_weight * loss.curvature(self.edits.new.y, raw))[:, :, None] * np.eye(K)
        return self.new_weight[:, :, None] * loss.hessian_matrix(self.edits.new.y, raw)

    def gradient(self, delta, residuals, raw_new=None):
        """J' of each edited objective at changes of the coefficients, (B, K, q).

        Parameters
        ----------
        delta : ndarray of shape (B, K, q)
        residuals : callable
            Gives :meth:`residuals` there for a slice of rows.
        raw_new : ndarray of shape (B, K)
            Raw predictions of the new rows there.
        """
        objective, (B, K, q) = self.objective, delta.shape
        out = np.zeros((q, B * K))
        for rows in row_blocks(objective.n_rows, 8 * B * K, cache_mib=0.5):
            out += objective.design.take(rows).rmatmul(residuals(rows).reshape(-1, B * K))
        gradient = np.ascontiguousarray(out.T).reshape(B, K, q)
        if self.new is not None:
            gradient += self.new_residuals(raw_new)[:, :, None] * self.new[:, None, :]
        gradient += self.penalised(objective.coef + delta)
        gradient -= self.left_over
        return gradient

    def gradient_at(self, delta):
        """J' without new rows at changes of the coefficients (B, K, q), in the same shape."""
        theta = self.objective.coef + delta

        def residuals(rows):
            return self.residuals(self.objective.predictor.take(rows).raw_at(theta), rows)

        return self.gradient(delta, residuals)

    def penalised(self, coef):
        """P coef with the penalty of each edited objective, for coef (B, K, q) or (K, q)."""
        return self.penalty_ratio[:, None, None] * self.objective.penalty.gradient(coef)

    def gradient_at_start(self, raw_new=None):
        """J' at the coefficients as they are: what left and what came, (B, K, q)."""
        objective, edits = self.objective, self.edits
        if self.class_ratio is not None:  # and every weight that followed

            def residuals(rows):
                raw = objective.raw_prediction[rows, None]
                return self.residuals(np.repeat(raw, len(self), axis=1), rows)

            delta = np.zeros((len(self), *objective.coef.shape))
            return self.gradient(delta, residuals, raw_new)
        out = (self.penalty_ratio - 1.0)[:, None, None] * objective.penalty.gradient(objective.coef)
        pulled = weighted_residual(objective, self.inverse)(edits.row)
        pulled = pulled * (edits.factor - 1.0)[:, None]  # shape: (n_terms, K)
        for part in row_blocks(len(pulled), 16 * objective.n_parameters):
            Z = objective.design.take(edits.row[part]).to_dense()
            np.add.at(out, edits.edit_of_term[part], pulled[part][:, :, None] * Z[:, None, :])
        if self.new is not None:
            out += self.new_residuals(raw_new)[:, :, None] * self.new[:, None, :]
        return out


class Metric(PerEdit):
    """Newton directions (H - E A E' + E' A' E'')^-1 G of a block, from one inverse of H.

    E = I (x) z is the edited row with the part A of its curvature that leaves, E' the new one.
    Woodbury's identity takes K columns where no row or one of the same features comes, else 2 K.
    Where edits have several rows, or new rows an inverse that is iterated, it is H^-1 G.
    """

    per_edit = ("solved", "core", "lost", "forms")

    def __init__(self, problems):
        self.problems, self.inverse = problems, problems.inverse
        self.solved = self.core = self.lost = self.forms = None
        objective, edits, new = problems.objective, problems.edits, problems.edits.new
        if edits.single_rows is None or not (new is None or self.inverse.factorized):
            return
        K = objective.n_outputs
        # a row has one solution, however many labels it is tried with
        rows, place = np.unique(edits.row, return_inverse=True)
        units = np.broadcast_to(np.eye(K)[:, None], (K, len(rows), K))
        solved = [self.inverse.solve_rows(rows, unit).T[place] for unit in units]
        curvature = objective.row_curvature(edits.row)
        lost = curvature.scaled(1.0 - edits.factor[:, None])
        if new is None:
            self.solved = np.stack(solved, axis=1)  # shape: (B, K, p)
            system = self.inverse.leverage_system(edits.row, curvature)
            system = system.scaled(lost) if edits.factor.any() else system
            columns = [system.solve(column)[0] for column in lost.matrix().transpose(2, 0, 1)]
            # leverage one: leave the direction alone, the iteration decides
            self.core = np.nan_to_num(np.stack(columns, axis=-1), nan=0.0)
            return
        self.lost, parts = lost.matrix(), [objective.predictor.take(edits.row)]
        if not new.same_features:
            parts.append(new.predictor)
            solved += [self.inverse.solve(new.predictor.output_vjp(k, K)).T for k in range(K)]
        self.solved = np.stack(solved, axis=1)  # shape: (B, K or 2 K, p)
        columns = self.solved.transpose(1, 2, 0)
        self.forms = np.stack(
            [np.hstack([part.row_jvp(column) for part in parts]) for column in columns], axis=1
        )

    def direction(self, gradient, raw_new=None):
        """The Newton direction for gradients (B, K, q), with the new rows' curvature at raw_new."""
        flat = gradient.reshape(len(gradient), -1)
        plain = self.inverse.solve(flat.T).T  # shape: (B, p)
        if self.solved is None:
            return plain.reshape(gradient.shape)
        core = self._core_of_new(raw_new) if self.core is None else self.core
        pull = core @ (self.solved @ flat[:, :, None])
        out = plain + (self.solved.transpose(0, 2, 1) @ pull)[:, :, 0]
        uphill = ~(np.einsum("bp,bp->b", out, flat) > 0.0)
        out[uphill] = plain[uphill]
        return out.reshape(gradient.shape)

    def _core_of_new(self, raw_new):
        """-(I + D F)^-1 D with D the change of the curvature and F = (E, E')' H^-1 (E, E')."""
        gained = self.problems.new_curvature(raw_new)
        (B, K, _), m = gained.shape, self.forms.shape[1]
        if m == K:
            D = gained - self.lost
        else:
            D = np.zeros((B, m, m))
            D[:, :K, :K], D[:, K:, K:] = -self.lost, gained
        system = np.eye(m) + D @ self.forms
        # singular where the row alone determines a direction: the length of the step decides then
        good = np.abs(np.linalg.det(system)) > 1e-12
        system[~good] = np.eye(m)
        return -np.linalg.solve(system, np.where(good[:, None, None], D, 0.0))
