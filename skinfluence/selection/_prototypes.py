"""Prototypes: few weighted training rows that represent a set of test rows (Fisher kernel)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from skinfluence._utils.checks import check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence._utils.warnings import warn_user
from skinfluence.explainer import check_explainer, row_columns, warn_of_stand_in
from skinfluence.linalg import row_blocks
from skinfluence.targets import Mean

#: A candidate of which no more than this part is left is a combination of the picks.
INDEPENDENT = 1e-10
#: Part of the squared discrepancy at which what is left of it is rounding.
NOTHING_LEFT = 1e-13


@dataclass(frozen=True, eq=False, repr=False)
class Prototypes(Readable):
    """Rows selected by :func:`select_prototypes`; prints as text, shows as HTML in notebooks.

    Attributes
    ----------
    rows : ndarray of shape (n_picked,)
        Positions of training rows, in the order of the picks.
    row_names : pandas.Index or ndarray of shape (n_picked,)
        Their names in the index of the training data; their positions without one.
    weights : ndarray of shape (n_picked,)
        Best weight of each row's gradient in the mean gradient of the test rows, given all picks.
        Negative where the row's gradient points in the opposite direction.
    discrepancy : ndarray of shape (n_picked,)
        Distance of the weighted rows to the test rows after each pick, never increasing.
    initial_discrepancy : float
        The same before the first pick: the length of the mean gradient.
    """

    rows: np.ndarray
    row_names: Any
    weights: np.ndarray
    discrepancy: np.ndarray
    initial_discrepancy: float
    _columns: list = field(default_factory=list, repr=False)

    def _parts(self):
        if not len(self.rows):
            return ["No prototypes were found: the mean gradient of the test rows is zero."]
        left = self.discrepancy[-1] / self.initial_discrepancy
        columns = [
            Column("row", list(self.row_names), "name"),
            Column("weight", self.weights, "signed", bar=True),
            Column("discrepancy after it", self.discrepancy, "number"),
            *self._columns,
        ]
        return [
            Table(
                columns, f"{counted(len(self.rows), 'training row')} that represent the test rows"
            ),
            f"Discrepancy {self.initial_discrepancy:.4g} before the first row, of which {left:.1%} "
            "is left.",
        ]


@shared_parameters
def select_prototypes(explainer, n_select, X_test, y_test=None, *, rows=None):
    """Weighted training rows that represent the test rows under the Fisher kernel.

    Each row is represented by the gradient g of its loss, and the similarity of two rows is their
    Fisher kernel ``K(i, j) = g_i' F^-1 g_j``. Sequential Bayesian quadrature picks the training row
    that, with the best weights for all picks, brings the weighted sum of kernel functions closest
    to the mean of those of the test rows:

        min over w of  || mean_t g_t - sum_i w_i g_i ||  in the norm of F^-1.

    F is the matrix that the explainer inverts (see its `curvature`), in sum form and with the
    penalty, so that ``K(t, i)`` is the first-order influence of row i on test row t per unit of
    its weight. The first pick is the row of the largest mean influence relative to the change of
    the model that it makes (:func:`relative_influence` with ``kind="loss"``).

    Parameters
    ----------
    n_select : int
        Rows to pick.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
        The set that the rows represent; also a single test row, or a table of training rows.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their labels. None takes the predicted labels of a classifier.
    rows : array-like of int, of names, or bool mask, default=None
        Training rows that may be picked; all by default. Rows of weight zero are never picked.

    Returns
    -------
    Prototypes
        `rows`, `weights` and the `discrepancy` after each pick, in the root of the loss's unit.
        Fewer than `n_select` rows, with a warning, where these reach the mean exactly.

    Raises
    ------
    TypeError
        For anything but an InfluenceExplainer.
    ValueError
        Without labels for a regression, whose predictions have no residual; and as
        :meth:`~skinfluence.InfluenceExplainer.influence` does.

    See Also
    --------
    select_diverse : Influential rows that differ from each other.

    Notes
    -----
    A pick costs one solution and one product with the training rows. The kernel matrix is not
    formed: n_select of its rows are kept. Kernel and gradients are per unit of a row's weight;
    effects of a removal on the weights of other rows (balanced classes, a penalty in mean form) are
    not included. An iterative solver also needs one solution per training row.

    References
    ----------
    R. Khanna, B. Kim, J. Ghosh and O. Koyejo, "Interpreting black box predictions using Fisher
    kernels", AISTATS 2019. F. Huszar and D. Duvenaud, "Optimally-weighted herding is Bayesian
    quadrature", UAI 2012.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.selection import select_prototypes
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> picked = select_prototypes(explainer, 5, X[400:], y[400:])
    >>> picked.rows.shape, bool(picked.discrepancy[-1] < 0.5 * picked.initial_discrepancy)
    ((5,), True)
    """
    check_explainer(explainer)
    check_whole("n_select", n_select)
    warn_of_stand_in(explainer, "Prototypes")
    objective = explainer.objective_
    if y_test is None and not objective.coding.is_classification:
        raise ValueError(
            "y_test=None, but the predictions of a regression have no residual and so no gradient. "
            "Pass the target values of X_test."
        )
    tests = explainer.test_rows(X_test, y_test, target=Mean())
    rows = explainer.training_rows_.positions(rows)
    candidates = rows[(objective.sample_weight > 0).any(axis=1)[rows]]
    if not len(candidates):
        raise ValueError(
            f"rows names {len(rows)} training rows and none of positive weight; expected at least "
            "one that can be picked."
        )
    inverse = explainer.linearization_.inverse
    with inverse.session():
        mean = tests.coef_gradient().ravel()
        kernel = _FisherKernel(objective, inverse, candidates)
        rows, weights, discrepancy, initial = _quadrature(kernel, mean, int(n_select))
    names, columns = explainer.training_rows_.names(rows), row_columns(explainer, rows)
    picked = Prototypes(rows, names, weights, discrepancy, initial, columns)
    if len(picked.rows) < n_select:
        warn_user(
            f"{len(picked.rows)} rows were picked where n_select={n_select}: more cannot bring the "
            f"discrepancy below {picked.discrepancy[-1] if len(picked.rows) else 0.0:.1e}.",
        )
    return picked


class _FisherKernel:
    """g_i' F^-1 v for the candidates' gradients g_i; their kernel matrix is never formed."""

    def __init__(self, objective, inverse, rows):
        self.rows = rows
        self.inverse = inverse
        self.gradients = objective.per_sample_gradients()[rows]

    def diagonal(self):
        """K(i, i), (n_rows,)."""
        forms, residual = self.inverse.leverage_blocks(self.rows), self.gradients.residual
        out = np.empty(len(self.rows))
        for some in row_blocks(len(out), 8 * forms[:1].size):
            out[some] = np.einsum("nk,nkj,nj->n", residual[some], forms[some], residual[some])
        return out

    def column(self, vector):
        """g_i' F^-1 vector for a vector (p,) of coefficients: (n_rows,)."""
        return self.gradients.matvec(self.inverse.matvec(vector))


