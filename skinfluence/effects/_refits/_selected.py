"""Refits of sparse models, also with another selection of columns."""

import numpy as np

from skinfluence.effects._refits._problems import EditedProblems
from skinfluence.objectives._active_groups import subgradient
from skinfluence.objectives._active_set import (
    active_optimum,
    largest_subgradient,
    on_all_columns,
    quadratic_optimum,
)

#: Subgradient outside the selection, relative to the gradient's terms, that is rounding.
ROUNDING = 1e-10
#: The same on the selection, and steps of one inverse to it.
CONVERGED, MOST_STEPS = 1e-13, 40
#: Columns up to which one Gram matrix of all of them serves all refits of squared error.
MOST_COLUMNS = 2000


def refit_selected(objective, iterate, edits, update):
    """(changes of the coefficients of all columns (B, 1, q), positions without an optimum).

    Parameters
    ----------
    objective : Objective
        Of a sparse model, at its optimum.
    iterate : callable
        ``iterate(edits, update)`` gives the optima while the selection stays, (B, 1, m), and which
        failed.
    edits : RowEdits
    update : callable
        Called with the number of edits that are done.
    """
    stay, failed = iterate(edits, update)
    predictor = objective.predictor
    start = predictor.widened(objective.coef).ravel()
    delta = predictor.widened(stay)
    lost, anew = [], np.flatnonzero(failed | moves_selection(objective, edits, stay))
    if len(anew) and objective.quadratic and edits.new is None and len(start) <= MOST_COLUMNS:
        problems = _LeastSquares(objective, edits)
        for b in anew:
            delta[b, 0] = problems.optimum(b, start if failed[b] else start + delta[b, 0]) - start
        anew = anew[np.isnan(delta[anew]).any(axis=(1, 2))]
    for b in anew:
        edited = edits.edited(objective, b)
        near = start if failed[b] else start + delta[b].ravel()
        best, size = active_optimum(edited, near)
        delta[b] = predictor.coef_change(best.predictor)
        if not size <= ROUNDING:
            delta[b] = np.nan
            lost.append(int(b))
    update(edits.n_edits)
    return delta, lost


def refit_entries(objective, inverse, edits, update):
    """(changes of all coefficients (B, K q), positions without an optimum), for several outputs.

    Parameters
    ----------
    objective : Objective
        Of a sparse model with an EntriesPredictor, at its optimum.
    inverse : InverseHessian
        Of its Hessian.
    edits : RowEdits
    update : callable
        Called with the number of edits that are done.
    """
    predictor, scale, lost = objective.predictor, objective.gradient_scale, []
    delta = np.empty((edits.n_edits, predictor.n_stored))
    for b in range(edits.n_edits):
        edited = edits.edited(objective, b)
        best = _chord_steps(edited, inverse, scale)
        if best is None or not largest_subgradient(best) <= ROUNDING * scale:
            best = edited if best is None else best
            best, size = active_optimum(best)
            if not size <= ROUNDING:
                lost.append(b)
        delta[b] = np.nan if b in lost else predictor.coef_change(best.predictor)
        update(b + 1)
    return delta, lost


def _chord_steps(edited, inverse, scale):
    """The optimum while the selection stays, by steps of one inverse; None where they are slow."""
    size = np.inf
    for _ in range(MOST_STEPS if inverse.factorized else 0):
        gradient = edited.gradient()
        before, size = size, np.abs(gradient).max(initial=0.0)
        if size <= CONVERGED * scale:
            return edited
        if not size <= 0.5 * before:
            break
        step = inverse.solve(gradient.reshape(-1, 1)).reshape(gradient.shape)
        edited = edited.with_coef(edited.coef - step)
    return None


class _LeastSquares:
    """Sparse least squares after edits of weights, from one Gram matrix of all columns."""

    def __init__(self, objective, edits):
        smooth, self.penalty = on_all_columns(objective), objective.penalty
        self.design, self.y, self.s = smooth.design, objective.y, objective.sample_weight
        self.scale = objective.gradient_scale
        self.gram = self.design.gram(self.s[:, 0])
        self.pulled = self.design.rmatmul(self.s * self.y)[:, 0]
        self.parts, self.ratio = edits.parts(), edits.penalty_ratio(objective)

    def optimum(self, b, start):
        """Coefficients (q,) of all columns after edit b; NaN where there are none."""
        rows, lost = self.parts[b]
        Z, gone = self.design.take(rows).to_dense(), lost[:, None] * self.s[rows]
        H = self.gram - Z.T @ (gone * Z)
        H[np.diag_indices_from(H)] += self.ratio[b] * self.penalty.l2
        gradient = H @ start - (self.pulled - Z.T @ (gone * self.y[rows])[:, 0])
        l1 = self.ratio[b] * self.penalty.l1
        found = quadratic_optimum(H, gradient, l1, start)
        end = gradient + H @ (found - start)
        pull = np.abs(subgradient(end[None], found[None], l1)).max(initial=0.0)
        return found if pull <= ROUNDING * self.scale else np.full(len(found), np.nan)


def moves_selection(objective, edits, stay):
    """Edits after which the optimum on the selection is not that of all columns, a mask (B,).

    A coefficient has changed its sign, or a column outside the selection would not stay zero.
    `stay` (B, 1, m) are the changes on the selection; NaN counts as no optimum.
    """
    signs, l1 = objective.penalty.signs, objective.penalty.l1
    moved = np.sign(objective.coef + stay)[:, 0]
    out = ((moved != signs) & (signs != 0.0) & (l1[objective.penalty.selected] > 0.0)).any(axis=1)
    out |= np.isnan(stay).any(axis=(1, 2))
    for b, pull in _pulls(objective, edits, stay, np.flatnonzero(~out)):
        out[b] = pull > ROUNDING * objective.gradient_scale
    return out


def _pulls(objective, edits, stay, some):
    """(edits, largest subgradient of all columns) of some edits, in parts."""
    predictor, l1 = objective.predictor, objective.penalty.l1
    smooth = on_all_columns(objective)
    if edits.new is not None:
        for b in some:
            edited = on_all_columns(edits.edited(objective, b))
            coef = predictor.widened(objective.coef + stay[b])
            pull = subgradient(edited.with_coef(coef).gradient(), coef, l1)
            yield b, np.abs(pull).max(initial=0.0)
        return
    if len(some):
        problems = EditedProblems(smooth, None, edits.take(some))
        coef = predictor.widened(objective.coef + stay[some])
        gradient = problems.gradient_at(coef - smooth.coef)
        own = problems.penalty_ratio[:, None, None] * l1
        yield some, np.abs(subgradient(gradient, coef, own)).max(axis=(1, 2), initial=0.0)
