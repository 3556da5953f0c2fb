"""Softplus and sigmoid that stay finite and keep their digits."""

import numpy as np


def softplus(a):
    """log(1 + exp(a)), finite for any finite a.

    Written with maximum, exp and log1p, which numpy vectorises; ``np.logaddexp`` is a scalar loop.
    """
    return np.maximum(a, 0.0) + np.log1p(np.exp(-np.abs(a)))


def sigmoid(a):
    """1 / (1 + exp(-a)), finite for any a."""
    return scaled_sigmoid(1.0, -np.asarray(a))


def scaled_sigmoid(scale, a):
    """scale / (1 + exp(a)), written over `a` where it is an array of its own.

    exp overflows to inf above 709, and scale / inf is the right answer 0.
    """
    with np.errstate(over="ignore"):
        out = np.exp(a, out=a if isinstance(a, np.ndarray) and a.dtype.kind == "f" else None)
        out += 1.0
        return np.divide(scale, out, out=out if isinstance(out, np.ndarray) else None)


def summed(a):
    """Sum along the last axis, (...).

    With few outputs numpy's reductions along so short an axis are slow: four times slower than
    this loop.
    """
    return _folded(np.add, a)


def largest(a):
    """Maximum along the last axis, (...): as :func:`summed`."""
    return _folded(np.maximum, a)


def _folded(function, a):
    K = a.shape[-1]
    if K > 32:
        return function.reduce(a, axis=-1)
    if K == 1:
        return a[..., 0]
    out = function(a[..., 0], a[..., 1])
    for k in range(2, K):
        out = function(out, a[..., k], out=out if isinstance(out, np.ndarray) else None)
    return out


def softmax(raw):
    """exp(raw) over its sum along the last axis, finite for any finite raw, in a new array."""
    out = raw - largest(raw)[..., None]
    np.exp(out, out=out)
    out /= summed(out)[..., None]
    return out


def softplus_change(a, d):
    """softplus(a + d) - softplus(a) to full relative precision, also where d is tiny.

    The difference of two softplus values loses as many digits as d is smaller than the loss; the
    identity log1p(sigmoid(a) expm1(d)) loses none. It holds while |d| <= 1; the few larger
    changes have digits to spare and take the plain difference.
    """
    large = np.abs(d) > 1.0
    any_large = large.any()
    # `a` often stands for a whole row of changes: its sigmoid is taken before it is spread
    out = np.asarray(np.expm1(np.where(large, 0.0, d) if any_large else d) * sigmoid(a))
    np.log1p(out, out=out)
    if any_large:
        large = np.broadcast_to(large, out.shape)
        a, d = (np.broadcast_to(v, out.shape)[large] for v in (a, d))
        out[large] = softplus(a + d) - softplus(a)
    return out
