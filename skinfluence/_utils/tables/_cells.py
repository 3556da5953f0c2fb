"""Values of any type as short text: aligned numbers, names on one line, nothing that does harm."""

import datetime
import math
import unicodedata
from numbers import Integral, Real

import numpy as np

#: Characters of a value, and of one line of a column's name, at most.
LONGEST_VALUE = 24
#: Characters of a long value that are read.
_LONGEST_READ = 400


def is_missing(value):
    """Whether a value is None, NaN, NaT or another one that does not equal itself."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA has no truth; arrays have several
        return type(value).__name__ == "NAType"


def number_text(values, *, digits=4, signed=False, missing=""):
    """Numbers as text with the same number of decimals, so that their points align.

    Parameters
    ----------
    values : array-like of numbers
    digits : int
        Significant digits of the largest one. Zeros at the end of all of them are left out.
    signed : bool
        Whether positive numbers have a plus.
    missing : str
        What stands for None. NaN is NaN.

    Returns
    -------
    list of str
    """
    finite = [v for v in values if v is not None and math.isfinite(v)]
    form = _number_format(finite, digits, "+" if signed else "")

    def text(v):
        if v is None:
            return missing
        return form(v) if math.isfinite(v) else "NaN" if v != v else f"{float(v):+}"

    return [text(v) for v in values]


def _number_format(finite, digits, sign):
    """A function that writes one number of a column."""
    top = max((abs(v) for v in finite), default=0.0)
    if all(v == int(v) for v in finite) and top < 1e15:
        return lambda v: f"{int(v):{sign}d}" if v else "0"
    if not 1e-4 <= top < 1e7:
        return lambda v: f"{float(v):{sign}.{digits - 2}e}" if v else "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(top)))
    written = [f"{float(v):.{decimals}f}" for v in finite]
    spare = min((len(text) - len(text.rstrip("0")) for text in written), default=0)
    decimals = max(decimals - spare, 0)
    zero = "" if sign else "z"  # without signs, what rounds to zero has none either
    return lambda v: f"{float(v):{sign}{zero}.{decimals}f}"


def column_text(values, *, digits=5, missing="missing", longest=LONGEST_VALUE):
    """Values of one column as text, and whether they are numbers.

    Parameters
    ----------
    values : sequence
        Of any types.
    digits, missing
        As for :func:`number_text`.
    longest : int
        Characters of a value at most; longer ones end with three points.

    Returns
    -------
    texts : list of str
    numeric : bool
    """
    values = [v.as_py() if hasattr(v, "as_py") else v for v in values]  # of pyarrow
    present = [v for v in values if not is_missing(v)]
    if present and all(_is_number(v) for v in present):
        numbers = [None if is_missing(v) else v for v in values]
        return number_text(numbers, digits=digits, missing=missing), True
    return [value_text(v, missing=missing, longest=longest) for v in values], False


def _is_number(value):
    if isinstance(value, bool | np.bool_):
        return False
    # whole numbers of more digits than a float has are names
    whole = isinstance(value, int | np.integer)
    return abs(value) < 10**15 if whole else isinstance(value, Real)


def value_text(value, *, missing="missing", longest=_LONGEST_READ):
    """One value on one line of printable characters, at most so many."""
    return shorten(_one_line(value, missing), longest)


def _one_line(value, missing):
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.ndarray | list | tuple) and len(value) <= 8:
        return f"({', '.join(_one_line(v, missing) for v in value)})"
    if is_missing(value):
        return missing
    if isinstance(value, Integral) or isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, np.datetime64 | datetime.datetime):
        return str(value).replace("T", " ").removesuffix(" 00:00:00").split(".000000000")[0]
    try:
        text = str(value)
    except Exception:  # a stranger's class; a table is no place to fail at it
        text = f"<{type(value).__name__}>"
    return printable(text)


def printable(text):
    """Text on one line, with a question mark for every character that terminals act on."""
    text = " ".join(text[:_LONGEST_READ].split())
    return "".join(c if c.isprintable() else "?" for c in text) or '""'


def shorten(text, longest):
    """Text of at most so many columns of a terminal."""
    if width(text) <= longest:
        return text
    while text and width(text) > longest - 3:
        text = text[:-1]
    return text + "..."


def width(text):
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def first_names(names):
    """The first three of some names."""
    more = ", ..." if len(names) > 3 else ""
    return ", ".join(value_text(name, longest=20) for name in list(names)[:3]) + more or "-"
