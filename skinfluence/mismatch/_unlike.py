"""Test rows that lie outside what the training rows determine, by leverage."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skinfluence._utils.checks import check_whole
from skinfluence._utils.docs import shared_parameters
from skinfluence._utils.frames import make_frame, row_labels
from skinfluence._utils.tables import Column, Pairs, Readable, Table, counted, value_text
from skinfluence._utils.warnings import warn_user
from skinfluence.explainer import FeatureValues, check_explainer, typical_value_changes
from skinfluence.mismatch._shift import shift_p_values, shift_statistics

#: Quantile of the training rows' leverages beyond which test rows are counted.
LEVEL = 0.99
#: Columns, and training rows, that are named for a test row.
SHOWN = 3
#: A column is named where its typical value lowers the leverage by this share of it.
SHARE = 0.1
#: What stands for infinite leverages.
LARGEST = 1e300


@dataclass(frozen=True, repr=False, eq=False)
class UnlikeTraining(Readable):
    """Leverages of test rows, compared with those of the training rows left out one by one.

    Prints as text, shows as HTML, and ``.frame()`` gives the printed rows as a table.

    Attributes
    ----------
    leverage : ndarray of shape (n_test,)
        See :meth:`~skinfluence.InfluenceExplainer.out_of_sample_leverage`.
    training_leverage : ndarray of shape (n_train,)
        Leverage of each training row by the model without it; NaN for rows of weight zero.
    quantile : ndarray of shape (n_test,)
        Share of the training rows of smaller leverage; ties count half.
    p_value : float
        Of the hypothesis that test rows are drawn as training rows are, by permutations. NaN
        without permutations.
    p_values : dict
        Of its two parts: "mean", that the rows have the same mean, and "leverage", that they are
        equally far from it.
    rows : ndarray of int of shape (n_rows,)
        Positions of the test rows of the largest leverage, the largest first.
    columns : list of list of tuple
        For each of `rows` the columns that make its leverage large, at most three: (name, value).
        With a typical value of the training rows there it would be smaller by a tenth at least.
    training_rows : list of ndarray
        For each of `rows` the names of the training rows of the largest influence on its
        prediction.
    """

    leverage: np.ndarray
    training_leverage: np.ndarray
    quantile: np.ndarray
    p_value: float
    p_values: dict
    rows: np.ndarray
    columns: list
    training_rows: list
    _names: Any = field(default=None)
    _n_permutations: int = field(default=0)
    _backend: str | None = field(default=None)

    @property
    def ratio(self):
        """Leverage of each test row, divided by the median of the training rows' own (n_test,)."""
        return self.leverage / np.nanmedian(self.training_leverage)

    def frame(self):
        """The test rows of the largest leverage as a table.

        Returns
        -------
        DataFrame
            `test_row`, `leverage`, `ratio` (to the median of the training rows' own), `quantile`,
            `columns` and `training_rows`, in words. In the frame type of the training data.
        """
        columns = self._table_columns()
        return make_frame({name: np.array(v) for name, v in columns.items()}, self._backend)

    def _table_columns(self):
        return {
            "test_row": list(np.asarray(self._names)[self.rows]),
            "leverage": self.leverage[self.rows].tolist(),
            "ratio": self.ratio[self.rows].tolist(),
            "quantile": self.quantile[self.rows].tolist(),
            "columns": [_in_words(own) for own in self.columns],
            "training_rows": [", ".join(map(str, own)) for own in self.training_rows],
        }

    def _parts(self):
        n, beyond = len(self.leverage), int((self.quantile > LEVEL).sum())
        pairs = [
            (
                "test rows",
                f"{beyond:,} of {n:,} ({beyond / n:.1%}) have a larger leverage than "
                f"{LEVEL:.0%} of the training rows left out one by one; expected {1 - LEVEL:.1%}",
            )
        ]
        if self._n_permutations:
            each = ", ".join(f"{name} {value:.3g}" for name, value in self.p_values.items())
            pairs.append(
                (
                    "test set",
                    f"p-value {self.p_value:.3g} of the hypothesis that it is drawn as the "
                    f"training set is ({each}; {counted(self._n_permutations, 'permutation')})",
                )
            )
        columns = self._table_columns()
        kinds = {"test_row": "name", "leverage": "number", "ratio": "number", "quantile": "number"}
        shown = [
            Column(
                name.replace("_", " "),
                values,
                kinds.get(name, "any"),
                bar=name == "leverage",
                optional=name == "leverage",
                longest=48 if name == "columns" else 24,
            )
            for name, values in columns.items()
        ]
        title = "Test rows of the largest leverage, and columns without which it would be smaller"
        return [Pairs(pairs), Table(shown, title)]


def _in_words(columns):
    return ", ".join(f"{name} = {value_text(value, longest=16)}" for name, value in columns)


