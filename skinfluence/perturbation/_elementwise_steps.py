"""Derivatives of steps on single columns, products of columns, and scaled rows."""

import numpy as np
from scipy import sparse
from sklearn.utils._mask import _get_mask

from skinfluence.perturbation._vjp import UnsupportedStepError, dense, register_vjp

#: Derivatives of functions that a FunctionTransformer may hold.
FUNCTIONS = {
    np.log: lambda x: 1.0 / x,
    np.log2: lambda x: 1.0 / (np.log(2.0) * x),
    np.log10: lambda x: 1.0 / (np.log(10.0) * x),
    np.log1p: lambda x: 1.0 / (1.0 + x),
    np.exp: np.exp,
    np.expm1: np.exp,
    np.sqrt: lambda x: 0.5 / np.sqrt(x),
    np.cbrt: lambda x: 1.0 / (3.0 * np.cbrt(x) ** 2),
    np.square: lambda x: 2.0 * x,
    np.reciprocal: lambda x: -1.0 / x**2,
    np.negative: lambda x: np.full_like(x, -1.0),
    np.sin: np.cos,
    np.cos: lambda x: -np.sin(x),
    np.tanh: lambda x: 1.0 - np.tanh(x) ** 2,
    np.arctan: lambda x: 1.0 / (1.0 + x**2),
    np.arcsinh: lambda x: 1.0 / np.sqrt(1.0 + x**2),
}


def _identity_or_known(step):
    """Whether a FunctionTransformer does nothing; raises for a function that is not known."""
    if step.func is None:
        return True
    # a set of ufuncs would need a hash, which some functions do not have
    if step.kw_args or not any(step.func is known for known in FUNCTIONS):
        names = ", ".join(sorted(f"numpy.{known.__name__}" for known in FUNCTIONS))
        raise UnsupportedStepError(
            f"No derivative is known for the function of the pipeline step {step!r}. Supported: "
            f"None, {names}; write another as a transformer with a derivative of its own, see "
            "skinfluence.perturbation.register_vjp."
        )
    return False


@register_vjp("sklearn.preprocessing", "FunctionTransformer", linear=_identity_or_known)
def function_transformer(step, X, V):
    """Product with the derivative of the function."""
    return V if _identity_or_known(step) else V * FUNCTIONS[step.func](dense(X))


@register_vjp("sklearn.preprocessing", "PowerTransformer")
def power_transformer(step, X, V):
    """Box-Cox x^(lambda - 1), or Yeo-Johnson; then the scaler of ``standardize=True``."""
    X = dense(X)
    if step.method == "box-cox":
        slope = X ** (step.lambdas_ - 1.0)
    else:
        power = np.where(X >= 0.0, step.lambdas_ - 1.0, 1.0 - step.lambdas_)
        slope = (1.0 + np.abs(X)) ** power
    if step.standardize:
        slope = slope / step._scaler.scale_
    return V * slope


@register_vjp("sklearn.preprocessing", "Normalizer")
def normalizer(step, X, V):
    """(v - d(norm) (x . v) / norm) / norm; a row of zeros has no derivative (NaN)."""
    X = dense(X)
    if step.norm == "l2":
        norm = np.sqrt((X**2).sum(axis=1, keepdims=True))
        slope = X / np.where(norm > 0.0, norm, np.nan)
    elif step.norm == "l1":
        norm = np.abs(X).sum(axis=1, keepdims=True)
        slope = np.sign(X)
    else:
        top = np.abs(X).argmax(axis=1)[:, None]
        norm = np.take_along_axis(np.abs(X), top, axis=1)
        slope = np.sign(X) * (np.arange(X.shape[1]) == top)
    norm = np.where(norm > 0.0, norm, np.nan)
    along = np.einsum("...nj,nj->...n", V, X)[..., None]
    return (V - slope * along / norm) / norm


@register_vjp("sklearn.preprocessing", "PolynomialFeatures")
def polynomial_features(step, X, V):
    """Each monomial by each of its features: power times the monomial with one power less."""
    X, powers = dense(X), step.powers_  # shape of the latter: (n_out, n_in)
    out = np.zeros((*V.shape[:-1], X.shape[1]))
    for j in range(X.shape[1]):
        mine = np.flatnonzero(powers[:, j])
        less = powers[mine]
        power = less[:, j].copy()
        less[:, j] -= 1
        slope = power * _monomials(X, less)  # shape: (n_rows, len(mine))
        out[..., j] = np.einsum("...no,no->...n", V[..., mine], slope)
    return out


def _monomials(X, powers):
    """prod_j x_j^powers[o, j], (n_rows, n_out), without an array of all factors."""
    out = np.ones((len(X), len(powers)))
    for j in np.flatnonzero(powers.any(axis=0)):
        mine = np.flatnonzero(powers[:, j])
        out[:, mine] *= X[:, j, None] ** powers[mine, j]
    return out


def _never_linear(step):
    """False; raises where scikit-learn's transform jumps."""
    if step.extrapolation == "linear" and step.degree < 2:
        # scikit-learn 1.6 to 1.9 counts the degree up from column to column there and takes the
        # wrong knots for the edges
        raise UnsupportedStepError(
            f"No derivative is known for the pipeline step {step!r}: its transform has jumps. "
            'Supported: degree=2 or more, or another extrapolation than "linear".'
        )
    return False


@register_vjp("sklearn.preprocessing", "SplineTransformer", linear=_never_linear)
def spline_transformer(step, X, V):
    """Derivatives of the basis splines; outside of the knots as `extrapolation` goes on."""
    X = dense(X)
    n_splines = len(step.bsplines_[0].c[0])
    kept = n_splines - (not step.include_bias)
    out = np.empty((*V.shape[:-1], X.shape[1]))
    for j, spline in enumerate(step.bsplines_):
        slope = _spline_slopes(step, spline, X[:, j])[:, :kept]
        out[..., j] = np.einsum("...no,no->...n", V[..., j * kept : (j + 1) * kept], slope)
    return out


def _spline_slopes(step, spline, x):
    low, high = spline.t[spline.k], spline.t[-spline.k - 1]
    outside = (x < low) | (x > high)
    if step.extrapolation == "periodic":
        x = low + (x - low) % (high - low)
    elif step.extrapolation in ("constant", "linear"):
        x = np.clip(x, low, high)
    slope = spline(x, nu=1)
    if step.extrapolation == "constant":
        slope[outside] = 0.0
    slope[np.isnan(x)] = np.nan
    return slope


@register_vjp("sklearn.impute", "SimpleImputer")
def simple_imputer(step, X, V):
    """Identity on observed entries; NaN for missing ones."""
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    kept = kept_by_imputer(step)
    out = np.zeros((*V.shape[:-1], X.shape[1]))
    out[..., kept] = V[..., : len(kept)]  # what follows are indicators, which do not move
    out[..., _get_mask(X, step.missing_values)] = np.nan
    return out


def kept_by_imputer(step):
    """Columns that a SimpleImputer keeps: those with an observed entry."""
    if step.keep_empty_features:
        return np.arange(len(step.statistics_))
    return np.flatnonzero(~_get_mask(step.statistics_, np.nan))
