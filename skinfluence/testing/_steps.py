"""check_vjp: the derivative of a pipeline step against differences of its transform."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import sparse

from skinfluence.perturbation._vjp import is_linear, vjp
from skinfluence.testing._truth import STENCIL

#: Relative to the largest derivative; far above what a central difference leaves.
TOLERANCE = 1e-6


def check_vjp(step, X):
    """Raise AssertionError unless a step's registered derivative is that of its `transform`.

    Every entry of X is moved up and down by a little, and the transformed rows are compared with
    what :func:`skinfluence.perturbation.register_vjp` was given for the step. Leading axes
    are tried too, and that a step which is registered as linear never looks at its input.

    Parameters
    ----------
    step : fitted transformer
    X : ndarray of shape (n_rows, n_features)
        Rows where the transform is smooth.

    Raises
    ------
    AssertionError
        Says what disagrees.
    UnsupportedStepError
        For a step that is not registered.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from skinfluence.testing import check_vjp
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> check_vjp(PolynomialFeatures(3).fit(X), X)
    """
    X = np.asarray(X, dtype=np.float64)
    n_out = _transformed(step, X).shape[1]
    V = np.random.default_rng(0).standard_normal((2, len(X), n_out))
    got = vjp(step, X, V)
    assert got.shape == (2, *X.shape), (
        f"{type(step).__name__}: the derivative has shape {got.shape} for V of shape {V.shape} and "
        f"X of shape {X.shape}. Expected {(2, *X.shape)}."
    )
    expected = _differences(step, X, V)
    scale = np.abs(expected).max(initial=0.0)
    assert_allclose(
        got,
        expected,
        atol=TOLERANCE * scale if scale > 0.0 else TOLERANCE,
        rtol=0.0,
        err_msg=f"{type(step).__name__}: the derivative is not that of transform",
    )
    nested = vjp(step, X, V.reshape(2, 1, *V.shape[1:]))
    assert_allclose(nested[:, 0], got, rtol=1e-10, atol=1e-10 * scale, err_msg="leading axes")
    if is_linear(step):
        without = vjp(step, None, V)
        assert_allclose(without, got, rtol=1e-10, atol=1e-10 * scale, err_msg="linear=True")


def _transformed(step, X):
    made = step.transform(X)
    return made.toarray() if sparse.issparse(made) else np.asarray(made)


def _differences(step, X, V):
    """V times the Jacobian of step.transform by central differences, of fourth order."""
    out = np.empty((len(V), *X.shape))
    for j in range(X.shape[1]):
        h = 1e-4 * max(1e-3, float(np.abs(X[:, j]).max(initial=0.0)))
        unit = h * (np.arange(X.shape[1]) == j)
        slope = sum(c * _transformed(step, X + i * unit) for i, c in STENCIL) / h
        out[..., j] = np.einsum("tno,no->tn", V, slope)
    return out