@shared_parameters
def unlike_training(explainer, X_test, *, n_rows=10, n_permutations=999, random_state=None):
    """Test rows that lie outside what the training rows determine.

    The leverage of a test row is the variance of its prediction in units of that of the noise. It
    is compared with the leverages of the training rows, each by the model without it: a test row
    that is drawn as they are has every quantile with the same probability. Labels of the test rows
    are not used.

    Parameters
    ----------
    n_rows : int, default=10
        Test rows of the largest leverage, for which columns and training rows are named.
    n_permutations : int, default=999
        Permutations of the p-value of the whole test set; 0 for none.
    random_state : int, RandomState instance or None, default=None
        Of the permutations.

    Returns
    -------
    UnlikeTraining
        Prints as text; ``.frame()`` gives a table.

    See Also
    --------
    subgroup_influence : Subgroups of the training rows that mislead the model about test rows.
    skinfluence.InfluenceExplainer.out_of_sample_leverage : The leverages alone.

    Notes
    -----
    The p-value is that of the smaller one of two: of the distance between the mean rows of both
    sets, and of the difference between the mean ranks of their leverages among all rows. The
    distance is measured by the Hessian of least squares with the model's penalty on all rows, so
    that both sets have the same part in it. For a linear model the test is exact, except for what
    earlier steps of a pipeline learnt from the training rows. Kernel machines have columns of
    training rows only, and are compared by leverages alone.

    References
    ----------
    R. D. Cook and S. Weisberg, "Residuals and influence in regression", 1982, for leverage. F.
    Pesarin, "Multivariate permutation tests", 2001, for the smaller p-value.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.mismatch import unlike_training
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> young = X["age"] < 0.05
    >>> explainer = InfluenceExplainer(LinearRegression()).fit(X[young], y[young])
    >>> found = unlike_training(explainer, X[~young], n_permutations=99, random_state=0)
    >>> found.p_value
    0.01
    """
    check_explainer(explainer, removals=True)
    check_whole("n_rows", n_rows)
    check_whole("n_permutations", n_permutations, least=0)
    train = explainer.out_of_sample_leverage()
    leverage = explainer.out_of_sample_leverage(X_test)
    weighted = (explainer.objective_.sample_weight > 0).any(axis=1)
    train[~weighted] = np.nan
    known = np.sort(train[weighted])
    below, above = (np.searchsorted(known, leverage, side) for side in ("left", "right"))
    rows = np.argsort(-leverage, kind="stable")[:n_rows]
    p_value, p_values = float("nan"), {}
    if n_permutations:
        both = np.concatenate([known, leverage])
        p_value, p_values = _whole_set(
            explainer, X_test, weighted, both, n_permutations, random_state
        )
    test = FeatureValues(X_test)
    top = explainer.top_influences(test.take(rows), k=SHOWN)[0]
    names = explainer.training_rows_.names()
    return UnlikeTraining(
        leverage=leverage,
        training_leverage=train,
        quantile=0.5 * (below + above) / len(known),
        p_value=p_value,
        p_values=p_values,
        rows=rows,
        columns=_columns(explainer, test, rows, leverage),
        training_rows=[np.asarray(names[own[own >= 0]]) for own in top],
        _names=row_labels(X_test),
        _n_permutations=n_permutations,
        _backend=explainer.training_rows_.backend,
    )


def _whole_set(explainer, X_test, weighted, leverages, n_permutations, random_state):
    """(p-value, p-values of its parts by name) of the whole test set."""
    fitted = explainer.fitted_model_
    parts = list(
        _parts(explainer.objective_, explainer.objective_.predictor, fitted.predictor(X_test))
    )
    kept = np.flatnonzero(weighted)
    parts = [(train.take(kept), test, penalty) for train, test, penalty in parts]
    symmetric = all(train.columns is None for train, _, _ in parts)
    statistics = shift_statistics(
        parts,
        None if symmetric else leverages,
        parts[0][1].n_rows,
        n_permutations,
        random_state,
    )
    each, p_value = shift_p_values(statistics)
    return p_value, dict(zip(("leverage", "mean"), each.tolist(), strict=False))


def _parts(objective, train, test):
    """(training rows, test rows, penalty) of a model, or of each of its members."""
    if not objective.members:
        yield train, test.at(train), objective.penalty
        return
    for member, own, other in zip(objective.members, train.parts, test.parts, strict=True):
        yield from _parts(member.objective, own, other)


def _columns(explainer, test, rows, leverage):
    """For each test row the columns whose typical value lowers its leverage most."""
    train = FeatureValues(explainer.X_train_)

    def numbers(X):
        # differences of infinities mean nothing
        return np.minimum(explainer.out_of_sample_leverage(X), LARGEST)[:, None]

    try:
        changes = typical_value_changes(train, test, list(rows), numbers)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        warn_user(
            "No columns are named: a step does not take rows in which one value is a typical one "
            f"({type(error).__name__}: {error}).",
        )
        return [[] for _ in rows]
    found = []
    for row, (columns, change) in zip(rows, changes, strict=True):
        order = np.argsort(change[:, 0], kind="stable")[:SHOWN]
        enough = [c for c in order if -change[c, 0] > SHARE * min(leverage[row], LARGEST)]
        places = columns[enough]
        found.append([(train.names[c], test.values(c, [row])[0]) for c in places])
    return found
