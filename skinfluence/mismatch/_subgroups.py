"""Subgroup of the training rows that is most responsible for the loss on some test rows."""

import warnings
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from skinfluence._utils.checks import check_choice, check_whole
from skinfluence._utils.conditions import make_conditions
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import make_frame, n_dimensions, refuse_file
from skinfluence._utils.tables import Column, Readable, Table, counted
from skinfluence.explainer import ORDERS, FeatureValues, check_explainer, warn_of_stand_in
from skinfluence.groups import group_influence
from skinfluence.mismatch._search import Search
from skinfluence.targets import Mean

#: Of two subgroups that share this part of the rows of both, the first one is kept.
SHARED = 0.8


@dataclass(frozen=True)
class Subgroup:
    """Training rows for which one or two conditions hold, and the effect of their removal.

    Attributes
    ----------
    conditions : tuple of Condition
        Of one column each.
    rows : ndarray of int
        Positions of the training rows.
    first_order : float
        Sum of the rows' first-order influences on the mean over the test rows; for models in closed
        form, of their effects one by one.
    influence : float
        Mean over the test rows without the subgroup minus that with it, by the joint effect of
        the rows. NaN where there is no model without them.
    standardized : float
        `influence` in units of its standard deviation for as many random rows.
    refit : float or None
        The same as `influence` by a real refit, if requested.
    loss : float
        Mean loss of the training rows of the subgroup.
    n_test : int or None
        Test rows for which the conditions hold; None where the columns are not those of X_test.
    test_value : float or None
        Mean of the target over these.
    """

    conditions: tuple
    rows: np.ndarray = field(repr=False)
    first_order: float
    influence: float
    standardized: float
    refit: float | None
    loss: float
    n_test: int | None
    test_value: float | None

    @property
    def name(self):
        """The conditions in words."""
        return " and ".join(map(str, self.conditions))

    @property
    def n_rows(self):
        """Number of training rows."""
        return len(self.rows)

    def mask(self, X):
        """Rows of another table with the same columns for which the conditions hold.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n, n_columns)

        Returns
        -------
        ndarray of bool of shape (n,)
            Mask of the rows.
        """
        table = FeatureValues(X)
        return np.all([condition.holds(table) for condition in self.conditions], axis=0)


@dataclass(frozen=True, repr=False, eq=False)
class SubgroupInfluence(Readable):
    """Subgroups of the training rows, the most responsible one first.

    Prints as text, shows as HTML, and ``.frame()`` gives a table. Indexing gives one
    :class:`Subgroup`.

    Attributes
    ----------
    subgroups : list of Subgroup
    what : str
        Name of the number whose change is computed.
    """

    subgroups: list
    what: str
    _n_test: int
    _n_conditions: int
    _backend: str | None

    def __len__(self):
        return len(self.subgroups)

    def __getitem__(self, g):
        return self.subgroups[g]

    def frame(self):
        """The subgroups as a table.

        Returns
        -------
        DataFrame
            One row per subgroup: `group` (the conditions), `n_rows`, `n_test`, `influence`,
            `refit` (if requested), `standardized`, `loss`, `test_value` and `first_order`, as
            :class:`Subgroup` has them. In the frame type of the training data.
        """
        return make_frame(self._columns(), self._backend)

    def _columns(self):
        names = ["name", "n_rows", "n_test", "influence", "refit", "standardized", "loss"]
        names += ["test_value", "first_order"]
        columns = {n: [getattr(one, n) for one in self.subgroups] for n in names}
        columns = {"group": columns.pop("name"), **columns}
        kept = {n: v for n, v in columns.items() if any(value is not None for value in v)}
        return {n: np.array(kept.get(n, [])) for n in ("group", "n_rows", *kept)}

    def _parts(self):
        columns = self._columns()
        kinds = {"group": "any", "n_rows": "number", "n_test": "number"}
        signed = ("first_order", "influence", "refit", "standardized")
        effects = np.concatenate([columns.get(n, []) for n in signed[:3]]).tolist()
        shown = [
            Column(
                name.replace("_", " "),
                values.tolist(),
                "signed" if name in signed else kinds.get(name, "number"),
                bar=name == "influence",
                optional=name in ("test_value", "first_order"),
                like=effects if name in signed[:3] else (),
                longest=48,
            )
            for name, values in columns.items()
        ]
        title = (
            f"Change of the {self.what} of {counted(self._n_test, 'test row')} without a subgroup "
            f"of the training rows, by {counted(self._n_conditions, 'condition')} and their pairs"
        )
        parts: list = [Table(shown, title, empty="No subgroup stands apart.")]
        if np.isnan(columns.get("influence", np.zeros(0))).any():
            parts.append("NaN: there is no model without these rows; they are ranked by the sum.")
        return parts


