"""Actions on flagged rows, and action="auto": the one with the best predictions."""

from dataclasses import dataclass, field

import narwhals.stable.v1 as nw
import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from skinfluence._utils.frames import take_rows
from skinfluence.labels._noise.fitted import mean_and_error
from skinfluence.labels._noise.matrix import agreement
from skinfluence.labels._sources.cross_validated import make_folds

#: A mild and a strong one; with these two "relabel" gained nothing more.
CANDIDATES = ("reweight", "drop")
N_FOLDS = 3
#: With fewer rows the actions cannot be compared.
LEAST_ROWS = 30


@dataclass(frozen=True)
class Choice:
    """An action, and what it and its rivals gain over "none"."""

    action: str
    measure: str | None = None  # of which the gains are; None where no choice was made
    gains: dict = field(default_factory=dict)  # candidate: (gain over "none", its standard error)
    failure: str | None = None  # what two thirds of the rows could not be fitted for

    @property
    def expected(self):
        """(gain, standard error) of the action; NaN where no choice was made."""
        return self.gains.get(self.action, (np.nan, np.nan) if self.measure is None else (0.0, 0.0))

    def __str__(self):
        if self.measure is None:
            return f'action "{self.action}", as given'
        if self.failure:
            return f'action "none": nothing was compared, since a fold failed with: {self.failure}'
        if not self.gains:
            return f'action "none": too few rows to choose (at least {LEAST_ROWS}, of two classes)'
        std = min((s for _, s in self.gains.values() if s > 0), default=1e-3)
        digits = max(0, 1 - int(np.floor(np.log10(std))))  # two of the standard error
        gains = [f'{g:+.{digits}f} ± {s:.{digits}f} by "{a}"' for a, (g, s) in self.gains.items()]
        expected = f'expected gain in {self.measure} over "none": {", ".join(gains)}'
        return f'action "{self.action}"; {expected}'


def choose_action(training, random_state):
    """The Choice of the action that is best on rows left out, where clearly better than "none".

    Flagger and estimator are fitted to two of three folds, and predict the third. The labels there
    are wrong in places, but none of them has been seen. Their accuracy is corrected by the noise
    matrix T of the flagger of the other folds (true classes in rows): a prediction p where y is
    given counts ``inv(T)[y, p]``, whose expectation is 1 for the true class and 0 for any other
    (Natarajan et al. 2013). Without a noise matrix it counts 1 for p = y. The flagger's verdict on
    single validation rows is not used: it favours the candidates that follow it most.

    The one of the largest gain is taken among those above their standard error, also without the
    row that speaks most for them (the continuity correction of McNemar's test).
    """
    actions = [a for a in CANDIDATES if a != "reweight" or training.weight_name]
    classes = is_classifier(training.estimator)
    measure = "accuracy" if classes else "mean absolute error"
    values = np.asarray(training.y).ravel()
    rows = np.flatnonzero(training.weight > 0)
    counts = np.sort(np.unique(values[rows], return_counts=True)[1])
    if len(rows) < LEAST_ROWS or (classes and (len(counts) < 2 or counts[-2] < 2)):
        return Choice("none", measure)
    drawn = check_random_state(random_state or 0)
    fold = np.full(len(values), -1)  # of rows that are absent
    fold[rows] = make_folds(values[rows], True, N_FOLDS, drawn)
    right = {action: np.zeros(len(values)) for action in ("none", *actions)}
    try:
        for held_out in range(N_FOLDS):
            train, test = np.flatnonzero((fold >= 0) & (fold != held_out)), fold == held_out
            part, X_test = training.take(train), take_rows(training.X, test)
            flagger = part.judge()
            for action in right:
                predicted = np.asarray(part.learn(flagger, action).predict(X_test)).ravel()
                right[action][test] = (
                    _accuracy(flagger, values[test], predicted)
                    if classes
                    else -np.abs(predicted - values[test])
                )
    except ValueError as failed:  # a rare category, or too few rows of a class, in two thirds
        return Choice("none", measure, failure=str(failed))
    share = training.weight[rows] / training.weight[rows].sum()
    gains, clear = {}, []
    for action in actions:
        difference = right[action][rows] - right["none"][rows]
        gain, error = gains[action] = mean_and_error(difference, share)
        if gain - np.max(share * difference) > error:  # whatever a single row says
            clear.append(action)
    return Choice(max(clear, key=lambda a: gains[a][0], default="none"), measure, gains)


