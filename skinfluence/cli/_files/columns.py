"""Columns of texts as numbers, dates, categories or free text, with a note on each guess."""

import re
from datetime import datetime
from functools import partial
from math import isfinite

import numpy as np

MISSING = frozenset(
    "|na|n/a|#n/a|<na>|nan|-nan|null|none|nat|?|#null!|#div/0!|#value!|#ref!".split("|")
)
#: A column with this share of numbers and so many different ones holds numbers; the rest are gaps.
SHARE_OF_NUMBERS, FEW_NUMBERS = 0.9, 20

NUMBER_STYLES = {
    "point": re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"),
    "decimal comma": re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?([eE][-+]?\d+)?"),
    "thousands commas": re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?"),
}
#: Spaces may separate thousands, also those that do not break.
_SIGNS = re.compile(r"^[$€£]|[%€]$|[ \u00a0\u202f]")
_CODE = re.compile(r"0\d+")
_ISO = re.compile(r"\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?")
_DAY = re.compile(r"(\d\d?)([./-])(\d\d?)\2(\d{4})(?: +(\d\d?):(\d\d)(?::(\d\d))?)?")


class Column:
    """A typed column: `kind` is "numbers", "categories", "text" or "empty"; `values` an array.

    Numbers are float64 with NaN for gaps. Texts are stripped; a gap is "(missing)" among
    categories and "" in free text.
    """

    def __init__(self, kind, values):
        self.kind, self.values = kind, values


def is_missing(text):
    """Whether a cell is empty, or says that its value is missing."""
    return text.strip().lower() in MISSING


def type_columns(columns, separator, notes):
    """Typed columns of a dict of texts; a column of dates becomes several of numbers."""
    distinct = {
        name: {text: text.strip() for text in set(texts)} for name, texts in columns.items()
    }
    order = ["point", "thousands commas", "decimal comma"]
    if separator != ",":
        order = ["point", "decimal comma", "thousands commas"]
    styles = {name: number_style(known.values(), order) for name, known in distinct.items()}
    commas = [name for name, style in styles.items() if style == "decimal comma"]
    if commas:
        notes.append(f"Decimal commas, as in {_some(commas)}: 1,5 is read as 1.5.")
        order = ["decimal comma", "point", "thousands commas"]
    typed = {}
    for name, texts in columns.items():
        known = {
            text: None if is_missing(text) else clean for text, clean in distinct[name].items()
        }
        typed.update(_type_column(name, texts, known, order, notes))
    return typed


def number_style(texts, order):
    """The first style in which all texts are numbers, or all but a few of many; None without."""
    present = [text for text in texts if text.lower() not in MISSING]
    if not present or _are_codes(present):
        return None
    if order[0] == "point" and _are_plain(present):
        return "point"
    present = [_bare(text) for text in present]
    for style in order:
        if all(map(NUMBER_STYLES[style].fullmatch, present)):
            return style
    for style in order:
        fitting = sum(bool(NUMBER_STYLES[style].fullmatch(text)) for text in present)
        if fitting >= FEW_NUMBERS and fitting >= SHARE_OF_NUMBERS * len(present):
            return style
    return None


def to_number(text, style):
    """The number that a text is in a style; NaN for other texts."""
    text = _bare(text)
    if not NUMBER_STYLES[style].fullmatch(text):
        return np.nan
    if style == "decimal comma":
        text = text.replace(".", "").replace(",", ".")
    return float(text.replace(",", ""))


