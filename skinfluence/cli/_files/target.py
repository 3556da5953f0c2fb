"""Labels or values of the target column, the task, and the text of each label."""

from collections import Counter, defaultdict

import numpy as np

from .columns import MISSING, number_style, to_number
from .records import DataError

#: So few different whole numbers are classes, as for LabelFlagger.
FEW = 10
MOST_CLASSES = 1000
_MISSING = MISSING - {"none"}


class Labels:
    """The target: `y` of the rows `rows` that have one, and their texts in the file.

    `task` is "classification" (y holds texts), "regression" (float64), or "auto" (whole numbers,
    which LabelFlagger takes for classes or for values).
    """

    def __init__(self, name, rows, texts, y, task):
        self.name, self.rows, self.texts, self.y, self.task = name, rows, texts, y, task
        self._text = dict(zip(y.tolist(), texts, strict=True)) if task != "regression" else {}

    def text(self, value):
        """A label or a value as text: the label as the file has it."""
        value = value.item() if isinstance(value, np.generic) else value
        return self._text.get(value, f"{value:.6g}" if isinstance(value, float) else str(value))


def read_target(table, name, task, notes):
    """The Labels of a column, as `task` says: "auto", "classification" or "regression"."""
    texts = [text.strip() for text in table.columns[name]]
    rows = [row for row, text in enumerate(texts) if text.lower() not in _MISSING]
    if len(rows) < len(texts):
        notes.append(
            f"{len(texts) - len(rows):,} of {len(texts):,} rows have no {name!r} and are left out."
        )
    there = [texts[row] for row in rows]
    if len(there) < 2:
        raise DataError(f"{name!r} is missing in all rows but {len(there)}. Expected more labels.")
    numbers = None if task == "classification" else read_values(there, table, name, task)
    whole = numbers is not None and task == "auto" and _are_whole(numbers)
    if numbers is None or (whole and len(set(numbers.tolist())) <= FEW):
        y, task = _check_classes(there, name, notes), "classification"
    elif np.ptp(numbers) == 0:
        raise DataError(f"All values of {name!r} are {there[0]}. Expected different ones.")
    else:
        y, task = (numbers.astype(np.int64), "auto") if whole else (numbers, "regression")
    return Labels(name, np.array(rows), there, y, task)


def _are_whole(numbers):
    return bool(np.all(numbers == np.round(numbers)) and np.abs(numbers).max() < 2**53)


def style_of_values(texts, dialect):
    """The style of numbers in a column of values, as `number_style`; None where they are none."""
    comma = dialect is not None and dialect.separator == ","
    return number_style(set(texts), ["point", "thousands commas" if comma else "decimal comma"])


def read_values(texts, table, name, task="regression"):
    """The values of texts that are all numbers; None, or an error for regression, otherwise."""
    style = style_of_values(texts, table.dialect)
    values = None if style is None else np.array([to_number(text, style) for text in texts])
    if values is not None and np.isfinite(values).all():
        return values
    if task == "regression":
        bad = [text for text in texts if style is None or np.isnan(to_number(text, style))]
        raise DataError(
            f"{name!r} holds {bad[0]!r}, which is no number. Expected numbers for "
            "--task regression; for classes use --task classification."
        )
    return None


def _check_classes(texts, name, notes):
    """Texts of classes as an array of objects; raise for one class, and for too many."""
    counts = Counter(texts)
    if len(counts) < 2:
        raise DataError(
            f"All {len(texts):,} labels in {name!r} are {texts[0]!r}: with one class there is no "
            "other label to suggest. Expected at least two classes."
        )
    if len(counts) > MOST_CLASSES or len(counts) > len(texts) / 2 > 5:
        raise DataError(
            f"{name!r} has {len(counts):,} different labels in {len(texts):,} rows, too many for "
            f"classes (at most {MOST_CLASSES:,}, each in several rows). Is it a name or a text? "
            "Expected the column of labels; for numbers use --task regression."
        )
    alike = defaultdict(list)
    for label in counts:
        alike[" ".join(label.casefold().split())].append(label)
    for labels in alike.values():
        if len(labels) > 1:
            notes.append(
                f"The labels {' and '.join(map(repr, labels))} differ in case or spaces only; "
                "they count as different classes."
            )
    single = [label for label, count in counts.items() if count == 1]
    if single:
        shown = ", ".join(map(repr, single[:3]))
        notes.append(f"{len(single)} of {len(counts)} classes have one row only ({shown}).")
    return np.array(texts, dtype=object).astype(str)