def _accuracy(flagger, given, predicted):
    """Unbiased estimates of whether predictions are the true classes."""
    if not hasattr(flagger, "noise_matrix_"):
        return predicted == given
    names = np.asarray(flagger.classes_)
    known = np.isin(given, names)  # a class of one row is in no other fold
    rows, columns = (np.searchsorted(names, labels[known]) for labels in (given, predicted))
    credit = np.zeros(len(given))
    credit[known] = agreement(flagger.noise_matrix_, rows, columns)
    return credit


def decide(flagger, y, weight, action):
    """(positions, labels, weights) of the rows that an action leaves of those of a fitted flagger.

    Labels in the container that they came in, weights times the quality for "reweight". Rows of
    weight zero are absent: they never stay.
    """
    if hasattr(flagger, "flaggers_"):
        raise ValueError(
            f"y has {len(flagger.flaggers_)} columns; expected one label or value a row to act on. "
            "Clean for one column at a time, or look at the flags of all of them with "
            "LabelFlagger().fit(X, y).flagged_."
        )
    present, is_classes = weight > 0, hasattr(flagger, "classes_")
    flagged = np.asarray(flagger.flagged_, dtype=bool) & present
    quality = np.asarray(flagger.label_quality_, dtype=np.float64)
    suggested = np.asarray(flagger.suggested_)
    # the values of a regression are all of one class
    before = after = np.asarray(y).ravel() if is_classes else np.zeros(len(weight))
    factor = {"drop": ~flagged, "reweight": quality}.get(action, np.ones(len(weight)))
    if action == "relabel" and is_classes:
        after = np.where(flagged, suggested, before)
    spared = np.zeros(len(weight), dtype=bool)
    for label in np.setdiff1d(before[present], after[present & (factor > 0)]):
        own = np.flatnonzero((before == label) & present)
        spared[own[np.argmax(quality[own])]] = True  # a class would vanish
    if action == "relabel":
        changed = np.flatnonzero(flagged & ~spared)
        y = replace_values(y, changed, suggested[changed])
    weight = weight * np.where(spared, 1.0, factor)
    rows = np.flatnonzero(weight > 0)
    return rows, take_rows(y, rows), weight[rows]


def replace_values(y, rows, values):
    """A copy of y, in its own container, with other values in some rows.

    Integer targets become floats where a value is not whole, as a suggested target mostly is.
    """
    if not len(rows):
        return y
    known = nw.from_native(y, allow_series=True, eager_only=True, pass_through=True)
    if isinstance(known, nw.DataFrame):  # of one column
        column = replace_values(known[:, 0].to_native(), rows, values)
        column = nw.from_native(column, series_only=True).alias(known.columns[0])
        return known.with_columns(column).to_native()
    if isinstance(known, nw.Series):
        if known.dtype.is_integer() and (values != np.round(values)).any():
            known = known.cast(nw.Float64)
        dtype = getattr(known.to_native(), "dtype", None)
        # pandas takes no int64 into int16, whatever the values
        new = values.astype(dtype) if isinstance(dtype, np.dtype) else values.tolist()
        return known.scatter(rows.tolist(), new).to_native()
    if isinstance(y, list):
        replaced = dict(zip(rows.tolist(), values.tolist(), strict=True))
        return [replaced.get(row, value) for row, value in enumerate(y)]
    copy = np.array(y)
    if copy.dtype.kind in "iubUS" and (values != values.astype(copy.dtype)).any():
        copy = copy.astype(np.result_type(copy, values))
    copy.reshape(-1)[rows] = values
    return copy
