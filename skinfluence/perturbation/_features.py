"""Derivative of a target in the features of training rows."""

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.features import check_features, n_columns
from skinfluence.effects import free_directions, full_leverage, is_truncated, takes_least_norm
from skinfluence.explainer import check_explainer, warn_of_stand_in
from skinfluence.linalg import SOLVED_MIB, row_blocks
from skinfluence.perturbation._composite_steps import vjp_through
from skinfluence.perturbation._effects import columns_moved_by_transform, rows_of
from skinfluence.perturbation._selected_features import restricted_steps
from skinfluence.perturbation._vjp import is_linear, vjp


@shared_parameters
def perturbation_influence(
    explainer, X_test, y_test=None, rows=None, *, features=None, target="auto"
):
    """Derivative of each test row's loss in each feature of each training row, through the refit.

    The refit for the moved training row is computed to first order; the steps of a pipeline are
    held fixed. The derivative is with respect to the columns of the user's table, through scalers,
    PCA and other linear steps, polynomial features, splines, kernel approximations, column
    transformers and the like (see :func:`register_vjp` for a step of your own).

    Parameters
    ----------
    rows : array-like of int, of names, or bool mask, default=None
        Training rows that are moved; all by default. The result has n_test * n_rows * n_features
        entries and is dense even if X is sparse: pass some rows of a large table.
    features : array-like of str or int, or bool mask, default=None
        Names or positions of the columns of X that are moved; all by default. Steps that only use
        other columns need no derivative: pass the numeric columns of a table whose categories are
        encoded by a OneHotEncoder.

    Returns
    -------
    ndarray of shape (n_test, n_rows, n_features)
        Change of the target per unit of the feature, features in the given order: positive means
        that a larger value of this feature in this training row raises the loss of this test row.
        Test rows do not move, even if they are training rows. NaN where there is no derivative: a
        missing entry that was filled in, or a feature along which the data determine no coefficient
        (constant or duplicated columns without a penalty), except for rows of least squares that
        are fitted exactly, such as all rows of a table with more columns than rows: their
        derivative is that of the optimum of least norm.

    Raises
    ------
    UnsupportedStepError
        For a step without a derivative, such as a OneHotEncoder, that uses these columns; names the
        step, the columns, and `features` without them.
    ValueError
        For unknown features, and for rows or test rows that
        :meth:`~skinfluence.InfluenceExplainer.influence` refuses.

    See Also
    --------
    replacement_influence : Effect of any change of a row.
    relabel_influence : Effect of another label.

    Notes
    -----
    With u = H^-1 g_t reshaped to (K, q), r_i the derivative and A_i the curvature of row i's loss
    in its raw predictions Theta z_i, it is ``-s_i (Theta' A_i u z_i + u' r_i)``. Koh & Liang's
    I_pert,loss is sum(s) / s_i times as large (their loss is a mean, and their row is moved by
    an infinitesimal part of its weight).

    References
    ----------
    Koh & Liang (2017), section 2.2, equation (5).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.perturbation import perturbation_influence
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> slopes = perturbation_influence(explainer, X[400:], y[400:], rows=[0, 7])
    >>> slopes.shape
    (169, 2, 30)
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Influences of moved features")
    tests = explainer.test_rows(X_test, y_test, target=target)
    rows = explainer.training_rows_.positions(rows)
    features = check_features(features, explainer.X_train_)
    inverse = explainer.linearization_.inverse_for("first_order", len(tests))
    derivative = _Derivative(explainer, rows, features, inverse)
    shape = (len(tests), len(rows), len(features))
    out = np.empty(shape, explainer.objective_.predictor.dtype)
    with inverse.session():
        for part in row_blocks(len(tests), derivative.bytes_per_test, SOLVED_MIB):
            derivative.fill(tests.take(part), out[part])
    return out


class _Derivative:
    """Fills in the derivatives of some test rows in all given training rows.

    The derivatives with respect to the model's features are products of 2 K columns,
    ``-[A_i U z_i, s_i r_i] [Theta; U]``. Linear steps right before the model are applied to the
    second factor, which is small; the others to what the product gives, block by block.
    """

    def __init__(self, explainer, rows, features, inverse):
        objective = self.objective = explainer.objective_
        if objective.predictor.columns is not None:
            raise ValueError(
                f"The coefficients of {type(explainer.fitted_model_.model).__name__} belong to "
                "columns that it makes from X, and the derivative of these is not known. Move them "
                "into a step of a pipeline, with a vjp of its own, or use "
                "replacement_influence."
            )
        self.inverse = inverse
        self.X = explainer.X_train_
        self.rows = rows
        self.n_features = n_columns(self.X)
        every = np.array_equal(features, np.arange(self.n_features))
        self.features = slice(None) if every else features
        first = rows_of(self.X, np.array([0]))
        steps = list(explainer.fitted_model_.transformers)
        moved = columns_moved_by_transform(explainer, rows)
        steps = restricted_steps(steps, self.X, first, features, moved)  # refuses unknown steps
        last = max((i for i, step in enumerate(steps, 1) if not is_linear(step)), default=0)
        self.nonlinear, self.linear = steps[:last], steps[last:]
        self.residual = (objective.sample_weight * objective.residual)[rows]
        null_space = inverse.report.null_space
        null_space = null_space.reshape(*objective.coef.shape, -1)[:, : objective.design.n_features]
        # a row that moves along them makes the model determined: a jump, no slope
        self.undetermined = np.abs(null_space).max(axis=(0, 2), initial=0.0) > 1e-8
        if is_truncated(objective, inverse):
            self.undetermined[:] = False  # what moves a little stays below the cut
        jumps = np.full(len(rows), self.undetermined.any())
        self.correction: _LeastNorm | _Turning | None = None
        if jumps.any():
            jumps &= (objective.sample_weight[rows] > 0).any(axis=1)
            if takes_least_norm(objective, inverse):
                jumps &= ~full_leverage(objective, inverse, rows)
                self.correction = _LeastNorm(objective, inverse, rows)
        if is_truncated(objective, inverse):
            self.correction = _Turning(objective, rows)
        self.jumps = jumps
        self.bytes_per_test = 48 * objective.n_parameters
        if isinstance(self.correction, _Turning):
            self.bytes_per_test = 48 * objective.design.n_features**2

    def fill(self, tests, out):
        """Write the derivatives of a block of test rows into `out` (n_tests, n_rows, n_in)."""
        K, q = self.objective.coef.shape
        V = tests.predictor.row_vjp(tests.gradient())
        U, V = self.inverse.solve(V).reshape(K, q, -1), V.reshape(K, q, -1)
        for jump in (False, True):
            places = np.flatnonzero(self.jumps == jump)
            if len(places):
                self._fill_rows(U, V, places, jump, out)

    def _fill_rows(self, U, V, places, jump, out):
        n_tests = U.shape[2]
        correction = None if jump else self.correction
        right = self._right(U, V, correction)
        if jump:
            right[:, :, self.undetermined] = np.nan
        right = self.objective.predictor.on_features(right)
        for step in reversed(self.linear):
            right = vjp(step, None, right)
        if not self.nonlinear:
            right = np.ascontiguousarray(right[:, :, self.features])
        wide = max(right.shape[2], self.n_features if self.nonlinear else 0)
        width = right.shape[2] + 2 * right.shape[1] + (len(self.nonlinear) + 1) * wide
        for block in row_blocks(len(places), 8 * n_tests * width):
            some = block if len(places) == len(self.rows) else places[block]
            left = self._left(U, V, some, correction)
            if not self.nonlinear and isinstance(some, slice):
                np.matmul(left, right, out=out[:, some], casting="same_kind")
                continue
            made = left @ right
            if self.nonlinear:
                X = rows_of(self.X, self.rows[some])
                made = vjp_through(self.nonlinear, X, made)[..., self.features]
            out[:, some] = made

    def _right(self, U, V, correction):
        """[Theta; U_t; right factor of the correction], (n_tests, 2 K + m, f)."""
        f = self.objective.design.n_features  # the intercept's column does not move
        coef = self.objective.coef[:, :f]
        parts = [np.broadcast_to(coef, (U.shape[2], *coef.shape)), U[:, :f].transpose(2, 0, 1)]
        if correction is not None:
            parts.append(correction.right(V[:, :f]))
        return np.concatenate(parts, axis=1)

    def _left(self, U, V, some, correction):
        """-[A_i U_t z_i, s_i r_i, left factor of the correction], (n_tests, n_some, 2 K + m)."""
        objective, rows = self.objective, self.rows[some]
        moved = objective.predictor.take(rows).jvp(U.reshape(objective.n_parameters, -1))
        curved = objective.row_curvature(rows).apply(moved).transpose(2, 0, 1)
        parts = [-curved, np.broadcast_to(-self.residual[some], curved.shape)]
        if correction is not None:
            left = correction.left(V[:, : objective.design.n_features], some)
            parts.append(np.broadcast_to(left, (*curved.shape[:2], left.shape[-1])))
        return np.concatenate(parts, axis=2)


class _LeastNorm:
    """Correction for rows that are fitted exactly, where least norm chooses the optimum.

    Its coefficients without the intercept are a combination Z' pull of the rows. A row that moves
    along a free direction takes its part of them with it: ``pull_i N N'``, a further term,
    the third of the derivative of a pseudo-inverse (Golub and Pereyra, 1973).
    """

    def __init__(self, objective, inverse, rows):
        K, q = objective.coef.shape
        self.free = free_directions(objective, inverse)
        coef = objective.coef.copy()
        coef[:, objective.design.n_features :] = 0.0
        solved = inverse.solve(coef.reshape(K * q, 1)).reshape(K, q)
        self.pull = objective.sample_weight[rows] * objective.design.take(rows).matmul(solved.T)

    def right(self, V):
        """N N' v of test gradients V (K, f, n_tests), as (n_tests, K, f)."""
        free = self.free[: V.shape[1]]
        return np.stack([(free @ (free.T @ part)).T for part in V], axis=1)

    def left(self, V, some):
        """The pull of some rows, (n_some, K)."""
        return self.pull[some]


class _Turning:
    """Correction for rows that turn the kept directions of LinearRegression to dropped ones."""

    def __init__(self, objective, rows):
        found = self.found = objective.truncated
        self.width = found.n_features
        root, r = np.sqrt(found.weight[rows])[:, None], found.left.shape[1]
        self.rows = np.zeros((len(rows), self.width))  # s_i V' (x_i - mean)
        self.rows[:, :r] = root * found.left[rows] * found.singular[:r]

    def right(self, V):
        """The directions V', the same for every test gradient: (n_tests, f, f)."""
        return np.broadcast_to(self.found.directions.T, (V.shape[2], self.width, self.width))

    def left(self, V, some):
        """Products of the rows' moves with the test gradients, (n_tests, n_some, f)."""
        return self.rows[some] @ self.found.turning(V.transpose(2, 0, 1))
