"""Components of influence: the contributions of the training loss and the inverse Hessian.

Figure 1 of Koh & Liang (2017): influence, and its value without one or both, down to the
Euclidean inner product, which is how near neighbours are found.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.rows import NamedRows
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence.explainer import MOST_TESTS, check_explainer, warn_of_stand_in
from skinfluence.linalg import SOLVED_MIB, block_size, slices
from skinfluence.losses import Multinomial

__all__ = ["InfluenceComponents", "influence_components"]


NAMES = ("influence", "without_loss", "without_hessian", "inner_product")
#: Test rows, and training rows for each, that are printed.
TESTS_SHOWN, ROWS_SHOWN = 3, 5


@dataclass(frozen=True, eq=False, repr=False)
class InfluenceComponents(Readable):
    """Influence and its components for every pair of a test row and a training row.

    Prints as text and shows as HTML in notebooks: the strongest rows of the first test rows.

    Attributes
    ----------
    influence : ndarray of shape (n_test, n_rows)
        First-order influence, in units of the target; positive: the training row helps.
    without_loss : ndarray of shape (n_test, n_rows)
        Without the training loss: as if every training row had the same loss.
    without_hessian : ndarray of shape (n_test, n_rows)
        The product of the two gradients.
    inner_product : ndarray of shape (n_test, n_rows)
        Without either: the Euclidean inner product of the two rows with the sign of their labels,
        times the loss derivative of the test row.
    rows : ndarray of shape (n_rows,)
        Positions of the training rows.
    row_names : pandas.Index or ndarray of shape (n_rows,)
        Their names in the index of the training data; their positions without one.
    """

    influence: np.ndarray
    without_loss: np.ndarray
    without_hessian: np.ndarray
    inner_product: np.ndarray
    rows: np.ndarray
    row_names: Any = field(repr=False)
    _labels: np.ndarray = field(repr=False)
    _training_rows: NamedRows = field(repr=False)

    def _parts(self):
        n_test, n_rows = self.influence.shape
        of = f"{counted(n_rows, 'training row')}, {counted(n_test, 'test row')}"
        parts: list = [f"Components of influence: {of}"]
        for t in range(min(n_test, TESTS_SHOWN)):
            top = np.argsort(-np.abs(self.influence[t]), kind="stable")[:ROWS_SHOWN]
            columns = [
                Column("row", list(self.row_names[top]), "name"),
                Column("label", list(self._labels[top])),
                *(
                    Column(name, getattr(self, name)[t][top], "signed", bar=name == "influence")
                    for name in NAMES
                ),
            ]
            parts.append(Table(columns, f"test row {t}: the rows of largest influence"))
        if n_test > TESTS_SHOWN:
            more = counted(n_test - TESTS_SHOWN, "more test row")
            parts.append(f"... and {more}: .frame(test_row) is the table of any of them.")
        return parts

    def frame(self, test_row=0):
        """The components of one test row as a table, one row a training row.

        Parameters
        ----------
        test_row : int, default=0
            Position in `X_test`.

        Returns
        -------
        DataFrame
            In the frame type of the training data: `row` (its name), `position` (where that
            differs), `label` (or one column an output), `influence`, `without_loss`,
            `without_hessian`, `inner_product`.

        Raises
        ------
        IndexError
            For a test row out of range.
        TypeError
            For anything but a whole number.
        """
        n_test = len(self.influence)
        if isinstance(test_row, bool) or not isinstance(test_row, int | np.integer):
            raise TypeError(
                f"test_row={test_row!r}; expected the position of one test row, 0 to {n_test - 1}."
            )
        if not -n_test <= test_row < n_test:
            raise IndexError(f"test_row={test_row}, but there are {n_test} test rows.")
        columns: dict[str, np.ndarray] = {}
        if self._labels.ndim == 1:
            columns["label"] = self._labels
        else:
            columns.update({f"label_{k}": y for k, y in enumerate(self._labels.T)})
        columns.update({name: getattr(self, name)[test_row] for name in NAMES})
        return self._training_rows.table(self.rows, columns)


@shared_parameters
def influence_components(explainer, X_test, y_test=None, *, target="auto", rows=None):
    """Influence, and influence without the training loss or the inverse Hessian.

    First-order influence of training row i on test row t is a product,

        s_i  (r_t (x) z_t)'  H^-1  (r_i (x) z_i),

    with z the design row (the features after the pipeline's earlier steps, and 1 for the
    intercept) and r the derivative of the loss in the raw predictions. For binary logistic loss
    ``r_i = -y_i sigma(-y_i theta' z_i)``: the sign of the label times one minus the probability
    that the model gives to it. Left out, one at a time and together, are

    - the training loss: r_i keeps its direction and loses its size. For losses of a margin
      (logistic, hinges) minus the label is left; for the softmax r_i over one minus the
      probability of the row's label, so that -1 is left at the label and the probabilities of the
      other classes among themselves elsewhere; for squared error the sign of r_i in each output;
    - the inverse Hessian: the identity takes its place, in the estimator's own coefficients.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted. Its `curvature` and `damping` determine H.
    target : {"auto", "loss", "predict", "decision_function", "predict_proba"}, default="auto"
        As for :meth:`~skinfluence.InfluenceExplainer.influence`. Its derivative at the test row
        stays in all four.

    Returns
    -------
    InfluenceComponents
        Four arrays of shape (n_test, n_rows), and `frame` for the table of one test row.

    Raises
    ------
    TypeError
        For anything but an InfluenceExplainer.
    ValueError
        As :meth:`~skinfluence.InfluenceExplainer.influence` does.

    Notes
    -----
    The four have different units, so compare their signs and their order. Sample weights and class
    weights stay in all of them. The effect of a removal on the weights of other rows (balanced
    classes, a penalty in mean form) is part of the derivative of the row: it is included in
    `influence` and `without_hessian`, and not in the other two, as in the code of the authors.

    References
    ----------
    P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions", ICML
    2017, section 2.3 and Figure 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.components import influence_components
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> model = LogisticRegression(C=0.1, fit_intercept=False)
    >>> explainer = InfluenceExplainer(model).fit(X[:300], y[:300])
    >>> parts = influence_components(explainer, X[300:], y[300:])
    >>> same_label = y[300:, None] == y[:300]

    Pixels are not negative, so that all inner products of images of the same digit are positive.
    Influence also finds harmful ones:

    >>> for values in (parts.inner_product, parts.influence):
    ...     print(f"{(values[same_label] < 0).mean():.0%} negative")
    0% negative
    8% negative
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Components of influence")
    objective = explainer.objective_
    tests = explainer.test_rows(X_test, y_test, target=target)
    rows = explainer.training_rows_.positions(rows)
    influence = explainer.influence(X_test, y_test, target=target, method="first_order", rows=rows)
    without_loss, without_hessian, inner_product = (np.empty_like(influence) for _ in range(3))
    out = without_loss, without_hessian, inner_product
    linearization = explainer.linearization_
    inverse = linearization.inverse_for("first_order", len(tests))
    _fill(out, objective, linearization.linear_changes(rows, inverse)[1], tests, rows)
    return InfluenceComponents(
        influence=influence,
        without_loss=without_loss,
        without_hessian=without_hessian,
        inner_product=inner_product,
        rows=rows,
        row_names=explainer.training_rows_.names(rows),
        _labels=np.asarray(explainer.y_train_)[rows],
        _training_rows=explainer.training_rows_,
    )


def _directions(objective, rows):
    """Residuals of training rows without their size, (n_rows, K): what is pulled at, not how hard.

    Where the outputs of another loss than the softmax interact: the residual over its largest
    entry, which for the softmax is ``1 - p_y``.
    """
    loss, y = objective.loss, objective.y[rows]
    if loss.target_kind == "margin":
        return -y
    if isinstance(loss, Multinomial):
        # a softmax without the label's own class is p_k / (1 - p_y), also where p_y rounds to one
        return loss.probability(np.where(y == 1.0, -np.inf, objective.raw_prediction[rows])) - y
    residual = objective.residual[rows]
    if loss.separable:
        return np.sign(residual)
    size = np.abs(residual).max(axis=1, keepdims=True)
    return np.divide(residual, size, out=np.zeros_like(residual), where=size > 0)


def _fill(out, objective, changes, tests, rows):
    """Write the three incomplete products, a block of test rows at a time."""
    without_loss, without_hessian, inner_product = out
    predictor, s = changes.predictor, objective.sample_weight[rows]
    uncentred = predictor.uncentred()
    pulls = s * objective.residual[rows]  # shape: (n_rows, K)
    directions = s * _directions(objective, rows)
    shared = objective.predictor.uncentred_gradients(changes.directions)
    shared, inverse = shared.reshape(objective.n_parameters, -1), changes.inverse
    everything, outputs = slice(0, len(rows)), range(objective.n_outputs)
    with inverse.session():
        size = min(block_size(24 * objective.n_parameters, SOLVED_MIB), MOST_TESTS)
        for some in slices(len(tests), size):
            part = tests.take(some)
            slopes = part.gradient()  # shape: (n_some, K)
            solved = inverse.solve(part.predictor.row_vjp(slopes))
            read = predictor.score_reader(solved, outputs)
            read(everything, directions, without_loss[some])
            V = part.predictor.uncentred().row_vjp(slopes)  # shape: (p, n_some)
            read = uncentred.score_reader(V, outputs)
            read(everything, directions, inner_product[some])
            read(everything, pulls, without_hessian[some])
            without_hessian[some] += V.T @ shared @ changes.low_rank_coefs.T
