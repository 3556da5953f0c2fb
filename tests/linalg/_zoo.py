"""Designs of every kind beside the explicit matrix Z that they stand for."""

import itertools

import numpy as np
from scipy import sparse

from skinfluence.linalg import Design

N_ROWS, N_FEATURES = 23, 4

#: (sparse, centred, intercept); centring needs an intercept
KINDS = [kind for kind in itertools.product([False, True], repeat=3) if kind[2] or not kind[1]]


def name_of(kind):
    is_sparse, centred, intercept = kind
    words = ["sparse" if is_sparse else "dense", *["centred"] * centred, *["intercept"] * intercept]
    return "-".join(words)


def make_design(kind, n=N_ROWS):
    """(Design, Z)."""
    is_sparse, centred, intercept = kind
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, N_FEATURES)) + 1.0
    X[rng.random(X.shape) < 0.4] = 0.0
    center = X.mean(axis=0) if centred else None
    Z = X - center if centred else X.copy()
    if intercept:
        Z = np.column_stack([Z, np.ones(n)])
    return Design(sparse.csr_array(X) if is_sparse else X, center, intercept), Z
