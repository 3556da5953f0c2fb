"""The Penalty noun: a quadratic term of the parameters, coef' P coef / 2, and a linear one."""

import numpy as np


class Penalty:
    """Quadratic penalty with a diagonal matrix P: ``(diagonal * coef**2).sum() / 2``.

    Parameters
    ----------
    diagonal : ndarray, of the shape of the coefficients
        P; 0 where a coefficient is not penalised. (K, q) for linear predictors.
    """

    #: whether it is quadratic, without a linear term
    quadratic = True
    #: whether it makes coefficients zero, and another selection is another optimum
    selects = False
    #: P in full, (..., q, q), where it is more than its diagonal
    matrix: np.ndarray | None = None

    def __init__(self, diagonal):
        self.diagonal = np.asarray(diagonal, dtype=np.float64)

    def value(self, coef):
        """coef' P coef / 2."""
        return 0.5 * float((coef * self.times(coef)).sum())

    def gradient(self, coef):
        """Derivative at coefficients with any leading axes: P coef."""
        return self.times(coef)

    def times(self, coef):
        """P coef, for coefficients with any leading axes."""
        return self.diagonal * coef

    def product(self, V):
        """P V for V of shape (p, m)."""
        return self.diagonal.reshape(-1, 1) * V

    def block(self, k):
        """P of output k in full, (q, q)."""
        return np.diag(self.diagonal[k])

    def at(self, coef):
        """The quadratic penalty with the second derivative that this one has at coefficients."""
        return self

    def scaled(self, ratio):
        """The penalty times a positive number."""
        return Penalty(self.diagonal * ratio)

    def damped(self, damping):
        """The penalty with `damping`, a number or one for each coefficient, on the diagonal too."""
        return Penalty(self.diagonal + damping)

    def any(self):
        """Whether anything is penalised."""
        return bool(self.diagonal.any())

    @property
    def outputs_are_equal(self):
        """Whether all outputs have the same P."""
        return bool((self.diagonal == self.diagonal[:1]).all())

    def free_directions(self):
        """Orthonormal directions of one output's columns that no output penalises, (q, m)."""
        free = np.flatnonzero((self.diagonal == 0).all(axis=0))
        return np.eye(self.diagonal.shape[1])[:, free]


class MatrixPenalty(Penalty):
    """Quadratic penalty with a full matrix P, such as the smoothing penalty of a spline.

    Parameters
    ----------
    matrix : ndarray of shape (..., q, q)
        Symmetric and positive semi-definite; the leading axes are those of the coefficients:
        (K, q, q) for linear predictors, (p, p) for coefficients of shape (p,).
    """

    def __init__(self, matrix):
        self.matrix: np.ndarray = np.asarray(matrix, dtype=np.float64)
        super().__init__(np.diagonal(self.matrix, axis1=-2, axis2=-1).copy())

    def times(self, coef):
        return (coef[..., None, :] @ self.matrix)[..., 0, :]

    def product(self, V):
        shape = (*self.diagonal.shape, V.shape[1])
        return (self.matrix @ V.reshape(shape)).reshape(V.shape)

    def block(self, k):
        return self.matrix[k]

    def scaled(self, ratio):
        return MatrixPenalty(self.matrix * ratio)

    def damped(self, damping):
        return MatrixPenalty(
            self.matrix + np.asarray(damping)[..., None] * np.eye(self.matrix.shape[-1])
        )

    @property
    def outputs_are_equal(self):
        return bool((self.matrix == self.matrix[:1]).all())

    def free_directions(self):
        values, vectors = np.linalg.eigh(self.matrix.sum(axis=0))
        return vectors[:, values <= 1e-12 * max(values[-1], 0.0)]


