"""Rows unlike the rest, groups with unusual error."""

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
