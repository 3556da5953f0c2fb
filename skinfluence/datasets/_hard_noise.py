"""Plant wrong labels where people make them: on rows that look like rows of another class."""

import numpy as np
from scipy.sparse import issparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.utils import check_array, check_consistent_length, check_random_state

from ._noise import _checked

#: Chance of a row whose neighbours all agree, added to that of a doubtful row.
EASY = 0.05


def _near_the_boundary(shares, codes):
    """One minus the lead of the first class over the second, in [0, 1], shape (n,)."""
    second, first = np.partition(shares, -2, axis=1)[:, -2:].T
    return 1.0 - (first - second)


def _like_other_classes(shares, codes):
    """Share of the neighbours of another class, in [0, 1], shape (n,)."""
    return 1.0 - shares[np.arange(len(codes)), codes]


_DOUBTS = {"boundary": _near_the_boundary, "hard": _like_other_classes}


def flip_hard_labels(X, y, fraction, *, kind="boundary", n_neighbors=15, random_state=None):
    """Give a fraction of the rows a wrong label, preferably rows near other classes.

    Exactly ``round(fraction * n)`` rows are flipped, each to another class than its own, drawn by
    the shares that the other classes have among the row's nearest neighbours (a twentieth of a
    neighbour is added for each class). The choice of the flipped rows depends on the neighbours as
    well. People make errors on similar rows, and these are harder to find than those of
    :func:`flip_labels`.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n, p)
        The rows, numbers. Dense columns are standardised before distances are taken, sparse rows
        are scaled to length one.
    y : array-like of shape (n,)
        Class labels: numbers, strings or booleans of at least two classes.
    fraction : float
        The fraction of rows to flip, in [0, 1]. Half a row is rounded to the even number.
    kind : {"boundary", "hard"}, default="boundary"
        Which rows are flipped. The chance of a row to be drawn is 0.05 plus

        - "boundary": one minus the lead of the most frequent class among its neighbours over the
          second: rows between two classes;
        - "hard": the share of its neighbours that are of another class: rows that were already
          hard to get right.
    n_neighbors : int, default=15
        Number of neighbours; all other rows if there are fewer.
    random_state : int, RandomState instance or None, default=None
        Determines the flipped rows and their new classes. An int gives the same result at every
        call.

    Returns
    -------
    y_noisy : ndarray of shape (n,)
        A copy of `y` with the flipped labels, of the same dtype.
    flipped : ndarray of bool of shape (n,)
        True for the rows whose label was flipped.

    Raises
    ------
    TypeError
        If `fraction` is not a number.
    ValueError
        If `fraction` lies outside [0, 1], `kind` is unknown, `X` and `y` have different numbers of
        rows, or `y` is not one column of class labels of at least two classes.

    See Also
    --------
    flip_labels : Wrong labels that do not depend on the rows.

    References
    ----------
    A. K. Menon, B. van Rooyen and N. Natarajan (2018), Learning from Binary Labels with
    Instance-dependent Noise, Machine Learning 107 (boundary-consistent noise).

    Examples
    --------
    Flipped flowers look less like the class that they come from than the others do:

    >>> from sklearn.datasets import load_iris
    >>> from skinfluence.datasets import flip_hard_labels
    >>> X, y = load_iris(return_X_y=True)
    >>> y_noisy, flipped = flip_hard_labels(X, y, 0.1, random_state=0)
    >>> int(flipped.sum()), int(flipped[y == 0].sum())
    (15, 1)
    """
    y, classes, codes = _checked(y, fraction, kind, _DOUBTS)
    X = check_array(X, accept_sparse="csr")
    check_consistent_length(X, y)
    random_state = check_random_state(random_state)

    shares = _neighbour_shares(X, codes, len(classes), n_neighbors)
    chance = EASY + _DOUBTS[kind](shares, codes)
    n = len(y)
    rows = random_state.choice(n, round(fraction * n), replace=False, p=chance / chance.sum())
    y_noisy = y.copy()
    y_noisy[rows] = classes[_other_classes(shares[rows], codes[rows], n_neighbors, random_state)]
    return y_noisy, np.isin(np.arange(n), rows)


def _neighbour_shares(X, codes, n_classes, n_neighbors):
    """Share of each class among the nearest other rows, shape (n, K)."""
    X = Normalizer().fit_transform(X) if issparse(X) else StandardScaler().fit_transform(X)
    n_neighbors = min(n_neighbors, X.shape[0] - 1)
    # without an argument, `kneighbors` leaves each row itself out
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors(return_distance=False)
    return np.stack([(codes[near] == k).mean(axis=1) for k in range(n_classes)], axis=1)


def _other_classes(shares, codes, n_neighbors, random_state):
    """Draw a class other than its own for each row, by the shares of its neighbours."""
    chances = shares + EASY / n_neighbors
    chances[np.arange(len(codes)), codes] = 0.0
    steps = np.cumsum(chances, axis=1)
    drawn = (random_state.random_sample(len(codes)) * steps[:, -1])[:, None]
    # the first class whose step lies above the draw: never one without a chance
    return (steps > drawn).argmax(axis=1)