@shared_parameters
def subgroup_influence(
    explainer,
    X_test,
    y_test=None,
    *,
    target="auto",
    method=None,
    order="harmful",
    table=None,
    n_groups=10,
    min_size=3,
    n_bins=4,
    pairs=True,
    n_joint=250,
    verify=False,
):
    """Subgroups of the training rows that are most responsible for the loss on test rows.

    Subgroups are the categories of each column, the quantile bins of its numbers, and all pairs of
    these. The sums of the rows' first-order influences are computed for all of them at once. The
    leading ones are removed jointly, and ordered by their effect in units of its standard deviation
    for as many random rows: large subgroups are not preferred.

    Parameters
    ----------
    method : str, default=None
        Joint effect of the leading subgroups, as for
        :func:`~skinfluence.groups.group_influence`.
    order : {"magnitude", "helpful", "harmful"}, default="harmful"
        Subgroups of the largest absolute effect, of the largest, or of the smallest: without these
        the loss would be lower.
    table : {array-like, sparse matrix, data frame} of shape (n_train, n_columns), default=None
        Columns that describe the training rows, also such as the model does not use. None: those of
        the training data.
    n_groups : int, default=10
        Number of subgroups that are returned, at most.
    min_size : int, default=3
        Smallest number of rows of a subgroup. No subgroup has more than half of the rows.
    n_bins : int, default=4
        Quantile bins of a numeric column with more than 10 distinct values; columns with fewer have
        one category for each.
    pairs : bool, default=True
        Whether to search pairs of conditions too. A pair must stand further apart than each of its
        two conditions, by three standard errors.
    n_joint : int, default=250
        Number of conditions, and of pairs, whose joint effect is computed: those of the largest
        sums. Each costs about one factorisation of the Hessian. More conditions than that are
        better searched some columns at a time, by `table`: the sum of a category with a coefficient
        of its own is small, whatever its effect.
    verify : bool, default=False
        Refit the model without each returned subgroup, and show both numbers.

    Returns
    -------
    SubgroupInfluence
        Prints as text; ``.frame()`` gives a table, and indexing one :class:`Subgroup`. Of
        subgroups that share four fifths of their rows there is one.

    See Also
    --------
    skinfluence.groups.group_influence : The effect of given groups on each test row.
    unlike_training : Test rows that lie outside what the training rows determine.

    Notes
    -----
    With influences v_i on the mean over the test rows, mean m and standard deviation s, the effect
    e of a subgroup of k of the n rows is standardised as (e - k m) / (s sqrt(k (n - k) / (n - 1))).

    References
    ----------
    P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions", ICML
    2017, section 5.3. W. Kloesgen, "Explora: a multipattern and multistrategy discovery
    assistant", 1996, for the measure of a subgroup.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.mismatch import subgroup_influence
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> wrong = y.where(X["sepal width (cm)"] < 3.3, 1)  # all flowers of wide sepals are of class 1
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, wrong)
    >>> found = subgroup_influence(explainer, X, y)
    >>> found[0].name
    'sepal width (cm) > 3.3'
    """
    check_explainer(explainer, removals=True)
    check_choice("order", order, ORDERS)
    check_whole("n_groups", n_groups)
    check_whole("min_size", min_size)
    check_whole("n_bins", n_bins, least=2)
    check_whole("n_joint", n_joint)
    warn_of_stand_in(explainer, "Subgroups")
    features = _features(explainer, table)
    effects = _Effects(explainer, X_test, y_test, target)
    conditions, codes = make_conditions(features, n_bins, min_size)
    weight = explainer.objective_.sample_weight.reshape(len(codes), -1)
    weighted = np.flatnonzero((weight > 0).any(axis=1))
    values = effects.first_order[weighted]
    search = Search(codes[weighted], len(conditions), values, order, min_size)
    candidates = search.singles(n_joint) + (search.pairs(n_joint) if pairs else [])
    rows_of = {which: weighted[search.rows(which)] for which in candidates}
    joint = effects.joint(rows_of.values(), method)
    first_order = np.array([effects.first_order[rows].sum() for rows in rows_of.values()])
    sizes = np.array([len(rows) for rows in rows_of.values()])
    known = np.where(np.isnan(joint), first_order, joint)
    standardized, scores = search.standardize(known, sizes), search.score(known, sizes)
    scores[{"harmful": known > 0, "helpful": known < 0}.get(order, False)] = -np.inf
    chosen = _distinct(candidates, scores, rows_of, n_groups)
    refits = [None] * len(chosen)
    if verify:
        refits = effects.joint([rows_of[candidates[g]] for g in chosen], "refit")
    loss = explainer.objective_.row_values(explainer.objective_.loss.exact)
    subgroups = []
    for g, refit in zip(chosen, refits, strict=True):
        which = candidates[g]
        held, rows = tuple(conditions[k] for k in which), rows_of[which]
        n_test, test_value = effects.on_tests(held) if table is None else (None, None)
        subgroups.append(
            Subgroup(
                conditions=held,
                rows=rows,
                first_order=float(first_order[g]),
                influence=float(joint[g]),
                standardized=float(standardized[g]),
                refit=None if refit is None else float(refit),
                loss=float(loss[rows].mean()),
                n_test=n_test,
                test_value=test_value,
            )
        )
    target, backend = effects.tests.target, explainer.training_rows_.backend
    what = target.name if target.joint else f"mean {target.name}"
    return SubgroupInfluence(subgroups, what, len(effects.tests), len(conditions), backend)