def _type_column(name, texts, known, order, notes):
    """Typed columns that one column of texts becomes, by name."""
    present = {text: clean for text, clean in known.items() if clean is not None}
    if not present:
        return {name: Column("empty", np.full(len(texts), np.nan))}
    style = number_style(present.values(), order)
    if style is not None:
        plain = style == "point" and _are_plain(list(present.values()))
        read = float if plain else partial(to_number, style=style)
        numbers = {text: read(clean) for text, clean in present.items()}
        values = np.array([numbers.get(text, np.nan) for text in texts])
        junk = {text for text, number in numbers.items() if np.isnan(number)}
        cells = sum(text in junk for text in texts) if junk else 0
        if cells > (1 - SHARE_OF_NUMBERS) * len(texts):
            style = None
        elif junk:
            notes.append(
                f"{name!r} holds numbers, and {cells} of {len(texts)} cells that are none "
                f"({_some(sorted(junk))}): taken as missing."
            )
    if style is not None:
        return {name: Column("numbers", np.where(np.isfinite(values), values, np.nan))}
    times = _to_times(name, present, notes)
    if times is not None:
        return _date_columns(name, [times.get(text) for text in texts])
    from skinfluence._encoding import is_free_text  # late: `apply` needs no scikit-learn

    is_text = is_free_text([present[text] for text in texts if text in present])
    kind, gap = ("text", "") if is_text else ("categories", "(missing)")
    values = np.array([present.get(text, gap) for text in texts], dtype=object)
    return {name: Column(kind, values)}


def _to_times(name, present, notes):
    """Datetime of each text if all are dates of one form, else None."""
    if all(map(_ISO.fullmatch, present.values())):
        return _parse_all(present, _from_iso)
    found = {text: _DAY.fullmatch(clean) for text, clean in present.items()}
    if not all(found.values()):
        return None
    matches = list(found.values())
    first, second = (max(int(match[place]) for match in matches) for place in (1, 3))
    if first <= 12 and second <= 12 and matches[0][2] == "/":
        notes.append(f"{name!r} holds dates, read as day/month/year.")
    month_first = second > 12

    def parse(match):
        day, month = (3, 1) if month_first else (1, 3)
        hour, minute, second = (int(part or 0) for part in match.groups()[4:])
        date = int(match[4]), int(match[month]), int(match[day])
        return datetime(*date, hour, minute, second)

    return _parse_all(found, parse)


def _from_iso(text):
    date, clock = re.split("[ T]", text, maxsplit=1) if len(text) > 10 else (text, "")
    date = "-".join(part.zfill(2) for part in date.split("-"))
    time = datetime.fromisoformat(f"{date}T{clock}" if clock else date)
    return time.replace(tzinfo=None) - (time.utcoffset() or time.resolution * 0)


def _parse_all(texts, parse):
    try:
        return {text: parse(value) for text, value in texts.items()}
    except ValueError:  # such as a 13th month
        return None


def _date_columns(name, times):
    """Days since 1970, month and weekday of datetimes, and the hour where there is one."""
    there = np.array([time is not None for time in times])
    epoch = datetime(1970, 1, 1)

    def numbers(function):
        values = [np.nan if time is None else function(time) for time in times]
        return Column("numbers", np.array(values, dtype=float))

    out = {
        name: numbers(lambda time: (time - epoch).total_seconds() / 86400),
        f"{name} (month)": numbers(lambda time: time.month),
        f"{name} (weekday)": numbers(lambda time: time.isoweekday()),
    }
    if any(times[place].hour for place in np.flatnonzero(there)):
        out[f"{name} (hour)"] = numbers(lambda time: time.hour + time.minute / 60)
    return {key: c for key, c in out.items() if key == name or np.nanstd(c.values) > 0}


def _bare(text):
    """A text without signs of currency and per cent, and without spaces between digits."""
    return _SIGNS.sub("", text)


def _are_plain(texts):
    """Whether Python reads all texts as finite numbers; the quick check of most columns."""
    try:
        return all(map(isfinite, map(float, texts))) and not any("_" in text for text in texts)
    except ValueError:
        return False


def _are_codes(texts):
    """Whether whole numbers with leading zeros are names, such as postal codes."""
    return all(map(str.isdigit, texts)) and any(map(_CODE.fullmatch, texts))


def _some(names, k=3):
    more = f" and {len(names) - k} more" if len(names) > k else ""
    return ", ".join(map(repr, names[:k])) + more
