"""Derivatives of steps that are linear: scalers, projections."""

import numpy as np

from skinfluence.perturbation._vjp import dense, register_vjp


def _unclipped(step):
    return not getattr(step, "clip", False)


@register_vjp("sklearn.preprocessing", "StandardScaler", linear=True)
def standard_scaler(step, X, V):
    """(x - mean) / scale."""
    return V if step.scale_ is None else V / step.scale_


@register_vjp("sklearn.preprocessing", "RobustScaler", linear=True)
def robust_scaler(step, X, V):
    """(x - median) / scale."""
    return V if step.scale_ is None else V / step.scale_


@register_vjp("sklearn.preprocessing", "MinMaxScaler", linear=_unclipped)
def min_max_scaler(step, X, V):
    """x * scale + min; nothing moves where ``clip=True`` cuts."""
    out = V * step.scale_
    if step.clip:
        X = dense(X)
        out = np.where((X < step.data_min_) | (X > step.data_max_), 0.0, out)
    return out


@register_vjp("sklearn.preprocessing", "MaxAbsScaler", linear=_unclipped)
def max_abs_scaler(step, X, V):
    """x / scale; nothing moves where ``clip=True`` cuts."""
    out = V / step.scale_
    if not _unclipped(step):
        out = np.where(np.abs(dense(X)) > step.max_abs_, 0.0, out)
    return out


@register_vjp("sklearn.decomposition", "PCA", linear=True)
@register_vjp("sklearn.decomposition", "IncrementalPCA", linear=True)
def pca(step, X, V):
    """(x - mean) C', divided by the components' standard deviations if whitened."""
    if step.whiten:
        deviation = np.sqrt(step.explained_variance_)
        V = V / np.maximum(deviation, np.finfo(deviation.dtype).eps)
    return V @ step.components_


@register_vjp("sklearn.decomposition", "TruncatedSVD", linear=True)
@register_vjp("sklearn.decomposition", "FastICA", linear=True)
@register_vjp("sklearn.neighbors", "NeighborhoodComponentsAnalysis", linear=True)
@register_vjp("sklearn.random_projection", "GaussianRandomProjection", linear=True)
@register_vjp("sklearn.random_projection", "SparseRandomProjection", linear=True)
def projection(step, X, V):
    """(x - mean) C', with or without a mean."""
    return V @ dense(step.components_)


@register_vjp("sklearn.decomposition", "FactorAnalysis", linear=True)
def factor_analysis(step, X, V):
    """Posterior mean of the factors: (x - mean) W' (I + W C')^-1 with W = C / noise."""
    C = step.components_
    weighted = C / step.noise_variance_
    system = np.eye(len(C)) + weighted @ C.T  # symmetric
    return V @ np.linalg.solve(system, weighted)


@register_vjp("sklearn.discriminant_analysis", "LinearDiscriminantAnalysis", linear=True)
def discriminant_analysis(step, X, V):
    """(x - mean) S, the leading columns."""
    return V @ step.scalings_[:, : V.shape[-1]].T
