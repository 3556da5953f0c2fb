"""Many changed weights at once, to second order: interactions between removed rows."""

import numpy as np

from skinfluence.effects._changes import StoredChanges
from skinfluence.effects._first_order import first_order
from skinfluence.effects._linear_changes import solved_changes
from skinfluence.effects._registry import register_effect
from skinfluence.effects._truncated import is_truncated
from skinfluence.objectives import Coupling


@register_effect("second_order", kinds=("groups",), second_derivative=True)
def second_order(objective, inverse, edits):
    """Effect of changing many weights together to second order (Basu, You & Feizi 2020).

    With p the share of the training weight that is lost, in sum form::

        delta = ((1 - 2 p) d1 + d2) / (1 - p)^2,    d1 = H^-1 g_U,    d2 = H^-1 H_U d1

    g_U and H_U are the group's part of gradient and Hessian. These are the first two terms of the
    Newton step ``(H - H_U)^-1 g_U`` expanded about ``(1 - p) H``, what a group that is like all
    rows would leave: such a group's step is the first term. As a path: the group's weights
    fall while all others rise so that the sum of weights stays. As in the paper, third derivatives
    of the loss are left out, so that the formula is the second-order expansion of the refit for
    squared loss and of the Newton step for others.

    Where other rows' weights follow (see :class:`~skinfluence.objectives.Coupling`) their first
    and second derivatives along the path are in d1 and d2.

    Parameters
    ----------
    objective : Objective
    inverse : InverseHessian
    edits : RowEdits
        Without new rows.

    Returns
    -------
    StoredChanges
        NaN for a change that leaves no weight.
    """
    if is_truncated(objective, inverse):
        raise ValueError(
            'method="second_order" is not known where LinearRegression drops singular values. '
            'Expected "newton_step", which is exact, or "first_order"; or scale the features '
            "(StandardScaler), so that none is dropped."
        )
    first = first_order(objective, inverse, edits).coef_changes()
    coupling, weights = Coupling(objective), objective.weights
    curved = [
        _curved(objective, coupling, rows, lost, step)
        for (rows, lost), step in zip(edits.parts(), first, strict=True)
    ]
    second = solved_changes(inverse, np.stack(curved, axis=-1)).coef_changes()
    share = -edits.weight_changes(weights) / weights.amounts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(share < 1.0, share, np.nan).reshape(-1, *[1] * objective.coef.ndim)
        return StoredChanges(((1.0 - 2.0 * share) * first + second) / (1.0 - share) ** 2)


def _curved(objective, coupling, rows, lost, step):
    """H times half the second derivative of the coefficients at t = 0, (K, q).

    From J'(theta(t), t) = 0 differentiated twice: theta'' = -H^-1 (J'_tt + 2 J'_t,theta theta').
    """
    out = _product(objective, rows, lost, step)
    weights = objective.weights
    if weights.balanced:
        out -= _class_part(objective, coupling, rows, lost, step)
    if objective.penalty_scaling == "mean":
        gone = lost @ weights.amounts[rows] / weights.amounts.sum()
        out += gone * objective.penalty.at(objective.coef).times(step)
    return out


def _class_part(objective, coupling, rows, lost, step):
    """Contribution of balanced class weights w_k(t) to half of J'_tt + 2 J'_t,theta theta'.

    w_k is proportional to n(t) / n_k(t), with the counts n = sum of n_k falling linearly.
    """
    weights = objective.weights
    gone = np.bincount(
        weights.codes[rows], lost * weights.counts[rows], minlength=weights.n_classes
    )
    share, own = gone.sum() / weights.class_counts.sum(), gone / weights.class_counts
    slope, bend = own - share, 2.0 * own * (own - share)  # w'/w and w''/w, per class
    gradients = coupling.directions[..., : weights.n_classes]
    out = 0.5 * gradients @ bend
    everything = np.arange(objective.n_rows)
    out += _product(objective, everything, _spread(weights, slope), step)
    pulled = lost[:, None] * _spread(weights, slope)[rows]
    weighted = objective.weighted_residual(rows) * pulled
    return out - objective.predictor.take(rows).vjp(weighted[:, :, None]).reshape(out.shape)


def _spread(weights, per_class):
    """A number for each class as one for each row: (n, 1), or (n, K) where outputs differ."""
    own = per_class[weights.codes, None]
    if not weights.own_output_only:
        return own
    return np.where(weights.codes[:, None] == np.arange(weights.n_classes), own, 0.0)


def _product(objective, rows, scale, step):
    """sum_i scale_i H_i step over some rows, with the second derivative H_i of row i's loss."""
    predictor, V = objective.predictor.take(rows), step.reshape(-1, 1)
    scale = scale if scale.ndim == 2 else scale[:, None]
    curved = objective.row_curvature(rows).scaled(scale).apply(predictor.jvp(V)[:, :, 0])
    out = predictor.vjp(curved[:, :, None])
    if not predictor.linear:
        out += predictor.curvature_product(scale * objective.weighted_residual(rows), V)
    return out.reshape(step.shape)
