"""Agreement of predicted effects of removing rows with real refits."""

import numpy as np
from sklearn.utils import check_random_state

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence._utils.groups import read_groups
from skinfluence.explainer import (
    N_ROWS,
    check_explainer,
    group_changes,
    lins_concordance,
    rank_correlations,
    rows_concordance,
)
from skinfluence.groups import group_influence

#: Draws of a subset until every class is in what stays.
MOST_DRAWS = 1000


def loo_concordance(estimator, X, y, *, n_rows=N_ROWS):
    """Agreement of predicted and refitted effects of removing single rows.

    Lin's concordance between the predicted and the refitted change of the mean loss on (X, y). With
    32 rows this is the explainer's own `score`.

    Parameters
    ----------
    estimator : InfluenceExplainer
        Fitted.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows whose loss is compared.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or target values.
    n_rows : int, default=32
        Training rows that are removed, one at a time: half with the largest gradients, half evenly
        spaced below them. No randomness.

    Returns
    -------
    float
        In [-1, 1], higher is better; NaN where a refit or a prediction does not exist.

    References
    ----------
    L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45,
    1989.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.metrics import loo_concordance
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge()).fit(X[:300], y[:300])
    >>> round(loo_concordance(explainer, X[300:], y[300:]), 6)
    1.0
    """
    check_explainer(estimator)
    check_whole("n_rows", n_rows, least=2)
    return rows_concordance(estimator, X, y, n_rows)


def linear_datamodeling_score(estimator, X, y, *, n_subsets=32, fraction=0.5, random_state=0):
    """Agreement in rank with models that were trained on random parts of the rows.

    For each row of (X, y), Spearman's correlation over the subsets between the loss of the model of
    a subset and the loss predicted by summed influences (minus the influences of the rows that are
    left out); then the mean over rows. It measures whether influences rank training sets correctly,
    not whether their size is right.

    Parameters
    ----------
    estimator : InfluenceExplainer
        Fitted.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows whose losses are predicted.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or target values.
    n_subsets : int, default=32
        Models that are trained.
    fraction : float, default=0.5
        Share of the training rows that each of them has. A subset without a row of some class is
        drawn again.
    random_state : int, RandomState instance or None, default=0
        Draws the subsets. Candidates of a search are compared on the same subsets, and find the
        refits in memory, only with an int.

    Returns
    -------
    float
        In [-1, 1], higher is better; NaN where a refit or a prediction does not exist.

    References
    ----------
    S. M. Park, K. Georgiev, A. Ilyas, G. Leclerc and A. Madry, "TRAK: attributing model behavior
    at scale", ICML 2023, section 2.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.metrics import linear_datamodeling_score
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> linear_datamodeling_score(explainer, X[400:], y[400:]) > 0.7
    True
    """
    check_explainer(estimator)
    check_whole("n_subsets", n_subsets, least=2)
    check_number("fraction", fraction, above=0.0, below=1.0)

    def draw(objective):
        rows, codes = _rows_that_count(objective)
        kept = max(1, round(fraction * len(rows)))
        sizes = np.full(n_subsets, len(rows) - kept)
        return _draw_groups(rows, codes, sizes, check_random_state(random_state))

    predicted, actual = group_changes(estimator, X, y, draw)
    return float(rank_correlations(predicted, actual).mean())


def group_concordance(
    estimator, X, y, *, n_groups=32, fraction=0.25, groups=None, method=None, random_state=0
):
    """Agreement of predicted and refitted effects of removing many rows at once.

    Lin's concordance between the predicted and the refitted change of the mean loss on (X, y)
    without a group. By default the influences of the group's rows are added. Sums neglect
    interactions between the rows: the effect of a group is usually larger than the sum.

    Parameters
    ----------
    estimator : InfluenceExplainer
        Fitted.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows whose loss is compared.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or target values.
    n_groups : int, default=32
        Random groups; their sizes are spread evenly up to the largest.
    fraction : float, default=0.25
        Share of the training rows in the largest group.
    groups : array-like, list, dict or str, default=None
        Groups of training rows that are removed together instead of random ones, as for
        :func:`skinfluence.groups.group_influence`: a label for each training row, say. Not for
        cross-validation, whose training rows change.
    method : {"first_order", "second_order", "newton_step"}, default=None
        Method for the effect of a group, see :func:`skinfluence.groups.group_influence`. None adds
        the influences of single rows by the estimator's own method.
    random_state : int, RandomState instance or None, default=0
        Draws the groups. Candidates of a search are compared on the same groups, and find the
        refits in memory, only with an int.

    Returns
    -------
    float
        In [-1, 1], higher is better; NaN where a refit or a prediction does not exist.

    References
    ----------
    P. W. Koh, K.-S. Ang, H. Teo and P. Liang, "On the accuracy of influence functions for
    measuring group effects", NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.metrics import group_concordance
    >>> X, y = load_diabetes(return_X_y=True)
    >>> explainer = InfluenceExplainer(Ridge()).fit(X[:300], y[:300])
    >>> 0.5 < group_concordance(explainer, X[300:], y[300:]) < 1
    True
    """
    check_explainer(estimator)
    check_whole("n_groups", n_groups, least=2)
    check_number("fraction", fraction, above=0.0, below=1.0)

    def draw(objective):
        rows, codes = _rows_that_count(objective)
        if groups is not None:
            return _groups_of(groups, estimator, rows)
        sizes = np.linspace(1, max(1, round(fraction * len(rows))), n_groups).round().astype(int)
        return _draw_groups(rows, codes, sizes, check_random_state(random_state))

    predict = None if method is None else _by_group(method)
    predicted, actual = group_changes(estimator, X, y, draw, predict)
    return lins_concordance(predicted.mean(axis=0), actual.mean(axis=0))


def _by_group(method):
    """Predicts with a group's effect as a whole."""
    check_choice("method", method, (None, "first_order", "second_order", "newton_step"))

    def predict(explainer, X, y, groups):
        return group_influence(explainer, groups, X, y, method=method)

    return predict


def _rows_that_count(objective):
    """(rows of positive weight, class code of each of them; one code for values)."""
    rows = np.flatnonzero((objective.sample_weight > 0).any(axis=1))
    codes = np.zeros(len(rows), dtype=int)
    if objective.coding.is_classification:
        codes = np.unique(objective.y[rows], axis=0, return_inverse=True)[1].ravel()
    return rows, codes


def _draw_groups(rows, codes, sizes, rng):
    """Random groups of rows to remove, of these sizes, that leave a row of every class."""
    n_classes = codes.max() + 1
    groups = []
    for size in sizes:
        for _ in range(MOST_DRAWS):
            out = rng.permutation(len(rows))
            if len(np.unique(codes[out[size:]])) == n_classes:
                break
        else:
            raise ValueError(
                f"No {len(rows) - size} of {len(rows)} rows with all {n_classes} classes among "
                f"them in {MOST_DRAWS} draws. Lower the number of rows that are removed, or leave "
                "the rarest classes out."
            )
        groups.append(np.sort(rows[out[:size]]))
    return groups


def _groups_of(groups, explainer, rows):
    """The rows that count, group by group."""
    found = [np.intersect1d(group, rows) for group in read_groups(groups, explainer).rows]
    found = [group for group in found if len(group)]
    if len(found) < 2:
        raise ValueError(f"groups makes {len(found)} group(s) of rows; expected at least two.")
    return found
