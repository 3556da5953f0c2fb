"""Rows to review: their values, and the training rows whose influence opposes or supports them."""

from numbers import Integral

import numpy as np
from scipy import sparse

from skinfluence._utils.frames import take_rows
from skinfluence._utils.tables import value_text
from skinfluence._utils.warnings import ignore_last_of_class
from skinfluence.explainer import FeatureValues, relevant_columns
from skinfluence.linalg import row_blocks
from skinfluence.report._pictures import grey_picture

#: Characters of a value at most, the first that keeps all values of a page below `_MOST_BYTES`.
_LONGEST = (400, 200, 100, 50, 24)
_MOST_BYTES = 600_000
#: Table of copies by which the columns of some rows are chosen at a time.
_COPIES_MIB = 16.0


def review_rows(flagger, given, rows, ids, k, image_shape, images):
    """(one dict per row to review, pictures of all rows shown), for the scripts of the page.

    `ids` are those of all rows.
    """
    quality, proba = flagger.label_quality_, getattr(flagger, "loo_proba_", None)
    names = [value_text(name, longest=60) for name in np.asarray(flagger.row_names_)[rows].tolist()]
    out = []
    for name, i in zip(names, rows.tolist(), strict=True):
        row = {
            "id": int(ids[i]),
            "name": name,
            "given": label_text(given[i]),
            "suggested": label_text(flagger.suggested_[i], digits=6),
            "quality": float(quality[i]),
            "score": round(1.0 - float(quality[i]), 6),
            "flagged": bool(flagger.flagged_[i]),
        }
        if proba is not None:
            row["proba"] = {
                label_text(c): float(p)
                for c, p in zip(flagger.classes_, proba[i], strict=True)
                if c in (given[i], flagger.suggested_[i])
            }
        out.append(row)
    shown = compared_rows(flagger, given, rows, k)
    table = flagger.X_train_
    pictures: dict = {}
    columns: list = [[]] * len(rows)
    cells: dict = {}
    # the rows to review before those that they are compared with
    needed = list(dict.fromkeys([*rows.tolist(), *(x["row"] for part in shown for x in part)]))
    if images is not None:
        pictures = images.pictures(needed)
    if image_shape is not None:
        pictures = {i: {"image": image(table, i, image_shape)} for i in needed}
    else:
        columns = shown_columns(flagger, rows)
        cells = cell_texts(FeatureValues(table), shown, columns)
    row_names = np.asarray(flagger.row_names_)
    for row, part, places in zip(out, shown, columns, strict=True):
        row["columns"] = [cells["names"][c] for c in places]
        row["lines"] = [
            {
                **{key: value for key, value in line.items() if key != "row"},
                "name": value_text(row_names[line["row"]], longest=60),
                "label": value_text(given[line["row"]], longest=60),
                **({"picture": line["row"]} if pictures else {}),
                "values": [cells[c, line["row"]] for c in places],
            }
            for line in part
        ]
    return out, pictures


def cell_texts(train, shown, columns):
    """Text of each cell that is shown, by column and row, and "names" of all columns.

    All are cut to the first of the lengths with which they fit into a page.
    """
    needed: dict = {}  # rows by column
    sizes: dict = {}  # how often each cell is shown
    for part, places in zip(shown, columns, strict=True):
        for c in places:
            for line in part:
                needed.setdefault(c, {})[line["row"]] = None
                sizes[c, line["row"]] = sizes.get((c, line["row"]), 0) + 1
    texts: dict = {}
    for c, rows in needed.items():
        values = train.values(c, list(rows))
        texts |= {(c, i): value_text(v) for i, v in zip(rows, values, strict=True)}
    for longest in _LONGEST:
        cut = {place: value_text(text, longest=longest) for place, text in texts.items()}
        size = sum(n * len(cut[place].encode("utf-8", "replace")) for place, n in sizes.items())
        if size <= _MOST_BYTES:
            break
    return cut | {"names": [value_text(name, longest=60) for name in train.names]}


def label_text(label, digits=None):
    """A label or value as files have it: whole numbers without a point, others with all digits."""
    if digits is not None and isinstance(label, float | np.floating):
        return f"{label:.{digits}g}"
    return str(label).removesuffix(".0") if isinstance(label, float | np.floating) else str(label)


def compared_rows(flagger, given, rows, k):
    """For each row a list of lines: itself, then the rows that oppose it and that support it."""
    lines = [[{"row": int(i), "side": "self"}] for i in rows]
    explainer = explainer_of(flagger)
    if explainer is None or not k:
        return lines
    known = np.ones(len(rows), dtype=bool)
    if flagger.target_type_ == "classes":  # the model knows no label that only absent rows have
        known = np.isin(given[rows], explainer.classes_)
    asked = np.flatnonzero(known)
    if not len(asked):
        return lines
    table = take_rows(explainer.X_train_, rows[asked])
    with ignore_last_of_class():  # the only row of a class opposes and supports none
        found, influence = explainer.top_influences(
            table, given[rows[asked]], k=k + 1, order="both", target="loss"
        )
    for t, place in enumerate(asked):
        others = (found[t] >= 0) & (found[t] != rows[place])
        for side, sign in (("opposes", -1), ("supports", 1)):
            own = np.flatnonzero(others & (sign * influence[t] > 0))[:k]
            lines[place] += [
                {"row": int(i), "side": side, "influence": float(v)}
                for i, v in zip(found[t][own], influence[t][own], strict=True)
            ]
    return lines


def shown_columns(flagger, rows):
    """For each row the places of the columns that set it apart and drive its prediction."""
    train, explainer = FeatureValues(flagger.X_train_), explainer_of(flagger)
    if explainer is None:
        return [list(range(min(len(train.names), 8)))] * len(rows)

    def raw_predictions(X):
        return explainer.objective_.raw_predictions(explainer.fitted_model_.predictor(X))

    out = []
    for some in row_blocks(len(rows), 8 * len(train.names) ** 2, _COPIES_MIB):
        out += relevant_columns(train, train, rows[some].tolist(), raw_predictions)
    return out


def explainer_of(flagger):
    """Explainer of the flagger's model, or None where it is cross-validated."""
    try:
        return flagger.explainer_
    except AttributeError:
        return None


def image(X, row, shape):
    """A row of numbers as a grey picture, dark where they are large."""
    whole = isinstance(shape, tuple | list) and all(isinstance(n, Integral) for n in shape)
    if not whole or len(shape) != 2:
        raise ValueError(f"image_shape={shape!r}. Expected a pair (height, width).")
    table = take_rows(X, [row])
    values = table.toarray() if sparse.issparse(table) else np.asarray(table, dtype=np.float64)
    if values.size != np.prod(shape):
        raise ValueError(
            f"image_shape={shape} needs {np.prod(shape)} columns; the table has {values.size}."
        )
    return grey_picture(values.reshape(shape))
