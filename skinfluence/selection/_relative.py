"""Relative influence: the effect on a test row per unit of change of the model."""

import numpy as np

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence.explainer import (
    KINDS,
    ORDERS,
    change_lengths,
    check_explainer,
    influence_blocks,
    influences,
    top_k,
    warn_of_stand_in,
)


class _UnitChanges:
    """A linearisation in which every removal moves the model by the same length."""

    def __init__(self, linearization, kind):
        self._linearization = linearization
        self._lengths = change_lengths(linearization, kind)
        self.objective = linearization.objective
        self.verbose = linearization.verbose
        self.warn_of_last = linearization.warn_of_last
        self.refit_width = linearization.refit_width

    def edit_inverse(self, method, target, edits, n_right_hand_sides):
        return self._linearization.inverse_for(method, n_right_hand_sides)

    def changes(self, method, edits, inverse, **settings):
        objective, changes = self._linearization.linear_changes(edits.row, inverse)
        return objective, changes.divided(self._lengths[edits.row])


@shared_parameters
def relative_influence(explainer, X_test, y_test=None, *, kind="theta", target="auto", rows=None):
    """Influence of each training row per unit of change of the model (RelatIF).

    Outliers and wrong labels change all coefficients and have large influences on all test rows.
    Divided by the length of the change, influence is the cosine between the gradient of the test
    row and the change, times the length of the gradient.

    Parameters
    ----------
    kind : {"theta", "loss"}, default="theta"
        Length of the change delta_i of the coefficients: ``||delta_i||``, in the estimator's own
        coefficients with the intercept, or ``sqrt(delta_i' H delta_i)``, the change of the
        likelihood of the training data (l-RelatIF); H is the matrix of the explainer's `curvature`.
        The second depends on the units of the features only through the penalty.

    Returns
    -------
    ndarray of shape (n_test, n_train) or (n_test, n_rows)
        First-order influence divided by the length. Positive for the loss: the training row
        helps the test row. Unit: target per unit of length. It does not depend on the row's
        weight; 0 for rows of weight zero and rows without a gradient.

    Raises
    ------
    TypeError
        For anything but an InfluenceExplainer.
    ValueError
        For an unknown `kind`, and as :meth:`~skinfluence.InfluenceExplainer.influence` does.

    See Also
    --------
    top_relative_influences : The strongest rows only, in blocks.

    Notes
    -----
    The lengths take one matrix product with all training rows, and are kept for later calls. An
    iterative solver (``solver="cg"``) needs one solution per training row.

    References
    ----------
    E. Barshan, M.-E. Brunet and G. K. Dziugaite, "RelatIF: identifying explanatory training
    samples via relative influence", AISTATS 2020: theta- and l-relative influence.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.selection import relative_influence
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> relative_influence(explainer, X[400:], y[400:]).shape
    (169, 400)
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Relative influences")
    check_choice("kind", kind, KINDS)
    tests = explainer.test_rows(X_test, y_test, target=target)
    rows = explainer.training_rows_.positions(rows)
    return influences(_UnitChanges(explainer.linearization_, kind), tests, "first_order", rows)


@shared_parameters
def top_relative_influences(
    explainer, X_test, y_test=None, *, k=10, kind="theta", order="magnitude", target="auto"
):
    """The training rows of largest relative influence on each test row.

    Streams in blocks and never holds the (n_test, n_train) matrix.

    Parameters
    ----------
    k : int, default=10
        Number of rows; at most n_train are returned.
    kind : {"theta", "loss"}, default="theta"
        As for :func:`relative_influence`.
    order : {"magnitude", "helpful", "harmful"}, default="magnitude"
        Largest absolute value, largest value, or smallest value first.

    Returns
    -------
    indices : ndarray of shape (n_test, k)
        Training rows, strongest first; -1 where there is no further finite number.
    values : ndarray of shape (n_test, k)
        Their relative influences.

    Raises
    ------
    TypeError, ValueError
        As :func:`relative_influence`; ValueError for an unknown `order` or a `k` below 1.

    See Also
    --------
    relative_influence : All training rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.selection import top_relative_influences
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> indices, values = top_relative_influences(explainer, X[:2], y[:2], k=3)
    >>> indices.shape
    (2, 3)
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Relative influences")
    check_choice("kind", kind, KINDS)
    check_choice("order", order, ORDERS)
    check_whole("k", k)
    tests = explainer.test_rows(X_test, y_test, target=target)
    rows = np.arange(explainer.objective_.n_rows)
    unit = _UnitChanges(explainer.linearization_, kind)
    blocks = influence_blocks(unit, tests, "first_order", rows)
    return top_k(blocks, tests.n_values, len(rows), k, order)[:2]
