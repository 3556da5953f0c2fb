"""check_loss: value, gradient, Hessian product and value change of a loss against each other."""

import numpy as np
from numpy.testing import assert_allclose

from skinfluence.losses import Loss
from skinfluence.testing._truth import STENCIL

N_ROWS = 60
#: Relative to 1 + the largest number of the kind; far above rounding, far below any mistake.
TOLERANCE = 1e-6


def check_loss(loss):
    """Raise AssertionError unless a loss keeps the contract of :class:`skinfluence.losses.Loss`.

    Values against gradients against Hessian products by finite differences, for one and several
    outputs; the change of the value, also for changes so small that a difference would lose them;
    the flags; targets of classes as integers; leading axes; raw predictions of +-`raw_bound`
    without a warning; single precision.

    Parameters
    ----------
    loss : Loss

    Raises
    ------
    AssertionError
        Names what disagrees.

    Examples
    --------
    >>> from skinfluence.losses import SmoothHinge
    >>> from skinfluence.testing import check_loss
    >>> check_loss(SmoothHinge(temperature=0.5))
    """
    for K in (2, 3, 5) if loss.target_kind == "one_hot" else (1, 3):
        y, raw, V = _draw(loss, K)
        with np.errstate(all="raise", under="ignore"):
            _check_derivatives(loss, y, raw, V)
            _check_integer_targets(loss, y, raw, V)
            _check_flags(loss, y, raw, V)
            _check_value_change(loss, y, raw, V)
            _check_leading_axes(loss, y, raw, V)
            _check_far_margins(loss, y, raw, V)
            _check_single_precision(loss, y, raw, V)


def _draw(loss, K):
    rng = np.random.default_rng(0)
    raw = 2.0 * rng.standard_normal((N_ROWS, K))
    if loss.target_kind == "one_hot":
        y = np.eye(K)[rng.integers(K, size=N_ROWS)]
    elif loss.target_kind == "margin":
        y = rng.choice([-1.0, 1.0], size=(N_ROWS, K))
    else:
        y = 2.0 * rng.standard_normal((N_ROWS, K))
        y = y if loss.least_target < 0 else np.abs(y)
    return y, raw, rng.standard_normal((N_ROWS, K))


def _check_derivatives(loss, y, raw, V):
    # a loss that is not smooth has kinks, and a short step seldom crosses one
    step = 1e-3 if loss.smooth else 1e-6
    slope = sum(c * loss.value(y, raw + i * step * V) for i, c in STENCIL) / step
    gradient = loss.gradient(y, raw)
    _close((gradient * V).sum(axis=-1), slope, "gradient is not the derivative of value")
    bend = sum(c * loss.gradient(y, raw + i * step * V) for i, c in STENCIL) / step
    product = loss.hessian_product(y, raw, V)
    _close(product, bend, "hessian_product is not the derivative of gradient")
    if loss.target_kind == "real":
        bend = sum(c * loss.inverse_link(raw + i * step * V) for i, c in STENCIL) / step
        what = "inverse_link_derivative is not the derivative of inverse_link"
        _close(loss.inverse_link_derivative(raw) * V, bend, what)
        moved = loss.inverse_link(raw + V) - loss.inverse_link(raw)
        what = "inverse_link_change is not the difference of inverse_link"
        _close(loss.inverse_link_change(raw, V), moved, what)
    matrix = loss.hessian_matrix(y, raw)
    _close(
        np.einsum("nkj,nj->nk", matrix, V), product, "hessian_matrix disagrees with hessian_product"
    )
    assert gradient.shape == product.shape == raw.shape
    assert loss.value(y, raw).shape == raw.shape[:-1]


def _methods(loss, V):
    """(name, method, arguments behind targets and raw predictions)."""
    names = {"value": (), "gradient": (), "hessian_product": (V,), "value_change": (V,)}
    return [(name, getattr(loss, name), more) for name, more in names.items()]


def _check_integer_targets(loss, y, raw, V):
    """Targets of classes come as int8."""
    if loss.target_kind == "real":
        return
    small = y.astype(np.int8)
    for name, method, more in _methods(loss, V):
        what = f"{name} differs where targets are integers, as those of classes are"
        _close(method(small, raw, *more), method(y, raw, *more), what, 1e-13)


