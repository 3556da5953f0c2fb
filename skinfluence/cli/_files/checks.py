"""Columns to leave out (identifiers, constants, copies), and those that give the target away."""

import re

import numpy as np
import sklearn

_NAME_OF_ID = re.compile(r"(^|[\W_])(id|uuid|guid|index|key|row|nr|no)$|Id$", re.IGNORECASE)
#: Of fewer rows a column may predict the target by chance.
FEWEST_ROWS = 50
#: Score of a column from which it gives the target away.
KNOWS = 0.99


def leave_out(columns, keep, notes):
    """The columns to learn from; a note names each that is left out and why."""
    reasons = {}
    first_of: dict = {}
    for name, column in columns.items():
        values = column.values
        content = column.kind, values.tobytes() if column.kind == "numbers" else tuple(values)
        if column.kind == "empty":
            reasons[name] = "empty"
        elif _is_constant(values):
            reasons[name] = "the same in every row"
        elif content in first_of:
            reasons[name] = f"a copy of {first_of[content]!r}"
        elif is_identifier(name, column):
            reasons[name] = "an identifier: another value in every row"
        else:
            first_of[content] = name
    for name in [name for name in reasons if name in keep]:
        if columns[name].kind != "empty":
            del reasons[name]
    for name, reason in reasons.items():
        how = f" --keep {_quoted(name)} uses it." if reason.startswith("an id") else ""
        notes.append(f"Left out: {name!r}, {reason}.{how}")
    return {name: column for name, column in columns.items() if name not in reasons}


def is_identifier(name, column):
    """Whether a column differs in every row, and is a number in order, a code, or called an id."""
    values = column.values
    if len(values) < 10 or column.kind not in ("numbers", "categories"):
        return False
    if column.kind == "categories":
        return len(set(values)) == len(values)
    if not np.all(values == np.round(values)) or len(np.unique(values)) < len(values):
        return False
    steps = np.diff(values)
    consecutive = np.ptp(values) == len(values) - 1
    return bool(consecutive or np.all(steps > 0) or _NAME_OF_ID.search(name))


def column_scores(columns, y, classes):
    """Score of a small tree on each column by itself, on rows that it has not seen, by name.

    Accuracy above that of the most frequent class, and share of variance; 1.0 knows the target.
    """
    n = len(y)
    if n < FEWEST_ROWS:
        return {}
    rows = np.random.RandomState(0).permutation(n)[:5000]
    learn, check = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    labels = y.astype(str) if classes else y.astype(float)
    usual = np.unique(labels[check], return_counts=True)[1].max() / len(check) if classes else 0.0
    if usual == 1.0:
        return {}
    scores = {}
    leaves = max(2 * len(np.unique(labels[learn])), 8) if classes else 64
    # naming the module loads it: what only reads a table does not wait for it
    make = sklearn.tree.DecisionTreeClassifier if classes else sklearn.tree.DecisionTreeRegressor
    for name, column in columns.items():
        if column.kind == "text":
            continue
        code = column.values
        if column.kind == "categories":
            code = np.unique(code, return_inverse=True)[1].astype(float)
        else:
            code = np.where(np.isnan(code), np.nanmin(code) - 1, code)
        model = make(max_leaf_nodes=leaves, random_state=0).fit(code[learn, None], labels[learn])
        score = (model.score(code[check, None], labels[check]) - usual) / (1 - usual)
        if not classes and np.std(code[rows]) > 0:
            score = max(score, np.corrcoef(code[rows], labels[rows])[0, 1] ** 2)
        scores[name] = float(score)
    return scores


def find_leaks(scores, classes, notes):
    """Note each column that predicts nearly all of the target by itself."""
    what = "the errors that the most frequent label makes" if classes else "the variance"
    for name, score in scores.items():
        if score > KNOWS:
            notes.append(
                f"{name!r} may give the target away: alone it explains {score:.1%} of {what}. If "
                f"it is known only after the target, leave it out: --drop {_quoted(name)}."
            )


def _quoted(name):
    return f'"{name}"' if " " in name else name


def _is_constant(values):
    if values.dtype == object:
        return len(set(values)) == 1
    return bool(np.isfinite(values).all() and np.ptp(values) == 0)