class ActivePenalty(Penalty):
    """sum_j l1_j |w_j| + l2_j w_j^2 / 2 where the signs of the coefficients stay.

    On the selected columns, whose coefficients are not zero, the absolute values are linear: they
    add a constant to the gradient, and no curvature. The other columns have no coefficient.

    Parameters
    ----------
    l1, l2 : ndarray of shape (q,)
        Of all columns; 0 where a column is not penalised.
    selected : ndarray of int, shape (m,)
        Rising.
    signs : ndarray of shape (m,)
        Of the coefficients on the selected columns.
    """

    def __init__(self, l1, l2, selected, signs):
        self.l1, self.l2 = l1, l2
        self.selected, self.signs = selected, signs
        super().__init__(l2[None, selected])

    quadratic = False
    selects = True

    def of(self, coef):
        """The same penalty where the coefficients (q,) of all columns are those."""
        selected = np.flatnonzero((coef != 0.0) | (self.l1 == 0.0))
        return type(self)(self.l1, self.l2, selected, np.sign(coef[selected]))

    def in_columns(self, entries):
        """Numbers for entries (..., q), a column for those that are zero together: (..., 1, q)."""
        return entries[..., None, :]

    @property
    def slope(self):
        """The constant part of the gradient, (1, m)."""
        return (self.l1[self.selected] * self.signs)[None]

    def value(self, coef):
        return super().value(coef) + float((self.slope * coef).sum())

    def gradient(self, coef):
        return self.times(coef) + self.slope

    def scaled(self, ratio):
        return type(self)(self.l1 * ratio, self.l2 * ratio, self.selected, self.signs)

    def leaves(self, coef):
        """Mask (B,) of coefficients (B, m) of the selected columns whose signs are not these."""
        kinked = self.l1[self.selected] > 0.0
        return ((np.sign(coef) != self.signs) & kinked).any(axis=1)

    def enters(self, gradient, ratio, room):
        """Mask (B,) of gradients (B, q) that are too large for a column which is zero.

        Parameters
        ----------
        gradient : ndarray of shape (B, q)
            Of the smooth part, in all columns.
        ratio : ndarray of shape (B,)
            Factor of the penalty.
        room : float
            What is rounding.
        """
        l1 = self.l1.copy()
        l1[self.selected] = np.inf
        pull = np.linalg.norm(self.in_columns(gradient), axis=1)
        return (pull > ratio[:, None] * self.in_columns(l1)[0] + room).any(axis=1)

    def damped(self, damping):
        l2 = self.l2.copy()
        l2[self.selected] += np.broadcast_to(damping, self.diagonal.shape).ravel()
        return type(self)(self.l1, l2, self.selected, self.signs)

    def any(self):
        return bool(self.l1.any() or self.l2.any())


class EntriesPenalty(ActivePenalty):
    """The same of several outputs whose entries are selected one by one; all arrays are flat.

    Parameters
    ----------
    l1, l2 : ndarray of shape (K q,)
    selected : ndarray of int, shape (p,)
    signs : ndarray of shape (p,)
    """

    def __init__(self, l1, l2, selected, signs):
        super().__init__(l1, l2, selected, signs)
        self.diagonal = self.diagonal[0]

    @property
    def slope(self):
        return self.l1[self.selected] * self.signs


class ProximalPenalty(Penalty):
    """A penalty that makes the given coefficients an optimum, and holds others near them.

    With the gradient g there it adds ``damping / 2 |coef - centre|^2 - g' (coef - centre)``.

    Parameters
    ----------
    penalty : Penalty
        With a diagonal matrix.
    centre : ndarray, of the shape of the coefficients
    gradient : ndarray, of the shape of the coefficients
        Of the objective with `penalty`, at the centre.
    damping : float
    """

    quadratic = False

    def __init__(self, penalty, centre, gradient, damping):
        super().__init__(penalty.diagonal + damping)
        self.penalty, self.centre, self.slope, self.damping = penalty, centre, gradient, damping

    def value(self, coef):
        moved = coef - self.centre
        near = 0.5 * self.damping * (moved**2).sum() - (self.slope * moved).sum()
        return self.penalty.value(coef) + float(near)

    def gradient(self, coef):
        near = self.damping * (coef - self.centre) - self.slope
        return self.penalty.gradient(coef) + near

    def scaled(self, ratio):
        return ProximalPenalty(self.penalty.scaled(ratio), self.centre, self.slope, self.damping)


def as_penalty(penalty):
    """A Penalty from its diagonal, or the instance itself."""
    return penalty if isinstance(penalty, Penalty) else Penalty(penalty)