def _check_flags(loss, y, raw, V):
    matrix = loss.hessian_matrix(y, raw)
    if loss.separable:
        K = raw.shape[-1]
        diagonal = loss.curvature(y, raw)[..., None] * np.eye(K)
        _close(matrix, diagonal, "separable: the Hessian is not diag(curvature)")
    if loss.convex:
        least = np.linalg.eigvalsh(matrix).min()
        assert least > -TOLERANCE, f"convex: a Hessian has the eigenvalue {least:.1e}"
    if loss.shift_invariant:
        _close(
            loss.value(y, raw + 3.0), loss.value(y, raw), "shift_invariant: a shift moves the value"
        )
        _close(matrix.sum(axis=-1), 0.0, "shift_invariant: the Hessian bends along the shift")
    probability = loss.probability(raw)
    if probability is not None:
        _close(probability.sum(axis=-1), 1.0, "probabilities do not sum to one")
        assert (probability >= 0).all(), "a probability is negative"
        if loss.target_kind == "one_hot" or raw.shape[1] == 1:
            _check_probability_gradient(loss, raw, V)
    information = loss.fisher_matrix(raw)
    if information is not None:
        least = np.linalg.eigvalsh(information).min()
        assert least > -TOLERANCE, f"fisher_matrix has the eigenvalue {least:.1e}"
    if loss.canonical:
        assert information is not None, "canonical: fisher_matrix gives None"
        _close(information, matrix, "canonical: fisher_matrix is not the Hessian")


def _check_probability_gradient(loss, raw, V):
    for code in range(loss.probability(raw).shape[-1]):
        bend = sum(c * loss.probability(raw + i * 1e-3 * V)[:, code] for i, c in STENCIL) / 1e-3
        slope = loss.probability_gradient(np.full(len(raw), code), raw)
        what = "probability_gradient is not the derivative of probability"
        _close((slope * V).sum(axis=-1), bend, what)


def _check_value_change(loss, y, raw, V):
    for size in (1e-2, 1.0, min(100.0, 0.25 * loss.raw_bound)):
        difference = loss.value(y, raw + size * V) - loss.value(y, raw)
        change = loss.value_change(y, raw, size * V)
        _close(change, difference, "value_change is not the difference of values", 1e-12)
    if type(loss).value_change is Loss.value_change:
        return  # the plain difference: as exact as it can be
    gradient, product = loss.gradient(y, raw), loss.hessian_product(y, raw, V)
    for size in (1e-7, 1e-10, 1e-14):
        # two terms of the expansion leave size^2 of the first: below the tolerance, while the
        # difference of values would be wrong by 1e-16 / size
        expected = size * (V * (gradient + 0.5 * size * product)).sum(axis=-1)
        change = loss.value_change(y, raw, size * V)
        scale = size * (np.abs(V * gradient)).sum(axis=-1) + np.finfo(float).tiny
        worst = (np.abs(change - expected) / scale).max()
        assert worst < 1e-10, f"value_change loses digits: {worst:.1e} for changes of {size:g}"


def _check_leading_axes(loss, y, raw, V):
    """One call for many candidate models gives what a loop over them gives."""
    stack = np.stack([raw, raw + V, raw - 2.0 * V])
    for name in ("value", "gradient", "curvature"):
        if name == "curvature" and not loss.separable:
            continue
        method = getattr(loss, name)
        looped = np.stack([method(y, one) for one in stack])
        _close(method(y[None], stack), looped, f"{name} treats leading axes differently", 1e-13)
    looped = np.stack([loss.value_change(y, raw, one) for one in stack])
    _close(
        loss.value_change(y[:, None], raw[:, None], np.moveaxis(stack, 0, 1)),
        looped.T,
        "value_change treats leading axes differently",
        1e-13,
    )


def _check_far_margins(loss, y, raw, V):
    for sign in (-1.0, 1.0):
        bound = sign * loss.raw_bound
        for far in (bound * np.sign(raw), bound * np.clip(y, -1.0, 1.0)):
            values = [
                loss.value(y, far),
                loss.gradient(y, far),
                loss.hessian_product(y, far, V),
                loss.value_change(y, far, V),
                loss.value_change(y, raw, far - raw),
            ]
            probability = loss.probability(far)
            values += [] if probability is None else [probability]
            assert all(np.isfinite(v).all() for v in values), f"not finite at +-{loss.raw_bound:g}"


def _check_single_precision(loss, y, raw, V):
    y32, raw32, V32 = (a.astype(np.float32) for a in (y, raw, V))
    for name, method, more in _methods(loss, V):
        single = method(y32, raw32, *[V32 for _ in more])
        if not loss.smooth and name == "hessian_product":
            continue  # rounding may carry a row over a kink
        _close(single, method(y, raw, *more), f"{name} differs in single precision", 1e-4)


def _close(actual, expected, message, tolerance=TOLERANCE):
    scale = 1.0 + np.abs(expected).max()
    assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=message)