def _quadrature(kernel, mean, n_select):
    """(rows, weights, discrepancies, the initial one) of greedy picks.

    A Cholesky factorisation of the kernel, pivoted by gain.
    """
    start = float(mean @ kernel.inverse.solve(mean.reshape(-1, 1))[:, 0])
    left = kernel.column(mean)  # g_i' F^-1 (mean - its best approximation)
    whole = kernel.diagonal()
    own = whole.copy()  # squared length of what the picks leave of each candidate
    n_select = min(n_select, len(own))
    factor = np.empty((n_select, len(own)))
    places: list[int] = []
    shares: list[float] = []
    squares = [start]
    while len(places) < n_select and squares[-1] > NOTHING_LEFT * start:
        able = own > INDEPENDENT * whole
        gain = np.divide(left**2, own, out=np.zeros_like(own), where=able)
        best = int(gain.argmax())
        if gain[best] <= NOTHING_LEFT * start:
            break
        j, length = len(places), np.sqrt(own[best])
        gradient = kernel.gradients[[best]].to_dense()[0]
        column = kernel.column(gradient) - factor[:j, best] @ factor[:j]
        factor[j] = column / length
        share = left[best] / length
        left -= share * factor[j]
        own -= factor[j] ** 2
        own[best] = 0.0
        places.append(best)
        shares.append(share)
        squares.append(max(squares[-1] - share**2, 0.0))
    m = len(places)
    weights = solve_triangular(factor[:m, places], np.array(shares)) if m else np.empty(0)
    return kernel.rows[places], weights, np.sqrt(squares[1:]), float(np.sqrt(start))
