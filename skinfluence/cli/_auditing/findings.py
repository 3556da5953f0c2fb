"""Rows that contradict each other, rows unlike the rest, groups with unusual error."""

import re
from dataclasses import dataclass

import numpy as np

from skinfluence._utils.conditions import column_conditions

#: A value so many times as far from the median as the 99th percentile is unlike the rest.
FAR = 3.0
#: Share of a category that is rare, and of all rare ones in a column where this is unusual.
RARE, USUALLY_RARE = 0.01, 0.05
#: Standard errors by which the error of a group differs, and rows that it must have.
UNUSUAL, FEWEST = 4.0, 30
#: Quantile bins of a column of many different numbers.
N_BINS = 4
_SPACE = re.compile(r"[\W_]+")


@dataclass
class Duplicates:
    """Sets of rows (of the file) that are alike; those that contradict each other are listed."""

    exact: list  # sets of rows with equal cells and different labels
    near: list  # the same where one number differs a little, or case and punctuation
    n_repeated: int  # rows that repeat an earlier one, label included


@dataclass
class Unlike:
    """A row unlike the rest, and why: (column, whether the value is rare, its usual value)."""

    row: int
    score: float
    reasons: list


@dataclass
class GroupError:
    """Error of the rows with a value of a column, against that of all others."""

    column: str
    value: str
    n_rows: int
    error: float
    error_of_others: float
    z: float


def find_duplicates(columns, rows, labels, differ):
    """Duplicates among rows; `differ` says whether labels (an array) contradict each other."""
    codes = {name: _codes(column) for name, column in columns.items()}
    whole = _hash(codes)
    exact, n_repeated = [], 0
    for members in _sets(whole):
        if differ(labels[members]):
            exact.append(rows[members])
        n_repeated += len(members) - len(np.unique(labels[members]))
    near = _near(columns, codes, whole, labels, differ)
    return Duplicates(exact, [rows[members] for members in near], n_repeated)


def _near(columns, codes, whole, labels, differ):
    """Sets of rows that are equal but for one number, which differs little, or for punctuation."""
    if len(columns) < 4:  # otherwise all of a row but one cell is not much
        return []
    found: dict = {}
    plain = {
        name: codes[name] if column.kind == "numbers" else _codes(column, plain=True)
        for name, column in columns.items()
    }
    for members in _sets(_hash(plain)):
        if len(np.unique(whole[members])) > 1 and differ(labels[members]):
            found[tuple(members)] = True
    for name, column in columns.items():
        if column.kind != "numbers" or len(np.unique(column.values)) < 10:
            continue
        values, tolerance = column.values, 0.05 * np.nanstd(column.values)
        for members in _sets(whole - _spread(codes[name], name)):
            members = members[np.argsort(values[members], kind="stable")]
            close = np.diff(values[members]) <= tolerance
            for run in np.split(members, np.flatnonzero(~close) + 1):
                if len(np.unique(whole[run])) > 1 and differ(labels[run]):
                    found[tuple(np.sort(run))] = True
    return [np.array(members) for members in found]


def find_unlike(columns, rows, most=1000):
    """Rows with values far beyond those of the others, the farthest first."""
    score = np.zeros(len(rows))
    parts = {}
    for name, column in columns.items():
        part = _distance(column.values) if column.kind == "numbers" else _rarity(column)
        parts[name] = part
        score += part
    found = np.argsort(-score, kind="stable")
    found = found[score[found] > np.log(FAR)][:most]
    out = []
    for place in found:
        far = {name: part[place] for name, part in parts.items()}
        names = sorted(far, key=far.get, reverse=True)[:3]
        reasons = [name for name in names if far[name] > np.log(FAR) / 2]
        out.append(Unlike(int(rows[place]), float(score[place]), reasons or names[:1]))
    return out


def find_groups(columns, error):
    """Groups of rows whose mean error differs from that of the others, the surest first."""
    n, found = len(error), []
    squares = error**2
    for name, column in columns.items():
        if column.kind == "text":
            continue
        words = column.kind == "categories"
        values = (None, column.values.tolist()) if words else (column.values, None)
        conditions, codes = column_conditions(name, 0, values, N_BINS)
        counts = np.bincount(codes)
        sums, square_sums = (np.bincount(codes, weights) for weights in (error, squares))
        for place in np.flatnonzero((counts >= FEWEST) & (n - counts >= FEWEST)):
            size = counts[place]
            inside, rest = sums[place] / size, (error.sum() - sums[place]) / (n - size)
            variance = (square_sums[place] / size - inside**2) / size
            outside = squares.sum() - square_sums[place]
            variance += (outside / (n - size) - rest**2) / (n - size)
            z = (inside - rest) / np.sqrt(max(variance, 1e-300))
            if abs(z) > UNUSUAL:
                value = _value(conditions[place])
                found.append(
                    GroupError(name, value, int(size), float(inside), float(rest), float(z))
                )
    return sorted(found, key=lambda group: -abs(group.z))


def _value(condition):
    """The value, or the interval, of a condition in words."""
    low, high = condition.low, condition.high
    if condition.value is not None:
        value = condition.value
        return value if isinstance(value, str) else f"{value:g}"
    if np.isnan(low):
        return "(missing)"
    if low == -np.inf:
        return f"up to {high:.4g}"
    return f"over {low:.4g}" if high == np.inf else f"{low:.4g} to {high:.4g}"


def _codes(column, plain=False):
    """Whole numbers (n,) that are equal where the values are; `plain`: case and signs aside."""
    values = column.values
    if values.dtype == object:
        values = np.array([_SPACE.sub(" ", text).casefold() if plain else text for text in values])
    return np.unique(values, return_inverse=True)[1]


def _spread(codes, name):
    """A random 64-bit number for each code of a column, (n,)."""
    random = np.random.default_rng(list(name.encode()))
    return random.integers(0, 2**64, codes.max() + 1, dtype=np.uint64)[codes]


def _hash(codes):
    """Sum of the columns' random numbers: equal rows have equal sums, (n,)."""
    return sum(_spread(values, name) for name, values in codes.items())


def _sets(keys):
    """Arrays of the positions with an equal key, of two positions or more."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    starts = np.concatenate([[0], starts, [len(keys)]])
    for place in np.flatnonzero(np.diff(starts) > 1):
        yield order[starts[place] : starts[place + 1]]


def _distance(values):
    """Log of the distance from the median in units of that of the 99th percentile, from 0 on."""
    low, middle, high = np.nanquantile(values, [0.01, 0.5, 0.99])
    if low == middle == high:  # hardly any row differs: no scale
        return np.zeros(len(values))
    wide = max(high - middle, middle - low)
    right = high - middle or wide
    left = middle - low or wide
    distance = np.where(values > middle, (values - middle) / right, (middle - values) / left)
    return np.log(np.fmax(distance, 1.0))


def _rarity(column):
    """Log of how much rarer than usual a category is, from 0 on."""
    if column.kind == "text":
        return np.zeros(len(column.values))
    _, codes, counts = np.unique(column.values, return_inverse=True, return_counts=True)
    share = counts / len(codes)
    if share[share < RARE].sum() > USUALLY_RARE:
        return np.zeros(len(codes))
    return np.log(np.fmax(RARE / share, 1.0))[codes]
