"""Rows that are both influential and different from each other (DIVINE)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skinfluence._utils.checks import check_choice, check_number, check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence.explainer import check_explainer, row_columns, warn_of_stand_in
from skinfluence.selection._diversity import DIVERSITIES
from skinfluence.selection._importance import SIGNS, check_scores, row_scores
from skinfluence.selection._lazy_greedy import lazy_greedy
from skinfluence.selection._similarity import RBFSimilarity

#: Trade-offs that gamma="auto" tries.
GAMMAS = (0.0, *(2.0**i for i in range(-2, 7)))


@dataclass(frozen=True, eq=False, repr=False)
class DiverseRows(Readable):
    """Rows selected by :func:`select_diverse`; prints as text, shows as HTML in notebooks.

    The objective after pick j is ``influence[j] + gamma * diversity[j]``.

    Attributes
    ----------
    rows : ndarray of shape (n_select,)
        Positions of training rows, in the order of the picks.
    row_names : pandas.Index or ndarray of shape (n_select,)
        Their names in the index of the training data; their positions without one.
    gains : ndarray of shape (n_select,)
        Increase of the objective by each pick.
    influence : ndarray of shape (n_select,)
        Sum of the scores after each pick, in units of the largest that n_select rows can reach.
    diversity : ndarray of shape (n_select,)
        The diversity term after each pick, at most 1.
    gamma : float
        The trade-off.
    scores : ndarray of shape (n_train,)
        Importance of every training row, in units of the target.
    length_scale : float
        Of the similarity.
    path : dict of str to ndarray, or None
        For ``gamma="auto"``: `gamma`, and `influence` and `diversity` after the last pick.
    """

    rows: np.ndarray
    row_names: Any
    gains: np.ndarray
    influence: np.ndarray
    diversity: np.ndarray
    gamma: float
    scores: np.ndarray = field(repr=False)
    length_scale: float
    path: dict | None = field(repr=False)
    _columns: list = field(default_factory=list, repr=False)

    def _parts(self):
        title = f"{counted(len(self.rows), 'training row')}, picked one after another"
        columns = [
            Column("row", list(self.row_names), "name"),
            Column("gain", self.gains, "number"),
            Column("influence so far", self.influence, "number"),
            Column("diversity so far", self.diversity, "number"),
            *self._columns,
        ]
        return [
            Table(columns, title),
            f"Influence is in units of the largest that so many rows can reach; gamma = "
            f"{self.gamma:g} weighs diversity against it.",
        ]

    @property
    def objective(self):
        """Influence plus gamma times diversity after each pick, (n_select,)."""
        return self.influence + self.gamma * self.diversity


@shared_parameters
def select_diverse(
    explainer,
    n_select,
    X_test=None,
    y_test=None,
    *,
    diversity="sum_redundancy",
    gamma="auto",
    order="magnitude",
    target="auto",
    scores=None,
    rows=None,
    length_scale="median",
    n_reference=1000,
    random_state=0,
):
    """Training rows that are influential and different from each other (DIVINE).

    Maximises I(S) / I* + gamma R(S) over sets S of `n_select` rows, one greedy pick after another.
    I(S) is the sum of the rows' scores and I* the largest such sum, so that gamma = 1 gives
    influence and diversity equal weight in any unit.

    Parameters
    ----------
    n_select : int
        Number of rows to select.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
        A row's score is its first-order influence on the sum over these rows. None: its
        influence on its own loss.
    diversity : {"sum_redundancy", "facility_location", "mmd"}, default="sum_redundancy"
        R(S): dissimilarity of the picks; mean similarity of a training row to the most similar
        pick; or both (minus the squared maximum mean discrepancy to the training rows, without its
        constant).
    gamma : float or "auto", default="auto"
        The trade-off, at least 0; 0 gives the rows of largest scores. "auto" tries 0 and powers
        of two from 1/4 to 64 and takes the knee: largest sum of both parts, each rescaled to
        run from 0 to 1 over the path.
    order : {"magnitude", "helpful", "harmful"}, default="magnitude"
        Scores are absolute influences, influences, or their negatives.
    scores : array-like of shape (n_train,), default=None
        Importance of every training row by any other measure, in place of influence.
    rows : array-like of int, of names, or bool mask, default=None
        Training rows that may be picked, and that the picks represent; all of positive weight by
        default.
    length_scale : float or "median", default="median"
        Length scale of the similarity ``exp(-||x - x'||^2 / (2 length_scale^2))``, in the features
        of the pipeline's last step. "median": the median distance, of at most 1,000 rows. With a
        very short scale only equal rows are similar; with a very long one all rows are, and the
        scores alone decide.
    n_reference : int or None, default=1000
        Facility location and MMD compare the picks with a random sample of this many rows;
        their values are then means over the sample, with a standard error of at most
        ``0.5 / sqrt(n_reference)``. None takes all rows, at n^2 similarities.
    random_state : int, RandomState instance or None, default=0
        Of both samples; not used where all rows are taken.

    Returns
    -------
    DiverseRows
        Rows in order of the picks, gains, and both parts of the objective after each pick.

    Raises
    ------
    TypeError
        For anything but an InfluenceExplainer.
    ValueError
        For invalid settings, and for more picks than rows.

    Notes
    -----
    With facility location and scores that are not negative the objective is monotone and
    submodular: the greedy set reaches at least 1 - 1/e = 63 % of the best one. Sum-redundancy is
    submodular but falls with every pick, and MMD is neither; greedy search has no such bound for
    them. The search is lazy: an earlier gain of a candidate bounds its gain now, so that most are
    not evaluated again. Memory grows with `n_reference`, never with n^2.

    References
    ----------
    U. Bhatt, I. Chien, M. B. Zafar and A. Weller, "DIVINE: diverse influential training points
    for data visualization and model refinement", 2021. M. Minoux, "Accelerated greedy algorithms
    for maximizing submodular set functions", 1978.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.selection import select_diverse
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> explainer = InfluenceExplainer(model).fit(X[:400], y[:400])
    >>> picked = select_diverse(explainer, 5, X[400:], y[400:], gamma=1.0)
    >>> len(picked.rows)
    5
    """
    check_explainer(explainer)
    warn_of_stand_in(explainer, "Influences and distances of diverse rows")
    check_choice("diversity", diversity, DIVERSITIES)
    check_choice("order", order, SIGNS)
    check_whole("n_select", n_select)
    check_number("gamma", gamma, words=("auto",), least=0.0)
    check_number("length_scale", length_scale, words=("median",), above=0.0)
    if n_reference is not None:
        check_whole("n_reference", n_reference)
    candidates = _candidates(explainer, rows, n_select)
    if scores is None:
        scores = row_scores(explainer, X_test, y_test, target, order)
    else:
        _refuse_test_rows(X_test, y_test)
        explainer.training_rows_.in_order(scores, what="scores")
        scores = check_scores(scores, explainer.objective_.n_rows)
    random_state = check_random_state(random_state)
    objective = explainer.objective_
    similarity = RBFSimilarity(explainer.fitted_model_.X, length_scale, candidates, random_state)
    reference = candidates
    if n_reference is not None and n_reference < len(candidates):
        reference = np.sort(random_state.choice(candidates, n_reference, replace=False))
    weight = objective.weights.base[reference]
    made = DIVERSITIES[diversity](
        similarity, candidates, n_select, reference, weight / weight.sum()
    )
    return _search(explainer, scores, candidates, made, gamma, n_select)


def _search(explainer, scores, candidates, diversity, gamma, n_select):
    """Greedy picks for one gamma, or for the knee of the path."""
    mine = scores[candidates]
    top = np.partition(mine, len(mine) - n_select)[len(mine) - n_select :]
    scale = float(top.clip(min=0.0).sum()) or float(np.abs(mine).sum()) or 1.0
    mine = mine / scale
    tried = GAMMAS if gamma == "auto" else (float(gamma),)
    found = [lazy_greedy(mine, diversity, g, n_select) for g in tried]
    path, best = None, 0
    if gamma == "auto":
        path = {
            "gamma": np.array(tried),
            "influence": np.array([mine[picks].sum() for picks, _, _ in found]),
            "diversity": np.array([values[-1] for _, _, values in found]),
        }
        best = knee(path["influence"], path["diversity"])
    picks, gains, values = found[best]
    rows = candidates[picks]
    return DiverseRows(
        rows=rows,
        row_names=explainer.training_rows_.names(rows),
        gains=gains,
        influence=np.cumsum(mine[picks]),
        diversity=values,
        gamma=tried[best],
        scores=scores,
        length_scale=diversity.similarity.length_scale,
        path=path,
        _columns=row_columns(explainer, rows),
    )


def knee(influence, diversity):
    """Position of the largest sum of both, each rescaled to [0, 1]; the first of ties."""
    total = sum(_rescaled(part) for part in (influence, diversity))
    return int(np.flatnonzero(total >= total.max() - 1e-9)[0])


def _rescaled(part):
    spread = np.ptp(part)
    # a difference that is rounding is none
    return (part - part.min()) / spread if spread > 1e-12 else np.zeros(len(part))


def _candidates(explainer, rows, n_select):
    present = explainer.objective_.weights.base > 0
    rows = np.unique(explainer.training_rows_.positions(rows))
    rows = rows[present[rows]]
    if len(rows) < n_select:
        raise ValueError(
            f"n_select={n_select}, but there are {len(rows)} training rows of positive weight to "
            "pick from. Ask for fewer, or pass more `rows`."
        )
    return rows


def _refuse_test_rows(X_test, y_test):
    if X_test is not None or y_test is not None:
        raise ValueError(
            "scores and test rows are both given. Expected one: test rows to compute influences "
            "on, or scores in their place."
        )