def _distinct(candidates, scores, rows_of, n_groups):
    """Places of the first candidates by score that share few rows with those before them.

    A pair must score higher than each of its conditions.
    """
    single = {
        which[0]: score for which, score in zip(candidates, scores, strict=True) if len(which) == 1
    }
    chosen: list[int] = []
    for g in np.argsort(-scores, kind="stable"):
        which, rows = candidates[g], rows_of[candidates[g]]
        if len(chosen) == n_groups or not scores[g] > 0:
            break
        if len(which) > 1 and any(single.get(k, 0.0) >= scores[g] for k in which):
            continue
        others = [rows_of[candidates[i]] for i in chosen]
        common = [int(np.isin(rows, other, assume_unique=True).sum()) for other in others]
        joined = [len(rows) + len(other) for other in others]
        if all(c <= SHARED * (j - c) for c, j in zip(common, joined, strict=True)):
            chosen.append(int(g))
    return chosen


class _Effects:
    """Effects of training rows on the mean of the target over the test rows."""

    def __init__(self, explainer, X_test, y_test, target):
        self.explainer, self._X_test, self._y_test = explainer, X_test, y_test
        self._mean = Mean(target)
        self.tests = explainer.test_rows(X_test, y_test, target=target)
        # a model in closed form may have no derivative
        method = None if explainer.objective_.closed_form else "first_order"
        found = self._by(explainer.influence, method=method)
        self.first_order = np.nan_to_num(found)  # NaN: the only row of a class stays
        self._table = FeatureValues(X_test)

    def _by(self, effect, *groups, method):
        found = effect(*groups, self._X_test, self._y_test, target=self._mean, method=method)
        return found[0]

    def joint(self, groups, method):
        """Effect of the removal of each group, (n_groups,); NaN where no model is left."""
        groups = list(groups)
        if not groups:
            return np.empty(0)
        with warnings.catch_warnings():
            # the table says it of the subgroups that it shows
            warnings.filterwarnings("ignore", r"\d+ of \d+ groups are NaN", RuntimeWarning)
            return self._by(partial(group_influence, self.explainer), groups, method=method)

    def on_tests(self, conditions):
        """(number of the test rows for which conditions hold, mean of the target over them)."""
        inside = np.all([condition.holds(self._table) for condition in conditions], axis=0)
        n = int(inside.sum())
        if self.tests.target.joint:
            return n, None
        return n, float(self._values[inside].mean()) if n else float("nan")

    @cached_property
    def _values(self):
        return self.tests.value()


def _features(explainer, table):
    """Columns that describe the training rows."""
    if table is None:
        return FeatureValues(explainer.X_train_)
    refuse_file(table, "table")
    if n_dimensions(table) < 1:
        raise ValueError(
            f"table={table!r}. Expected a table of shape (n_train, n_columns) of the training rows."
        )
    features, n = FeatureValues(table), explainer.objective_.n_rows
    if len(features) != n:
        raise ValueError(
            f"table has {len(features)} rows; expected {n}, one for each training row, in their "
            "order."
        )
    explainer.training_rows_.in_order(table, what="table")
    return features
