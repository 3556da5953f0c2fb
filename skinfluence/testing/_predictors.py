"""check_predictor: the derivatives of a predictor against finite differences."""

import numpy as np
from numpy.testing import assert_allclose

from skinfluence.testing._truth import STENCIL

#: Relative to the largest number of the kind.
TOLERANCE = 1e-6
STEP = 1e-3


def check_predictor(predictor):
    """Raise AssertionError unless the parts of a predictor belong together.

    Jacobians are compared with finite differences of :meth:`raw` in the parameters, `jvp`, `vjp`,
    `row_vjp` and `row_jvp` with the Jacobians, `curvature_product` with finite differences of
    `vjp`, and some of the rows with the same rows of all.

    Parameters
    ----------
    predictor : Predictor
        Of a few rows and parameters.

    Raises
    ------
    AssertionError
        Names what disagrees.
    """
    rng = np.random.default_rng(0)
    raw, J, p = predictor.raw(), predictor.row_jacobian(), predictor.n_parameters
    n, K = raw.shape
    assert predictor.n_rows == n, f"n_rows is {predictor.n_rows}, raw has {n} rows"
    assert J.shape == (n, K, p), f"row_jacobian has shape {J.shape}, expected {(n, K, p)}"
    V, U, R = rng.standard_normal((p, 3)), rng.standard_normal((n, K, 3)), raw - 1.0
    _close(J @ V, _slopes(predictor, V, lambda at: at.raw()), "row_jacobian")
    _close(predictor.jvp(V), J @ V, "jvp")
    _close(predictor.vjp(U), np.einsum("nkp,nkm->pm", J, U), "vjp")
    _close(predictor.row_vjp(R), np.einsum("nkp,nk->pn", J, R), "row_vjp")
    D = rng.standard_normal((p, n))
    _close(predictor.row_jvp(D), np.einsum("nkp,pn->nk", J, D), "row_jvp")
    bent = _slopes(predictor, V, lambda at: at.vjp(R[:, :, None])[:, 0])
    _close(predictor.curvature_product(R, V), bent, "curvature_product")
    if predictor.linear:
        _close(bent, 0.0, "linear: curvature_product")
    some = np.arange(n)[::2]
    _close(predictor.take(some).raw(), raw[some], "raw of some rows")
    _close(predictor.take(some).row_jacobian(), J[some], "row_jacobian of some rows")


def _slopes(predictor, V, number):
    """Derivatives of a number of the predictor along the columns of V, on the last axis."""
    shape = predictor.coef.shape

    def at(step, v):
        return number(predictor.with_coef(predictor.coef + step * v.reshape(shape)))

    slopes = [sum(c * at(i * STEP, v) for i, c in STENCIL) / STEP for v in V.T]
    return np.stack(slopes, axis=-1)


def _close(actual, expected, what):
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    message = f"{what} is not what the others are"
    assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale, err_msg=message)
